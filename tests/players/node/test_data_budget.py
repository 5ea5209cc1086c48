"""What the line carries, counted by kind over restarts and months, and what a small budget does to fetching."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from players.errors import OutputFailed
from players.memory import MemoryBroker, MemoryTransport
from players.messages import ClipRef, DataUsage, Outcome, Reason, RelayPart, Timetable, Urgency
from players.node.airing import way_of
from players.node.cache import ClipStore
from players.node.clock import Instant
from players.node.credentials import Credentials
from players.node.cueing import wanted_clips
from players.node.data_budget import FURTHEST, NEAREST, Meter, ahead_by_budget, month_at
from players.node.errors import ClipRefused
from players.node.events import ConfigCame, TimetableCame, Way
from players.node.fetch import ClipFetcher
from players.node.metered import MeteredHttp, MeteredTransport
from players.node.opening import opened_parts
from players.node.output import AudioOutput, Playing, Sound
from players.node.settings import NodeSettings
from players.node.shelves import Shelves
from players.node.sources import PoleSources
from players.tickets import make_ticket
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.players.node.conftest import NodeBox
from tests.players.node.pole import DAWN, Pole, config, item

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
MID_MONTH = datetime(2026, 4, 16, tzinfo=HANOI)
USUAL = timedelta(hours=48)
MB = 1_000_000


@pytest.mark.parametrize(
    ("used_mb", "ahead"),
    [
        *((0, FURTHEST), (300, FURTHEST), (450, USUAL), (600, USUAL)),
        *((700, NEAREST), (899, NEAREST), (900, None), (5000, None)),
    ],
)
def test_in_the_middle_of_a_month_of_a_thousand_megabytes(used_mb: int, ahead: timedelta | None) -> None:
    usage = DataUsage(month="2026-04", clips=used_mb * MB)
    assert ahead_by_budget(USUAL, 1000 * MB, usage, MID_MONTH, HANOI) == ahead


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 29 * 24))
def test_who_has_used_more_never_fetches_further_ahead(one: int, other: int, hours: int) -> None:
    at = datetime(2026, 4, 1, tzinfo=HANOI) + timedelta(hours=hours)
    less, more = (
        ahead_by_budget(USUAL, 1000 * MB, DataUsage(month="2026-04", clips=used * MB), at, HANOI) or timedelta()
        for used in sorted((one, other))
    )
    assert more <= less


def test_when_the_budget_is_spent_only_emergencies_are_fetched() -> None:
    pole = Pole()
    items = (
        item("soon", DAWN + timedelta(hours=1), number=1),
        item("alarm", DAWN + timedelta(hours=1), Urgency.EMERGENCY, number=2),
    )
    timetable = Timetable(commune="hoa-binh-an", version=1, issued_at=DAWN, zone="thon-dong", broadcasts=items)
    pole.feed(TimetableCame(timetable))
    now = Instant(DAWN, True, DAWN)
    assert {wanted.clip.sha256[-1] for wanted in wanted_clips(pole.state, now, USUAL)} == {"1", "2"}
    assert {wanted.clip.sha256[-1] for wanted in wanted_clips(pole.state, now, None)} == {"2"}


def test_counts_outlive_the_process_and_end_with_the_communes_month(tmp_path: Path) -> None:
    months = ["2026-03"]
    meter = Meter(tmp_path, lambda: months[0])
    meter.add("clips", 5000)
    meter.add("control", 70)
    meter.close()
    again = Meter(tmp_path, lambda: months[0])
    assert again.usage == DataUsage(month="2026-03", clips=5000, control=70)
    months[0] = "2026-04"
    again.add("emergencies", 9)
    assert again.usage == DataUsage(month="2026-04", emergencies=9)


@pytest.mark.parametrize("timezone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_a_new_pole_counts_by_the_communes_month_as_soon_as_it_knows_it(
    box: NodeBox, server: FakeServer, tmp_path: Path, timezone: str
) -> None:
    meter = Meter(tmp_path / "counts", lambda: "1999-12")
    async with box.running(record=False, meter=meter):
        await server.configure(timezone=timezone)
        await server.until(lambda: any(beat.clock_trusted for beat in server.heartbeats))
        there = datetime.now(ZoneInfo(timezone))
        await server.until(lambda: server.heartbeats[-1].data is not None)
    assert meter.usage.month in {f"{at:%Y-%m}" for at in (there, there + timedelta(minutes=5))}


def test_a_month_begins_where_the_commune_is() -> None:
    at = datetime(2026, 3, 31, 18, 0, tzinfo=UTC)
    assert month_at(Instant(at, True, at), "Asia/Ho_Chi_Minh") == "2026-04"
    assert month_at(Instant(at, True, at), "UTC") == "2026-03"
    assert month_at(Instant(at, False, at), "UTC") is None


def test_from_the_last_tenth_nothing_is_streamed_but_emergencies() -> None:
    pole = Pole(streams=True).feed(ConfigCame(config(1)))
    starts_at = DAWN + timedelta(minutes=1)
    soon = (
        item("soon", starts_at, number=1, stream=True),
        item("alarm", starts_at, Urgency.EMERGENCY, number=2, stream=True),
    )
    timetable = Timetable(commune="hoa-binh-an", version=1, issued_at=DAWN, zone="thon-dong", broadcasts=soon)
    pole.feed(TimetableCame(timetable))
    due = Instant(starts_at, True, DAWN)
    for spares, expected in ((False, {"soon", "alarm"}), (True, {"alarm"})):
        state = replace(pole.state, spares_data=spares)
        ways = {name: way_of(state, track, due) for name, track in state.tracks.items()}
        assert {name for name, way in ways.items() if way is Way.STREAM} == expected
    pole.state = replace(pole.state, spares_data=True)
    pole.run(600)
    final = pole.final("soon")
    assert (final.outcome, final.reason) == (Outcome.MISSED, Reason.DATA_SPARED)


class Radio:
    """An output that only notes what it is to open."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def prepare(self, sound: Sound) -> Playing:
        self.asked.append(sound.url)
        raise OutputFailed("nothing is heard")


