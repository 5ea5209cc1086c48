"""The page for residents: shut until it is opened, only what was aired, a word back, and its answer."""

from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.airings import add_broadcast
from broadcast.communes import get_commune
from broadcast.models import (
    Broadcast,
    BroadcastState,
    Clip,
    Delivery,
    DeliveryState,
    Feedback,
    Rendering,
    RenderingState,
    row_id,
)
from broadcast.nodes import get_node
from broadcast.reading_rules import ReadingRules
from broadcast.renderings import read_sentences
from broadcast.residents import set_public
from broadcast.zones import list_zones
from tests.web.conftest import NOW, Browser, Commune, Programs, SignIn
from tests.web.test_nodes_door import add_node

SOUND = b"OggS a sound"


def aired(
    commune: Commune, name: str, state: BroadcastState = BroadcastState.AIRED, *, days: int = 1, drill: bool = False
) -> str:
    """A broadcast with one clip; the clip's SHA-256."""
    sha256 = name.encode().hex().rjust(64, "0")
    with commune.work() as session:
        at: datetime = NOW - timedelta(days=days)
        session.add(Clip(sha256=sha256, size_bytes=9, duration_ms=1000, engine="tone", voice="tone", created_at=at))
        session.flush()
        rendering = Rendering(
            key=sha256, script=f"Lời của {name}", spoken="lời", sentences=[], voice="tone", wanted_at=at
        )
        rendering.state, rendering.clip_sha256 = RenderingState.RENDERED, sha256
        session.add(rendering)
        session.flush()
        broadcast = Broadcast(
            id=name,
            commune_id=row_id(get_commune(session).id),
            title=f"Tin {name}",
            state=state,
            starts_at=at,
            created_at=at,
            is_drill=drill,
        )
        add_broadcast(session, broadcast, [row_id(list_zones(session)[0].id)], [sha256])
    return sha256


def open_page(commune: Commune) -> None:
    with commune.work() as session:
        set_public(session, NOW, "admin", is_public=True)


async def test_it_is_shut_until_the_administrator_opens_it(browse: SignIn, nobody: Browser, commune: Commune) -> None:
    sha256 = aired(commune, "sang")
    paths = ("/cong-khai", "/cong-khai/podcast.xml", f"/cong-khai/am-thanh/{sha256}")
    for path in paths:
        assert (await nobody.http.get(path)).status_code == 404
    assert (await nobody.http.post("/cong-khai/gop-y", data={"kind": "too-loud"})).status_code == 404
    officer = await browse("officer")
    await officer.get("/gop-y")
    assert officer.page.css_first("[data-public]") is None
    admin = await browse("admin")
    await admin.get("/gop-y")
    await admin.send("[data-public]")
    await nobody.get("/cong-khai")
    assert "Tin sang" in nobody.text('[data-aired="sang"]')
    await admin.send("[data-public]")
    assert (await nobody.http.get("/cong-khai")).status_code == 404


async def test_only_what_was_aired_is_there_and_drills_are_marked(
    app: FastAPI, nobody: Browser, commune: Commune, api: Programs
) -> None:
    await add_node(api)
    kept = aired(commune, "da-phat")
    aired(commune, "dien-tap", drill=True)
    hidden = [
        aired(commune, "da-huy", BroadcastState.CANCELLED),
        aired(commune, "bi-cat", BroadcastState.CUT),
        aired(commune, "dang-phat", BroadcastState.ON_AIR, days=0),
        aired(commune, "sap-phat", BroadcastState.CUED, days=-1),
        aired(commune, "cu", days=15),
        aired(commune, "thu-loa"),
    ]
    with commune.work() as session:
        tried = session.get_one(Broadcast, "thu-loa")
        tried.only_node_id = get_node(session, "dong-1").id
        session.add(tried)
    open_page(commune)
    clips = app.state.station.clips
    for sha256 in (kept, *hidden):
        path = clips.path_of(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SOUND)
    await nobody.get("/cong-khai")
    assert {one.attributes["data-aired"] for one in nobody.page.css("[data-aired]")} == {"da-phat", "dien-tap"}
    assert "Diễn tập" in nobody.text('[data-aired="dien-tap"]')
    assert "Lời của da-phat" in nobody.text('[data-aired="da-phat"]')
    answer = await nobody.http.get(nobody.attributes('[data-aired="da-phat"] audio')["src"])
    assert (answer.status_code, answer.content) == (200, SOUND)
    for sha256 in hidden:
        assert (await nobody.http.get(f"/cong-khai/am-thanh/{sha256}")).status_code == 404


async def test_who_reads_along_is_told_when_each_sentence_is_said(
    browse: SignIn, nobody: Browser, commune: Commune
) -> None:
    sha256, hidden = aired(commune, "doc-theo"), aired(commune, "bi-cat", BroadcastState.CUT)
    with commune.work() as session:
        rendering = session.get(Rendering, sha256)
        clip = session.get(Clip, sha256)
        assert rendering is not None
        assert clip is not None
        rendering.script = "Họp 8h. Nhớ đến đủ."
        rendering.sentences = read_sentences(rendering.script, ReadingRules())
        clip.said_at = [(0, 900, 1900), (1, 2400, 3000), (2, 3500, 4000), (3, 4500, 5500), (4, 6000, 6600)]
    path = f"/cong-khai/loi/{sha256}"
    assert (await nobody.http.get(path)).status_code == 404, "shut"
    open_page(commune)
    page = await nobody.get("/cong-khai")
    assert page.css_first("audio[data-words]").attributes["data-words"] == path  # type: ignore[union-attr]
    told = {"sentences": [
        {"text": "Họp 8h.", "at": [[900, 1900], [4500, 5500]]},
        {"text": "Nhớ đến đủ.", "at": [[2400, 3000], [6000, 6600]]},
    ]}  # fmt: skip
    assert (await nobody.http.get(path)).json() == told
    assert (await nobody.http.get(f"/cong-khai/loi/{hidden}")).status_code == 404
    officer = await browse("officer")
    assert (await officer.http.get(f"/luot-phat/loi/{sha256}")).json() == told
    assert (await officer.http.get(f"/luot-phat/loi/{hidden}")).json() == {"sentences": []}, "not counted"
    with commune.work() as session:
        rendering = session.get(Rendering, sha256)
        assert rendering is not None
        rendering.sentences = [{"spoken": "Họp lúc tám rưỡi.", "pause": "sentence"}, rendering.sentences[1]]
    texts = [one["text"] for one in (await nobody.http.get(path)).json()["sentences"]]
    assert texts == ["Họp lúc tám rưỡi.", "Nhớ đến đủ."], "read otherwise since: the words that are heard"


