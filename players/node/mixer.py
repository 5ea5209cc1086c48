"""How loud the sound card is set: the only file that knows ALSA's mixer (libasound, which PortAudio needs anyway).

Interface: `snd_mixer_*` and `snd_mixer_selem_*` of alsa-lib, <https://www.alsa-project.org/alsa-doc/alsa-lib/mixer.html>.
"""

import re
from collections.abc import Iterator, Sequence
from ctypes import CDLL, CFUNCTYPE, byref, c_char_p, c_int, c_long, c_void_p
from dataclasses import dataclass

LIBRARY = "libasound.so.2"
_FIRST_CHANNEL = 0
_MAIN = frozenset({"Master", "PCM", "Digital"})
"""What all sound of a card passes through."""
_ENDS = frozenset({"Speaker", "Headphone", "Line Out", "Front", "HDMI", "IEC958"})
_SAYS_NOTHING = CFUNCTYPE(None, c_char_p, c_int, c_char_p, c_int, c_char_p)(lambda *_: None)
"""In place of alsa-lib's own, which writes half a page to stderr for a card that is not there."""
_CARD = re.compile(r"\bhw:(\d+)")


@dataclass(frozen=True, slots=True)
class MixerLevel:
    """One slider of a sound card."""

    name: str
    percent: int
    muted: bool

    @property
    def is_silent(self) -> bool:
        """Whether nothing passes."""
        return self.muted or self.percent == 0


def silencing(levels: Sequence[MixerLevel]) -> MixerLevel | None:
    """The slider that keeps the card silent: a main one, or the last of its ends when all of them are down."""
    main = next((level for level in levels if level.name in _MAIN and level.is_silent), None)
    ends = [level for level in levels if level.name in _ENDS]
    if main is None and ends and all(level.is_silent for level in ends):
        return ends[-1]
    return main


def probe_mixer(device: str | None) -> tuple[MixerLevel, ...]:
    """The playback sliders of a sound device as PortAudio names it (`… (hw:1,0)`); none: the system's own choice.

    Raises:
        OSError: there is no ALSA here, or no mixer for that device.
    """
    found = None if device is None else _CARD.search(device)
    card = "default" if found is None else f"hw:{found[1]}"
    library = _library()
    mixer = c_void_p()
    _check(library.snd_mixer_open(byref(mixer), 0), "snd_mixer_open")
    try:
        _check(library.snd_mixer_attach(mixer, card.encode()), f"mixer {card}")
        _check(library.snd_mixer_selem_register(mixer, None, None), "snd_mixer_selem_register")
        _check(library.snd_mixer_load(mixer), "snd_mixer_load")
        return tuple(_levels(library, mixer))
    finally:
        library.snd_mixer_close(mixer)


def _library() -> CDLL:
    library = CDLL(LIBRARY)
    library.snd_lib_error_set_handler(_SAYS_NOTHING)
    for name in ("snd_mixer_first_elem", "snd_mixer_elem_next"):
        function = getattr(library, name)
        function.argtypes, function.restype = [c_void_p], c_void_p
    library.snd_mixer_selem_get_name.argtypes = [c_void_p]
    library.snd_mixer_selem_get_name.restype = c_char_p
    for name in ("snd_mixer_selem_has_playback_volume", "snd_mixer_selem_has_playback_switch"):
        getattr(library, name).argtypes = [c_void_p]
    library.snd_mixer_selem_get_playback_volume_range.argtypes = [c_void_p, c_void_p, c_void_p]
    library.snd_mixer_selem_get_playback_volume.argtypes = [c_void_p, c_int, c_void_p]
    library.snd_mixer_selem_get_playback_switch.argtypes = [c_void_p, c_int, c_void_p]
    return library


def _levels(library: CDLL, mixer: c_void_p) -> Iterator[MixerLevel]:
    element = library.snd_mixer_first_elem(mixer)
    while element:
        if library.snd_mixer_selem_has_playback_volume(element):
            yield _level(library, element)
        element = library.snd_mixer_elem_next(element)


def _level(library: CDLL, element: int) -> MixerLevel:
    least, most, now, switch = c_long(), c_long(), c_long(), c_int(1)
    library.snd_mixer_selem_get_playback_volume_range(element, byref(least), byref(most))
    library.snd_mixer_selem_get_playback_volume(element, _FIRST_CHANNEL, byref(now))
    if library.snd_mixer_selem_has_playback_switch(element):
        library.snd_mixer_selem_get_playback_switch(element, _FIRST_CHANNEL, byref(switch))
    span = max(1, most.value - least.value)
    name = library.snd_mixer_selem_get_name(element).decode(errors="replace")
    return MixerLevel(name, round(100 * (now.value - least.value) / span), not switch.value)


def _check(status: int, what: str) -> None:
    if status < 0:
        raise OSError(-status, what)
