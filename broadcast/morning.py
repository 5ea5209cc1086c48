"""Will the morning sound? Every broadcast until noon at every pole, checked while there is time to mend it. Pure.

Texts are Vietnamese: what will not sound, why, and what to do.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict

from broadcast.alarm_poles import Trouble
from broadcast.lifecycle import WhyNot, why_text
from broadcast.models import AlarmKind

FETCHED_WITHIN = timedelta(minutes=10)
"""What is rendered or fetched just now is there by then, if anything works."""
_KEEPS_SILENT = {AlarmKind.POLE_NO_OUTPUT, AlarmKind.POLE_VOLUME, AlarmKind.POLE_CLOCK}
"""Of a pole's own troubles, those with which nothing planned is heard."""


class Clips(StrEnum):
    """Whether a broadcast's sound is made."""

    READY = "ready"
    WANTED = "wanted"


@dataclass(frozen=True, slots=True)
class PoleFacts:
    """A pole as it was heard last."""

    slug: str
    name: str
    is_paired: bool
    is_heard: bool
    cued: frozenset[str]
    """The broadcasts it says it holds whole."""
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True)
class BroadcastFacts:
    """A broadcast that is due in the morning. `why_not`: what will refuse it."""

    id: str
    title: str
    starts_at: datetime
    clips: Clips
    why_not: WhyNot | None
    poles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MorningFacts:
    """All that the check looks at."""

    now: datetime
    until: datetime
    broadcasts: tuple[BroadcastFacts, ...]
    poles: Mapping[str, PoleFacts]
    voice: str
    voice_trouble: str
    """Why the commune's voice cannot speak now; empty when it can."""


class Finding(BaseModel):
    """Something that stands in the way. Without `pole` it is so at all poles, without `broadcast` for everything."""

    model_config = ConfigDict(frozen=True)

    broadcast: str | None
    title: str
    starts_at: AwareDatetime | None
    pole: str | None
    pole_name: str
    is_silent: bool
    """It will not sound. Otherwise it may not."""
    code: str
    text: str
    todo: str


class MorningResult(BaseModel):
    """What the check found."""

    model_config = ConfigDict(frozen=True)

    checked_at: AwareDatetime
    until: AwareDatetime
    broadcasts: int
    poles: int
    findings: tuple[Finding, ...]

    @property
    def silent(self) -> tuple[Finding, ...]:
        """What will not sound."""
        return tuple(one for one in self.findings if one.is_silent)


def check_morning(facts: MorningFacts) -> MorningResult:
    """What will not, or may not, sound: in order of the hour, for each broadcast the poles by name."""
    findings = list(_of_voice(facts))
    for broadcast in sorted(facts.broadcasts, key=lambda one: (one.starts_at, one.id)):
        own = list(_of_broadcast(broadcast, facts))
        findings += own
        if not any(one.is_silent for one in own):
            findings += _of_poles(broadcast, facts)
    poles = {slug for one in facts.broadcasts for slug in one.poles}
    return MorningResult(
        checked_at=facts.now,
        until=facts.until,
        broadcasts=len(facts.broadcasts),
        poles=len(poles),
        findings=tuple(findings),
    )


def due_on(now: datetime, zone: ZoneInfo, at: time, until: time, checked: Collection[date]) -> date | None:
    """The day whose own check is to be made now; none when it is not time, or it was made.

    Args:
        now: the present. A server that is started in the morning makes the check then.
        zone: the commune's.
        at: when it is due, local time.
        until: the end of the morning, local time.
        checked: the days that have been checked by themselves.
    """
    local = now.astimezone(zone)
    is_time = at <= local.time() < until
    return local.date() if is_time and local.date() not in checked else None


def end_of_morning(now: datetime, zone: ZoneInfo, until: time) -> datetime:
    """The end of this morning, after it that of the next one (UTC)."""
    local = now.astimezone(zone)
    on = local.date() if local.time() < until else local.date() + timedelta(days=1)
    return datetime.combine(on, until, zone).astimezone(now.tzinfo)


def say_silent(result: MorningResult, zone: ZoneInfo, at_most: int = 5) -> str:
    """What will not sound, in one line: `05:30 Bản tin sáng (mọi cụm loa); Cột 1, Cột 2`."""
    everywhere = [f"{_at(one, zone)} {one.title} (mọi cụm loa)" for one in result.silent if one.pole is None]
    poles = list(dict.fromkeys(one.pole_name for one in result.silent if one.pole is not None))
    said = [*everywhere, *poles]
    return "; ".join(said[:at_most]) + (f" và {len(said) - at_most} nơi nữa" if len(said) > at_most else "")


