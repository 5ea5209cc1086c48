"""Every page's template gets exactly what the page declares."""

from dataclasses import fields
from pathlib import Path

import pytest
from jinja2 import meta, nodes

import web.fragments
import web.pages
import web.templating
from web.templating import Page, environment

GLOBALS = {*environment().globals, "frame"}
PARTS = {
    "parts.html",
    "choice.html",
    "decision.html",
    "map_parts.html",
    "node_parts.html",
    "base.html",
    "paper.html",
    "paper_drop.html",
    "recording_fields.html",
    "bulletin_parts.html",
    "part_list.html",
    "emergency_base.html",
    "emergency_parts.html",
    "user_fields.html",
    "webhook_parts.html",
}


def all_pages(kind: type[Page] = Page) -> list[type[Page]]:
    found = [page for page in kind.__subclasses__() if hasattr(page, "template")]
    return found + [page for one in kind.__subclasses__() for page in all_pages(one)]


def names_used(template: str) -> set[str]:
    """Every name that a template, with all it extends and includes, takes from its context."""
    source, _, _ = environment().loader.get_source(environment(), template)  # type: ignore[union-attr]
    tree = environment().parse(source)
    used = meta.find_undeclared_variables(tree)
    used -= {
        name if isinstance(name, str) else name[1] for one in tree.find_all(nodes.FromImport) for name in one.names
    }
    used -= {macro.name for macro in tree.find_all(nodes.Macro)}
    for one in tree.find_all((nodes.Extends, nodes.Include)):
        assert isinstance(one, nodes.Extends | nodes.Include)
        assert isinstance(one.template, nodes.Const)
        used |= names_used(one.template.value)
    return used - GLOBALS


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.__name__)
def test_a_template_uses_what_its_page_declares_and_nothing_else(page: type[Page]) -> None:
    assert names_used(page.template) == {field.name for field in fields(page)}


def test_no_template_is_without_a_page() -> None:
    root = Path(web.templating.__file__).parent / "templates"
    there = {str(path.relative_to(root)) for path in root.rglob("*.html")}
    assert there == {page.template for page in all_pages()} | PARTS


@pytest.mark.parametrize(
    "forbidden", ["|safe", "| safe", "style=", "onclick=", "<style", "javascript:", "http://", "https://", "hx-on"]
)
def test_templates_leave_nothing_unescaped_and_nothing_inline(forbidden: str) -> None:
    root = Path(web.templating.__file__).parent / "templates"
    # A style with the answer's own nonce is no hole in the content policy: the grid's places, numbers all of them.
    allowed = '<style nonce="{{ nonce }}">'
    guilty = [
        path.name for path in root.rglob("*.html") if forbidden in path.read_text(encoding="utf-8").replace(allowed, "")
    ]
    assert guilty == []
