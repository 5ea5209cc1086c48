"""What the doctor finds on the board itself: pairing, disk, state, sound, volume, clock. Each check is a real one."""

import os
import pwd
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from players.errors import OutputMissing
from players.messages import NodeConfig, PlaybackReport
from players.node.amplifier import shut_now
from players.node.doctor_sound import try_sound
from players.node.doctor_words import Finding, Trouble, hint, well, wrong
from players.node.errors import DataDirInUse
from players.node.lock import LOCK_FILE, locked
from players.node.mixer import probe_mixer, silencing
from players.node.settings import AmplifierSection, OutputSection
from players.node.status import NodeStatus
from players.node.store import KEPT_TIME, STATE_FILE

LEAST_FREE_BYTES: Final = 200 * 1000**2
MANY_REPORTS: Final = 500
OLD_REPORT = timedelta(hours=1)
SILENT_GAIN_DB: Final = -50.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What the node's state on disk says, as far as the doctor asks."""

    config: NodeConfig | None
    last_good_time: datetime | None
    outbox: int
    oldest_report: PlaybackReport | None


def is_running(data_dir: Path) -> bool:
    """Whether a node plays from this directory."""
    if not (data_dir / LOCK_FILE).exists():
        return False
    try:
        with locked(data_dir):
            return False
    except DataDirInUse:
        return True
    except OSError:
        return False  # a card that cannot be written: the disk's check says so


def check_running(data_dir: Path, *, running: bool) -> Finding:
    """Whether the node plays just now."""
    return well("service") if running else hint("service", Trouble.NOT_RUNNING, folder=str(data_dir))


def check_disk(data_dir: Path) -> Finding:
    """Writes a file, reads it back, and looks at the room."""
    try:
        with tempfile.NamedTemporaryFile(dir=data_dir, prefix=".doctor-") as file:
            file.write(b"loalang")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return wrong("disk", Trouble.DISK_READ_ONLY, folder=str(data_dir), why=error.strerror or str(error))
    free = shutil.disk_usage(data_dir).free
    facts = {"folder": str(data_dir), "free": f"{free / 1e6:.0f} MB"}
    return well("disk", **facts) if free >= LEAST_FREE_BYTES else wrong("disk", Trouble.DISK_FULL, **facts)


def read_memory(data_dir: Path) -> Memory:
    """Read the node's state without changing it; a node that never ran has none.

    Raises:
        ValueError: it is damaged.
    """
    path = data_dir / STATE_FILE
    if not path.exists():
        return Memory(None, None, 0, None)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as state:
            verdict = state.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise ValueError(verdict)
            return _memory(state)
    except (sqlite3.Error, ValidationError) as error:
        raise ValueError(str(error)) from error


def _memory(state: sqlite3.Connection) -> Memory:
    config = state.execute("SELECT body FROM documents WHERE name = 'config'").fetchone()
    known = state.execute("SELECT body FROM facts WHERE name = 'time'").fetchone()
    count, first = state.execute("SELECT count(*), min(sequence) FROM outbox").fetchone()
    oldest = state.execute("SELECT body FROM outbox WHERE sequence = ?", (first,)).fetchone()
    return Memory(
        None if config is None else NodeConfig.model_validate_json(config[0]),
        None if known is None else KEPT_TIME.validate_json(known[0]).at,
        count,
        None if oldest is None else PlaybackReport.model_validate_json(oldest[0]),
    )


def check_memory(memory: Memory, now: datetime) -> Iterator[Finding]:
    """The configuration, its time zone, the volume it sets, and the reports that wait."""
    config = memory.config
    if config is None:
        yield hint("configuration", Trouble.NO_CONFIG)
    else:
        yield well("configuration", version=str(config.version))
        yield _check_time_zone(config.timezone, now)
        if config.gain_db <= SILENT_GAIN_DB:
            yield wrong("volume", Trouble.VOLUME_ZERO_BY_SERVER, gain=f"{config.gain_db:g}")
    oldest = memory.oldest_report
    since = None if oldest is None else oldest.at
    facts = {"count": str(memory.outbox), "since": "–" if since is None else f"{since:%Y-%m-%d %H:%M} UTC"}
    is_growing = memory.outbox >= MANY_REPORTS or (since is not None and now - since > OLD_REPORT)
    yield wrong("outbox", Trouble.OUTBOX_GROWING, **facts) if is_growing else well("outbox", waiting=facts["count"])


