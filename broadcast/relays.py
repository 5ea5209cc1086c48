"""Relays as rows: what of a broadcast is made while it sounds, and what a pole is told of it."""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlmodel import Session, col, delete, select

from broadcast.errors import InvalidInput
from broadcast.models import BroadcastRelay, Clip
from players.messages import ClipRef, OnFailure, RelayPart

MAX_URL = 500
_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RelayPlan:
    """A relay as a broadcast is to have it. `after_parts` of the broadcast's parts sound before it."""

    after_parts: int
    name: str
    url: str
    lasts_ms: int
    starts_after_ms: int | None = None
    on_failure: OnFailure = OnFailure.SILENCE
    fallback_sha256: str | None = None
    is_live: bool = False


def clean_stream_url(text: str) -> str:
    """The address of an upper radio as it was typed, checked as far as it can be without asking it.

    Raises:
        InvalidInput: it is no address of a stream, or one of this machine's.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL
    if not is_plain or parts.scheme not in {"http", "https"} or not host or parts.username or parts.password:
        raise InvalidInput("bad-address", "Địa chỉ phải có dạng http://… hoặc https://…, không dấu cách.", "parts")
    return url


def names_this_machine(url: str) -> bool:
    """Whether an address says by its own words that it is on this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return is_forbidden(address)


def is_forbidden(address: ipaddress.IPv4Address | ipaddress.IPv6Address, *, from_outside: bool = False) -> bool:
    """Whether nothing but services of this machine or its line can be there.

    An address to which a public radio sent us on (`from_outside`) may not be in an inner network either.
    """
    known = getattr(address, "ipv4_mapped", None) or address
    is_ours = known.is_loopback or known.is_link_local or known.is_unspecified or known.is_multicast
    return bool(is_ours or (from_outside and not known.is_global))


def set_relays(session: Session, broadcast_id: str, plans: Sequence[RelayPlan]) -> None:
    """Say what a broadcast relays."""
    session.exec(delete(BroadcastRelay).where(col(BroadcastRelay.broadcast_id) == broadcast_id))
    session.add_all(
        BroadcastRelay(
            broadcast_id=broadcast_id,
            position=position,
            after_parts=plan.after_parts,
            name=plan.name,
            url=plan.url,
            is_live=plan.is_live,
            lasts_ms=plan.lasts_ms,
            starts_after_ms=plan.starts_after_ms,
            on_failure=plan.on_failure,
            fallback_sha256=plan.fallback_sha256,
        )
        for position, plan in enumerate(plans)
    )
    session.flush()


def relays_of(session: Session, broadcast_ids: Collection[str]) -> dict[str, list[BroadcastRelay]]:
    """The relays of those broadcasts that have any, in order."""
    query = select(BroadcastRelay).where(col(BroadcastRelay.broadcast_id).in_(broadcast_ids))
    found: dict[str, list[BroadcastRelay]] = {}
    for relay in session.exec(query.order_by(col(BroadcastRelay.position))):
        found.setdefault(relay.broadcast_id, []).append(relay)
    return found


def plans_in(relays: Sequence[BroadcastRelay]) -> list[RelayPlan]:
    """Stored relays as they were planned."""
    return [
        RelayPlan(
            one.after_parts,
            one.name,
            one.url,
            one.lasts_ms,
            one.starts_after_ms,
            one.on_failure,
            one.fallback_sha256,
            one.is_live,
        )
        for one in relays
    ]


def starts_of(relays: Sequence[BroadcastRelay], lengths_ms: Sequence[int]) -> tuple[list[int], int]:
    """When each relay begins, in milliseconds from the broadcast's start, and how long the whole lasts.

    Args:
        relays: in order.
        lengths_ms: of the broadcast's parts.
    """
    starts, done, at_ms = [], 0, 0
    for relay in relays:
        after = min(relay.after_parts, len(lengths_ms))
        at_ms = max(at_ms + sum(lengths_ms[done:after]), relay.starts_after_ms or 0)
        starts.append(at_ms)
        done, at_ms = after, at_ms + relay.lasts_ms
    return starts, at_ms + sum(lengths_ms[done:])


def relay_parts(session: Session, relays: Sequence[BroadcastRelay], clips: Sequence[ClipRef]) -> tuple[RelayPart, ...]:
    """What a pole is told of them.

    Args:
        session: for the clips that replace them.
        relays: of one broadcast, in order.
        clips: of its parts.
    """
    starts, _ = starts_of(relays, [clip.duration_ms for clip in clips])
    parts = []
    for relay, starts_ms in zip(relays, starts, strict=True):
        fallback = session.get(Clip, relay.fallback_sha256) if relay.fallback_sha256 else None
        own = f"/streams/{relay.broadcast_id}/{relay.position}"
        parts.append(
            RelayPart(
                after_clips=min(relay.after_parts, len(clips)),
                starts_ms=starts_ms,
                lasts_ms=relay.lasts_ms,
                source=relay.url if relay.is_live and relay.url else own,
                on_failure=relay.on_failure if fallback or relay.on_failure is not OnFailure.CLIP else OnFailure.NEXT,
                fallback=_ref(fallback) if fallback and relay.on_failure is OnFailure.CLIP else None,
                may_end=relay.is_live,
            )
        )
    return tuple(parts)


def say_relay(name: str, lasts_ms: int) -> str:
    """A relay in words: `Tiếp âm Đài tỉnh, 15 phút`."""
    minutes, seconds = divmod(round(lasts_ms / 1000), 60)
    said = f"{minutes} phút" if not seconds else f"{minutes} phút {seconds} giây" if minutes else f"{seconds} giây"
    return f"Tiếp âm {name}, {said}"


def note_failure(session: Session, relay: BroadcastRelay, failure: str, now: datetime) -> None:
    """Write down that nothing (more) came of a relay; the first time counts."""
    if relay.failed_at is None:
        relay.failed_at, relay.failure = now, failure
        session.add(relay)


def recent_failures(session: Session, now: datetime) -> list[BroadcastRelay]:
    """The relays of the last day of which nothing came, the last first."""
    query = select(BroadcastRelay).where(col(BroadcastRelay.failed_at) > now - _RECENT)
    return list(session.exec(query.order_by(col(BroadcastRelay.failed_at).desc())))


def _ref(clip: Clip) -> ClipRef:
    return ClipRef(sha256=clip.sha256, size_bytes=clip.size_bytes, duration_ms=clip.duration_ms)
