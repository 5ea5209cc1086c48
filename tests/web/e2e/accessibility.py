"""axe-core, from npm for tests only, run in an open page."""

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
_GRAVE = {"serious", "critical"}


def grave_findings(page: Page) -> list[str]:
    """What axe-core calls serious or critical, as `rule: element`; the page must allow scripts."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in found["violations"]
        if rule["impact"] in _GRAVE
        for node in rule["nodes"]
    ]
