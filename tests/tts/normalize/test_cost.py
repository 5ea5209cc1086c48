"""What a text costs: linear in its length, and no run of characters that hangs a reader."""

import importlib
import pkgutil
import re
import time

import pytest

import tts.normalize
from tests.tts.normalize.golden import rows
from tts.normalize import normalize

AROUND = 48
MIXED = "\n".join(row.written for row in rows() if row.category == "mixed")


def cost(text: str) -> float:
    """Give the least processor time of three passes over a text, in seconds."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        normalize(text)
        times.append(time.process_time() - begun)
    return min(times)


def test_ten_times_the_text_costs_about_ten_times_as_much() -> None:
    short, long = (MIXED * 5)[:5_000], (MIXED * 5)[:50_000]
    normalize(short)
    assert cost(long) < 20 * cost(short)


def test_a_hundred_thousand_characters_take_seconds() -> None:
    text = (MIXED * 5)[:100_000]
    begun = time.process_time()
    normalize(text)
    assert time.process_time() - begun < 6.0  # under 3 s alone; the machine of the tests may be busy


PUMPS = [
    *[
        "1",
        "1.",
        "1,",
        "1/",
        "1-",
        "1 ",
        "12 ",
        "123 ",
        "0 ",
        "09",
        "1:",
        "1h",
        "1h30-",
        "1.234.",
        "a",
        "A",
        "I",
        "IV",
        "a.",
        "a-",
    ],
    *[
        "a/",
        "A/",
        "A-",
        "a@",
        "@",
        "#",
        ".",
        "..",
        "-",
        "- ",
        "/",
        " ",
        "\t",
        "\n",
        "(",
        "()",
        "%",
        "1%",
        "&",
        "A&",
        "TT",
        "BĐ",
    ],
    *[
        "ngày ",
        "thứ 2,",
        "từ 1 - ",
        "tháng 1,",
        "1x",
        "1m",
        "kg/",
        "x ",
        "°",
        "1°",
        "'",
        '"',
        "Ủ",
        "ệ\u0323",
        "www.",
        "http://a",
    ],
]


@pytest.mark.parametrize("pump", PUMPS, ids=[ascii(pump) for pump in PUMPS])
def test_no_run_of_characters_hangs(pump: str) -> None:
    for tail in ("", "!", "x"):
        begun = time.process_time()
        normalize(pump * (10_000 // len(pump)) + tail)
        assert time.process_time() - begun < 2.0, tail


def all_patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Give every regular expression of the package."""
    found = []
    for module in pkgutil.iter_modules(tts.normalize.__path__, "tts.normalize."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found.append((f"{module.name}.{name}", value))
    return found


@pytest.mark.parametrize(("name", "pattern"), all_patterns(), ids=[name for name, _ in all_patterns()])
def test_each_pattern_is_linear(name: str, pattern: re.Pattern[str]) -> None:
    # Those anchored at an end are only ever given the few words around a place.
    anchored = pattern.pattern.endswith(r"\Z") or pattern.pattern.startswith(r"\A")
    for pump in PUMPS:
        text = pump * ((AROUND if anchored else 10_000) // len(pump))
        begun = time.process_time()
        for _ in pattern.finditer(text):
            pass
        assert time.process_time() - begun < 0.5, (name, pump)
