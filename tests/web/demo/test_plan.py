from pathlib import Path

import pytest

from web.demo.plan import plan_poles, zones_of


def test_three_poles_stand_in_two_villages_and_the_third_streams() -> None:
    poles = plan_poles(3, None, has_sound_card=True)
    assert [(pole.slug, pole.zone, pole.output, pole.pulls_clips) for pole in poles] == [
        ("dong-1", "thon-dong", "portaudio", True),
        ("tay-1", "thon-tay", "silent", True),
        ("dong-2", "thon-dong", "vlc", False),
    ]
    assert zones_of(poles) == ("thon-dong", "thon-tay")


def test_without_a_sound_card_nobody_asks_for_one() -> None:
    assert [pole.output for pole in plan_poles(3, None, has_sound_card=False)] == ["silent", "silent", "vlc"]


@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_when_recording_every_pole_writes_a_file_of_its_own(count: int) -> None:
    poles = plan_poles(count, Path("out"), has_sound_card=False)
    assert [pole.record_to for pole in poles] == [Path("out") / f"{pole.slug}.wav" for pole in poles]
    assert len({pole.slug for pole in poles}) == count
    assert {pole.output for pole in poles} <= {"record", "vlc"}


def test_one_pole_has_one_village() -> None:
    assert zones_of(plan_poles(1, None, has_sound_card=False)) == ("thon-dong",)


def test_without_a_sound_card_the_streaming_pole_sounds_into_a_file() -> None:
    poles = plan_poles(3, None, has_sound_card=False, unheard_dir=Path("demo"))
    assert [pole.record_to for pole in poles] == [None, None, Path("demo/dong-2.wav")]
    heard = plan_poles(3, None, has_sound_card=True, unheard_dir=Path("demo"))
    assert [pole.record_to for pole in heard] == [None, None, None]
