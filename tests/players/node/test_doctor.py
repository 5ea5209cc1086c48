"""`loalang-node doctor` on poles that are really broken: each trouble is named, told apart and given a cure."""

import asyncio
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from players.authority import issue_certificate, make_authority
from players.messages import NodeConfig, Outcome, PairingReply, PlaybackReport
from players.node.clock import KeptTime
from players.node.doctor import as_text, examine, is_sick
from players.node.doctor_board import may_use
from players.node.doctor_line import judge_clock
from players.node.doctor_words import TEXTS, Finding, Level, Trouble
from players.node.mixer import MixerLevel, silencing
from players.node.pairing import IDENTITY_FILE, KEY_FILE
from players.node.rate import Rate
from players.node.settings import AmplifierSection, NodeSettings, load_settings, write_settings
from players.node.state import Abilities, NodeState
from players.node.status import load_status
from players.node.store import NodeStore
from players.signing import CommuneKey, NodeKey, write_secret
from tests.fakes.fake_server import COMMUNE, FakeDoor, FakeServer
from tests.fakes.small_disk import fill, small_disk
from tests.players.node.command import Command, free_port, identity
from tests.players.node.pole import config
from tests.players.node.pulse import PulseServer, pulse_server

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto"),
]
T = Trouble
NOW = datetime.now(UTC)


def make_pole(folder: Path, door: FakeDoor, reply: PairingReply, **output: str) -> Path:
    """A paired pole's directory, as `pair` leaves it."""
    folder.mkdir(exist_ok=True)
    key = NodeKey.generate()
    key.save(folder / KEY_FILE)
    write_secret(folder / IDENTITY_FILE, reply.to_json())
    section = output or {"name": "record", "record_to": str(folder / "heard.wav")}
    write_settings(folder, NodeSettings.model_validate({"server": {"url": door.url}, "output": section}))
    door.keys[reply.node] = key.public_jwk()
    return folder


@pytest.fixture
def pole(tmp_path: Path, door: FakeDoor, port: int) -> Path:
    return make_pole(tmp_path / "pole", door, identity(port, CommuneKey.generate()))


async def troubles(folder: Path) -> dict[Trouble, Finding]:
    findings = await asyncio.to_thread(examine, folder)
    assert as_text(findings, "en")
    assert as_text(findings, "vi")
    return {found.trouble: found for found in findings if found.trouble is not None and found.level is Level.WRONG}


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)


def store(folder: Path, changes: dict[str, object]) -> None:
    """A configuration on disk, as the node keeps it."""
    kept = NodeStore(folder / "state.sqlite3")
    blank = NodeState("dong-1", COMMUNE, ("thon-dong",), Abilities("silent", None, pulls=True))
    kept.save(replace(blank, config=NodeConfig.model_validate({**config(7).model_dump(), **changes})), ())
    kept.close()


# The line


async def test_a_well_pole_is_told_well_with_what_was_measured(tmp_path: Path, door: FakeDoor, port: int) -> None:
    pole = make_pole(tmp_path / "pole", door, identity(port, CommuneKey.generate()), name="silent")
    store(pole, {})
    findings = await asyncio.to_thread(examine, pole)
    assert not is_sick(findings)
    well = {found.check: found.facts for found in findings if found.level is Level.OK}
    assert set(well) >= {"pairing", "disk", "configuration", "outbox", "clock", "sound", "server", "key", "broker"}
    assert abs(int(well["sound"]["samples"]) - 24_000) < 2_000
    assert well["broker"]["address"].startswith("127.0.0.1:")


async def test_no_server_is_told_apart_from_no_broker(pole: Path, door: FakeDoor) -> None:
    settings = load_settings(pole)
    url = f"http://127.0.0.1:{free_port()}"
    write_settings(pole, settings.model_copy(update={"server": settings.server.model_copy(update={"url": url})}))
    found = await troubles(pole)
    assert set(found) == {T.NO_SERVER}
    assert found[T.NO_SERVER].facts["url"] == url


