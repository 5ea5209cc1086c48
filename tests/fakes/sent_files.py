"""Files as people send them: sounds in many formats, and things that only say that they are."""

import subprocess
from pathlib import Path

import numpy as np
import soundfile

from tests.fakes.sounds import RATE, Wave, noise


def wav(path: Path, wave: Wave) -> Path:
    """A 16-bit WAV file; a wave of shape (n, 2) is stereo."""
    soundfile.write(path, wave, RATE, subtype="PCM_16")
    return path


def tone(seconds: float, hertz: float, level: float = 0.3) -> Wave:
    """A pure tone."""
    return np.asarray(level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE))


def hush(seconds: float) -> Wave:
    """Silence."""
    return np.zeros(round(seconds * RATE))


def clipped(seconds: float) -> Wave:
    """Recorded far too loud: its tops are cut off."""
    return np.clip(noise(seconds, 2, 1.0) * 6, -1, 1)


def encoded(folder: Path, suffix: str, *arguments: str, seconds: float = 3.0, seed: int = 1) -> Path:
    """A sound of that length in another format, by ffmpeg."""
    source = wav(folder / "source.wav", noise(seconds, seed, 0.3))
    path = folder / f"sent{suffix}"
    _ffmpeg("-i", str(source), *arguments, str(path))
    return path


def film(folder: Path) -> Path:
    """A film with sound."""
    path = folder / "film.mp4"
    source = wav(folder / "source.wav", noise(1, 1))
    _ffmpeg("-f", "lavfi", "-i", "testsrc=duration=1:size=64x64", "-i", str(source), "-shortest", str(path))
    return path


def with_cover(folder: Path) -> Path:
    """An MP3 with a picture in it, as music shops sell them."""
    cover, path = folder / "cover.png", folder / "cover.mp3"
    source = wav(folder / "source.wav", noise(2, 1))
    _ffmpeg("-f", "lavfi", "-i", "color=c=red:s=64x64", "-frames:v", "1", str(cover))
    _ffmpeg("-i", str(source), "-i", str(cover), "-map", "0", "-map", "1", "-disposition:v", "attached_pic", str(path))
    return path


def hours_long(folder: Path, hours: int = 3) -> Path:
    """A small file that plays for hours."""
    path = folder / "long.mp3"
    _ffmpeg("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=60", "-b:a", "8k", "-write_xing", "0", str(path))
    path.write_bytes(path.read_bytes() * 60 * hours)
    return path


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True, timeout=120)
