"""Programmes: their names and parts, and what one time of them consists of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.bulletin_parts import said_of_each
from broadcast.errors import Conflict, NotFound
from broadcast.models import (
    Bulletin,
    Commune,
    Programme,
    ProgrammePart,
    ProgrammePartKind,
    Rendering,
    User,
    WhenEmpty,
    row_id,
)
from broadcast.placements import Placed, placed_on
from broadcast.programme_parts import (
    SPOKEN,
    ProgrammePartDraft,
    framed_by,
    parts_of_programme,
    store_programme_parts,
    weather_of,
)
from broadcast.reading_rules import rules_of
from broadcast.relays import RelayPlan
from broadcast.renderings import Wish, want_renderings
from broadcast.said_script import ClipMark, join_said
from broadcast.slots import fill_slots
from broadcast.typed_text import clean_line
from players.messages import MAX_CLIPS, OnFailure, Urgency
from tts.chimes import Chime


@dataclass(frozen=True, slots=True)
class Composition:
    """What a broadcast consists of: the rendering keys of its parts in order, and the relays between them."""

    keys: Sequence[str] = ()
    relays: Sequence[RelayPlan] = ()


@dataclass(frozen=True, slots=True)
class ProgrammeDraft:
    """All that can be said of a programme."""

    name: str
    parts: Sequence[ProgrammePartDraft]
    when_empty: WhenEmpty = WhenEmpty.SKIP


def create_programme(
    session: Session, commune: Commune, *, name: str, greeting: str, closing: str, now: datetime, actor: str
) -> Programme:
    """Add the usual programme: chime and greeting, the day's bulletins, closing.

    Raises:
        InvalidInput: a text cannot be used.
    """
    draft = ProgrammeDraft(name, framed_by(greeting, closing))
    return _add(session, commune, draft, None, now, actor)


def add_programme(session: Session, commune: Commune, draft: ProgrammeDraft, now: datetime, user: User) -> Programme:
    """Add a programme as it was typed.

    Raises:
        InvalidInput: the name or a part cannot be used.
    """
    return _add(session, commune, draft, user, now, user.username)


def edit_programme(
    session: Session, programme_id: int, revision: int, draft: ProgrammeDraft, now: datetime, user: User
) -> Programme:
    """Change a programme that is still as it was read; what is planned of it follows at the next planning.

    Raises:
        NotFound: there is no such programme.
        Conflict: somebody has changed it since that revision.
        InvalidInput: the name or a part cannot be used.
    """
    programme = get_programme(session, programme_id)
    if programme.revision != revision:
        raise Conflict("changed-meanwhile", "Người khác vừa sửa chương trình này. Hãy tải lại trang rồi sửa tiếp.")
    before = _said(session, programme)
    programme.name, programme.when_empty = clean_line(draft.name, "name"), draft.when_empty
    store_programme_parts(session, programme, draft.parts, user)
    programme.revision += 1
    session.add(programme)
    session.flush()
    said = {"before": before, "after": _said(session, programme)}
    record(session, now, user.username, "edit-programme", str(programme_id), said)
    return programme


def get_programme(session: Session, programme_id: int) -> Programme:
    """A programme.

    Raises:
        NotFound: there is no such programme.
    """
    programme = session.get(Programme, programme_id)
    if programme is None:
        raise NotFound("no-programme", "Không có chương trình này.")
    return programme


def list_programmes(session: Session) -> list[Programme]:
    """All programmes by name."""
    return list(session.exec(select(Programme).order_by(col(Programme.name), col(Programme.id))))


def parts_by_day(
    session: Session, programme_id: int, zone_ids: Collection[int], days: Iterable[date], now: datetime
) -> dict[date, Composition]:
    """What a programme consists of on each of these days.

    On a day without a bulletin it is what the programme says: nothing, or its chime and greeting. What is not rendered
    yet is wanted from now on.

    Raises:
        NotFound: there is no such programme.
    """
    programme = get_programme(session, programme_id)
    commune = session.get_one(Commune, programme.commune_id)
    placed = placed_on(session, programme_id, zone_ids, days)
    composer = _Composer(commune.name, programme.when_empty, parts_of_programme(session, programme_id))
    weather = weather_of(session, commune, list(placed))
    outlines = {on: composer.outline(on, placed[on], weather.get(on, "")) for on in placed}
    bulletins = {one.id: one for of_day in placed.values() for one, _ in of_day}
    keys = _keys_of(session, commune, {one for day in outlines.values() for one in day.items}, bulletins, now)
    return {
        on: Composition([keys[one] for one in day.items][:MAX_CLIPS], day.relays if day.items else ())
        for on, day in outlines.items()
    }


@dataclass(frozen=True, slots=True)
class _Item:
    """Something to be spoken: words (or the mark of a clip), or a bulletin; with the chimes that go with it."""

    words: str = ""
    bulletin: str | None = None
    chime: Chime | None = None
    closes: bool = False


@dataclass(frozen=True, slots=True)
class _Outline:
    """What a day's programme says, before it is known which renderings that is."""

    items: Sequence[_Item]
    relays: Sequence[RelayPlan]