def _of_voice(facts: MorningFacts) -> Iterator[Finding]:
    if facts.voice_trouble and facts.broadcasts:
        text = f"Giọng đọc {facts.voice} chưa sẵn sàng: {facts.voice_trouble}"
        todo = "Mở trang Giọng đọc để xem. Những gì đã tạo âm thanh vẫn phát."
        yield _finding(None, None, code="voice", text=text, todo=todo, is_silent=False)


def _of_broadcast(one: BroadcastFacts, facts: MorningFacts) -> Iterator[Finding]:
    if one.why_not is not None:
        todo = _REFUSED_TODO.get(one.why_not, "Sửa lịch phát hoặc quy định giờ phát nếu vẫn muốn phát.")
        yield _finding(one, None, code=one.why_not, text=why_text(one.why_not), todo=todo)
    elif not one.poles:
        todo = "Thêm cụm loa cho khu vực này, hoặc bỏ khu vực khỏi lịch."
        yield _finding(one, None, code=WhyNot.NO_NODES, text=why_text(WhyNot.NO_NODES), todo=todo)
    elif one.clips is Clips.WANTED:
        is_silent = bool(facts.voice_trouble) or one.starts_at - facts.now < FETCHED_WITHIN
        todo = "Kiểm tra bộ tạo âm thanh (trang Cảnh báo, trang Giọng đọc)." if is_silent else "Xem lại sau 10 phút."
        yield _finding(one, None, code="clips", text="Âm thanh chưa tạo xong.", todo=todo, is_silent=is_silent)


def _of_poles(one: BroadcastFacts, facts: MorningFacts) -> Iterator[Finding]:
    for pole in sorted((facts.poles[slug] for slug in one.poles), key=lambda pole: (pole.name, pole.slug)):
        if not pole.is_paired:
            todo = "Ghép hộp loa ở trang Cụm loa, hoặc bỏ cụm loa này."
            yield _finding(one, pole, code=WhyNot.NODE_NOT_PAIRED, text=why_text(WhyNot.NODE_NOT_PAIRED), todo=todo)
        elif not pole.is_heard:
            holds = "Nếu hộp loa còn điện, nó tự phát theo lịch đã nhận. " if one.id in pole.cued else ""
            todo = f"{holds}Kiểm tra điện và mạng tại cột."
            yield _finding(one, pole, code=AlarmKind.POLE_SILENT, text="Không có tín hiệu của cụm loa.", todo=todo)
        else:
            yield from _of_heard_pole(one, pole, facts.now)


def _of_heard_pole(one: BroadcastFacts, pole: PoleFacts, now: datetime) -> Iterator[Finding]:
    for trouble in pole.troubles:
        if trouble.kind is not None and trouble.kind is not AlarmKind.POLE_REFUSED:
            text = trouble.text[:1].upper() + trouble.text[1:]
            is_silent = trouble.kind in _KEEPS_SILENT
            yield _finding(one, pole, code=trouble.kind, text=text, todo=trouble.todo, is_silent=is_silent)
    if one.clips is Clips.READY and one.id not in pole.cued:
        when = "và sắp đến giờ phát" if one.starts_at - now < FETCHED_WITHIN else "đang chờ tải"
        text = f"Cụm loa chưa có đủ âm thanh của lượt phát này, {when}."
        todo = "Kiểm tra mạng và bộ nhớ của cụm loa. Đến giờ, cụm loa sẽ thử phát qua mạng."
        yield _finding(one, pole, code="not-cued", text=text, todo=todo, is_silent=False)


_REFUSED_TODO: Mapping[WhyNot, str] = {
    WhyNot.NOTHING_TO_AIR: "Duyệt một bản tin cho chương trình này, hoặc cho chương trình nghỉ hôm nay.",
    WhyNot.RENDERING_FAILED: "Mở bản tin, nghe thử và gửi duyệt lại; kiểm tra trang Giọng đọc.",
    WhyNot.QUIET_HOURS: "Đổi giờ của lịch phát, hoặc giờ được phép phát ở trang Giờ phát.",
}


def _finding(
    broadcast: BroadcastFacts | None,
    pole: PoleFacts | None,
    *,
    code: str,
    text: str,
    todo: str,
    is_silent: bool = True,
) -> Finding:
    return Finding(
        broadcast=None if broadcast is None else broadcast.id,
        title="" if broadcast is None else broadcast.title,
        starts_at=None if broadcast is None else broadcast.starts_at,
        pole=None if pole is None else pole.slug,
        pole_name="" if pole is None else pole.name,
        is_silent=is_silent,
        code=str(code),
        text=text,
        todo=todo,
    )


def _at(one: Finding, zone: ZoneInfo) -> str:
    return "" if one.starts_at is None else f"{one.starts_at.astimezone(zone):%H:%M}"
