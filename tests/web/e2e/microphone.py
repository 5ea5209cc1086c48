"""A browser that hears."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.web.e2e.conftest import CHROMIUM, FLAGS


@contextmanager
def chromium_hearing(heard: Path) -> Iterator[Browser]:
    """Chromium, allowed to listen; its microphone hears this WAV file over and over."""
    if not CHROMIUM.exists():
        pytest.skip("no Chromium on this machine")
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, *flags, f"--use-file-for-fake-audio-capture={heard}"]
        )
        yield browser
        browser.close()
