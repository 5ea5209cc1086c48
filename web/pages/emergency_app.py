"""The emergency button as an app on the phone: its manifest, its service worker, what opens without a network.

All of it is open to everybody and holds no secret. Whose button it is, the phone learns once somebody is signed in.
"""

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Literal

from fastapi import APIRouter, Response
from starlette.responses import JSONResponse, PlainTextResponse

from broadcast.communes import get_commune
from broadcast.db import reading
from players.tls import fingerprint_of
from web.deps import StationDep
from web.guard import content_policy
from web.icons import icon_png
from web.templating import STATIC, Page, asset_path, environment, render
from web.texts import language

router = APIRouter(include_in_schema=False)
_OFFLINE = "/khan-cap/ngoai-tuyen"
_ASSETS = ("loalang.css", "emergency.css", "loalang.js", "emergency.js", "icon.svg")
_WORKER_POLICY = content_policy({"style-src": "'none'", "img-src": "'none'", "form-action": "'none'"})


@dataclass(frozen=True, kw_only=True)
class OfflinePage(Page):
    """The button without a network: what the phone remembers fills it in."""

    template: ClassVar[str] = "emergency_offline.html"


@dataclass(frozen=True, kw_only=True)
class InstallPage(Page):
    """How to have the phone trust this server, and keep the button on its home screen."""

    template: ClassVar[str] = "emergency_install.html"
    commune: str
    is_secure: bool
    has_own_authority: bool
    fingerprint: str


@router.get("/khan-cap.webmanifest")
def manifest(station: StationDep) -> Response:
    """W3C Web App Manifest."""
    with reading(station.engine) as session:
        commune = get_commune(session).name
    icons = [
        {"src": f"/khan-cap/bieu-tuong-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
        for size in (192, 512)
    ]
    maskable = {"src": "/khan-cap/bieu-tuong-lon.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"}
    content = {
        "id": "/khan-cap",
        "name": f"Loa khẩn cấp {commune}",
        "short_name": "Loa khẩn cấp",
        "lang": "vi",
        "start_url": "/khan-cap",
        "scope": "/khan-cap",
        "display": "standalone",
        "background_color": "#f5f3ee",
        "theme_color": "#0f5257",
        "icons": [*icons, maskable],
    }
    return JSONResponse(content, media_type="application/manifest+json", headers={"cache-control": "no-cache"})


@router.get("/khan-cap-sw.js")
def service_worker() -> Response:
    """The service worker. It changes with what it keeps, so that a phone takes a new version by itself."""
    files = [_OFFLINE, *(asset_path(name) for name in _ASSETS)]
    template = environment().get_template("emergency_sw.js")
    said = template.render(version=f"{_version()}-{language()}", files=files)
    headers = {"cache-control": "no-cache", "content-security-policy": _WORKER_POLICY}
    return Response(said, media_type="text/javascript", headers=headers)


@router.get("/khan-cap/bieu-tuong-{size}.png")
def icon(size: Literal["192", "512", "lon"]) -> Response:
    """The program's icon."""
    content = icon_png(512, is_maskable=True) if size == "lon" else icon_png(int(size))
    return Response(content, media_type="image/png", headers={"cache-control": "public, max-age=604800"})


@router.get(_OFFLINE)
def show_offline() -> Response:
    """The page that a phone keeps."""
    return render(OfflinePage(), None, headers={"cache-control": "no-cache"})


@router.get("/khan-cap/cai-dat")
def show_install(station: StationDep) -> Response:
    """Trust this server on a phone."""
    http = station.settings.http
    with reading(station.engine) as session:
        commune = get_commune(session).name
    page = InstallPage(
        commune=commune,
        is_secure=http.is_secure,
        has_own_authority=http.uses_own_ca,
        fingerprint=fingerprint_of(station.keeper.ring.authority.certificate),
    )
    return render(page, None)


@router.get("/khan-cap/chung-thu.crt")
def authority(station: StationDep) -> Response:
    """The commune's authority, of a kind that phones offer to install. It is public; the key is not in it."""
    headers = {"content-disposition": 'attachment; filename="loa-lang.crt"', "cache-control": "no-cache"}
    certificate = station.keeper.ring.authority.certificate
    return PlainTextResponse(certificate, headers=headers, media_type="application/x-x509-ca-cert")


def _version() -> str:
    """Of what the phone keeps: a digest of all of it."""
    digest = hashlib.sha256()
    for name in _ASSETS:
        digest.update((STATIC / name).read_bytes())
    for name in ("emergency_offline.html", "emergency_sw.js"):
        source, _, _ = environment().loader.get_source(environment(), name)  # type: ignore[union-attr]
        digest.update(source.encode())
    return digest.hexdigest()[:16]
