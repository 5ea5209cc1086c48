"""Which voice the demo speaks with: the one asked for, else the Vietnamese Piper voice, else espeak-ng."""

import asyncio
from datetime import datetime
from pathlib import Path

from tts.errors import TtsError, VoiceError
from tts.voice_download import download_voice
from tts.voice_install import install_from, list_voices
from tts.voices import DEFAULT_VOICE, FALLBACK_VOICE, load_cards
from web.demo.client import DemoError
from web.demo.show import Percent, Screen


async def choose_voice(wanted: str | None, voices_dir: Path, now: datetime, screen: Screen) -> str | None:
    """The name of the voice to set for the commune; none keeps the commune's own.

    Raises:
        DemoError: the voice asked for is not there and cannot be had.
    """
    if wanted is None:
        await _try_default(voices_dir, now, screen)
        return None
    folder = Path(wanted)
    if await asyncio.to_thread(folder.is_dir):
        async with screen.progress(f"installing the voice in {wanted}"):
            try:
                return (await asyncio.to_thread(install_from, folder, voices_dir, now=now)).name
            except VoiceError as error:
                raise DemoError(f"the voice in {wanted} cannot be used: {error}") from error
    if not _is_usable(wanted, voices_dir):
        raise DemoError(f"voice {wanted} is not installed: `loalang voices install {wanted}`, or name a folder")
    return wanted


async def _try_default(voices_dir: Path, now: datetime, screen: Screen) -> None:
    if _is_usable(DEFAULT_VOICE, voices_dir):
        return
    percent = Percent(screen, DEFAULT_VOICE)
    try:
        async with screen.progress(f"fetching the voice {DEFAULT_VOICE}"):
            card = load_cards()[DEFAULT_VOICE]
            await asyncio.to_thread(download_voice, card, voices_dir, now=now, progress=percent)
    except TtsError as error:
        screen.say(f"! {DEFAULT_VOICE} could not be fetched ({error}).")
        screen.say(f"! The fallback voice speaks instead: {FALLBACK_VOICE} (espeak-ng). The page says so too.")


def _is_usable(name: str, voices_dir: Path) -> bool:
    return any(voice.usable for voice in list_voices(voices_dir) if voice.name == name)