async def test_no_broker_is_told_apart_from_no_server(tmp_path: Path, door: FakeDoor) -> None:
    reply = identity(free_port(), CommuneKey.generate())
    found = await troubles(make_pole(tmp_path / "pole", door, reply))
    assert set(found) == {T.NO_BROKER}
    assert found[T.NO_BROKER].facts["address"] == f"127.0.0.1:{reply.mqtt_port}"


async def test_a_server_whose_certificate_nobody_vouches_for(tmp_path: Path, door: FakeDoor, port: int) -> None:
    ours, theirs = (make_authority(name, NOW) for name in ("ours", "theirs"))
    file = tmp_path / "server.pem"
    file.write_text(issue_certificate(theirs, ["127.0.0.1"], NOW))
    door.speak_tls(file)
    reply = identity(port, CommuneKey.generate()).model_copy(update={"authorities": (ours.certificate,)})
    found = await troubles(make_pole(tmp_path / "pole", door, reply))
    assert set(found) == {T.CERTIFICATE_UNKNOWN}
    known = reply.model_copy(update={"authorities": (theirs.certificate,)})
    write_secret(tmp_path / "pole" / IDENTITY_FILE, known.to_json())
    assert not await troubles(tmp_path / "pole")


async def test_what_answers_without_being_a_server_of_ours(pole: Path, door: FakeDoor) -> None:
    door.refuses_with = 302
    door.keys.clear()
    assert set(await troubles(pole)) == {T.KEY_REFUSED}
    door.close()
    portal = await asyncio.start_server(_portal, "127.0.0.1", int(door.url.rpartition(":")[2]))
    async with portal:
        assert set(await troubles(pole)) == {T.SERVER_STRANGE}


async def _portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://login.example\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def test_a_key_that_the_server_refuses(pole: Path, door: FakeDoor) -> None:
    door.keys["dong-1"] = NodeKey.generate().public_jwk()
    assert set(await troubles(pole)) == {T.KEY_REFUSED}


async def test_a_broker_that_refuses_the_credential(tmp_path: Path, door: FakeDoor) -> None:
    file, port = tmp_path / "mosquitto.conf", free_port()
    passwords = tmp_path / "passwords"
    passwords.touch()
    run("mosquitto_passwd", "-b", str(passwords), "dong-1", "another")
    file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n")
    process = await asyncio.create_subprocess_exec("mosquitto", "-c", str(file), stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            while b"running" not in await process.stderr.readline():
                pass
        found = await troubles(make_pole(tmp_path / "pole", door, identity(port, CommuneKey.generate())))
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 10)
    assert set(found) == {T.BROKER_REFUSED}


async def test_a_board_whose_clock_is_off_is_told_by_how_much(pole: Path, door: FakeDoor) -> None:
    door.skew = timedelta(hours=3)
    found = await troubles(pole)
    assert set(found) == {T.CLOCK_WRONG}
    assert re.fullmatch(r"(2:59:5\d|3:00:0\d)", found[T.CLOCK_WRONG].facts["off"])


def test_a_few_seconds_are_no_trouble() -> None:
    assert judge_clock(NOW, NOW + timedelta(seconds=4)).level is Level.OK
    assert judge_clock(NOW, NOW - timedelta(seconds=6)).trouble is T.CLOCK_WRONG


# The board


async def test_a_directory_of_nobody(tmp_path: Path) -> None:
    assert set(await troubles(tmp_path)) == {T.NOT_PAIRED}


async def test_a_wrong_setting_names_what_was_meant(pole: Path) -> None:
    with (pole / "node.toml").open("a") as file:
        file.write("[outptu]\n")
    found = await troubles(pole)
    assert set(found) == {T.SETTINGS_WRONG}
    assert "'output'" in found[T.SETTINGS_WRONG].facts["why"]


async def test_a_key_that_others_can_read(pole: Path) -> None:
    (pole / KEY_FILE).chmod(0o644)
    assert set(await troubles(pole)) == {T.KEY_UNUSABLE}


async def test_a_state_that_is_damaged(pole: Path) -> None:
    (pole / "state.sqlite3").write_bytes(b"no database" * 500)
    assert set(await troubles(pole)) == {T.STATE_DAMAGED}


