"""Who may do what, as one table."""

from enum import StrEnum

from broadcast.errors import NotAllowed
from broadcast.models import Role, User


class Action(StrEnum):
    """What a role may be allowed to do."""

    WRITE_BULLETIN = "write-bulletin"
    WITHDRAW_BULLETIN = "withdraw-bulletin"
    RAISE_EMERGENCY = "raise-emergency"
    EDIT_PREPARED = "edit-prepared"
    SPEAK_LIVE = "speak-live"
    STOP_BROADCAST = "stop-broadcast"
    EDIT_TIMETABLE = "edit-timetable"
    EDIT_PROGRAMMES = "edit-programmes"
    EDIT_RULES = "edit-rules"
    EDIT_LEXICON = "edit-lexicon"
    KEEP_RECORDINGS = "keep-recordings"
    ACKNOWLEDGE_ALARMS = "acknowledge-alarms"
    MANAGE_NODES = "manage-nodes"
    MANAGE_USERS = "manage-users"
    MANAGE_VOICES = "manage-voices"
    MANAGE_SOURCES = "manage-sources"
    READ_AUDIT = "read-audit"
    ANSWER_RESIDENTS = "answer-residents"


_OFFICER, _LEADER, _HEAD, _ADMIN = Role.OFFICER, Role.LEADER, Role.VILLAGE_HEAD, Role.ADMINISTRATOR

ALLOWED: dict[Action, frozenset[Role]] = {
    Action.WRITE_BULLETIN: frozenset({_OFFICER, _LEADER}),
    # Of others; what they wrote themselves they may withdraw anyway. Who approves is the commune's own setting
    # (`broadcast.approval`).
    Action.WITHDRAW_BULLETIN: frozenset({_LEADER}),
    # An emergency is aired without a second person: it takes somebody who answers for the village or the commune.
    Action.RAISE_EMERGENCY: frozenset({_LEADER, _HEAD, _ADMIN}),
    # What a village head's button says: whoever changes it answers for it in the audit log.
    Action.EDIT_PREPARED: frozenset({_OFFICER, _LEADER, _ADMIN}),
    # Their own word in their own voice, in the hours of the commune; a village head to his village.
    Action.SPEAK_LIVE: frozenset({_OFFICER, _LEADER, _HEAD}),
    # Silencing a horn that should not speak is for everybody who answers for it; a village head for his village's own.
    Action.STOP_BROADCAST: frozenset({_OFFICER, _LEADER, _HEAD, _ADMIN}),
    Action.EDIT_TIMETABLE: frozenset({_OFFICER, _LEADER}),
    # Its greetings and recordings are aired without further approval.
    Action.EDIT_PROGRAMMES: frozenset({_LEADER}),
    Action.EDIT_RULES: frozenset({_LEADER, _ADMIN}),
    Action.EDIT_LEXICON: frozenset({_OFFICER, _LEADER, _ADMIN}),
    Action.KEEP_RECORDINGS: frozenset({_OFFICER, _LEADER, _HEAD, _ADMIN}),
    Action.ACKNOWLEDGE_ALARMS: frozenset({_OFFICER, _LEADER, _HEAD, _ADMIN}),
    Action.MANAGE_NODES: frozenset({_ADMIN}),
    Action.MANAGE_USERS: frozenset({_ADMIN}),
    Action.MANAGE_VOICES: frozenset({_ADMIN}),
    Action.MANAGE_SOURCES: frozenset({_ADMIN}),
    Action.READ_AUDIT: frozenset({_LEADER, _ADMIN}),
    Action.ANSWER_RESIDENTS: frozenset({_OFFICER, _LEADER, _ADMIN}),
}


def may(user: User, action: Action) -> bool:
    """Whether the user's role allows it; limits to one village are checked where the thing is at hand."""
    return user.is_active and user.role in ALLOWED[action]


def require(user: User, action: Action) -> None:
    """Let pass or refuse.

    Raises:
        NotAllowed: the user's role does not allow it.
    """
    if not may(user, action):
        raise NotAllowed("role-not-allowed", "Tài khoản của bạn không có quyền làm việc này.")
