"""Every form of every page, for every role: it carries its session's secret, and without it nothing is taken."""

import re
from dataclasses import dataclass

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests.web.conftest import NOW, Browser, Commune, SignIn
from tests.web.test_doors import PAGES, STREAMS
from tests.web.things import things

BY_ORIGIN = {"/ngon-ngu"}
"""Anybody may send it, also without a session: a form of another site is known by where the browser says it is from."""
NO_PAGE = re.compile(r"(\.(csv|ics|pdf|tsv|png|crt|js|webmanifest)|/truc-tiep)$")


def pages_for(known: dict[str, str]) -> list[str]:
    """Every page for who is signed in, with what is there in the place of its parameters."""
    found = []
    for route in sorted(PAGES.keys() - STREAMS):
        method, _, path = route.partition(" ")
        if method == "GET" and "nobody" not in PAGES[route] and not NO_PAGE.search(path):
            found.append(re.sub(r"\{(\w+)\}", lambda name: known.get(name[1], "0"), path))
    return found


@dataclass
class Form:
    """Where a form that changes something is sent to."""

    is_guarded: bool = True
    """Whether it carries a secret, wherever it is."""
    has_file: bool = False


def forms_on(page: HTMLParser, path: str, found: dict[str, Form]) -> None:
    """Note every form of a page."""
    for form in page.css("form"):
        if (form.attributes.get("method") or "get").lower() != "post":
            continue
        name = form.attributes.get("id")
        beside = page.css_first(f'input[name="csrf"][form="{name}"]') if name else None
        secret = form.css_first('input[type="hidden"][name="csrf"]') or beside
        is_guarded = secret is not None and len(secret.attributes.get("value") or "") >= 32
        to = [form.attributes.get("action") or path]
        buttons = page.css(f'[form="{name}"][formaction]') if name else []
        to += [button.attributes["formaction"] or path for button in [*form.css("[formaction]"), *buttons]]
        for address in to:
            known = found.setdefault(address, Form())
            known.is_guarded &= is_guarded
            known.has_file |= form.attributes.get("enctype") == "multipart/form-data"


async def walk(browser: Browser, known: dict[str, str]) -> dict[str, Form]:
    """All forms of all pages this person may open."""
    found: dict[str, Form] = {}
    for path in pages_for(known):
        page = await browser.get(path)
        assert browser.answer.status_code < 500, (path, browser.answer.text)
        forms_on(page, browser.path, found)
    return found


@pytest.mark.parametrize("role", ["officer", "leader", "head", "admin"])
async def test_no_form_is_taken_without_its_sessions_secret(role: str, browse: SignIn, commune: Commune) -> None:
    known = things(commune, NOW)
    person = await browse(role)
    forms = await walk(person, known)
    assert len(forms) >= 8, "too few to say anything"
    assert [address for address, form in forms.items() if not form.is_guarded and address not in BY_ORIGIN] == []
    taken = []
    for address, form in forms.items():
        files = {"file": ("a.pdf", b"x")} if form.has_file else None
        for secret in ({}, {"csrf": "x" * 43}):
            answer = await person.http.post(address, data={"act": "save", **secret}, files=files)
            if answer.status_code not in {403, 405}:  # 405: the buttons' own form, whose address takes nothing
                taken.append((address, answer.status_code))
    assert taken == []
