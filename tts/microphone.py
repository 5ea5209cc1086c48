"""The microphone at the office, as a WAV file that does not end: `python -m tts.microphone [--device NAME|NUMBER]`.

It ends when nobody reads it any more, or when nothing more comes of the microphone. The only file that knows
sounddevice's inputs.
"""

import argparse
import queue
import struct
import sys
from typing import BinaryIO

import sounddevice

SAMPLE_RATE = 24_000
"""In hertz: more than a horn can give. A device that cannot be asked for it gives its own."""
NO_MICROPHONE = 3
_BLOCK_S = 0.02
_STALL_S = 5.0
_ENDLESS = 0xFFFFFFFF


def main() -> int:
    """Listen; the exit status is `NO_MICROPHONE` when there is none, with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m tts.microphone", description=__doc__)
    parser.add_argument("--device", default="", metavar="NAME|NUMBER", help="default: the system's")
    name = parser.parse_args().device
    device = int(name) if name.isdecimal() else name or None
    try:
        rate = _rate_of(device)
        return listen(device, rate, sys.stdout.buffer)
    except (sounddevice.PortAudioError, ValueError) as error:
        sys.stderr.write(f"no microphone: {error}\n")
        return NO_MICROPHONE


def listen(device: int | str | None, rate: int, out: BinaryIO) -> int:
    """Write what is heard, 16 bits and one channel, as it is heard.

    Raises:
        sounddevice.PortAudioError, ValueError: it cannot be opened.
    """
    blocks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stream = sounddevice.RawInputStream(
        samplerate=rate,
        blocksize=round(rate * _BLOCK_S),
        device=device,
        channels=1,
        dtype="int16",
        latency="low",
        callback=lambda data, *_: blocks.put(bytes(data)),
    )
    with stream:
        try:
            out.write(_header(rate))
            while True:
                out.write(blocks.get(timeout=_STALL_S))
                out.flush()
        except queue.Empty:
            sys.stderr.write("the microphone has gone silent for good\n")
            return NO_MICROPHONE
        except BrokenPipeError:
            return 0


def _rate_of(device: int | str | None) -> int:
    try:
        sounddevice.check_input_settings(device=device, samplerate=SAMPLE_RATE, channels=1, dtype="int16")
    except sounddevice.PortAudioError:
        return int(sounddevice.query_devices(device, "input")["default_samplerate"])
    return SAMPLE_RATE


def _header(rate: int) -> bytes:
    """Of a WAV file of unknown length (RIFF, PCM), as `ffmpeg` writes one to a pipe."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return b"RIFF" + struct.pack("<I", _ENDLESS) + b"WAVE" + form + b"data" + struct.pack("<I", _ENDLESS)


if __name__ == "__main__":
    sys.exit(main())
