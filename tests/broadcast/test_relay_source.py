"""An upper radio as it is, and as it should not be: what comes out, and what is said of it."""

import asyncio
import ipaddress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from broadcast.relay_source import BYTES_A_FRAME, Channel, RelayFailed, Transcoder, Trouble, relay_radio
from broadcast.relays import is_forbidden
from tests.fakes.fake_radio import FakeRadio, Misdeed
from tests.fakes.sounds import RATE, find, noise

WAVE = noise(20, 7)


@pytest.fixture
def radio(tmp_path: Path) -> FakeRadio:
    return FakeRadio(WAVE, tmp_path)


async def heard_of(channel: Channel, frames: int) -> bytes:
    heard = b""
    async for block in channel.listen():
        heard += block
        if len(heard) >= frames * BYTES_A_FRAME:
            break
    return heard


async def test_two_listeners_hear_one_radio_from_where_it_is(radio: FakeRadio, tmp_path: Path) -> None:
    channel = Channel()
    async with radio.running(), asyncio.timeout(60):
        relaying = asyncio.create_task(relay_radio(radio.url(), channel, may_be_local=True))
        first = asyncio.create_task(heard_of(channel, 150))
        await channel.sounded.wait()
        second, heard = await asyncio.gather(heard_of(channel, 100), first)
        relaying.cancel()
        await asyncio.wait({relaying})
    assert radio.listeners == ["live"], "it is fetched once"
    for number, data in enumerate((heard, second)):
        assert len(data) % BYTES_A_FRAME == 0
        (tmp_path / f"{number}.mp3").write_bytes(data)
        samples, rate = soundfile.read(tmp_path / f"{number}.mp3")
        assert rate == RATE
        _, likeness = find(samples[RATE // 4 : RATE], WAVE)
        assert likeness > 0.9


@pytest.mark.parametrize(
    ("misdeed", "trouble"),
    [
        (Misdeed.NEVER_ANSWERS, Trouble.NO_ANSWER),
        (Misdeed.NOT_FOUND, Trouble.REFUSED),
        (Misdeed.STALLS, Trouble.STALLED),
        (Misdeed.DIES, Trouble.ENDED),
        (Misdeed.SILENT, Trouble.SILENT),
    ],
)
async def test_what_a_radio_does_wrong_is_told_by_name(radio: FakeRadio, misdeed: Misdeed, trouble: Trouble) -> None:
    channel = Channel()
    async with radio.running(), asyncio.timeout(60):
        with pytest.raises(RelayFailed) as failed:
            await relay_radio(radio.url(misdeed), channel, may_be_local=True)
    assert failed.value.trouble is trouble
    assert channel.is_over, "who listens is not left waiting"
    assert channel.sounded.is_set() == (misdeed in {Misdeed.STALLS, Misdeed.DIES, Misdeed.SILENT})


async def test_a_page_is_no_radio(radio: FakeRadio) -> None:
    async with radio.running(), asyncio.timeout(60):
        with pytest.raises(RelayFailed) as failed:
            await relay_radio(radio.url(Misdeed.NO_AUDIO), Channel(), may_be_local=True)
    assert failed.value.trouble in {Trouble.NO_AUDIO, Trouble.STALLED}


async def test_this_machine_is_relayed_only_when_allowed_also_by_a_detour(radio: FakeRadio) -> None:
    async with radio.running(), asyncio.timeout(60):
        for url in (radio.url(), radio.url().replace("127.0.0.1", "localhost")):
            with pytest.raises(RelayFailed, match="forbidden-address"):
                await relay_radio(url, Channel(), may_be_local=False)
        assert radio.listeners == []
        radio.elsewhere = "file:///etc/passwd"
        with pytest.raises(RelayFailed, match="refused"):
            await relay_radio(radio.url(Misdeed.ELSEWHERE), Channel(), may_be_local=True)
        radio.elsewhere = radio.url(Misdeed.ELSEWHERE)
        with pytest.raises(RelayFailed, match="refused"):
            await relay_radio(radio.url(Misdeed.ELSEWHERE), Channel(), may_be_local=True)


@pytest.mark.parametrize(
    ("address", "forbidden"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("0.0.0.0", True),  # noqa: S104 - it is refused
        ("169.254.169.254", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("224.0.0.1", True),
        ("192.168.1.20", False),
        ("203.113.131.1", False),
    ],
)
def test_addresses_of_this_machine_and_its_line_are_forbidden(address: str, forbidden: bool) -> None:
    assert is_forbidden(ipaddress.ip_address(address)) is forbidden


@pytest.mark.parametrize(
    ("address", "forbidden"),
    [
        ("192.168.1.20", True),
        ("10.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("fd00::1", True),
        ("203.113.131.1", False),
    ],
)
def test_a_public_radio_leads_into_no_inner_network(address: str, forbidden: bool) -> None:
    assert is_forbidden(ipaddress.ip_address(address), from_outside=True) is forbidden


async def test_a_listener_that_does_not_follow_is_let_go() -> None:
    channel = Channel()
    hearing = asyncio.create_task(heard_of(channel, 2000))
    await asyncio.sleep(0)
    assert channel.listeners == 1
    for _ in range(2000):
        channel.put(bytes(BYTES_A_FRAME))
    assert channel.listeners == 0
    assert len(await asyncio.wait_for(hearing, 5)) < 2000 * BYTES_A_FRAME


async def test_what_is_fed_comes_out_to_its_last_word(tmp_path: Path) -> None:
    wave = noise(3, 9)
    soundfile.write(tmp_path / "in.ogg", wave, RATE, format="OGG", subtype="OPUS")
    channel = Channel()
    transcoder = Transcoder(channel)
    await transcoder.start()
    hearing = asyncio.create_task(heard_of(channel, 10_000))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await transcoder.feed((tmp_path / "in.ogg").read_bytes())
        await transcoder.finish()
        await transcoder.stop()
        heard = await hearing
    (tmp_path / "out.mp3").write_bytes(heard)
    samples, _ = soundfile.read(tmp_path / "out.mp3")
    assert len(samples) / RATE == pytest.approx(3, abs=0.2)
    place, likeness = find(np.asarray(samples[2 * RATE : 2 * RATE + RATE // 2]), wave)
    assert likeness > 0.9
    assert place / RATE == pytest.approx(2, abs=0.1)
