"""The texts of the screens: all of them in one catalogue, all of them in English, none of them past it."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests.web.conftest import Browser, SignIn
from tests.web.test_doors import PAGES
from web.text_sources import CATALOGUE, ROOT, VIETNAMESE, texts, translations, updated, vietnamese_in, write
from web.texts import PLACE, Language, gettext, speaking, told

TEMPLATES = ROOT / "web" / "templates"
MARKED = re.compile(r"""_\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
COMMENT = re.compile(r"{#.*?#}|^\s*//.*$", re.DOTALL | re.MULTILINE)
SAME_IN_ALL = {
    "Loa Làng": "the name of the program",
    "Tiếng Việt": "a language is called by its own name where it is chosen",
}
NAMES = re.compile(r"%\((\w+)\)s")
TYPED = ("Loa Làng", "Xã Hòa Bình An", "Hòa Bình An", "Thôn Đông", "Thôn Tây", "Bà ")
"""What the people of the seeded commune call things."""
QUOTED = re.compile(r"{[^{}]*}|“[^”]*”|\([^()]*\)|\bTết\b|chữ, giờ, ngày, nơi, số")
"""Vietnamese that an English sentence speaks of: slots, words as they are read."""
NO_PAGES = {"/truc-tiep", "/dang-nhap"}


def places(text: str) -> set[str]:
    """What is filled into a text, with how it is written."""
    return {*NAMES.findall(text), *(place[0] for place in PLACE.finditer(text))}


@pytest.fixture(scope="module")
def english() -> dict[str, str]:
    return translations()


def test_every_text_of_the_sources_is_in_the_catalogue(english: dict[str, str]) -> None:
    """If not: `make texts`, then write its English."""
    assert sorted(set(texts()) - set(english)) == []


def test_the_catalogue_is_written_the_same_way_again(english: dict[str, str]) -> None:
    made = [BytesIO(), BytesIO()]
    write(updated(english), made[0])
    made[0].seek(0)
    again = {str(message.id): str(message.string) for message in read_po(made[0], locale="en") if message.id}
    assert again == {text: english[text] for text in texts()}
    write(updated(again), made[1])
    assert made[1].getvalue() == made[0].getvalue()


def test_every_text_has_its_english(english: dict[str, str]) -> None:
    assert [text for text, said in english.items() if not said.strip()] == []
    assert "#, fuzzy" not in CATALOGUE.read_text("utf-8")


def test_every_translation_fills_in_what_its_text_does(english: dict[str, str]) -> None:
    wrong = [text for text, said in english.items() if places(text) != places(said)]
    assert wrong == []


def test_no_translation_brings_marks_of_its_own(english: dict[str, str]) -> None:
    """Texts of templates are HTML: a quote or a tag more would break an attribute or the page."""
    signs = ("<", ">", '"', "%%")
    wrong = [text for text, said in english.items() if any(text.count(sign) != said.count(sign) for sign in signs)]
    assert wrong == []


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.*")), ids=lambda path: path.name)
def test_no_template_speaks_past_the_catalogue(path: Path) -> None:
    source = COMMENT.sub("", path.read_text("utf-8"))
    source = MARKED.sub("", source)
    for same in SAME_IN_ALL:
        source = source.replace(same, "")
    assert [line.strip() for line in source.splitlines() if VIETNAMESE.search(line)] == []


def test_no_browser_module_speaks_past_the_catalogue() -> None:
    marked = re.compile(r"""gettext\(\s*"[^"]*\"""")
    for path in (ROOT / "web" / "static").glob("*.js"):
        source = marked.sub("", re.sub(r"^\s*//.*$", "", path.read_text("utf-8"), flags=re.MULTILINE))
        assert [line.strip() for line in source.splitlines() if VIETNAMESE.search(line)] == [], path.name


def test_strings_of_python_are_found_with_their_places() -> None:
    source = '''
"""Tài liệu"""
def f(zone, count):
    """Giải thích."""
    said = f"Thôn {zone.name} có {len(count):,} cụm loa" if zone else "Chưa có " "thôn nào"
    return said, Words({1: "xem"}), "English"
'''
    assert vietnamese_in(source) == ["Thôn {name} có {count} cụm loa", "Chưa có thôn nào", "xem"]


@pytest.mark.parametrize(
    ("said", "english"),
    [
        ("Cụm loa đã bị thu hồi quyền.", "The pole has been revoked."),
        ("Tin quá dài, không có trong danh mục.", "Tin quá dài, không có trong danh mục."),
        (
            "Bản ghi đang dùng trong bản tin «Họp thôn».",
            "The recording is used in the bulletin «Họp thôn».",
        ),
        ("Đã có tài khoản «a.*{b}».", "There is already an account «a.*{b}»."),
        ("Diễn tập: Bão", "Drill: Storm"),
        ("từ 05/09/2026", "from 05/09/2026"),
        ("", ""),
    ],
)
def test_a_composed_sentence_is_known_by_its_pattern(said: str, english: str) -> None:
    assert told(said) == said
    with speaking(Language.ENGLISH):
        assert told(said) == english


def test_what_is_said_elsewhere_is_not_in_english() -> None:
    with speaking(Language.ENGLISH):
        assert gettext("Duyệt") == "Approve"
        with speaking(Language.VIETNAMESE):
            assert gettext("Duyệt") == "Duyệt"
    assert gettext("Duyệt") == "Duyệt"


