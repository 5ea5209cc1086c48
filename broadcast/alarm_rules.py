"""When something that is seen to be wrong becomes an alarm, and when it is over. Pure.

What is wrong for a moment only opens nothing where that is ordinary (`OPENS_AFTER`), and what is gone is over only once
it has been gone for `ENDS_AFTER`: an alarm does not flap.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broadcast.models import AlarmKind

ENDS_AFTER = timedelta(seconds=60)
OPENS_AFTER: Mapping[AlarmKind, timedelta] = {
    # A child that died is started again after half a second; a broker is found again within seconds.
    AlarmKind.SERVER_PROCESS: timedelta(seconds=5),
    AlarmKind.BROKER_LOST: timedelta(seconds=10),
    # A pole that has just been switched on asks for the time first.
    AlarmKind.POLE_CLOCK: timedelta(seconds=60),
    AlarmKind.POLE_NO_OUTPUT: timedelta(seconds=5),
}

Key = tuple[AlarmKind, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something is wrong now. Texts are Vietnamese; `zones` are the villages it is about, none: the commune."""

    kind: AlarmKind
    subject: str
    title: str
    detail: str = ""
    is_bad: bool = True
    zones: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What makes it the same thing when it is seen again."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment. Of what is `unknown` nothing could be told: that neither opens nor ends anything."""

    facts: tuple[Fact, ...] = ()
    unknown: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Watched:
    """What the looks before have left: since when something is wrong, and since when an open alarm's reason is gone."""

    wrong_since: Mapping[Key, datetime] = field(default_factory=dict)
    gone_since: Mapping[Key, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a look means for the alarms."""

    opens: tuple[Fact, ...]
    holds: tuple[Fact, ...]
    ends: Mapping[Key, datetime]
    """With the instant since which its reason is gone."""
    watched: Watched


def judge(look: Look, open_keys: Collection[Key], watched: Watched, now: datetime) -> Judgement:
    """Which alarms open, hold and end.

    Args:
        look: what is wrong now.
        open_keys: the alarms that are not over.
        watched: what the judgement before left; a server that starts begins with nothing.
        now: the present. A clock that jumps back begins the waiting anew.
    """
    facts = _by_key(look.facts)
    wrong_since = {key: min(watched.wrong_since.get(key, now), now) for key in facts}
    absent = [key for key in open_keys if key not in facts and key not in look.unknown]
    gone_since = {key: min(watched.gone_since.get(key, now), now) for key in absent}
    ends = {key: since for key, since in gone_since.items() if now - since >= ENDS_AFTER}
    return Judgement(
        opens=tuple(
            fact
            for key, fact in facts.items()
            if key not in open_keys and now - wrong_since[key] >= OPENS_AFTER.get(fact.kind, timedelta())
        ),
        holds=tuple(fact for key, fact in facts.items() if key in open_keys),
        ends=ends,
        watched=Watched(wrong_since, {key: since for key, since in gone_since.items() if key not in ends}),
    )


def _by_key(facts: Iterable[Fact]) -> dict[Key, Fact]:
    return {fact.key: fact for fact in facts}