async def test_a_card_that_is_full_and_one_that_turned_read_only(pole: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "card", 512) as card:
        shutil.copytree(pole, card, dirs_exist_ok=True)
        assert set(await troubles(card)) == {T.DISK_FULL}
        fill(card)
        run("mount", "-o", "remount,ro", str(card))
        assert set(await troubles(card)) == {T.DISK_READ_ONLY}


async def test_a_board_that_believes_to_live_before_its_last_good_time(pole: Path) -> None:
    kept = NodeStore(pole / "state.sqlite3")
    known = datetime.now(UTC) + timedelta(days=400)
    kept.keep_time(KeptTime(known, 0.1, known, "another boot", 60.0, None, Rate()))
    kept.close()
    assert set(await troubles(pole)) == {T.CLOCK_BEFORE_KNOWN}


async def test_a_time_zone_that_the_board_does_not_know(pole: Path) -> None:
    store(pole, {"timezone": "Asia/Nowhere"})
    assert set(await troubles(pole)) == {T.TIME_ZONE_UNKNOWN}


async def test_a_volume_that_the_commune_has_set_to_nothing(pole: Path) -> None:
    store(pole, {"gain_db": -60})
    assert set(await troubles(pole)) == {T.VOLUME_ZERO_BY_SERVER}


@pytest.mark.parametrize(("count", "age"), [(1, timedelta(hours=2)), (600, timedelta(minutes=1))])
async def test_reports_that_wait_too_long_or_are_too_many(pole: Path, count: int, age: timedelta) -> None:
    at = datetime.now(UTC) - age
    reports = [
        PlaybackReport(report=f"r-{number}", node="dong-1", broadcast="a", outcome=Outcome.CUED, at=at)
        for number in range(count)
    ]
    kept = NodeStore(pole / "state.sqlite3")
    kept.save(NodeState("dong-1", COMMUNE, ("thon-dong",), Abilities("silent", None, pulls=True)), reports)
    kept.close()
    found = await troubles(pole)
    assert set(found) == {T.OUTBOX_GROWING}
    assert found[T.OUTBOX_GROWING].facts["count"] == str(count)


# The sound


async def test_a_sound_device_that_is_not_there(tmp_path: Path, door: FakeDoor, port: int) -> None:
    reply = identity(port, CommuneKey.generate())
    folder = make_pole(tmp_path / "pole", door, reply, name="portaudio", device="no such card (hw:77,0)")
    assert set(await troubles(folder)) == {T.NO_SOUND_DEVICE}


async def test_a_library_that_is_not_installed(tmp_path: Path, door: FakeDoor, port: int) -> None:
    reply = identity(port, CommuneKey.generate())
    folder = make_pole(tmp_path / "pole", door, reply, name="portaudio")
    libraries = tmp_path / "lib"
    libraries.mkdir()
    (libraries / "libportaudio.so.2").write_bytes(b"torn")
    command = Command(folder, {**os.environ, "LD_LIBRARY_PATH": str(libraries)})
    status, said = await command.once("doctor", "--data", str(folder))
    assert status == 1
    assert "lacks its library" in said
    assert "libportaudio2" in said


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[PulseServer]:
    with pulse_server(tmp_path / "pulse") as server:
        yield server


async def test_a_card_that_plays_one_turned_down_and_one_pulled_out(
    pulse: PulseServer, tmp_path: Path, door: FakeDoor, port: int
) -> None:
    reply = identity(port, CommuneKey.generate())
    command = Command(make_pole(tmp_path / "pole", door, reply, name="portaudio"), pulse.environment)

    async def codes() -> set[str]:
        _, said = await command.once("doctor", "--data", str(command.data), "--json")
        found = json.loads(said)["findings"]
        assert {entry["check"] for entry in found} >= {"sound", "server", "broker"}
        return {entry["code"] for entry in found if entry["level"] == "wrong"}

    assert await codes() == set()
    pulse.set_volume("0")
    assert await codes() == {"volume-zero"}
    pulse.set_volume("80%")
    pulse.lose_sink()
    assert await codes() == {"no-sound-device"}