async def choose(browser: Browser, chosen: str) -> None:
    """Press a button of the choice at the foot of the page, as a browser does that says where the form stood."""
    page = str(browser.answer.url)
    browser.http.headers.update({"origin": "http://loa.test", "referer": page})
    await browser.send("footer.languages form", button=f"language={chosen}")


def left_over(page: HTMLParser) -> set[str]:
    """Vietnamese on a page that is not marked as such, without what people called things."""
    for marked in page.css("[lang=vi], textarea, option, code, script, style"):
        marked.decompose()
    said = page.body.text(separator="\n") if page.body else ""
    said = QUOTED.sub("", re.sub("|".join(map(re.escape, TYPED)), "", said))
    return {line.strip() for line in said.splitlines() if VIETNAMESE.search(line)}


@pytest.mark.parametrize("username", ["officer", "leader", "head", "admin"])
async def test_pages_in_english_are_in_english(username: str, browse: SignIn) -> None:
    browser = await browse(username)
    await choose(browser, "en")
    for path in sorted(path.removeprefix("GET ") for path in PAGES if path.startswith("GET ") and "{" not in path):
        if "." in path or path in NO_PAGES:
            continue
        page = await browser.get(path)
        if browser.answer.status_code != 200 or "<html" not in browser.answer.text:  # a part of a page, a file
            continue
        assert browser.attributes("html")["lang"] == "en", path
        assert left_over(page) == set(), path


async def test_the_choice_goes_back_to_its_page_and_lasts(browse: SignIn) -> None:
    officer = await browse("officer")
    await officer.get("/nhat-ky?ngay=2026-09-20")
    assert officer.attributes("html")["lang"] == "vi"
    await choose(officer, "en")
    assert (officer.path, officer.answer.url.query) == ("/nhat-ky", b"ngay=2026-09-20")
    assert officer.text("main h1") == "As-run log"
    await officer.get("/cum-loa")
    assert officer.text("main h1") == "Poles"
    await choose(officer, "vi")
    assert (officer.path, officer.text("main h1")) == ("/cum-loa", "Cụm loa")


async def test_the_browsers_own_language_changes_nothing(browse: SignIn) -> None:
    officer = await browse("officer")
    officer.http.headers["accept-language"] = "en-GB,en;q=0.9"
    await officer.get("/cum-loa")
    assert officer.text("main h1") == "Cụm loa"


async def test_the_choice_is_there_before_signing_in(nobody: Browser) -> None:
    await nobody.get("/dang-nhap")
    await choose(nobody, "en")
    assert (nobody.path, nobody.text("main h1")) == ("/dang-nhap", "Sign in")
    await nobody.send("main form", username="officer", password="wrong")
    assert nobody.text("[role=alert]") == "The user name or the password is wrong."
    assert "Loa Làng" in nobody.text("title")


async def test_refusals_are_in_the_readers_language(browse: SignIn) -> None:
    officer = await browse("officer")
    await choose(officer, "en")
    await officer.get("/nguoi-dung")
    assert (officer.answer.status_code, officer.text("[role=alert]")) == (403, "You may not do this.")
    answer = await officer.http.get("/api/bulletins/none")
    assert answer.json()["error"]["message"] == "There is no such bulletin."
    del officer.http.cookies["loalang-language"]
    answer = await officer.http.get("/api/bulletins/none")
    assert answer.json()["error"]["message"] == "Không có bản tin này."


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://elsewhere.test"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "http://loa.test.elsewhere.test"},
        {"origin": "http://loa.test", "sec-fetch-site": "cross-site"},
        {"origin": "http://loa.test", "sec-fetch-site": "same-site"},
    ],
    ids=str,
)
async def test_no_other_site_chooses(headers: dict[str, str], nobody: Browser) -> None:
    answer = await nobody.http.post("/ngon-ngu", data={"language": "en"}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_proxy_may_call_the_server_by_another_name(nobody: Browser) -> None:
    public = "https://loa.xa.test"
    headers = {"origin": public, "sec-fetch-site": "same-origin", "referer": f"{public}/cum-loa?x=1"}
    answer = await nobody.http.post("/ngon-ngu", data={"language": "en"}, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/cum-loa?x=1")


@pytest.mark.parametrize(
    "referer", ["", "http://[", "http://elsewhere.test/cum-loa", "http://loa.test//elsewhere.test/"]
)
async def test_the_choice_leads_nowhere_else(referer: str, nobody: Browser) -> None:
    headers = {"origin": "http://loa.test", "referer": referer}
    answer = await nobody.http.post("/ngon-ngu", data={"language": "en"}, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("chosen", ["", "fr", "EN", "vi\r\nx: y"])
async def test_only_our_languages_can_be_chosen(chosen: str, nobody: Browser) -> None:
    headers = {"origin": "http://loa.test"}
    answer = await nobody.http.post("/ngon-ngu", data={"language": chosen}, headers=headers)
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


async def test_papers_that_are_handed_upward_stay_vietnamese(browse: SignIn) -> None:
    officer = await browse("officer")
    await choose(officer, "en")
    for path in ("/nhat-ky.csv", "/bao-cao.csv"):
        table = (await officer.http.get(path)).text
        assert "Cụm loa" in table
        assert "Pole" not in table
