"""Programmes: their names and parts, and what one time of them consists of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.bulletin_parts import said_of, said_of_each
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
from broadcast.renderings import want_rendering
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
    keys = _bulletin_keys(session, {one.id: one for all_ in placed.values() for one, _ in all_}, commune, now)
    composer = _Composer(session, commune, parts_of_programme(session, programme_id), keys, now)
    weather = weather_of(session, commune, list(placed))
    return {on: composer.composed_on(programme, on, placed[on], weather.get(on, "")) for on in placed}


_Item = str | Bulletin
"""Something to be spoken: words (or the mark of a clip), or a bulletin."""


@dataclass(frozen=True)
class _Composer:
    """Puts the parts of one programme together."""

    session: Session
    commune: Commune
    parts: Sequence[ProgrammePart]
    bulletin_keys: Mapping[str, str]
    now: datetime
    wanted: dict[tuple[str, Chime | None, bool], str] = field(default_factory=dict)
    """Keys of renderings already asked for: most words are the same on all days."""

    def composed_on(self, programme: Programme, on: date, placed: Sequence[Placed], weather: str) -> Composition:
        """What one day consists of. A chime belongs to what is said after it; the last one, to what it follows."""
        parts = self._parts_for(programme, has_bulletins=bool(placed))
        keys: list[str] = []
        relays: list[RelayPlan] = []
        last: _Item | None = None
        has_chime = has_opening = False
        for part in parts:
            if part.kind is ProgrammePartKind.CHIME:
                has_chime = True
                continue
            if part.kind is ProgrammePartKind.RELAY:
                relays.append(_relay(part, len(keys)))
            for item in self._items(part, on, placed, weather):
                keys.append(self._key(item, Chime.NORMAL if has_chime else None))
                last, has_opening, has_chime = item, has_chime, False
        if has_chime and last is not None:
            keys[-1] = self._key(last, Chime.NORMAL if has_opening else None, closes=True)
        return Composition(keys[:MAX_CLIPS], relays if keys else ())

    def _parts_for(self, programme: Programme, *, has_bulletins: bool) -> Sequence[ProgrammePart]:
        kinds = [part.kind for part in self.parts]
        if has_bulletins or ProgrammePartKind.BULLETINS not in kinds:
            return self.parts
        if programme.when_empty is WhenEmpty.SKIP:
            return ()
        before = self.parts[: kinds.index(ProgrammePartKind.BULLETINS)]
        return [part for part in before if part.kind in {ProgrammePartKind.CHIME, ProgrammePartKind.GREETING}]

    def _items(self, part: ProgrammePart, on: date, placed: Sequence[Placed], weather: str) -> list[_Item]:
        if part.kind is ProgrammePartKind.BULLETINS:
            return [bulletin for bulletin, times in placed for _ in range(times)]
        if part.kind in SPOKEN:
            said = fill_slots(part.text, self.commune.name, on, weather)
        else:
            said = join_said([ClipMark(part.clip_sha256)]) if part.clip_sha256 else ""
        return [said] if said and part.kind is not ProgrammePartKind.RELAY else []

    def _key(self, item: _Item, chime: Chime | None, *, closes: bool = False) -> str:
        if isinstance(item, Bulletin) and chime is None and not closes:
            return self.bulletin_keys[item.id]
        what = (item.id if isinstance(item, Bulletin) else item, chime, closes)
        if what not in self.wanted:
            self.wanted[what] = want_rendering(
                self.session,
                said_of(self.session, item) if isinstance(item, Bulletin) else item,
                self.commune.voice,
                chime.value if chime else None,
                item.urgency if isinstance(item, Bulletin) else Urgency.NORMAL,
                self.now,
                has_closing_chime=closes,
                is_read_twice=isinstance(item, Bulletin) and item.is_read_twice,
            ).key
        return self.wanted[what]


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
    for id_, said in said_of_each(session, unknown).items() if unknown else ():
        bulletin = bulletins[id_]
        rendering = want_rendering(
            session, said, commune.voice, None, bulletin.urgency, now, is_read_twice=bulletin.is_read_twice
        )
        bulletin.programme_key = rendering.key
        session.add(bulletin)
    return {id_: bulletin.programme_key or "" for id_, bulletin in bulletins.items()}
