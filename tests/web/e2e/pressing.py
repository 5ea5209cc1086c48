"""How a thumb presses."""

from playwright.sync_api import Locator, expect

TAKEN_WITHIN_MS = 60_000


def hold(button: Locator) -> None:
    """Down, and up once the page has taken the press."""
    button.hover()
    button.page.mouse.down()
    expect(button).to_be_hidden(timeout=TAKEN_WITHIN_MS)
    button.page.mouse.up()
