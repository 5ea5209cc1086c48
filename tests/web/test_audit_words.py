"""The audit log's page says in words what was done: every action that the code writes has its sentence."""

import ast
from collections.abc import Iterator

from tests.web.conftest import SignIn
from web.audit_words import ACTION, say_action, say_detail, shorten_id
from web.text_sources import ROOT
from web.texts import Language, speaking

SOURCES = [path for package in ("broadcast", "scheduler", "web") for path in (ROOT / package).rglob("*.py")]
BUILT = {"set-node-volumes", "set-zone-volumes"}
"""Written as `set-{…}-volumes`."""


def strings(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def actions_written() -> set[str]:
    """What is given to `record` as its action, or passed on to it as `action`."""
    found: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if called == "record" and len(node.args) > 3 and not isinstance(node.args[3], ast.JoinedStr):
                found.update(strings(node.args[3]))
            if called != "add_parser":
                found.update(
                    text
                    for word in node.keywords
                    if word.arg == "action"
                    for text in strings(word.value)
                    if "-" in text
                )
    return found


def test_every_action_has_its_sentence() -> None:
    written = actions_written()
    assert len(written) > 100
    assert written - set(ACTION) == set()


def test_every_sentence_is_of_an_action() -> None:
    everything = "".join(path.read_text("utf-8") for path in SOURCES if path.name != "audit_words.py")
    assert [action for action in ACTION if f'"{action}"' not in everything and action not in BUILT] == []


def test_an_action_of_another_version_is_shown_as_it_is() -> None:
    assert say_action("teleport-node") == "teleport-node"
    assert say_action("approve-bulletin") == "Đã duyệt bản tin"
    with speaking(Language.ENGLISH):
        assert say_action("approve-bulletin") == "Approved a bulletin"


async def test_the_page_says_it_in_words_and_filters_by_the_action(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/nhat-ky-he-thong")
    assert "Đã thêm người dùng" in admin.text("main table")
    assert admin.attributes('#viec option[value="add-user"]') == {"value": "add-user"}
    await admin.get("/nhat-ky-he-thong?viec=create-commune")
    assert [row.text() for row in admin.page.css("tbody tr td[title]")] == ["Đã đặt máy chủ cho xã"]


def test_details_are_said_without_the_machines_words() -> None:
    said = say_detail(
        {"revision": 1, "heard": False, "before": [None, None], "scopes": ["read", "write"], "odd": {"key": "x"}}
    )
    assert said == "bản: 1; đã nghe: không; trước: –, –; quyền: read, write; odd: (khóa: x)"
    assert say_detail({"zones": []}) == "thôn: –"
    assert shorten_id("329c0514c90e4956a721065e73d5ccf8") == "329c0514…"
    assert shorten_id("thon-dong") == "thon-dong"
