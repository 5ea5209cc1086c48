"""The one door to ffmpeg's programs: what a file is, and its sound as FLAC. To be called within `tts.limits`.

pydub drives ffmpeg too, but has no place for options before `-i` (so no whitelist of protocols), no time limit, and
takes all of the sound through memory: see docs/decisions/060-recordings.md.
"""

import errno
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts.errors import RecordingUnfit
from tts.record_job import Unfit
from tts.sound import MIX_RATE

PROBE_WITHIN_S = 20
DECODE_WITHIN_S = 240
_DEMUXERS = "aac,aiff,amr,flac,matroska,mov,mp3,ogg,wav,w64"
_PCM = ",".join(
    f"pcm_{kind}" for kind in ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "f32le", "f32be", "f64le")
)
_DECODERS = f"aac,alac,amrnb,amrwb,flac,mp3,mp3float,opus,vorbis,{_PCM}"
# Nothing in a file may make ffmpeg open another file or an address, or try a format nobody sends us.
_INPUT = ("-protocol_whitelist", "file", "-format_whitelist", _DEMUXERS, "-codec_whitelist")
_COVERS = "mjpeg,png"
_NOT_LISTED = re.compile(r"Codec \((\w+)\) not on whitelist")
_FILMS = frozenset({"av1", "h263", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "theora", "vp8", "vp9"})
_OUTPUT = (
    "-map", "0:a:0", "-ac", "1", "-ar", str(MIX_RATE), "-sample_fmt", "s16", "-c:a", "flac",
    "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", "flac",
)  # fmt: skip
_SHOWN = "stream=codec_type,channels:stream_disposition=attached_pic:format=format_name,duration"


@dataclass(frozen=True, slots=True)
class Probed:
    """What a file says of itself."""

    format: str
    channels: int
    duration_s: float | None
    """None if it does not say; not to be believed."""


def probe_sound(path: Path) -> Probed:
    """Read what the file is.

    Raises:
        RecordingUnfit: it holds no sound, or a film.
    """
    command = ["ffprobe", "-v", "error", *_INPUT, f"{_DECODERS},{_COVERS}", "-of", "json", "-show_entries", _SHOWN]
    done = _run([*command, _local(path)], PROBE_WITHIN_S)
    if done.returncode != 0:
        is_film = any(codec in _FILMS for codec in _NOT_LISTED.findall(done.stderr))
        raise RecordingUnfit(Unfit.VIDEO if is_film else Unfit.NOT_AUDIO, done.stderr[-500:])
    found = json.loads(done.stdout)
    streams: list[dict[str, Any]] = found.get("streams", [])
    if any(stream.get("codec_type") == "video" and not _is_cover(stream) for stream in streams):
        raise RecordingUnfit(Unfit.VIDEO)
    channels = next((stream.get("channels", 0) for stream in streams if stream.get("codec_type") == "audio"), 0)
    if not channels:
        raise RecordingUnfit(Unfit.NOT_AUDIO)
    duration = found["format"].get("duration")
    return Probed(found["format"]["format_name"], channels, float(duration) if duration else None)


def decode_sound(source: Path, master: Path, *, max_length_s: int) -> None:
    """Write the file's sound as FLAC: mono, `MIX_RATE`, 16 bits, without its tags; at most `max_length_s` of it.

    Raises:
        RecordingUnfit: nothing in it can be decoded, or the disk is full.
    """
    command = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", *_INPUT, _DECODERS, "-i", _local(source)]
    done = _run([*command, *_OUTPUT, "-t", str(max_length_s), "-y", _local(master)], DECODE_WITHIN_S)
    if os.strerror(errno.ENOSPC) in done.stderr:  # ffmpeg 5 then says so and ends as if all were well
        raise RecordingUnfit(Unfit.DISK_FULL)
    if done.returncode != 0:
        raise RecordingUnfit(Unfit.NOT_AUDIO, done.stderr[-500:])


def _is_cover(stream: dict[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _local(path: Path) -> str:
    return f"file:{path}"


def _run(command: list[str], within_s: float) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    return subprocess.run(  # noqa: S603 - the command is ours; of the sender's there is only what the file holds
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        timeout=within_s,
        check=False,
    )