@dataclass(frozen=True)
class _Composer:
    """Puts the parts of one programme together."""

    commune_name: str
    when_empty: WhenEmpty
    parts: Sequence[ProgrammePart]

    def outline(self, on: date, placed: Sequence[Placed], weather: str) -> _Outline:
        """What one day consists of. A chime belongs to what is said after it; the last one, to what it follows."""
        items: list[_Item] = []
        relays: list[RelayPlan] = []
        has_chime = False
        for part in self._parts_for(has_bulletins=bool(placed)):
            if part.kind is ProgrammePartKind.CHIME:
                has_chime = True
                continue
            if part.kind is ProgrammePartKind.RELAY:
                relays.append(_relay(part, len(items)))
            for item in self._items(part, on, placed, weather):
                items.append(replace(item, chime=Chime.NORMAL if has_chime else None))
                has_chime = False
        if has_chime and items:
            items[-1] = replace(items[-1], closes=True)
        return _Outline(items, relays)

    def _parts_for(self, *, has_bulletins: bool) -> Sequence[ProgrammePart]:
        kinds = [part.kind for part in self.parts]
        if has_bulletins or ProgrammePartKind.BULLETINS not in kinds:
            return self.parts
        if self.when_empty is WhenEmpty.SKIP:
            return ()
        before = self.parts[: kinds.index(ProgrammePartKind.BULLETINS)]
        return [part for part in before if part.kind in {ProgrammePartKind.CHIME, ProgrammePartKind.GREETING}]

    def _items(self, part: ProgrammePart, on: date, placed: Sequence[Placed], weather: str) -> list[_Item]:
        if part.kind is ProgrammePartKind.BULLETINS:
            return [_Item(bulletin=bulletin.id) for bulletin, times in placed for _ in range(times)]
        if part.kind in SPOKEN:
            said = fill_slots(part.text, self.commune_name, on, weather)
        else:
            said = join_said([ClipMark(part.clip_sha256)]) if part.clip_sha256 else ""
        return [_Item(words=said)] if said and part.kind is not ProgrammePartKind.RELAY else []


def _add(
    session: Session, commune: Commune, draft: ProgrammeDraft, user: User | None, now: datetime, actor: str
) -> Programme:
    programme = Programme(
        commune_id=row_id(commune.id), name=clean_line(draft.name, "name"), when_empty=draft.when_empty
    )
    session.add(programme)
    session.flush()
    store_programme_parts(session, programme, draft.parts, user)
    record(session, now, actor, "create-programme", programme.name, _said(session, programme))
    return programme


def _said(session: Session, programme: Programme) -> dict[str, object]:
    """A programme as the audit log keeps it."""
    parts = parts_of_programme(session, row_id(programme.id))
    return {
        "name": programme.name,
        "when_empty": programme.when_empty.value,
        "parts": [
            [part.kind.value, part.text or part.clip_sha256, *([part.stream_url] if part.stream_url else [])]
            for part in parts
        ],
    }


def _relay(part: ProgrammePart, after_parts: int) -> RelayPlan:
    return RelayPlan(
        after_parts=after_parts,
        name=part.text,
        url=part.stream_url or "",
        lasts_ms=1000 * (part.lasts_s or 0),
        starts_after_ms=None if part.starts_after_s is None else 1000 * part.starts_after_s,
        on_failure=part.on_failure or OnFailure.SILENCE,
        fallback_sha256=part.clip_sha256,
    )


def _keys_of(
    session: Session, commune: Commune, items: Collection[_Item], bulletins: Mapping[str, Bulletin], now: datetime
) -> dict[_Item, str]:
    """The rendering keys of all that is said; what is not rendered yet is wanted from now on."""
    of_bulletins = _bulletin_keys(session, bulletins, commune, now)
    keys = {_Item(bulletin=id_): key for id_, key in of_bulletins.items()}
    others = [one for one in items if one not in keys]
    with_chime = {one.bulletin: bulletins[one.bulletin] for one in others if one.bulletin}
    said = said_of_each(session, list(with_chime.values())) if with_chime else {}
    wishes = [
        _wish(said[one.bulletin] if one.bulletin else one.words, commune.voice, one, with_chime.get(one.bulletin or ""))
        for one in others
    ]
    return keys | {
        one: rendering.key for one, rendering in zip(others, want_renderings(session, wishes, now), strict=True)
    }


def _wish(script: str, voice: str, item: _Item, bulletin: Bulletin | None = None) -> Wish:
    return Wish(
        script,
        voice,
        item.chime.value if item.chime else None,
        bulletin.urgency if bulletin else Urgency.NORMAL,
        has_closing_chime=item.closes,
        is_read_twice=bulletin is not None and bulletin.is_read_twice,
    )


def _bulletin_keys(
    session: Session, bulletins: Mapping[str, Bulletin], commune: Commune, now: datetime
) -> dict[str, str]:
    """The keys of bulletins as they are aired within a programme, by the commune's voice and reading rules of now."""
    current = select(Rendering.key).where(
        col(Rendering.key).in_([one.programme_key for one in bulletins.values() if one.programme_key]),
        Rendering.voice == commune.voice,
        Rendering.rate == commune.rate,
        Rendering.rules_sha256 == rules_of(session).sha256,
    )
    known = set(session.exec(current))
    unknown = [one for one in bulletins.values() if one.programme_key not in known]
    if unknown:
        said = said_of_each(session, unknown)
        wishes = [_wish(said[one.id], commune.voice, _Item(bulletin=one.id), one) for one in unknown]
        for bulletin, rendering in zip(unknown, want_renderings(session, wishes, now), strict=True):
            bulletin.programme_key = rendering.key
            session.add(bulletin)
    return {id_: bulletin.programme_key or "" for id_, bulletin in bulletins.items()}
