"""Outputs by name. A library that only one output needs is imported only for that output."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from players.node.clock import NodeClock
from players.node.events import Way
from players.node.output import AudioOutput
from players.node.record import WavTimeline
from players.node.settings import OutputSection
from players.node.silent import Nowhere
from players.node.timeline import TimelineOutput


@dataclass(frozen=True, slots=True)
class ChosenOutputs:
    """What plays what. The same output may play both."""

    by_way: Mapping[Way, AudioOutput]
    clock_improved: Callable[[], None]
    """To be called when the time is known better: a recording then says when it really began."""

    @property
    def distinct(self) -> tuple[AudioOutput, ...]:
        """Each output once."""
        files = self.by_way[Way.FILES]
        stream = self.by_way.get(Way.STREAM)
        return (files,) if stream is None or stream is files else (files, stream)


def choose_outputs(settings: OutputSection, clock: NodeClock) -> ChosenOutputs:
    """The outputs that the settings name, not yet opened.

    Raises:
        OutputMissing: a library is not installed.
    """
    recording = None if settings.record_to is None else WavTimeline(settings.record_to, clock.at)
    files = _output(settings.name, settings.device, recording, clock)
    by_way = {Way.FILES: files}
    if files.plays_streams:
        by_way[Way.STREAM] = files
    elif settings.stream_output is not None:
        by_way[Way.STREAM] = _output(settings.stream_output, settings.device, None, clock)
    return ChosenOutputs(by_way, _nothing if recording is None else recording.write_sidecar)


def _output(name: str, device: str | None, recording: WavTimeline | None, clock: NodeClock) -> AudioOutput:
    match name:
        case "record" if recording is not None:
            return TimelineOutput("record", recording, clock.monotonic)
        case "silent":
            return TimelineOutput("silent", Nowhere(), clock.monotonic)
        case "vlc":
            from players.node.vlc import VlcOutput  # noqa: PLC0415 - needs libvlc

            return VlcOutput(device, recording, clock.monotonic)
        case "portaudio":
            from players.node.portaudio import PortAudioOutput  # noqa: PLC0415 - needs libportaudio

            return PortAudioOutput(device, clock.monotonic)
    raise ValueError(f"no output {name!r}")


def _nothing() -> None:
    return
