"""The commune's lexicon: how it says its places, names and abbreviations; and how it says numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Query, Response

from broadcast.errors import BroadcastError
from broadcast.lexicon import add_word, change_word, check_word, get_word, list_words, remove_word
from broadcast.lexicon_table import TablePlan, bring_in, decode_table, plan_table, take_out
from broadcast.models import LexiconEntry
from broadcast.permissions import Action, may
from broadcast.reading_rules import rules_of, set_style, style_choices
from broadcast.rereading import Touched
from broadcast.users import list_users
from web.deps import Door, Fields, PostedForm, SignedIn, allowed
from web.errors import Refusal, refusal_of
from web.pages.listen import ListenFragment, Sound
from web.teaching import change_rules, hear_word
from web.templating import Page
from web.words import STYLE

router = APIRouter(prefix="/tu-dien", include_in_schema=False)
Editor = Annotated[Door, Depends(allowed(Action.EDIT_LEXICON))]
WordId = Annotated[int, Path(ge=1, le=2**31 - 1)]
SHOWN_AT_MOST = 100


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What was typed and what came of it. `word_id` and `revision` are of the entry that is being changed."""

    written: str = ""
    spoken: str = ""
    note: str = ""
    word_id: int = 0
    revision: int = 0
    done: str = ""
    touched: Sequence[Touched] = ()
    sound: Sound | None = None
    table: str = ""
    plan: TablePlan | None = None
    problem: Refusal | None = None


@dataclass(frozen=True)
class StyleChoice:
    """One way of saying numbers that regions differ in. `options` are values with what they sound like."""

    name: str
    legend: str
    options: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, kw_only=True)
class LexiconPage(Page):
    """The words that were looked for, the form of one, the table's door, and the region's way of numbers."""

    template: ClassVar[str] = "lexicon.html"
    words: Sequence[LexiconEntry]
    editors: dict[int | None, str]
    total: int
    found: int
    search: str
    may_edit: bool
    styles: Sequence[StyleChoice]
    sheet: Sheet = field(default_factory=Sheet)
    sound: Sound | None = None
    problem: Refusal | None = None


@router.get("")
def show_lexicon(door: SignedIn, search: Annotated[str, Query(alias="tim", max_length=100)] = "") -> Response:
    """The words."""
    return _show(door, Sheet(), search)


@router.get(".tsv")
def download(door: SignedIn) -> Response:
    """All words as a table, with the mark by which spreadsheets know Unicode."""
    with door.read() as session:
        tsv = take_out(session)
    headers = {"content-disposition": 'attachment; filename="tu-dien.tsv"'}
    return Response("\ufeff" + tsv, media_type="text/tab-separated-values; charset=utf-8", headers=headers)


@router.post("")
def add(form: PostedForm, door: Editor) -> Response:
    """Add a word, or let it be heard."""
    sheet = _typed(form)
    if form.text("act") == "listen":
        return _show(door, _with_sound(door, sheet))
    try:
        word = check_word(sheet.written, sheet.spoken, sheet.note)
        _, touched = change_rules(door, lambda session: add_word(session, word, door.user, door.now))
    except BroadcastError as error:
        return _show(door, replace(sheet, problem=refusal_of(error)))
    return _show(door, Sheet(done=f"Đã thêm: “{word.written}” đọc là “{word.spoken}”.", touched=touched))


@router.post("/nghe")
def listen_typed(form: PostedForm, door: Editor) -> Response:
    """How what is typed sounds, in the page."""
    return door.show(ListenFragment(sound=_with_sound(door, _typed(form), plays=True).sound))


@router.post("/nhap")
def bring_table_in(form: PostedForm, door: Editor) -> Response:
    """Show what a table would change; then, agreed to, change it."""
    table = form.text("table")
    try:
        table = decode_table(form.file("file")) if form.file("file") else table
        with door.read() as session:
            plan = plan_table(session, table)
        if form.text("act") != "import" or plan.errors or plan.seen != form.text("seen"):
            return _show(door, Sheet(table=table, plan=plan))
        _, touched = change_rules(door, lambda session: bring_in(session, plan, door.user, door.now))
    except BroadcastError as error:
        return _show(door, Sheet(table=table, problem=refusal_of(error)))
    changed = len(plan.changes) - plan.added
    return _show(door, Sheet(done=f"Đã nhập bảng: thêm {plan.added} mục, sửa {changed} mục.", touched=touched))