async def test_nor_is_a_relay(tmp_path: Path) -> None:
    relay, radio = RelayPart(after_clips=1, starts_ms=0, lasts_ms=1000, source="/streams/x/0"), Radio()
    for spares, why in ((False, "nothing is heard"), (True, "for emergencies")):
        outputs = {Way.STREAM: cast("AudioOutput", radio)}
        clips = Shelves(ClipStore(tmp_path, 1 << 20))
        sources = PoleSources(outputs, clips, lambda of: of.source, 0.0, spares_data=spares)
        with pytest.raises(OutputFailed, match=why):
            await sources.relay(relay)
    assert radio.asked == ["/streams/x/0"]


def test_a_crash_forgets_little(tmp_path: Path) -> None:
    meter = Meter(tmp_path, lambda: "2026-03")
    for _ in range(100):
        meter.add("clips", 10_000)
    assert Meter(tmp_path, lambda: "2026-03").usage.clips >= 700_000


def test_a_board_that_does_not_know_the_time_counts_on_and_begins_no_month(tmp_path: Path) -> None:
    month: list[str | None] = ["2026-03"]
    meter = Meter(tmp_path, lambda: month[0])
    meter.add("clips", 5)
    month[0] = None
    meter.add("clips", 5)
    assert meter.usage == DataUsage(month="2026-03", clips=10)
    fresh = Meter(tmp_path / "elsewhere", lambda: month[0])
    fresh.add("control", 3)
    month[0] = "2026-05"
    assert fresh.usage == DataUsage(month="2026-05", control=3)


async def test_what_mqtt_carries_is_counted_and_pushed_clips_apart(tmp_path: Path) -> None:
    broker, meter = MemoryBroker(), Meter(tmp_path, lambda: "2026-03")
    async with MeteredTransport(MemoryTransport(broker, "dong-1"), meter).connect() as line:
        await line.subscribe("zones/a/clips/+")
        before = meter.usage.control
        await line.publish("up", b"x" * 100)
        assert 100 < meter.usage.control - before < 170
        async with MemoryTransport(broker, "server").connect() as server:
            await server.publish("zones/a/clips/abc", b"y" * 4000)
        async for _ in line.messages():
            break
    assert 4000 < meter.usage.emergencies < 4100


async def test_a_clip_that_breaks_off_is_counted_once_for_each_byte_that_came(
    box: NodeBox, door: FakeDoor, new_clip: Callable[..., ClipRef], tmp_path: Path
) -> None:
    clip = new_clip(3.0)
    meter = Meter(tmp_path, lambda: "2026-03")
    store = ClipStore(tmp_path / "clips", 1 << 26)

    def ticket(path: str) -> str:
        return make_ticket(box.key, box.node, path, datetime.now(UTC))

    door.breaks_after = [clip.size_bytes // 2]
    transport = MeteredHttp(httpx.AsyncHTTPTransport(), meter)
    async with httpx.AsyncClient(base_url=door.url, transport=transport, trust_env=False) as client:
        fetcher = ClipFetcher(client, ticket)
        with pytest.raises(ClipRefused):
            await fetcher.fetch(clip, store)
        await fetcher.fetch(clip, store)
    assert store.is_whole(clip.sha256)
    assert clip.size_bytes < meter.usage.clips < clip.size_bytes + 2000
    assert (meter.usage.control, meter.usage.streams) == (0, 0)


async def test_what_vlc_takes_of_the_server_and_of_a_radio_station_is_counted(
    box: NodeBox, door: FakeDoor, tmp_path: Path
) -> None:
    """VLC asks this address and no other: the server's would do, over plain HTTP, but then nobody counted."""
    pytest.importorskip("vlc")
    sound = bytes(range(256)) * 400
    door.streams["x-1"] = lambda offset_ms: sound[offset_ms:]
    door.clips["a" * 64] = sound
    settings = NodeSettings.model_validate({"server": {"url": door.url}, "output": {"name": "silent", "stream": "vlc"}})
    path = "/streams/x-1"
    query = {"offset_ms": 0, "ticket": make_ticket(box.key, box.node, path, datetime.now(UTC))}
    credentials = Credentials(tmp_path, box.identity(), box.key)
    async with (
        opened_parts(tmp_path, settings, credentials, lambda _: None) as parts,
        httpx.AsyncClient(trust_env=False) as vlc,
    ):
        assert parts.meter is not None
        ticket = make_ticket(box.key, box.node, f"/clips/{'a' * 64}", datetime.now(UTC))
        station = parts.radio_url(f"{door.url}/clips/{'a' * 64}?{urlencode({'ticket': ticket})}")
        for url in (f"{parts.stream_url}{path}?{urlencode(query)}", station):
            before = parts.meter.usage.streams
            answer = await vlc.get(url)
            assert (answer.status_code, answer.content) == (200, sound)
            assert len(sound) < parts.meter.usage.streams - before < len(sound) + 2000
        with pytest.raises(httpx.RemoteProtocolError):
            await vlc.get(parts.radio_url("not an address"))
