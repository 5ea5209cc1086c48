"""How the board is: heat, power, signal, memory, as far as it tells. Only reads; what a board does not tell is none.

Sources: the kernel's `thermal` and `hwmon` classes (Documentation/hwmon/sysfs-interface; a Raspberry Pi's `rpi_volt`
says whether its supply is too weak), `/proc/net/wireless`, psutil, and ModemManager's `mmcli` where it is installed.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

from players.node.mixer import probe_mixer, silencing

COLDEST_C, HOTTEST_C = -60, 200
"""What a sensor says beyond these is no temperature."""
_BEST_LINK = 70
"""The link quality that Linux's wireless drivers count as full (`iwconfig` shows it as 70/70)."""
_WIRELESS: Final = re.compile(r"^\s*\S+:\s+\S+\s+(?P<link>\d+)\.?\s", re.MULTILINE)
_MODEM_WITHIN_S = 5.0
_MODEM_EVERY_S = 60.0
"""Asking a modem wakes it."""

Network = Literal["wifi", "mobile"]


@dataclass(frozen=True, slots=True)
class Signal:
    """How well the board hears its network."""

    network: Network
    percent: int


@dataclass(frozen=True, slots=True)
class BoardHealth:
    """A board at one moment. None: it does not tell."""

    temperature_c: int | None
    """Of its hottest sensor."""
    under_voltage: bool | None
    """Whether its supply is outside what it needs."""
    signal: Signal | None
    uptime_s: int
    memory_free_bytes: int
    processor_percent: int
    """Of all its cores together, since it was asked last."""
    volume_percent: int | None
    """Of the sound card; 0 also when it is muted."""


class HealthProbe:
    """Reads a board's health. Blocks, for seconds when a modem does not answer: call it in a thread.

    Args:
        volume: How loud the sound card is set, from 0 to 100; none where that is not known.
        root: Where `sys` and `proc` are.
        mmcli: ModemManager's command; none when there is no such thing here.
        monotonic: Seconds that never jump.
    """

    def __init__(
        self,
        volume: Callable[[], int | None],
        root: Path = Path("/"),
        mmcli: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._volume = volume
        self._root = root
        self._mmcli = mmcli
        self._monotonic = monotonic
        self._modem: Signal | None = None
        self._modem_asked: float | None = None
        psutil.cpu_percent()  # what it says the first time means nothing

    def probe(self) -> BoardHealth:
        """How the board is now."""
        return BoardHealth(
            temperature_c=probe_temperature(self._root),
            under_voltage=probe_voltage(self._root),
            signal=probe_wireless(self._root) or self._modem_signal(),
            uptime_s=max(0, round(time.time() - psutil.boot_time())),
            memory_free_bytes=psutil.virtual_memory().available,
            processor_percent=min(100, round(psutil.cpu_percent())),
            volume_percent=self._volume(),
        )

    def _modem_signal(self) -> Signal | None:
        now = self._monotonic()
        if self._mmcli is not None and (self._modem_asked is None or now - self._modem_asked >= _MODEM_EVERY_S):
            self._modem_asked, self._modem = now, probe_modem(self._mmcli)
        return self._modem


def find_mmcli() -> str | None:
    """ModemManager's command, if it is installed."""
    return shutil.which("mmcli")


def probe_volume(device: str | None) -> int | None:
    """How loud a sound card is set, from 0 (nothing passes) to 100; none when it has no mixer that tells."""
    try:
        levels = probe_mixer(device)
    except OSError:
        return None
    if silencing(levels) is not None:
        return 0
    return next((level.percent for level in levels if not level.is_silent), None)


def probe_temperature(root: Path) -> int | None:
    """The hottest of the kernel's thermal zones, in degrees Celsius."""
    read = (_number(path) for path in root.glob("sys/class/thermal/thermal_zone*/temp"))
    degrees = [round(milli / 1000) for milli in read if milli is not None]
    return max((one for one in degrees if COLDEST_C <= one <= HOTTEST_C), default=None)


def probe_voltage(root: Path) -> bool | None:
    """Whether a supply voltage is critical: `in*_lcrit_alarm` (too low; the Raspberry Pi's), `in*_crit_alarm`."""
    alarms = [_number(path) for path in root.glob("sys/class/hwmon/hwmon*/in*_*crit_alarm")]
    known = [alarm for alarm in alarms if alarm is not None]
    return any(known) if known else None


def probe_wireless(root: Path) -> Signal | None:
    """The best wireless link."""
    found = _WIRELESS.findall(_text(root / "proc/net/wireless"))
    return Signal("wifi", _percent(100 * max(map(int, found)) / _BEST_LINK)) if found else None


def probe_modem(mmcli: str) -> Signal | None:
    """The signal of the first modem, as ModemManager says it; none when there is no modem or no answer."""
    command = [mmcli, "--modem=any", "--output-json"]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=_MODEM_WITHIN_S, check=True)  # noqa: S603 - our own words
        value = json.loads(answer.stdout)["modem"]["generic"]["signal-quality"]["value"]
        return Signal("mobile", _percent(float(value)))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None


def _percent(value: float) -> int:
    return max(0, min(100, round(value)))


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    """A sensor that is not there, or answers with an error just now, says nothing."""
    try:
        return path.read_text("ascii", errors="replace").strip()
    except OSError:
        return ""
