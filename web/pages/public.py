"""For residents, without signing in: what was aired lately, as page and as podcast; and a word back to the commune."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Annotated, ClassVar
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request, Response
from sqlmodel import Session
from starlette.responses import FileResponse, RedirectResponse

from broadcast.communes import get_commune, local_zone
from broadcast.db import reading, session_of
from broadcast.errors import BroadcastError, InvalidInput, NotFound
from broadcast.models import FeedbackKind, Node
from broadcast.nodes import list_nodes
from broadcast.residents import (
    SHOWN_FOR,
    Aired,
    Said,
    aired_lately,
    is_heard_by_residents,
    require_public,
    said_lately,
    say,
)
from broadcast.said_sentences import said_sentences
from web.auth import Wait
from web.deps import PostedForm, StationDep
from web.errors import Refusal, refusal_of
from web.pages.sign_in import too_many
from web.read_along import words_response
from web.station import Station
from web.templating import Page, render
from web.throttle import address_key

router = APIRouter(prefix="/cong-khai", include_in_schema=False)
Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, kw_only=True)
class PublicPage(Page):
    """What was aired, the form, and what others asked with its answers."""

    template: ClassVar[str] = "public.html"
    commune: str
    zone: ZoneInfo
    aired: Sequence[Aired]
    nodes: Sequence[Node]
    said: Sequence[Said]
    is_thanked: bool = False
    kind: str = ""
    words: str = ""
    problem: Refusal | None = None


@router.get("")
def show_public(station: StationDep, da: str = "") -> Response:
    """The page."""
    with reading(station.engine) as session:
        return _page(session, station, is_thanked=da == "cam-on")


@router.get("/podcast.xml")
def podcast(request: Request, station: StationDep) -> Response:
    """The same as a podcast (RSS 2.0): an item for each sound of a broadcast, with its enclosure."""
    base = str(request.base_url).rstrip("/")
    with reading(station.engine) as session:
        require_public(session)
        name, aired = get_commune(session).name, aired_lately(session, station.clock())
    rss = ET.Element("rss", version="2.0")
    channel = ET.SubElement(rss, "channel")
    said = {"title": f"Đài truyền thanh {name}", "link": f"{base}/cong-khai", "language": "vi"}
    for tag, text in (said | {"description": f"Những gì loa của {name} đã phát"}).items():
        ET.SubElement(channel, tag).text = text
    for one in aired:
        for number, clip in enumerate(one.clips, 1):
            item = ET.SubElement(channel, "item")
            part = f" ({number}/{len(one.clips)})" if len(one.clips) > 1 else ""
            drill = "[Diễn tập] " if one.is_drill else ""
            ET.SubElement(item, "title").text = f"{drill}{one.row.title}{part}"
            ET.SubElement(item, "description").text = one.text
            ET.SubElement(item, "guid", isPermaLink="false").text = f"{one.row.id}/{number}"
            if one.row.starts_at is not None:
                ET.SubElement(item, "pubDate").text = format_datetime(one.row.starts_at)
            address = f"{base}/cong-khai/am-thanh/{clip.sha256}"
            ET.SubElement(item, "enclosure", url=address, length=str(clip.size_bytes), type="audio/ogg")
    return Response(ET.tostring(rss, "utf-8", xml_declaration=True), media_type="application/rss+xml; charset=utf-8")


@router.get("/am-thanh/{sha256}")
def send_sound(sha256: Sha256, station: StationDep) -> Response:
    """A sound that residents may hear again; any other is not there."""
    with reading(station.engine) as session:
        require_public(session)
        if not is_heard_by_residents(session, sha256, station.clock()) or not station.clips.has(sha256):
            raise NotFound("no-clip", "Không có đoạn âm thanh này.")
    return FileResponse(station.clips.path_of(sha256), media_type="audio/ogg")


@router.get("/loi/{sha256}")
def send_words(sha256: Sha256, station: StationDep) -> Response:
    """What that sound says when, for who reads along."""
    with reading(station.engine) as session:
        require_public(session)
        if not is_heard_by_residents(session, sha256, station.clock()):
            raise NotFound("no-clip", "Không có đoạn âm thanh này.")
        return words_response(said_sentences(session, sha256))


@router.post("/gop-y")
def take_word(request: Request, form: PostedForm, station: StationDep) -> Response:
    """What a resident says: no name is asked for, and no address kept."""
    try:
        with reading(station.engine) as session:
            require_public(session)
        wait = station.feedback_throttle.take(
            address_key(request.client.host if request.client else None), station.clock()
        )
        if wait:
            return _again(station, form.text("kind"), form.text("words"), too_many(Wait(wait)))
        kind = _kind_in(form.text("kind"))
        with session_of(station.engine) as session:
            say(session, kind, form.text("words"), form.text("loa"), form.text("luot"), station.clock())
    except NotFound:
        raise
    except BroadcastError as error:
        return _again(station, form.text("kind"), form.text("words"), refusal_of(error))
    return RedirectResponse("/cong-khai?da=cam-on#gop-y", 303)


def _kind_in(text: str) -> FeedbackKind:
    try:
        return FeedbackKind(text)
    except ValueError as error:
        raise InvalidInput("unknown-kind", "Hãy chọn một điều muốn nói.", "kind") from error


def _again(station: Station, kind: str, words: str, problem: Refusal) -> Response:
    with reading(station.engine) as session:
        return _page(session, station, kind=kind, words=words, problem=problem)


def _page(
    session: Session,
    station: Station,
    *,
    is_thanked: bool = False,
    kind: str = "",
    words: str = "",
    problem: Refusal | None = None,
) -> Response:
    require_public(session)
    commune, now = get_commune(session), station.clock()
    page = PublicPage(
        commune=commune.name,
        zone=local_zone(commune),
        aired=aired_lately(session, now),
        nodes=list_nodes(session),
        said=said_lately(session, now - SHOWN_FOR, answered_only=True),
        is_thanked=is_thanked,
        kind=kind,
        words=words,
        problem=problem,
    )
    return render(page, None, problem.status if problem else 200, problem.headers if problem else None)