def _check_time_zone(name: str, now: datetime) -> Finding:
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return wrong("time zone", Trouble.TIME_ZONE_UNKNOWN, zone=name)
    here = now.astimezone()
    if here.utcoffset() == now.astimezone(zone).utcoffset():
        return well("time zone", zone=name)
    return hint("time zone", Trouble.TIME_ZONE_DIFFERS, zone=name, here=f"UTC{here:%z}")


async def check_sound(section: OutputSection, status: NodeStatus | None) -> Finding:
    """Plays half a second of silence on the output, in a process of its own: a sick driver may hang or crash.

    Args:
        section: which output.
        status: of the node that runs, which may hold the device for itself; none when none runs.
    """
    if section.name == "record":
        return _check_recording(section)
    heard = await try_sound(section)
    if heard.trouble is None:
        return well("sound", output=section.name, samples=str(heard.samples), seconds=f"{heard.seconds:.2f}")
    if status is not None and status.output_error is None:
        return well("sound", output=section.name, held="by the node that runs, which has no complaint")
    return wrong("sound", heard.trouble, output=section.name, why=heard.why)


def _check_recording(section: OutputSection) -> Finding:
    """A recording is not overwritten to find out whether it could be."""
    folder = Path() if section.record_to is None else section.record_to.parent
    if os.access(folder, os.W_OK):
        return well("sound", output="record", folder=str(folder))
    return wrong("sound", Trouble.NO_SOUND_DEVICE, output="record", why=f"{folder} cannot be written")


def check_volume(section: OutputSection) -> Iterator[Finding]:
    """The sliders of the sound card. A card without any says nothing."""
    if section.name not in {"portaudio", "vlc"}:
        return
    try:
        levels = probe_mixer(section.device)
    except OSError:
        return  # no mixer: some cards have none; that there is no card is said by the sound's check
    silent = silencing(levels)
    if silent is None:
        yield well("volume", **{level.name: f"{level.percent} %" for level in levels})
        return
    switch = "muted" if silent.muted else "not muted"
    yield wrong("volume", Trouble.VOLUME_ZERO, name=silent.name, percent=str(silent.percent), switch=switch)


def check_amplifier(section: AmplifierSection, status: NodeStatus | None, data_dir: Path) -> Iterator[Finding]:
    """Takes the amplifier's line and shuts it; where a node runs, that one has the line and says how it went.

    Who asks may be root, who may take any: whether the service may is asked besides.
    """
    if section.line is None:
        return
    place = f"{section.chip} line {section.line}"
    why = None
    if status is not None:
        why = status.output_error if place in (status.output_error or "") else None
    else:
        try:
            shut_now(section)
            user = pwd.getpwuid(data_dir.stat().st_uid)
            why = None if may_use(Path(section.chip), user) else f"{section.chip}: {user.pw_name} may not open it"
        except (OutputMissing, OSError, KeyError) as error:
            why = str(error)
    yield well("amplifier", line=place) if why is None else wrong("amplifier", Trouble.AMPLIFIER_FAILS, why=why)


def may_use(device: Path, user: pwd.struct_passwd) -> bool:
    """Whether a user may read and write a device, by its owner, group and mode."""
    known = device.stat()
    if user.pw_uid == known.st_uid:
        needed = stat.S_IRUSR | stat.S_IWUSR
    elif known.st_gid in os.getgrouplist(user.pw_name, user.pw_gid):
        needed = stat.S_IRGRP | stat.S_IWGRP
    else:
        needed = stat.S_IROTH | stat.S_IWOTH
    return user.pw_uid == 0 or known.st_mode & needed == needed


def check_date(last_good_time: datetime | None, now: datetime) -> Finding:
    """The board's date against the last time it knows to have been."""
    if last_good_time is None or now >= last_good_time:
        return well("clock", date=f"{now:%Y-%m-%d %H:%M} UTC")
    return wrong(
        "clock",
        Trouble.CLOCK_BEFORE_KNOWN,
        here=f"{now:%Y-%m-%d %H:%M} UTC",
        known=f"{last_good_time.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    )