async def test_an_amplifier_whose_line_is_not_there(pole: Path) -> None:
    settings = load_settings(pole)
    amplifier = AmplifierSection(chip="/dev/no-such-chip", line=17)
    write_settings(pole, settings.model_copy(update={"amplifier": amplifier}))
    found = await troubles(pole)
    assert set(found) == {T.AMPLIFIER_FAILS}
    assert "/dev/no-such-chip line 17" in found[T.AMPLIFIER_FAILS].facts["why"]


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [
        (0o600, ["owner"]),
        (0o060, ["member"]),
        (0o006, ["stranger"]),
        (0o440, []),
        (0o666, ["owner", "member", "stranger"]),
    ],
)
def test_whether_the_services_user_may_have_a_line(tmp_path: Path, mode: int, allowed: list[str]) -> None:
    chip = tmp_path / "gpiochip0"
    chip.touch()
    chip.chmod(mode)
    owner = os.geteuid() or 4711
    os.chown(chip, owner, -1)
    people = {"owner": (owner, 4711), "member": (4712, chip.stat().st_gid), "stranger": (4713, 4713)}
    users = {name: pwd.struct_passwd((name, "x", *ids, "", "/", "/bin/sh")) for name, ids in people.items()}
    assert [name for name, user in users.items() if may_use(chip, user)] == allowed


def test_which_slider_keeps_a_card_silent() -> None:
    master, speaker, headphone = (MixerLevel(name, 80, muted=False) for name in ("Master", "Speaker", "Headphone"))
    assert silencing([master, speaker, headphone]) is None
    assert silencing([replace(master, muted=True), speaker]) == replace(master, muted=True)
    assert silencing([master, replace(headphone, percent=0), speaker]) is None
    assert silencing([master, replace(headphone, percent=0), replace(speaker, percent=0)]) is not None
    assert silencing([MixerLevel("Mic Boost", 0, muted=False)]) is None


# A pole that plays


@pytest.fixture
async def running(tmp_path: Path, door: FakeDoor, port: int, wired: FakeServer) -> AsyncIterator[Command]:
    command = Command(make_pole(tmp_path / "pole", door, identity(port, wired.key)))
    await wired.configure(heartbeat_s=0.2)
    await command.start()
    await wired.until(lambda: bool(wired.heartbeats), 40)
    yield command
    if command.is_running:
        await command.end(signal.SIGKILL)


async def test_the_node_that_runs_keeps_its_place_at_the_broker(running: Command, wired: FakeServer) -> None:
    for _ in range(3):  # a busy machine may lose a connection by itself, not each time
        before = len(running.events)
        status, said = await running.once("doctor", "--data", str(running.data))
        assert status == 0, said
        assert "by the node that runs" in said
        enough = wired.signs_of_life + 3
        await wired.until(partial(_has_heard, wired, enough), 40)
        if "disconnected" not in [event["event"] for event in running.events[before:]]:
            return
    raise AssertionError("the node lost its place each time")


def _has_heard(wired: FakeServer, signs: int) -> bool:
    return wired.signs_of_life >= signs


async def test_what_the_running_node_knows_of_its_broker_is_told(tmp_path: Path, door: FakeDoor) -> None:
    command = Command(make_pole(tmp_path / "pole", door, identity(free_port(), CommuneKey.generate())))
    await command.start()
    try:
        # It has tried, and told nobody but its own disk.
        async with asyncio.timeout(30):
            while (known := load_status(command.data)) is None or known.line_error is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        status, said = await command.once("doctor", "--data", str(command.data), "--lang", "vi")
    finally:
        await command.end(signal.SIGKILL)
    assert status == 1
    assert "Không nối được bộ chuyển tin" in said


# The words


@pytest.mark.parametrize("trouble", list(Trouble))
def test_each_trouble_has_words_in_both_languages_about_the_same_facts(trouble: Trouble) -> None:
    def facts(text: str) -> set[str]:
        return set(re.findall(r"{(\w+)}", text))

    english, vietnamese = TEXTS[trouble]["en"], TEXTS[trouble]["vi"]
    assert facts(english.what + english.do) == facts(vietnamese.what + vietnamese.do)
    assert re.search(r"[ạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđ]", vietnamese.what)
    assert min(len(english.do), len(vietnamese.do)) > 15
