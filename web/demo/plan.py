"""Which poles the demo has, and by what each sounds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ZONES = ("thon-dong", "thon-tay")


@dataclass(frozen=True, slots=True)
class Pole:
    """One player node of the demo."""

    slug: str
    name: str
    zone: str
    output: str
    """`portaudio`, `vlc`, `record` or `silent`."""
    record_to: Path | None = None
    pulls_clips: bool = True
    """False: it never fetches a clip and always plays from the server's stream."""


def plan_poles(
    count: int, record_dir: Path | None, *, has_sound_card: bool, unheard_dir: Path | None = None
) -> tuple[Pole, ...]:
    """`count` poles, by turns in the two villages; the third streams by VLC.

    Without a sound card VLC has nothing to drain into and ends early: its sound then goes to a file in `unheard_dir`.
    With `record_dir`, all that would sound is written there, to `<node>.wav`. Otherwise the first and the third
    use the sound card when there is one, and the others keep time in silence: one machine should not speak in chorus.
    """
    poles = tuple(_pole(index, record_dir, has_sound_card=has_sound_card) for index in range(count))
    if has_sound_card or record_dir is not None or unheard_dir is None:
        return poles
    return tuple(
        replace(pole, record_to=unheard_dir / f"{pole.slug}.wav") if pole.output == "vlc" else pole for pole in poles
    )


def _pole(index: int, record_dir: Path | None, *, has_sound_card: bool) -> Pole:
    zone = ZONES[index % len(ZONES)]
    village = zone.removeprefix("thon-")
    number = index // len(ZONES) + 1
    slug = f"{village}-{number}"
    streams = index == 2
    if streams:
        output = "vlc"
    elif record_dir is not None:
        output = "record"
    else:
        output = "portaudio" if has_sound_card and index == 0 else "silent"
    return Pole(
        slug=slug,
        name=f"Cụm loa {'Đông' if village == 'dong' else 'Tây'} {number}",
        zone=zone,
        output=output,
        record_to=record_dir / f"{slug}.wav" if record_dir else None,
        pulls_clips=not streams,
    )


def zones_of(poles: Sequence[Pole]) -> tuple[str, ...]:
    """The villages that have a pole, each once."""
    return tuple(dict.fromkeys(pole.zone for pole in poles))
