"""What holds for every request and answer: strict headers, and no body longer than allowed."""

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import SAID, Refusal, refusal_response
from web.uploads import FORM_ROOM, too_large

_SOURCES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_DEVICES = ("camera", "geolocation", "microphone", "payment", "usb")


def content_policy(wider: Mapping[str, str] | None = None) -> str:
    """What a page may load; `wider` replaces single directives, for a page that needs it."""
    return "; ".join(f"{kind} {allowed}" for kind, allowed in {**_SOURCES, **(wider or {})}.items())


def permissions_policy(**allowed: str) -> str:
    """Which devices a page may ask for: none, but those that are named, e.g. `microphone="self"`."""
    return ", ".join(f"{device}=({allowed.get(device, '')})" for device in _DEVICES)


def strict_headers(*, is_secure: bool) -> dict[str, str]:
    """The headers of every answer."""
    headers = {
        "content-security-policy": content_policy(),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": permissions_policy(),
    }
    if is_secure:
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


class Guard:
    """ASGI middleware around everything."""

    def __init__(
        self, app: ASGIApp, *, headers: Mapping[str, str], max_body_bytes: int, max_upload_bytes: Mapping[str, int]
    ) -> None:
        self.app = app
        self.headers = headers
        self.max_body_bytes = max_body_bytes
        self.max_upload_bytes = max_upload_bytes
        """Longest file, by the path that takes it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse an announced body that is too long; add the headers to whatever is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                # What a signed-in person saw must not be left in a shared computer's cache.
                headers.setdefault("cache-control", "no-store")
            await send(message)

        max_file = self.max_upload_bytes.get(scope["path"], 0)
        max_bytes = max(self.max_body_bytes, max_file and max_file + FORM_ROOM)
        taken = 0

        async def receive_bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > max_bytes:
                raise too_large(max_file) if max_file else HTTPException(413)
            return message

        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > max_bytes:
            too_long = too_large(max_file) if max_file else Refusal(413, *SAID[413])
            await refusal_response(Request(scope), too_long)(scope, receive, send_with_headers)
            return
        await self.app(scope, receive_bounded, send_with_headers)
