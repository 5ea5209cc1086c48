"""What a board tells of itself: over a tree of files as the kernel shows it, and a `mmcli` that is a real command."""

import json
from pathlib import Path

import pytest

from players.node.health import (
    HealthProbe,
    Signal,
    probe_modem,
    probe_temperature,
    probe_voltage,
    probe_wireless,
)

WIRELESS = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
"""


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("sensors", "hottest"),
    [
        ([], None),
        (["48312\n"], 48),
        (["48312\n", "81600\n", "20000\n"], 82),
        (["-5400\n"], -5),
        (["-274000\n"], None),
        (["garbage"], None),
        (["", "61000"], 61),
    ],
)
def test_the_hottest_sensor_counts(tmp_path: Path, sensors: list[str], hottest: int | None) -> None:
    for number, text in enumerate(sensors):
        put(tmp_path, f"sys/class/thermal/thermal_zone{number}/temp", text)
    assert probe_temperature(tmp_path) == hottest


def test_a_sensor_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").mkdir(parents=True)
    assert probe_temperature(tmp_path) is None


@pytest.mark.parametrize(
    ("files", "is_weak"),
    [
        ({}, None),
        ({"hwmon0/temp1_crit_alarm": "1", "hwmon0/in0_input": "5000"}, None),
        ({"hwmon1/name": "rpi_volt", "hwmon1/in0_lcrit_alarm": "0\n"}, False),
        ({"hwmon1/name": "rpi_volt", "hwmon1/in0_lcrit_alarm": "1\n"}, True),
        ({"hwmon0/in0_crit_alarm": "0", "hwmon0/in1_crit_alarm": "1"}, True),
    ],
)
def test_a_weak_supply_is_told_where_the_board_knows(
    tmp_path: Path, files: dict[str, str], is_weak: bool | None
) -> None:
    for name, text in files.items():
        put(tmp_path, f"sys/class/hwmon/{name}", text)
    assert probe_voltage(tmp_path) is is_weak


@pytest.mark.parametrize(
    ("lines", "percent"),
    [
        ("", None),
        (" wlan0: 0000   56.  -54.  -256        0      0      0      0     23        0\n", 80),
        (" wlan0: 0000   7   -90   -256  0 0 0 0 0 0\n wlx1: 0000   35.  -70.  -256 0 0 0 0 0 0\n", 50),
        (" wlan0: 0000   92.  -20.  -256  0 0 0 0 0 0\n", 100),
    ],
)
def test_the_best_wireless_link_counts(tmp_path: Path, lines: str, percent: int | None) -> None:
    put(tmp_path, "proc/net/wireless", WIRELESS + lines)
    assert probe_wireless(tmp_path) == (None if percent is None else Signal("wifi", percent))


def command(folder: Path, script: str) -> str:
    file = folder / "mmcli"
    file.write_text(f"#!/bin/sh\necho asked >> {folder}/asked\n{script}\n")
    file.chmod(0o755)
    return str(file)


def says(quality: object) -> str:
    return "echo '" + json.dumps({"modem": {"generic": {"signal-quality": quality}}}) + "'"


@pytest.mark.parametrize(
    ("script", "percent"),
    [
        (says({"recent": "yes", "value": "67"}), 67),
        (says({"recent": "yes", "value": "--"}), None),
        (says(None), None),
        ("echo no JSON", None),
        ("echo error: modem not found >&2; exit 1", None),
    ],
)
def test_a_modem_is_asked_by_modem_manager(tmp_path: Path, script: str, percent: int | None) -> None:
    assert probe_modem(command(tmp_path, script)) == (None if percent is None else Signal("mobile", percent))


def test_a_modem_is_asked_once_a_minute_at_most(tmp_path: Path) -> None:
    now = [0.0]
    script = says({"value": "40"})
    probe = HealthProbe(lambda: None, tmp_path, command(tmp_path, script), lambda: now[0])
    seen = []
    for now[0] in (0.0, 5.0, 59.9, 60.0):
        seen.append(probe.probe().signal)
    assert seen == [Signal("mobile", 40)] * 4
    assert (tmp_path / "asked").read_text().count("asked") == 2


def test_this_machine_is_read(tmp_path: Path) -> None:
    probe = HealthProbe(lambda: 85)
    health = probe.probe()
    assert health.volume_percent == 85
    assert health.uptime_s > 0
    assert health.memory_free_bytes > 1024 * 1024
    assert 0 <= health.processor_percent <= 100


def test_a_board_that_tells_nothing_is_no_trouble(tmp_path: Path) -> None:
    health = HealthProbe(lambda: None, tmp_path).probe()
    assert (health.temperature_c, health.under_voltage, health.signal, health.volume_percent) == (None,) * 4
