"""The tables. They hold what is true; every stage of the flow reads its work from them and writes its result to them.

SQLModel's table classes do not validate: what comes from outside is checked by the functions beside this file.
All instants are aware and kept in UTC.
"""

from broadcast.models.airing import (
    Broadcast,
    BroadcastPart,
    BroadcastZone,
    Delivery,
    IssuedOrder,
    StoredReport,
    WireVersion,
)
from broadcast.models.alarms import Alarm, AlarmKind, AlarmNotice, MorningCheck, NoticeChannel, NoticeEvent, Webhook
from broadcast.models.approval import ApprovalRule, Delegation
from broadcast.models.audit import AuditEntry
from broadcast.models.bulletins import Bulletin, BulletinZone
from broadcast.models.cap import CapCertificate, CapMessage, CapOptions, CapRules, CapState
from broadcast.models.columns import EnumText, UtcInstant, new_id, row_id
from broadcast.models.emergency import EmergencyRepeat, PreparedMessage
from broadcast.models.feedback import Feedback, FeedbackKind
from broadcast.models.imports import DocumentImport
from broadcast.models.lexicon import LexiconEntry
from broadcast.models.offline import OfflineToken
from broadcast.models.people import ApiToken, RecoveryCode, User, UserSession
from broadcast.models.places import Commune, Node, NodeZone, Zone
from broadcast.models.presses import EmergencyPin, EmergencyPolicy, HeldPress, PhoneContact
from broadcast.models.readiness import ReadinessDrill, ReadinessRow
from broadcast.models.recordings import BulletinPart, Recording
from broadcast.models.relays import BroadcastRelay, LiveAnnouncement
from broadcast.models.sources import ClashOrder, ItemState, Source, SourceItem, SourceKind
from broadcast.models.speech import Clip, Rendering
from broadcast.models.states import (
    BroadcastState,
    BulletinState,
    DeliveryState,
    Follows,
    HeldState,
    ImportState,
    PartKind,
    PreparedPurpose,
    ProgrammePartKind,
    RenderingState,
    Role,
    SpecialDayKind,
    WhenEmpty,
)
from broadcast.models.templates import BulletinTemplate
from broadcast.models.watching import ClockSample, PresenceChange, SeenInstant
from broadcast.models.week import (
    DayWeather,
    EntryChange,
    EntryZone,
    Placement,
    Programme,
    ProgrammePart,
    SpecialDay,
    TimetableEntry,
)

__all__ = [
    "Alarm",
    "AlarmKind",
    "AlarmNotice",
    "ApiToken",
    "ApprovalRule",
    "AuditEntry",
    "Broadcast",
    "BroadcastPart",
    "BroadcastRelay",
    "BroadcastState",
    "BroadcastZone",
    "Bulletin",
    "BulletinPart",
    "BulletinState",
    "BulletinTemplate",
    "BulletinZone",
    "CapCertificate",
    "CapMessage",
    "CapOptions",
    "CapRules",
    "CapState",
    "ClashOrder",
    "Clip",
    "ClockSample",
    "Commune",
    "DayWeather",
    "Delegation",
    "Delivery",
    "DeliveryState",
    "DocumentImport",
    "EmergencyPin",
    "EmergencyPolicy",
    "EmergencyRepeat",
    "EntryChange",
    "EntryZone",
    "EnumText",
    "Feedback",
    "FeedbackKind",
    "Follows",
    "HeldPress",
    "HeldState",
    "ImportState",
    "IssuedOrder",
    "ItemState",
    "LexiconEntry",
    "LiveAnnouncement",
    "MorningCheck",
    "Node",
    "NodeZone",
    "NoticeChannel",
    "NoticeEvent",
    "OfflineToken",
    "PartKind",
    "PhoneContact",
    "Placement",
    "PreparedMessage",
    "PreparedPurpose",
    "PresenceChange",
    "Programme",
    "ProgrammePart",
    "ProgrammePartKind",
    "ReadinessDrill",
    "ReadinessRow",
    "Recording",
    "RecoveryCode",
    "Rendering",
    "RenderingState",
    "Role",
    "SeenInstant",
    "Source",
    "SourceItem",
    "SourceKind",
    "SpecialDay",
    "SpecialDayKind",
    "StoredReport",
    "TimetableEntry",
    "User",
    "UserSession",
    "UtcInstant",
    "Webhook",
    "WhenEmpty",
    "WireVersion",
    "Zone",
    "new_id",
    "row_id",
]