async def test_the_podcast_has_an_enclosure_for_each_sound(nobody: Browser, commune: Commune) -> None:
    sha256 = aired(commune, "sang", drill=True)
    open_page(commune)
    answer = await nobody.http.get("/cong-khai/podcast.xml")
    assert answer.headers["content-type"].startswith("application/rss+xml")
    (item,) = ET.fromstring(answer.text).iter("item")  # noqa: S314 - our own
    enclosure = item.find("enclosure")
    assert enclosure is not None
    assert enclosure.attrib == {
        "url": f"http://loa.test/cong-khai/am-thanh/{sha256}",
        "length": "9",
        "type": "audio/ogg",
    }
    assert (item.findtext("title"), item.findtext("pubDate")) == (
        "[Diễn tập] Tin sang",
        "Mon, 21 Sep 2026 03:00:00 +0000",
    )


async def test_a_word_is_kept_answered_and_shown_with_its_answer(
    browse: SignIn, nobody: Browser, commune: Commune, api: Programs
) -> None:
    await add_node(api)
    aired(commune, "sang")
    open_page(commune)
    await nobody.get("/cong-khai")
    words = "<script>alert(1)</script> Loa chĩa vào nhà tôi 🙏"
    await nobody.send("main form", kind="too-loud", loa="dong-1", luot="sang", words=words)
    assert "Cảm ơn bà con" in nobody.text('[role="status"]')
    assert nobody.page.css_first("[data-said]") is None  # nobody has answered yet
    officer = await browse("officer")
    await officer.get("/gop-y")
    assert "Cột dong-1 · Tin sang" in officer.text("[data-said]")
    assert "<script>alert" in officer.text("[data-said]")  # as text
    await officer.send("[data-said] form", words="Sáng mai thợ đến xoay loa.")
    await nobody.get("/cong-khai")
    assert "Sáng mai thợ đến xoay loa." in nobody.text("[data-said]")
    with commune.work() as session:
        assert session.exec(select(Feedback)).one().answered_at == NOW


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"kind": "other"}, "Hãy viết"),
        ({"kind": "shout"}, "Hãy chọn"),
        ({"kind": "too-loud", "words": "a" * 501}, "quá dài"),
        ({"kind": "too-loud", "loa": "khong-co"}, "Không có cụm loa"),
        ({"kind": "too-loud", "luot": "nhap"}, "Không có bản tin"),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    nobody: Browser, commune: Commune, typed: dict[str, str], said: str
) -> None:
    open_page(commune)
    answer = await nobody.http.post("/cong-khai/gop-y", data=typed)
    assert (answer.status_code, said in answer.text) == (422, True)


async def test_words_are_throttled(nobody: Browser, commune: Commune) -> None:
    open_page(commune)
    statuses = [(await nobody.http.post("/cong-khai/gop-y", data={"kind": "not-heard"})).status_code for _ in range(6)]
    assert statuses == [303] * 4 + [429] * 2


async def test_the_log_is_filtered_by_days_village_pole_grade_and_urgency(
    browse: SignIn, commune: Commune, api: Programs
) -> None:
    await add_node(api)
    await add_node(api, "dong-2")
    for name, days in (("hom-nay", 0), ("hom-qua", 1)):
        aired(commune, name, days=days)
    with commune.work() as session:
        for delivery in session.exec(select(Delivery)):
            is_second = delivery.node_id == get_node(session, "dong-2").id
            delivery.state = DeliveryState.FAILED if is_second else DeliveryState.PLAYED
            session.add(delivery)
    officer = await browse("officer")

    async def found(query: str) -> list[tuple[str, int]]:
        await officer.get(f"/nhat-ky?{query}")
        assert officer.answer.status_code == 200
        rows = officer.page.css("[data-broadcast]")
        return [(row.attributes["data-broadcast"] or "", len(row.css("tr[data-node]"))) for row in rows]

    assert await found("") == [("hom-nay", 2)]
    assert await found("ngay=2026-09-21&den=2026-09-22") == [("hom-nay", 2), ("hom-qua", 2)]
    assert await found("loa=dong-1") == [("hom-nay", 1)]
    assert await found("ket-qua=failed") == [("hom-nay", 1)]
    assert await found("ket-qua=failed&loa=dong-1") == []
    assert await found("thon=thon-tay") == []
    assert await found("loai=emergency") == []
    assert await found("loai=normal&ket-qua=nonsense") == [("hom-nay", 2)]
    await officer.get("/nhat-ky?ngay=2026-09-21&den=2026-09-22&ket-qua=failed")
    answer = await officer.http.get(officer.attributes('a[href^="/nhat-ky.csv"]')["href"])
    assert len(answer.text.strip().splitlines()) == 3