@router.post("/cach-doc")
def set_reading_style(form: PostedForm, door: Editor) -> Response:
    """Say how numbers are read from now on."""
    style = {name: form.text(name) for name in style_choices()}
    try:
        _, touched = change_rules(door, lambda session: set_style(session, style, door.user, door.now))
    except BroadcastError as error:
        return _show(door, Sheet(problem=refusal_of(error)))
    return _show(door, Sheet(done="Đã đổi cách đọc số.", touched=touched))


@router.get("/{word_id}")
def open_word(word_id: WordId, door: Editor) -> Response:
    """A word in the form."""
    with door.read() as session:
        entry = get_word(session, word_id)
    return _show(door, _sheet_of(entry))


@router.post("/{word_id}")
def act_on_word(word_id: WordId, form: PostedForm, door: Editor) -> Response:
    """Change a word, remove it, or let it be heard."""
    sheet = _typed(form, word_id)
    if form.text("act") == "listen":
        return _show(door, _with_sound(door, sheet))
    try:
        if form.text("act") == "remove":
            _, touched = change_rules(
                door, lambda session: remove_word(session, word_id, sheet.revision, door.user, door.now)
            )
            return _show(door, Sheet(done=f"Đã xóa “{sheet.written}” khỏi từ điển.", touched=touched))
        word = check_word(sheet.written, sheet.spoken, sheet.note)
        _, touched = change_rules(
            door, lambda session: change_word(session, word_id, word, sheet.revision, door.user, door.now)
        )
    except BroadcastError as error:
        return _show(door, replace(sheet, problem=refusal_of(error)))
    return _show(door, Sheet(done=f"Đã sửa: “{word.written}” đọc là “{word.spoken}”.", touched=touched))


@router.post("/{word_id}/nghe")
def listen_word(word_id: WordId, door: SignedIn) -> Response:
    """How a word sounds: in the page by htmx, or on a page of its own."""
    with door.read() as session:
        entry = get_word(session, word_id)
    sound = hear_word(door, entry.spoken, plays=True)
    if "hx-request" in door.request.headers:
        return door.show(ListenFragment(sound=sound))
    return _show(door, Sheet(sound=sound))


def _typed(form: Fields, word_id: int = 0) -> Sheet:
    revision = form.text("revision")
    return Sheet(
        written=form.text("written"),
        spoken=form.text("spoken"),
        note=form.text("note"),
        word_id=word_id,
        revision=int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
    )


def _sheet_of(entry: LexiconEntry) -> Sheet:
    return Sheet(
        written=entry.written,
        spoken=entry.spoken,
        note=entry.note,
        word_id=entry.id or 0,
        revision=entry.revision,
    )


def _with_sound(door: Door, sheet: Sheet, *, plays: bool = False) -> Sheet:
    """The spoken form alone is listened to: what it stands for may still be missing."""
    try:
        word = check_word(sheet.written.strip() or "x", sheet.spoken)
    except BroadcastError as error:
        return replace(sheet, problem=refusal_of(error), sound=Sound(problem=error.message))
    return replace(sheet, sound=hear_word(door, word.spoken, plays=plays))


def _show(door: Door, sheet: Sheet, search: str = "") -> Response:
    with door.read() as session:
        words = list_words(session)
        editors = {user.id: user.name for user in list_users(session)}
        style = asdict(rules_of(session).reading_style)
    sought = search.strip().lower()
    found = [word for word in words if sought in word.written.lower() or sought in word.spoken.lower()]
    page = LexiconPage(
        words=found[:SHOWN_AT_MOST],
        editors=editors,
        total=len(words),
        found=len(found),
        search=search,
        may_edit=may(door.user, Action.EDIT_LEXICON),
        styles=[_style_choice(name, values, style[name]) for name, values in style_choices().items()],
        sheet=sheet,
        sound=sheet.sound,
        problem=sheet.problem,
    )
    return door.show(page, sheet.problem.status if sheet.problem else 200)


def _style_choice(name: str, values: Sequence[str], chosen: str) -> StyleChoice:
    legend, said = STYLE.get(name, (name, {}))
    return StyleChoice(name, legend, [(value, said.get(value, value)) for value in values], chosen)
