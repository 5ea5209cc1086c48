"""Pages from templates. A page declares what its template gets; a name that was not declared is an error."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from broadcast.lifecycle import why_text
from broadcast.rereading import LEFT_ALONE_TEXTS
from web import texts, words
from web.audit_words import say_action, say_detail, shorten_id
from web.texts import Language

STATIC = Path(__file__).parent / "static"
VIETNAMESE_PART = Markup(' lang="vi"')
"""Marks, on an English page, what is Vietnamese by nature: bulletins, names, what was typed."""
NO_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, kw_only=True)
class NavItem:
    """A line of the menu."""

    path: str
    label: str
    icon: str
    is_here: bool = False
    is_daily: bool = True
    """Whether it stands in the menu as it is; what is seldom wanted is folded in."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What every signed-in page has around it."""

    commune: str
    zone: ZoneInfo
    user_name: str
    username: str
    role: str
    csrf: str
    nav: tuple[NavItem, ...]
    notice: str = ""
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page: its fields are exactly what its template may use, beside `frame`."""

    template: ClassVar[str]


def context_of(page: Page, frame: Frame | None) -> dict[str, object]:
    """The names a template sees."""
    return {field.name: getattr(page, field.name) for field in fields(page)} | {"frame": frame}


@cache
def environment() -> Environment:
    """The templates, compiled once; everything is escaped, everything unknown is an error."""
    made = Environment(
        loader=PackageLoader("web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]  # by its extension
    made.filters |= {
        "datetime": words.say_datetime,
        "day": words.say_day,
        "minute": words.say_minute,
        "clock": words.say_clock,
        "instant": words.instant_attribute,
        "length": _say_length,
        "number": words.say_number,
        "why": lambda reason: texts.told(why_text(reason)),
        "told": texts.told,
        "action": say_action,
        "detail": say_detail,
        "shortened": shorten_id,
        "tone": lambda state: words.TONE[str(state)],
    }
    made.globals |= {
        "ROLE": words.ROLE,
        "SCOPE": words.SCOPE,
        "URGENCY": words.URGENCY,
        "BULLETIN": words.BULLETIN,
        "BROADCAST": words.BROADCAST,
        "DELIVERY": words.DELIVERY,
        "PRESENCE": words.PRESENCE,
        "FEEDBACK": words.FEEDBACK,
        "NOTICE": words.NOTICE,
        "RETURN_REASONS": words.RETURN_REASONS,
        "LEFT_ALONE": LEFT_ALONE_TEXTS,
        "WEEKDAYS": words.WEEKDAYS,
        "page_language": texts.language,
        "script_texts": texts.script_texts,
        "by_nature": lambda: "" if texts.language() is Language.VIETNAMESE else VIETNAMESE_PART,
        "asset": asset_path,
    }
    return made


def render(
    page: Page, frame: Frame | None, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """The page as an answer."""
    return HTMLResponse(render_text(page, frame), status, dict(headers or {}))


def render_text(page: Page, frame: Frame | None = None) -> str:
    """The page, or a part of one, as HTML."""
    return environment().get_template(page.template).render(context_of(page, frame))


@cache
def asset_path(name: str) -> str:
    """Address of a static file, with its age in it so that browsers may keep it."""
    return f"/static/{name}?v={int((STATIC / name).stat().st_mtime)}"


@dataclass(frozen=True, kw_only=True)
class ErrorPage(Page):
    """Something was refused, outside a form."""

    template: ClassVar[str] = "error.html"
    status: int
    message: str


def render_plain(status: int, message: str, headers: Mapping[str, str]) -> HTMLResponse:
    """A refusal as a page that needs neither a session nor the database."""
    return render(ErrorPage(status=status, message=message), None, status, headers)


def _say_length(length: timedelta | int) -> str:
    return words.say_length(timedelta(milliseconds=length) if isinstance(length, int) else length)
