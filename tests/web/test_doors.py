"""Every route, every role: who gets in; forms from elsewhere; headers; long bodies; how refusals look."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from players.signing import NodeKey
from tests.web.conftest import ROLES, Browser, Clock, Commune, Programs, SignIn, serving
from web.settings import HttpSettings

EVERYBODY = frozenset({"nobody", *ROLES}) - {"officer2"}
SIGNED_IN = EVERYBODY - {"nobody"}
WRITERS = frozenset({"officer", "leader"})
LEADER = frozenset({"leader"})
EDITORS = frozenset({"officer", "leader", "admin"})
ADMIN = frozenset({"admin"})
CALLERS = frozenset({"leader", "head", "admin"})
SPEAKERS = frozenset({"officer", "leader", "head"})

PAGES: dict[str, frozenset[str]] = {
    "GET /": SIGNED_IN,
    "GET /them": SIGNED_IN,
    "GET /truc-tiep": SIGNED_IN,
    "GET /dang-nhap": EVERYBODY,
    "POST /dang-nhap": EVERYBODY,
    "POST /dang-xuat": SIGNED_IN,
    "POST /ngon-ngu": EVERYBODY,
    "GET /soan": WRITERS,
    "POST /soan": WRITERS,
    "POST /soan/doc": WRITERS,
    "POST /soan/nghe": WRITERS,
    "POST /soan/luon-doc": WRITERS,
    "POST /soan/cho": WRITERS,
    "POST /soan/uoc": WRITERS,
    "POST /soan/nghe-cau": WRITERS,
    "GET /soan/cau/{key}": WRITERS,
    "GET /soan/{bulletin_id}": WRITERS,
    "POST /soan/{bulletin_id}": WRITERS,
    "POST /giay": WRITERS,
    "GET /giay/{import_id}": WRITERS,
    "GET /giay/{import_id}/truc-tiep": WRITERS,
    "GET /ban-tin": WRITERS,
    "GET /ban-tin/{bulletin_id}": WRITERS,
    "POST /ban-tin/{bulletin_id}": WRITERS,
    "POST /ban-tin/{bulletin_id}/nghe": WRITERS,
    "POST /ban-tin/{bulletin_id}/luon-doc": WRITERS,
    "GET /hop-thu": WRITERS,
    "POST /hop-thu/{item_id}": WRITERS,
    "GET /nguon-tin": ADMIN,
    "GET /nguon-tin/moi": ADMIN,
    "POST /nguon-tin/moi": ADMIN,
    "GET /nguon-tin-cap": ADMIN,
    "POST /nguon-tin-cap": ADMIN,
    "GET /nguon-tin/cap/moi": ADMIN,
    "POST /nguon-tin/cap/moi": ADMIN,
    "GET /nguon-tin/cap/{slug}": ADMIN,
    "POST /nguon-tin/cap/{slug}": ADMIN,
    "POST /nguon-tin/cap/{slug}/thu": ADMIN,
    "POST /nguon-tin/cap/{slug}/chung-thu": ADMIN,
    "POST /nguon-tin/cap/{slug}/chung-thu/{certificate_id}/bo": ADMIN,
    "GET /khan-cap/cap/{message_id}": CALLERS - {"head"},
    "POST /khan-cap/cap/{message_id}": CALLERS - {"head"},
    "POST /khan-cap/cap/{message_id}/bo": CALLERS - {"head"},
    "GET /nguon-tin/{slug}": ADMIN,
    "POST /nguon-tin/{slug}": ADMIN,
    "GET /mau-tin": WRITERS,
    "GET /mau-tin/moi": WRITERS,
    "POST /mau-tin/moi": WRITERS,
    "GET /mau-tin/{template_id}": WRITERS,
    "POST /mau-tin/{template_id}": WRITERS,
    "GET /mau-tin/{template_id}/sua": WRITERS,
    "POST /mau-tin/{template_id}/sua": WRITERS,
    "GET /duyet": LEADER,
    "GET /quy-tac-duyet": CALLERS - {"head"},
    "POST /quy-tac-duyet": CALLERS - {"head"},
    "POST /uy-quyen/{delegation_id}/ket-thuc": SIGNED_IN,
    "GET /ban-ghi": SIGNED_IN,
    "POST /ban-ghi": SIGNED_IN,
    "GET /ban-ghi/{recording_id}": SIGNED_IN,
    "POST /ban-ghi/{recording_id}": SIGNED_IN,
    "POST /ban-ghi/{recording_id}/cat": SIGNED_IN,
    "GET /ban-ghi/{recording_id}/am-thanh": SIGNED_IN,
    "GET /ban-ghi/{recording_id}/doan-phat": SIGNED_IN,
    "GET /luot-phat/{broadcast_id}": SIGNED_IN,
    "GET /luot-phat/loi/{sha256}": SIGNED_IN,
    "POST /luot-phat/{broadcast_id}/dung": SIGNED_IN,
    "POST /luot-phat/{broadcast_id}/huy": SIGNED_IN,
    "GET /phat-truc-tiep": SPEAKERS,
    "POST /phat-truc-tiep": SPEAKERS,
    "GET /khan-cap": CALLERS,
    "POST /khan-cap": CALLERS,
    "POST /khan-cap/xem-truoc": CALLERS,
    "GET /khan-cap/tin/{key}": CALLERS,
    "GET /khan-cap/luot/{broadcast_id}": SIGNED_IN,
    "GET /khan-cap/luot/{broadcast_id}/truc-tiep": SIGNED_IN,
    "POST /khan-cap/luot/{broadcast_id}/dung": SIGNED_IN,
    "POST /khan-cap/luot/{broadcast_id}/tiep": SIGNED_IN,
    "GET /khan-cap/cho/{press}": SIGNED_IN,
    "GET /khan-cap/cho/{press}/truc-tiep": SIGNED_IN,
    "POST /khan-cap/cho/{press}": SIGNED_IN,
    "GET /khan-cap/khong-mang": ADMIN,
    "POST /khan-cap/khong-mang/the": ADMIN,
    "POST /khan-cap/khong-mang/the/{number}/thu-hoi": ADMIN,
    "POST /khan-cap/khong-mang/nut": ADMIN,
    "GET /khan-cap/cac-thon": EDITORS,
    "GET /khan-cap/mau": EDITORS,
    "GET /khan-cap/mau/moi": EDITORS,
    "POST /khan-cap/mau/moi": EDITORS,
    "GET /khan-cap/mau/{key}": EDITORS,
    "POST /khan-cap/mau/{key}": EDITORS,
    "GET /khan-cap/danh-ba": EDITORS,
    "POST /khan-cap/danh-ba": EDITORS,
    "GET /khan-cap/quy-dinh": CALLERS - {"head"},
    "POST /khan-cap/quy-dinh": CALLERS - {"head"},
    "POST /khan-cap/quy-dinh/{username}/pin": ADMIN,
    "GET /khan-cap/pin": CALLERS,
    "POST /khan-cap/pin": CALLERS,
    "GET /khan-cap.webmanifest": EVERYBODY,
    "GET /khan-cap-sw.js": EVERYBODY,
    "GET /khan-cap/bieu-tuong-{size}.png": EVERYBODY,
    "GET /khan-cap/ngoai-tuyen": EVERYBODY,
    "GET /khan-cap/cai-dat": EVERYBODY,
    "GET /khan-cap/chung-thu.crt": EVERYBODY,
    "GET /lich-phat": SIGNED_IN,
    "GET /lich-phat/tuan": SIGNED_IN,
    "GET /lich-phat/tuan/doi": WRITERS,
    "POST /lich-phat/tuan/doi": WRITERS,
    "GET /lich-phat/moi": WRITERS,
    "POST /lich-phat/moi": WRITERS,
    "GET /lich-phat/{entry_id}": WRITERS,
    "POST /lich-phat/{entry_id}": WRITERS,
    "GET /24-gio-toi": SIGNED_IN,
    "GET /lich-dien-thoai": SIGNED_IN,
    "POST /lich-dien-thoai": SIGNED_IN,
    "GET /lich-phat.ics": EVERYBODY,
    "GET /gio-phat": CALLERS - {"head"},
    "POST /gio-phat": CALLERS - {"head"},
    "POST /gio-phat/cum-loa/{slug}": CALLERS - {"head"},
    "GET /chuong-trinh": WRITERS,
    "POST /chuong-trinh/thoi-tiet": WRITERS,
    "GET /chuong-trinh/moi": LEADER,
    "POST /chuong-trinh/moi": LEADER,
    "GET /chuong-trinh/{programme_id}": WRITERS,
    "POST /chuong-trinh/{programme_id}": LEADER,
    "POST /chuong-trinh/{programme_id}/thu-tu": WRITERS,
    "GET /ban-tin/{bulletin_id}/xep": WRITERS,
    "POST /ban-tin/{bulletin_id}/xep": WRITERS,
    "POST /ban-tin/{bulletin_id}/xep/uoc": WRITERS,
    "GET /ngay-dac-biet": WRITERS,
    "POST /ngay-dac-biet": WRITERS,
    "GET /nhat-ky": SIGNED_IN,
    "GET /nhat-ky.csv": SIGNED_IN,
    "GET /bao-cao": SIGNED_IN,
    "GET /bao-cao.csv": SIGNED_IN,
    "GET /bao-cao.pdf": SIGNED_IN,
    "GET /canh-bao": SIGNED_IN,
    "POST /canh-bao/{alarm_id}/da-biet": SIGNED_IN,
    "POST /canh-bao/gui-thu/{channel}": ADMIN,
    "GET /kiem-tra-sang": SIGNED_IN,
    "POST /kiem-tra-sang": SIGNED_IN,
    "GET /san-sang": SIGNED_IN,
    "POST /san-sang": ADMIN,
    "GET /cum-loa": SIGNED_IN,
    "POST /cum-loa": ADMIN,
    "POST /cum-loa/{slug}/ma-ghep": ADMIN,
    "POST /cum-loa/{slug}/thu-hoi": ADMIN,
    "GET /cum-loa/{slug}": SIGNED_IN,
    "POST /cum-loa/{slug}": ADMIN,
    "GET /cum-loa/{slug}/tai-cho": SIGNED_IN,
    "GET /cum-loa/{slug}/do-thi.json": SIGNED_IN,
    "POST /cum-loa/{slug}/thu-loa": SIGNED_IN,
    "GET /cum-loa/{slug}/khoi-dong-lai": SIGNED_IN,
    "POST /cum-loa/{slug}/khoi-dong-lai": ADMIN,
    "GET /ban-do": ADMIN,
    "GET /ban-do/hinh.json": SIGNED_IN,
    "GET /ban-do/nen.jpg": SIGNED_IN,
    "POST /ban-do/nen": ADMIN,
    "GET /ban-do/thon/{slug}": ADMIN,
    "POST /ban-do/thon/{slug}": ADMIN,
    "GET /quan-tri": ADMIN,
    "GET /vai-tro": ADMIN,
    "GET /thon": ADMIN,
    "POST /thon": ADMIN,
    "POST /ten-xa": ADMIN,
    "GET /thon/{slug}": ADMIN,
    "POST /thon/{slug}": ADMIN,
    "GET /nhac-hieu": ADMIN,
    "POST /nhac-hieu": ADMIN,
    "GET /nhac-hieu/{chime}/{tune}.wav": ADMIN,
    "GET /webhook": ADMIN,
    "POST /webhook": ADMIN,
    "GET /webhook/{webhook_id}": ADMIN,
    "POST /webhook/{webhook_id}": ADMIN,
    "POST /webhook/{webhook_id}/thu": ADMIN,
    "POST /webhook/{webhook_id}/khoa-moi": ADMIN,
    "POST /webhook/{webhook_id}/bo": ADMIN,
    "GET /nguoi-dung/{username}": ADMIN,
    "POST /nguoi-dung/{username}": ADMIN,
    "GET /tu-dien": SIGNED_IN,
    "GET /tu-dien.tsv": SIGNED_IN,
    "POST /tu-dien": EDITORS,
    "POST /tu-dien/nghe": EDITORS,
    "POST /tu-dien/nhap": EDITORS,
    "POST /tu-dien/cach-doc": EDITORS,
    "GET /tu-dien/{word_id}": EDITORS,
    "POST /tu-dien/{word_id}": EDITORS,
    "POST /tu-dien/{word_id}/nghe": SIGNED_IN,
    "GET /giong-doc": ADMIN,
    "GET /giong-doc/viec": ADMIN,
    "POST /giong-doc/huy": ADMIN,
    "POST /giong-doc/chon": ADMIN,
    "POST /giong-doc/nghe": ADMIN,
    "POST /giong-doc/tep": ADMIN,
    "POST /giong-doc/{voice}/cai": ADMIN,
    "POST /giong-doc/{voice}/kiem-tra": ADMIN,
    "POST /giong-doc/{voice}/go": ADMIN,
    "GET /nguoi-dung": ADMIN,
    "POST /nguoi-dung": ADMIN,
    "POST /nguoi-dung/{username}/mat-khau": ADMIN,
    "POST /nguoi-dung/{username}/khoa": ADMIN,
    "POST /nguoi-dung/{username}/mo": ADMIN,
    "POST /nguoi-dung/{username}/hai-lop": ADMIN,
    "POST /dang-nhap/ma": EVERYBODY,
    "GET /hai-lop": SIGNED_IN,
    "POST /hai-lop": SIGNED_IN,
    "POST /hai-lop/xac-nhan": SIGNED_IN,
    "POST /hai-lop/tat": SIGNED_IN,
    "GET /nhat-ky-he-thong": frozenset({"leader", "admin"}),
    "GET /cong-khai": EVERYBODY,
    "GET /cong-khai/podcast.xml": EVERYBODY,
    "GET /cong-khai/am-thanh/{sha256}": EVERYBODY,
    "GET /cong-khai/loi/{sha256}": EVERYBODY,
    "POST /cong-khai/gop-y": EVERYBODY,
    "GET /gop-y": EDITORS,
    "POST /gop-y/{feedback_id}": EDITORS,
    "POST /gop-y/trang/cong-khai": ADMIN,
    "GET /sao-luu": ADMIN,
    "POST /sao-luu": ADMIN,
    "GET /sao-luu/{name}": ADMIN,
    "GET /suc-khoe": ADMIN,
    "POST /suc-khoe/dong-ho": ADMIN,
    "GET /mat-khau": SIGNED_IN,
    "GET /ma-truy-cap": SIGNED_IN,
    "POST /ma-truy-cap": SIGNED_IN,
    "POST /ma-truy-cap/{token_id}/thu-hoi": SIGNED_IN,
    "POST /mat-khau": SIGNED_IN,
}
API: dict[str, frozenset[str]] = {
    "GET /cap/tin.atom": SIGNED_IN,
    "GET /cap/tin/{identifier}.xml": SIGNED_IN,
    "GET /cap/am-thanh/{identifier}.ogg": SIGNED_IN,
    "POST /api/sessions": EVERYBODY,
    "GET /api/me": SIGNED_IN,
    "GET /api/bulletins": SIGNED_IN,
    "POST /api/bulletins": WRITERS,
    "GET /api/bulletins/{bulletin_id}": SIGNED_IN,
    "PUT /api/bulletins/{bulletin_id}": WRITERS,
    "POST /api/bulletins/{bulletin_id}/submit": WRITERS,
    "POST /api/bulletins/{bulletin_id}/approve": LEADER,
    "POST /api/bulletins/{bulletin_id}/return": LEADER,
    "POST /api/bulletins/{bulletin_id}/withdraw": WRITERS,
    "POST /api/imports": WRITERS,
    "GET /api/imports/{import_id}": SIGNED_IN,
    "GET /api/broadcasts/{broadcast_id}": SIGNED_IN,
    "POST /api/broadcasts/{broadcast_id}/cancel": SIGNED_IN,
    "POST /api/broadcasts/{broadcast_id}/stop": SIGNED_IN,
    "POST /api/emergencies": CALLERS,
    "GET /api/emergencies/board": CALLERS,
    "GET /api/emergencies/{broadcast_id}": SIGNED_IN,
    "GET /api/as-run": SIGNED_IN,
    "GET /api/entries": SIGNED_IN,
    "POST /api/entries": WRITERS,
    "GET /api/entries/{entry_id}": SIGNED_IN,
    "PUT /api/entries/{entry_id}": WRITERS,
    "PUT /api/entries/{entry_id}/days/{on}": WRITERS,
    "DELETE /api/entries/{entry_id}/days/{on}": WRITERS,
    "GET /api/entries/{entry_id}/advice": SIGNED_IN,
    "GET /api/inbox": WRITERS,
    "GET /api/inbox/clashes": WRITERS,
    "POST /api/inbox/{item_id}/choose": WRITERS,
    "POST /api/inbox/{item_id}/set-aside": WRITERS,
    "POST /api/inbox/{item_id}/order": WRITERS,
    "GET /api/sources": ADMIN,
    "POST /api/sources": ADMIN,
    "PUT /api/sources/{slug}": ADMIN,
    "GET /api/templates": SIGNED_IN,
    "POST /api/templates": WRITERS,
    "GET /api/templates/{template_id}": SIGNED_IN,
    "PUT /api/templates/{template_id}": WRITERS,
    "DELETE /api/templates/{template_id}": WRITERS,
    "POST /api/templates/{template_id}/bulletins": WRITERS,
    "GET /api/approval-rules": SIGNED_IN,
    "PUT /api/approval-rules": CALLERS - {"head"},
    "GET /api/delegations": SIGNED_IN,
    "POST /api/delegations": LEADER,
    "DELETE /api/delegations/{delegation_id}": SIGNED_IN,
    "GET /api/rules": SIGNED_IN,
    "PUT /api/rules": CALLERS - {"head"},
    "PUT /api/rules/zones/{slug}": CALLERS - {"head"},
    "GET /api/programmes": SIGNED_IN,
    "POST /api/programmes": LEADER,
    "GET /api/programmes/{programme_id}": SIGNED_IN,
    "PUT /api/programmes/{programme_id}": LEADER,
    "PUT /api/weather/{on}": WRITERS,
    "GET /api/bulletins/{bulletin_id}/placements": SIGNED_IN,
    "POST /api/bulletins/{bulletin_id}/placements": WRITERS,
    "DELETE /api/bulletins/{bulletin_id}/placements/{placement_id}": WRITERS,
    "GET /api/special-days": SIGNED_IN,
    "PUT /api/special-days/{on}": WRITERS,
    "DELETE /api/special-days/{on}": WRITERS,
    "GET /api/alarms": SIGNED_IN,
    "POST /api/alarms/{alarm_id}/acknowledge": SIGNED_IN,
    "GET /api/nodes": SIGNED_IN,
    "POST /api/nodes": ADMIN,
    "POST /api/nodes/{slug}/pairing-code": ADMIN,
    "POST /api/nodes/{slug}/revoke": ADMIN,
    "POST /api/pairing": EVERYBODY,
    "GET /api/keys": EVERYBODY,
    "GET /api/authority": EVERYBODY,
    "POST /api/renewal/{kid}": frozenset(),
    "GET /api/tokens": SIGNED_IN,
    "DELETE /api/tokens/{token_id}": SIGNED_IN,
    "GET /api/recordings": SIGNED_IN,
    "POST /api/recordings": SIGNED_IN,
    "GET /api/recordings/{recording_id}": SIGNED_IN,
    "PUT /api/recordings/{recording_id}": SIGNED_IN,
    "DELETE /api/recordings/{recording_id}": SIGNED_IN,
    "GET /api/recordings/{recording_id}/sound": SIGNED_IN,
    "POST /api/recordings/{recording_id}/trim": SIGNED_IN,
    "POST /api/normalize": SIGNED_IN,
    "GET /api/voices": SIGNED_IN,
    "POST /api/voices": ADMIN,
    "PUT /api/voice": ADMIN,
    "DELETE /api/voice-job": ADMIN,
    "POST /api/voices/{voice}/install": ADMIN,
    "POST /api/voices/{voice}/verify": ADMIN,
    "POST /api/voices/{voice}/try": ADMIN,
    "DELETE /api/voices/{voice}": ADMIN,
    "GET /api/lexicon": SIGNED_IN,
    "POST /api/lexicon": EDITORS,
    "GET /api/lexicon/export": SIGNED_IN,
    "POST /api/lexicon/import": EDITORS,
    "PUT /api/lexicon/{word_id}": EDITORS,
    "DELETE /api/lexicon/{word_id}": EDITORS,
    "GET /api/reading-style": SIGNED_IN,
    "PUT /api/reading-style": EDITORS,
    "GET /api/health": EVERYBODY,
    "GET /api/events": SIGNED_IN,
    "GET /clips/{sha256}": SIGNED_IN,
    "GET /streams/{broadcast_id}": SIGNED_IN,
    "GET /streams/{broadcast_id}/{position}": frozenset(),
    "POST /api/live": SPEAKERS,
    "GET /api/live/{broadcast_id}": SIGNED_IN,
    "POST /api/live/{broadcast_id}/sound/{part}": SIGNED_IN,
    "POST /api/live/{broadcast_id}/stop": SIGNED_IN,
}
STREAMS = {"GET /truc-tiep", "GET /khan-cap/luot/{broadcast_id}/truc-tiep", "GET /api/events"}
"""They do not end by themselves; tests/web/test_live.py opens them."""
OPEN_TO_ALL = {
    "POST /api/sessions",
    "POST /api/pairing",
    "GET /api/health",
    "GET /api/keys",
    "GET /api/authority",
}
NODE_KEY = NodeKey.generate()
BULLETIN = {"title": "Tin", "script": "Họp lúc 8h.", "zones": ["thon-dong"], "airs_now": True}
PROGRAMME = {"name": "Sáng", "parts": [{"kind": "bulletins"}]}
TEMPLATE = {"name": "Họp", "title": "Họp", "script": "Họp lúc {giờ: giờ}."}
SOURCE = {"name": "Tỉnh", "kind": "folder", "address": "/nguon", "officer": "officer", "leader": "leader"}
ENTRY = {"programme": 1, "zones": ["thon-dong"], "airs_at": "05:30", "from_on": "2026-09-22"}
BODIES: dict[str, object] = {
    "POST /api/bulletins": BULLETIN,
    "PUT /api/bulletins/{bulletin_id}": {**BULLETIN, "revision": 1},
    "POST /api/bulletins/{bulletin_id}/approve": {"revision": 1},
    "POST /api/bulletins/{bulletin_id}/return": {"reason": "Thiếu giờ."},
    "POST /api/broadcasts/{broadcast_id}/stop": {},
    "POST /api/emergencies": {"zones": ["thon-dong"], "text": "Nước lên.", "key": "k" * 20},
    "POST /api/live": {"zones": ["thon-dong"], "key": "k" * 20},
    "POST /api/alarms/{alarm_id}/acknowledge": {"note": "Đã gọi thợ."},
    "POST /api/nodes": {"slug": "cot-1", "name": "Cột 1", "zones": ["thon-dong"]},
    "POST /api/normalize": {"text": "8h"},
    "PUT /api/voice": {"voice": "tone"},
    "POST /api/voices/{voice}/try": {"text": "Xin chào."},
    "PUT /api/recordings/{recording_id}": {"name": "A", "language": "ium", "is_shared": True, "revision": 1},
    "POST /api/recordings/{recording_id}/trim": {"start_ms": 0, "end_ms": 900, "revision": 1},
    "POST /api/inbox/{item_id}/set-aside": {"reason": "Không hợp."},
    "POST /api/inbox/{item_id}/order": {"order": "own-first"},
    "POST /api/sources": {**SOURCE, "slug": "tinh"},
    "PUT /api/sources/{slug}": SOURCE,
    "POST /api/templates": TEMPLATE,
    "PUT /api/templates/{template_id}": {**TEMPLATE, "revision": 1},
    "POST /api/templates/{template_id}/bulletins": {"values": {}},
    "PUT /api/approval-rules": {"normal": ["leader"], "priority": ["leader"]},
    "POST /api/delegations": {"deputy": "officer", "until_on": "2026-09-30"},
    "PUT /api/rules": {"windows": [], "sessions_a_day": 2},
    "PUT /api/rules/zones/{slug}": {"windows": []},
    "POST /api/entries": ENTRY,
    "POST /api/programmes": PROGRAMME,
    "PUT /api/programmes/{programme_id}": {**PROGRAMME, "revision": 1},
    "PUT /api/weather/{on}": {"text": "nắng"},
    "POST /api/bulletins/{bulletin_id}/placements": {
        "programmes": [1],
        "from_on": "2026-09-22",
        "until_on": "2026-09-24",
    },
    "PUT /api/entries/{entry_id}": {**ENTRY, "revision": 1},
    "PUT /api/entries/{entry_id}/days/{on}": {"revision": 1, "is_off": True},
    "PUT /api/special-days/{on}": {"name": "Quốc tang", "kind": "mourning"},
    "POST /api/lexicon": {"written": "Nà Lạc", "spoken": "nà lác"},
    "POST /api/lexicon/import": {"tsv": "Nà Mó\tnà mò"},
    "PUT /api/lexicon/{word_id}": {"written": "Nà Lạc", "spoken": "nà lác", "revision": 1},
    "PUT /api/reading-style": {"thousand": "ngàn"},
    "POST /api/sessions": {"username": "x", "password": "y"},
    "POST /api/renewal/{kid}": {"public_key": NODE_KEY.public_jwk(), "version": "1"},
    "POST /api/pairing": {"code": "AAAAAAAA", "public_key": {}, "version": "1"},
}


def routes_of(app: FastAPI) -> set[str]:
    """Every route there is, as `METHOD path`."""
    found = set()
    for path, operations in all_paths(app):
        found |= {f"{method} {path}" for method in operations}
    return found


def all_paths(app: FastAPI) -> list[tuple[str, set[str]]]:
    waiting, found = list(app.routes), []
    while waiting:
        route = waiting.pop()
        if isinstance(route, APIRoute):
            found.append((route.path, set(route.methods or ())))
        else:
            inner = getattr(route, "original_router", None) or getattr(route, "router", None)
            waiting += list(getattr(inner, "routes", []))
    return found


def filled(route: str) -> tuple[str, str]:
    """A route with something in the place of its parameters."""
    method, _, path = route.partition(" ")
    path = (
        path.replace("{sha256}", "0" * 64)
        .replace("{kid}", NODE_KEY.kid)
        .replace("{token_id}", "9999")
        .replace("{alarm_id}", "9999")
        .replace("{feedback_id}", "9999")
        .replace("{position}", "0")
        .replace("{part}", "0")
    )
    return method, re.sub(r"\{\w+\}", "none", path) + ("?broadcast=none" if path == "/api/as-run" else "")


async def test_every_route_is_in_the_tables(app: FastAPI) -> None:
    assert routes_of(app) == set(PAGES) | set(API)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
async def test_pages_let_in_by_role(role: str, browse: SignIn, nobody: Browser) -> None:
    browser = nobody if role == "nobody" else await browse(role)
    secret = ""
    if role != "nobody":
        await browser.get("/mat-khau")
        secret = browser.attributes('#act input[name="csrf"]')["value"]
    wrong = []
    for route in sorted(
        PAGES.keys() - STREAMS - {"POST /dang-xuat", "POST /dang-nhap", "POST /dang-nhap/ma", "GET /dang-nhap"}
    ):
        method, path = filled(route)
        data = {"csrf": secret} if method == "POST" else None
        answer = await browser.http.request(method, path, data=data, headers={"origin": "http://loa.test"})
        got_in = answer.status_code != 403 and answer.headers.get("location", "").partition("?")[0] != "/dang-nhap"
        if got_in != (role in PAGES[route]) or answer.status_code >= 500:
            wrong.append((route, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("role", sorted(EVERYBODY))
async def test_the_api_lets_in_by_role(role: str, app: FastAPI, api: Programs) -> None:
    if role == "nobody":
        program = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://loa.test")
        api.clients.append(program)
    else:
        program = api(role)
    wrong = []
    for route in sorted(API.keys() - STREAMS):
        method, path = filled(route)
        body = BODIES.get(route)
        answer = await program.request(method, path, json=body)
        asks_for_ticket = route == "POST /api/renewal/{kid}"  # a pole's, which no person has
        door_shut = answer.status_code == (401 if role == "nobody" or asks_for_ticket else 403)
        # Of what is not there (or not theirs to see) everybody is told the same: 404.
        told_nothing = answer.status_code == 404 and "{" in route
        expected = role in API[route]
        if route in {"POST /api/sessions", "POST /api/pairing"}:
            expected, door_shut = True, False
        if expected == door_shut and not told_nothing:
            wrong.append((route, answer.status_code, answer.text))
    assert wrong == []


async def test_a_token_does_only_what_its_scopes_say(api: Programs) -> None:
    reader = api("officer", ("read",))
    assert (await reader.get("/api/nodes")).status_code == 200
    answer = await reader.post("/api/bulletins", json=BULLETIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope-missing")
    assert (await api("admin", ("read", "write")).post("/api/nodes", json=BODIES["POST /api/nodes"])).status_code == 403


async def test_a_token_does_not_open_pages(api: Programs) -> None:
    assert (await api("leader").get("/ban-tin")).status_code == 403


async def test_a_page_needs_its_own_sessions_secret(browse: SignIn) -> None:
    officer, leader = await browse("officer"), await browse("leader")
    await leader.get("/soan")
    other = leader.attributes('#act input[name="csrf"]')["value"]
    await officer.get("/soan")
    own = officer.attributes('#act input[name="csrf"]')["value"]
    form = {"title": "Tin", "script": "Họp.", "zones": "thon-dong", "when": "now", "urgency": "normal", "act": "save"}
    for secret in ("", other, own[:-1]):
        answer = await officer.http.post("/soan", data={**form, "csrf": secret})
        assert answer.status_code == 403
        assert "Trang đã cũ" in answer.text
    assert (
        await officer.http.post("/soan/doc", data={"script": "8h"}, headers={"x-csrf-token": own})
    ).status_code == 200
    assert (await officer.http.post("/soan", data={**form, "csrf": own})).status_code == 303


async def test_the_api_by_cookie_needs_the_secret_too(browse: SignIn) -> None:
    officer = await browse("officer")
    assert (await officer.http.get("/api/nodes")).status_code == 200
    assert (await officer.http.post("/api/bulletins", json=BULLETIN)).status_code == 403
    await officer.get("/soan")
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    answer = await officer.http.post("/api/bulletins", json=BULLETIN, headers={"x-csrf-token": secret})
    assert answer.status_code == 201


@pytest.mark.parametrize("path", ["/dang-nhap", "/khong-co", "/api/khong-co", "/static/loalang.css", "/api/health"])
async def test_every_answer_carries_the_strict_headers(nobody: Browser, path: str) -> None:
    answer = await nobody.http.get(path)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in answer.headers
    if not path.startswith("/static/"):
        assert answer.headers["cache-control"] == "no-store"


async def test_behind_tls_browsers_are_told_to_stay_there(commune: Commune, clock: Clock) -> None:
    settings = commune.settings.model_copy(update={"http": HttpSettings(tls_by_proxy=True)})
    async with serving(settings, clock, ()) as app, closing_browser(app, "https://loa.test") as browser:
        await browser.sign_in("officer", commune.passwords["officer"])
        assert browser.path == "/"
        assert browser.answer.headers["strict-transport-security"] == "max-age=31536000"
        session = next(cookie for cookie in browser.http.cookies.jar if cookie.name == "__Host-loalang")
        assert session.secure
        assert session.path == "/"
        assert not session.domain_specified


@asynccontextmanager
async def closing_browser(app: FastAPI, url: str) -> AsyncIterator[Browser]:
    browser = Browser(app)
    browser.http.base_url = httpx.URL(url)
    async with browser.http:
        yield browser


@pytest.mark.parametrize(("path", "code"), [("/api/khong-co", "not-found"), ("/api/bulletins/x/y/z", "not-found")])
async def test_programs_get_one_shape_of_error(nobody: Browser, path: str, code: str) -> None:
    answer = await nobody.http.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"].keys() == {"code", "message", "field"}
    assert answer.json()["error"]["code"] == code


async def test_a_wrong_method_is_said(nobody: Browser) -> None:
    answer = await nobody.http.delete("/api/bulletins")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method-not-allowed")
    assert "GET" in answer.headers["allow"]


async def test_a_wrong_field_is_named(api: Programs) -> None:
    answer = await api("officer").post("/api/bulletins", json={**BULLETIN, "airs_at": "yesterday"})
    assert answer.status_code == 422
    assert answer.json()["error"] == {
        "code": "invalid-input",
        "message": "Ô “airs_at” không hợp lệ.",
        "field": "airs_at",
    }
    unknown = await api("officer").post("/api/bulletins", json={**BULLETIN, "airs_att": None})
    assert unknown.json()["error"]["field"] == "airs_att"


async def test_a_page_that_is_not_there_is_a_page(nobody: Browser) -> None:
    await nobody.get("/khong-co")
    assert nobody.answer.status_code == 404
    assert nobody.text(".note b") == "Không có trang này, hoặc bạn không được xem."


async def test_a_long_body_is_refused_before_it_is_read(nobody: Browser, commune: Commune) -> None:
    longest = commune.settings.http.max_body_bytes
    answer = await nobody.http.post("/api/sessions", content=b"x" * (longest + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body-too-long")
    page = await nobody.http.post("/dang-nhap", content=b"x" * (longest + 1))
    assert page.status_code == 413
    assert "quá dài" in page.text


async def test_a_long_body_without_a_length_is_refused_too(nobody: Browser, commune: Commune) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(commune.settings.http.max_body_bytes // 65536 + 2):
            yield b"x" * 65536

    answer = await nobody.http.post("/api/sessions", content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body-too-long")


async def test_a_bug_is_logged_and_not_shown(app: FastAPI, nobody: Browser, caplog: pytest.LogCaptureFixture) -> None:
    @app.get("/api/broken")
    def broken() -> None:
        raise RuntimeError("the secret is 1234")

    answer = await nobody.http.get("/api/broken")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal-error"
    assert "1234" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "GET /api/broken failed" in caplog.text


async def test_every_operation_documents_its_errors(app: FastAPI) -> None:
    document = json.loads(json.dumps(app.openapi()))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            is_open = f"{method.upper()} {path}" in OPEN_TO_ALL
            assert is_open or "401" in answers, (method, path)
            assert operation["summary"], (method, path)
            for status, answer in answers.items():
                schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
                if int(status) >= 400 and path != "/api/health":
                    assert schema == {"$ref": "#/components/schemas/ErrorBody"}, (method, path, status)
