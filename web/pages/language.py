"""The language of the screens: a choice at the foot of each page, kept in a cookie of the browser."""

from urllib.parse import SplitResult, urlsplit

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from web.deps import PostedForm, StationDep
from web.errors import SAID, Refusal
from web.pages.sign_in import safe_path
from web.texts import COOKIE, Language

router = APIRouter(include_in_schema=False)
_YEAR_S = 366 * 24 * 3600


@router.post("/ngon-ngu")
def choose_language(request: Request, station: StationDep, form: PostedForm) -> Response:
    """Keep the choice and go back to the page it was made on.

    Anybody may choose, also before signing in, when there is no session whose secret a form could carry: a form from
    another site is told by where the browser says that it comes from.

    Raises:
        Refusal: 403, the form is not from a page of ours; 400, we do not speak that language.
    """
    if not _is_own(request):
        raise Refusal(403, "stale-form", "Trang đã cũ. Hãy tải lại trang.")
    chosen = form.text("language")
    if chosen not in set(Language):
        raise Refusal(400, *SAID[400])
    response = RedirectResponse(_page_before(request), 303)
    response.set_cookie(
        COOKIE, chosen, max_age=_YEAR_S, httponly=True, samesite="lax", secure=station.settings.http.is_secure
    )
    return response


def _is_own(request: Request) -> bool:
    """Whether the form stood on a page of ours, as the browser says.

    By `Sec-Fetch-Site` where pages come by TLS, whatever a proxy makes of the host; else by `Origin`.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = _address(request, "origin").netloc
    return bool(origin) and origin == request.headers.get("host", "")


def _page_before(request: Request) -> str:
    before = _address(request, "referer")
    if before.netloc != _address(request, "origin").netloc:
        return "/"
    return safe_path(before.path + (f"?{before.query}" if before.query else ""))


def _address(request: Request, header: str) -> SplitResult:
    """The address in a header; an empty one for none, and for what is no address."""
    try:
        return urlsplit(request.headers.get(header, ""))
    except ValueError:
        return urlsplit("")
