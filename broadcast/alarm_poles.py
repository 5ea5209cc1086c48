"""What is wrong with a pole, by what it says itself and by its silence. Pure; texts are Vietnamese.

A limit has two values where what it limits goes up and down: one to begin, a milder one to end.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcast.alarm_rules import Fact, Look
from broadcast.models import AlarmKind
from players.messages import Heartbeat
from players.presence import PresenceState

SILENT_AFTER = timedelta(seconds=25)
"""Of silence: so that a dead pole is an alarm within 30 s, whenever the page is drawn next."""
HOT_C, COOL_C = 80, 75
"""Boards slow down from about 80 °C on."""
DISK_LOW_BYTES, DISK_WELL_BYTES = 200 * 1024 * 1024, 300 * 1024 * 1024
CLOCK_TROUBLE_MS = 500
REFUSALS_SHOWN_FOR = timedelta(days=1)

_SAID_BY_ITSELF = (
    AlarmKind.POLE_NO_OUTPUT,
    AlarmKind.POLE_VOLUME,
    AlarmKind.POLE_REFUSED,
    AlarmKind.POLE_CLOCK,
    AlarmKind.POLE_DISK,
    AlarmKind.POLE_HOT,
    AlarmKind.POLE_POWER,
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a pole says is wrong with it: in a word, and what to do. `kind` is none when it is no alarm."""

    kind: AlarmKind | None
    text: str
    todo: str = ""
    is_bad: bool = True


@dataclass(frozen=True, slots=True)
class Pole:
    """A paired pole as it was heard last. `silent_since`: when it was heard, or when we began to listen."""

    slug: str
    name: str
    zones: tuple[str, ...]
    state: PresenceState
    silent_since: datetime
    beat: Heartbeat | None


def look_at_pole(pole: Pole, open_kinds: Collection[AlarmKind], now: datetime) -> Look:
    """What is wrong with a pole; of a silent one nothing else is known.

    Args:
        pole: how it was heard.
        open_kinds: its alarms that are not over.
        now: the present.
    """
    own = frozenset((kind, pole.slug) for kind in _SAID_BY_ITSELF)
    if now - pole.silent_since >= SILENT_AFTER:
        return Look((_silence(pole),), own)
    if pole.beat is None or pole.state is PresenceState.OFFLINE:  # we have only begun to listen
        return Look((), own | {(AlarmKind.POLE_SILENT, pole.slug)})
    return Look(
        tuple(
            Fact(one.kind, pole.slug, f"{pole.name}: {one.text}", one.todo, one.is_bad, pole.zones)
            for one in troubles_of(pole.beat, open_kinds)
            if one.kind is not None
        )
    )


def troubles_of(beat: Heartbeat, open_kinds: Collection[AlarmKind] = ()) -> Iterator[Trouble]:
    """What a pole says is wrong with it, the worst first."""
    yield from _of_sound(beat)
    yield from _of_board(beat, open_kinds)
    yield from _of_clock(beat)
    if beat.refused_at is not None and beat.at - beat.refused_at < REFUSALS_SHOWN_FOR:
        text = f"đã từ chối {beat.refused} tin không đáng tin, lần cuối: {beat.refused_why}"
        todo = "Nếu lặp lại mà không ai đổi khóa hay giờ: có thể có người lạ phát lệnh giả. Hãy báo người quản trị."
        yield Trouble(AlarmKind.POLE_REFUSED, text, todo, is_bad=False)


def _of_sound(beat: Heartbeat) -> Iterator[Trouble]:
    if beat.output_error:
        text = f"âm thanh lỗi: {beat.output_error}"
        yield Trouble(AlarmKind.POLE_NO_OUTPUT, text, "Kiểm tra dây và thiết bị âm thanh của hộp loa.")
    if beat.volume_percent == 0:
        yield Trouble(AlarmKind.POLE_VOLUME, "âm lượng bằng 0", "Mở tiếng hoặc tăng âm lượng tại hộp loa.")


def _of_board(beat: Heartbeat, open_kinds: Collection[AlarmKind]) -> Iterator[Trouble]:
    if beat.under_voltage:
        yield Trouble(AlarmKind.POLE_POWER, "điện yếu", "Kiểm tra bộ nguồn và dây điện của hộp loa.", is_bad=False)
    hot_from = COOL_C if AlarmKind.POLE_HOT in open_kinds else HOT_C
    if beat.temperature_c is not None and beat.temperature_c >= hot_from:
        text = f"nóng {beat.temperature_c} °C"
        yield Trouble(AlarmKind.POLE_HOT, text, "Kiểm tra nắng chiếu và lỗ thoáng của hộp loa.", is_bad=False)
    low_below = DISK_WELL_BYTES if AlarmKind.POLE_DISK in open_kinds else DISK_LOW_BYTES
    if beat.disk_error:
        yield Trouble(AlarmKind.POLE_DISK, f"không ghi được bộ nhớ: {beat.disk_error}", "Hãy thay thẻ nhớ.")
    elif beat.disk_free_bytes < low_below:
        text = f"bộ nhớ còn {beat.disk_free_bytes // (1024 * 1024)} MB"
        yield Trouble(AlarmKind.POLE_DISK, text, "Dọn hoặc thay thẻ nhớ của hộp loa.", is_bad=False)


def _of_clock(beat: Heartbeat) -> Iterator[Trouble]:
    if beat.clock_offset_ms is None or not beat.clock_trusted:
        text = "chưa đồng bộ đồng hồ" if beat.clock_offset_ms is None else "đồng hồ không đáng tin"
        yield Trouble(AlarmKind.POLE_CLOCK, text, "Chỉ tin khẩn cấp được phát. Kiểm tra mạng giữa hộp loa và máy chủ.")
    elif beat.clock_error_ms is not None and beat.clock_error_ms > CLOCK_TROUBLE_MS:
        yield Trouble(None, f"đồng hồ sai số {round(beat.clock_error_ms)} ms")


def _silence(pole: Pole) -> Fact:
    todo = "Kiểm tra điện và mạng tại cột. Cụm loa còn điện vẫn tự phát theo lịch đã nhận."
    return Fact(AlarmKind.POLE_SILENT, pole.slug, f"{pole.name}: mất kết nối", todo, zones=pole.zones)
