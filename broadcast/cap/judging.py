"""What a message means to this commune. Pure: nothing is aired or kept here. The table is in docs/cap.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from broadcast.cap.areas import Here, Place, Where, find_zones
from broadcast.cap.model import Alert, CapSeverity, CapUrgency, Certainty, Info, MsgType, Scope, Status
from players.messages import Severity, Urgency

HOLDS_FOR = timedelta(hours=6)
"""A message that does not say when it expires is taken to hold so long from when it was sent."""
SOON = timedelta(minutes=5)
SEVERITY = {
    CapSeverity.EXTREME: Severity.EXTREME,
    CapSeverity.SEVERE: Severity.SEVERE,
    CapSeverity.MODERATE: Severity.MODERATE,
    CapSeverity.MINOR: Severity.MINOR,
    CapSeverity.UNKNOWN: Severity.MINOR,
}
_SURE = frozenset({Certainty.OBSERVED, Certainty.LIKELY, Certainty.UNKNOWN})
NOT_FOR_US = {
    Status.TEST: "Tin thử kỹ thuật của nguồn.",
    Status.SYSTEM: "Tin nội bộ của hệ thống nguồn.",
    Status.DRAFT: "Bản nháp của nguồn.",
}


class Fate(StrEnum):
    """What is to be done with a message."""

    AIR = "air"
    """An emergency that is clear in all: it may be aired without asking, where the source's setting lets it."""
    ASK = "ask"
    """An emergency about which somebody must decide, whatever the setting."""
    INBOX = "inbox"
    """No emergency: as any item of a source."""
    NOTE = "note"
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a message means; `info` is the part of it that is meant, `speaks_vietnamese` whether it can be read out."""

    fate: Fate
    reason: str = ""
    info: Info | None = None
    zones: tuple[str, ...] = ()
    urgency: Urgency = Urgency.NORMAL
    expires_at: datetime | None = None
    speaks_vietnamese: bool = False


def urgency_of(info: Info) -> Urgency:
    """How urgent a message is here, by its three scales."""
    if info.urgency is CapUrgency.PAST or info.certainty is Certainty.UNLIKELY:
        return Urgency.NORMAL
    is_now = info.urgency is CapUrgency.IMMEDIATE
    if info.severity in {CapSeverity.EXTREME, CapSeverity.SEVERE}:
        is_emergency = is_now or (info.urgency is not CapUrgency.FUTURE and info.certainty in _SURE)
        return Urgency.EMERGENCY if is_emergency else Urgency.PRIORITY
    if info.severity is CapSeverity.MODERATE:
        return Urgency.EMERGENCY if is_now and info.certainty in _SURE else Urgency.PRIORITY
    return Urgency.PRIORITY if is_now and info.severity is CapSeverity.UNKNOWN else Urgency.NORMAL


def expires_at_of(alert: Alert, info: Info) -> datetime:
    """Until when a message holds."""
    return info.expires or max(alert.sent, info.onset or alert.sent) + HOLDS_FOR


def judge(alert: Alert, commune: Place, villages: Sequence[Place], own_sender: str, now: datetime) -> Judged:
    """What an Alert or an Update means; of other kinds, only whether they are for us at all."""
    if alert.sender == own_sender:
        return Judged(Fate.NOTE, "Tin của chính xã, quay trở lại.")
    if alert.status in NOT_FOR_US:
        return Judged(Fate.NOTE, NOT_FOR_US[alert.status])
    if alert.msg_type in {MsgType.ACK, MsgType.ERROR}:
        return Judged(Fate.NOTE, "Tin báo nhận hoặc báo lỗi giữa các hệ thống.")
    if alert.msg_type is MsgType.CANCEL or not alert.infos:
        return Judged(Fate.ASK)  # what it takes back it names itself, wherever it says that is and however late
    return _judge_infos(alert, commune, villages, now)


def _judge_infos(alert: Alert, commune: Place, villages: Sequence[Place], now: datetime) -> Judged:
    vietnamese = [info for info in alert.infos if info.language.lower().partition("-")[0] == "vi"]
    placed = [(info, find_zones(info.areas, commune, villages)) for info in vietnamese or alert.infos]
    ours = [one for one in placed if one[1].here is not Here.NO]
    if not ours:
        return Judged(Fate.NOTE, "Không thuộc địa bàn xã.")
    valid = [one for one in ours if expires_at_of(alert, one[0]) > now]
    if not valid:
        return Judged(Fate.NOTE, "Tin đã hết hạn khi nhận.")
    info, where = max(valid, key=_badness)
    urgency = urgency_of(info)
    doubts = _doubts(alert, info, where, len(valid) if vietnamese else 1, now)
    if not vietnamese:
        doubts.insert(0, f"Tin bằng tiếng nước ngoài ({info.language}): phải có người soạn lời tiếng Việt.")
    if urgency is Urgency.EMERGENCY:
        fate = Fate.ASK if doubts else Fate.AIR
    elif alert.status is Status.EXERCISE:
        return Judged(Fate.NOTE, "Diễn tập của nguồn, không ở mức khẩn cấp.")
    else:
        fate, urgency = Fate.INBOX, Urgency.NORMAL if doubts else urgency
    zones = where.zones or tuple(village.slug for village in villages)
    expires_at = expires_at_of(alert, info)
    return Judged(fate, " ".join(doubts), info, zones, urgency, expires_at, bool(vietnamese))


def _badness(one: tuple[Info, Where]) -> tuple[int, bool, int]:
    info, where = one
    return urgency_of(info).rank, where.here is Here.YES, SEVERITY[info.severity].rank


def _doubts(alert: Alert, info: Info, where: Where, parts: int, now: datetime) -> list[str]:
    """Why a person must look, in Vietnamese."""
    doubts = []
    if where.here is Here.UNKNOWN:
        doubts.append("Chưa rõ tin có thuộc địa bàn xã không: hãy xem khu vực và chọn thôn.")
    if alert.scope is not Scope.PUBLIC:
        doubts.append(f"Nguồn không gửi tin này cho công chúng ({alert.scope}).")
    if parts > 1:
        doubts.append("Tin có nhiều phần cho địa bàn xã: đây là phần nặng nhất.")
    if info.effective is not None and info.effective > now + SOON:
        doubts.append("Tin chưa đến giờ có hiệu lực.")
    if alert.sent > now + SOON:
        doubts.append("Tin ghi giờ gửi ở tương lai: xem lại đồng hồ của nguồn hoặc của máy chủ.")
    return doubts
