"""How a refusal leaves the house: one JSON shape for programs, a page in Vietnamese for people.

    {"error": {"code": "not-yours-to-approve", "message": "…", "field": null}}

`code` is stable English, `message` is Vietnamese and may be shown, `field` names the input that is wrong.
"""

import errno
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match

from broadcast.errors import BroadcastError, Conflict, InvalidInput, NotAllowed, NotFound
from web.templating import render_plain
from web.texts import told

logger = logging.getLogger(__name__)
PROGRAM_PATHS = ("/api/", "/cap/", "/clips/", "/streams/")
STATUS_OF: Mapping[type[BroadcastError], int] = {NotFound: 404, NotAllowed: 403, InvalidInput: 422, Conflict: 409}
SAID: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "Yêu cầu không đọc được."),
    401: ("not-signed-in", "Bạn chưa đăng nhập."),
    403: ("not-allowed", "Bạn không có quyền làm việc này."),
    404: ("not-found", "Không có trang này, hoặc bạn không được xem."),
    405: ("method-not-allowed", "Không thể làm như vậy với trang này."),
    413: ("body-too-long", "Nội dung gửi lên quá dài."),
    416: ("range-not-satisfiable", "Không có phần được yêu cầu của đoạn âm thanh."),
    500: ("internal-error", "Máy chủ gặp lỗi. Việc vừa làm có thể chưa xong; lỗi đã được ghi lại."),
    507: ("disk-full", "Ổ đĩa của máy chủ đã đầy: việc vừa làm chưa được lưu. Hãy báo người quản trị."),
    503: ("unavailable", "Máy chủ chưa sẵn sàng. Xin thử lại sau ít phút."),
}
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
SCOPE_MISSING = ("scope-missing", "Mã truy cập không có phạm vi quyền này.")


class ErrorDetail(BaseModel):
    """What is wrong."""

    code: str
    message: str
    field: str | None = None


class ErrorBody(BaseModel):
    """Every error of the API."""

    error: ErrorDetail


class Refusal(Exception):
    """Something the door itself refuses; `status` is the HTTP status."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = dict(headers or {})


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors an API operation documents, for `responses=`.

    A body that can be too long can also be unreadable; what stores something can find the disk full.
    """
    if 409 in statuses or 413 in statuses:
        statuses = (*statuses, 507)
    if 413 in statuses:
        statuses = (400, *statuses)
    return {status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in sorted(statuses)}


def refusal_of(error: BroadcastError) -> Refusal:
    """A refusal by the house's rules, as HTTP says it."""
    status = next((status for kind, status in STATUS_OF.items() if isinstance(error, kind)), 409)
    return Refusal(status, error.code, error.message, error.field if isinstance(error, InvalidInput) else None)


def is_program(request: Request) -> bool:
    """Whether a program asks, not a browser's page."""
    return request.url.path.startswith(PROGRAM_PATHS)


def refusal_response(request: Request, refusal: Refusal) -> Response:
    """JSON for a program, a page for a person."""
    if refusal.status == 401 and not is_program(request):
        return _to_sign_in(request)
    if refusal.code == "second-factor-required" and request.method == "GET" and not is_program(request):
        return RedirectResponse("/hai-lop", 303)
    message = told(refusal.message)
    detail = ErrorDetail(code=refusal.code, message=message, field=refusal.field)
    if is_program(request):
        return JSONResponse(ErrorBody(error=detail).model_dump(), refusal.status, dict(refusal.headers))
    return render_plain(refusal.status, message, dict(refusal.headers))


def _to_sign_in(request: Request) -> Response:
    there, back = "/dang-nhap", _page_of(request)
    if back not in ("", "/"):
        there += "?" + urlencode({"tiep": back})
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"hx-redirect": there})
    return RedirectResponse(there, 303)


def _page_of(request: Request) -> str:
    """The page on which somebody was who asks for something; empty when that is not known."""
    if request.method == "GET" and "hx-request" not in request.headers:
        return request.url.path
    came_from = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer") or "")
    if came_from.netloc != request.url.netloc:
        return ""
    # What was an answer to a form is no page that can be opened.
    opened = {"type": "http", "method": "GET", "path": came_from.path, "root_path": ""}
    return came_from.path if any(one.matches(opened)[0] is Match.FULL for one in request.app.routes) else ""


def install_error_handlers(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Give `app` the house's way of refusing. `headers` go on what is answered outside the guard."""

    async def on_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - Starlette picks the handler by this type
        return refusal_response(request, error)

    async def on_broadcast_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, BroadcastError)  # noqa: S101
        return refusal_response(request, refusal_of(error))

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        code, message = SAID.get(error.status_code, ("refused", "Máy chủ không nhận yêu cầu này."))
        return refusal_response(request, Refusal(error.status_code, code, message, headers=error.headers or {}))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return refusal_response(request, _invalid(error))

    async def on_storage(request: Request, error: Exception) -> Response:
        is_full = getattr(getattr(error, "orig", None), "sqlite_errorname", "") == "SQLITE_FULL"
        if not is_full and getattr(error, "errno", None) not in DISK_FULL:
            return await on_bug(request, error)
        logger.error("%s %s: the server's disk is full", request.method, request.url.path)
        return refusal_response(request, Refusal(507, *SAID[507]))

    async def on_bug(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        code, message = SAID[500]
        return refusal_response(request, Refusal(500, code, message, headers=headers))

    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(BroadcastError, on_broadcast_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(OperationalError, on_storage)
    app.add_exception_handler(OSError, on_storage)
    app.add_exception_handler(Exception, on_bug)


def _invalid(error: RequestValidationError) -> Refusal:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    said = "Nội dung gửi lên không đọc được." if not where else f"Ô “{where[0]}” không hợp lệ."
    return Refusal(422, "invalid-input", said, ".".join(where) or None)
