"""Every message of the wire, one frozen class each.

Down (server → node): `Timetable`, `NodeConfig`, `Emergencies`, `PreparedPack`, `Play`, `Stop`, `Rehearse`,
`Restart`, `ReportAck`, `TimeReply`.
Up (node → server): `Presence`, `Heartbeat`, `PlaybackReport`, `TimeRequest`, `Rehearsed`.
Between poles: `LocalOrder`.
Over HTTP: at pairing `PairingRequest`, `PairingReply`; when keys change `CommuneKeys`, `RenewalRequest`.

All down messages but `ReportAck` travel as JWS (see `players.signing`). Instants are aware and travel as
RFC 3339 in UTC; lengths are whole milliseconds. An unknown field, a missing one or an impossible combination
is refused.
"""

from players.messages.documents import (
    Emergencies,
    NodeConfig,
    OfflineCard,
    PoleKey,
    PreparedMessage,
    PreparedPack,
    PublicX,
    Timetable,
    Volume,
    Window,
    ZoneRules,
)
from players.messages.life import (
    AS_IT_WAS,
    DataUsage,
    Heartbeat,
    NodeActivity,
    Outcome,
    PlaybackReport,
    Presence,
    Reason,
    Rehearsed,
    ReportAck,
    TimeReply,
    TimeRequest,
)
from players.messages.orders import AnyOrder, LocalOrder, Order, Play, Rehearse, Restart, Stop
from players.messages.pairing import CommuneKeys, CommuneKeysChain, PairingReply, PairingRequest, RenewalRequest
from players.messages.parts import (
    MAX_CLIP_BYTES,
    MAX_CLIPS,
    MAX_PUSHED_CLIP_BYTES,
    MAX_RELAYS,
    MOST_CARDS,
    ClipRef,
    CuedBroadcast,
    Id,
    Message,
    OnFailure,
    Pem,
    RelayPart,
    Severity,
    Sha256,
    Slug,
    Urgency,
)

__all__ = [
    "AS_IT_WAS",
    "MAX_CLIPS",
    "MAX_CLIP_BYTES",
    "MAX_PUSHED_CLIP_BYTES",
    "MAX_RELAYS",
    "MOST_CARDS",
    "AnyOrder",
    "ClipRef",
    "CommuneKeys",
    "CommuneKeysChain",
    "CuedBroadcast",
    "DataUsage",
    "Emergencies",
    "Heartbeat",
    "Id",
    "LocalOrder",
    "Message",
    "NodeActivity",
    "NodeConfig",
    "OfflineCard",
    "OnFailure",
    "Order",
    "Outcome",
    "PairingReply",
    "PairingRequest",
    "Pem",
    "Play",
    "PlaybackReport",
    "PoleKey",
    "PreparedMessage",
    "PreparedPack",
    "Presence",
    "PublicX",
    "Reason",
    "Rehearse",
    "Rehearsed",
    "RelayPart",
    "RenewalRequest",
    "ReportAck",
    "Restart",
    "Severity",
    "Sha256",
    "Slug",
    "Stop",
    "TimeReply",
    "TimeRequest",
    "Timetable",
    "Urgency",
    "Volume",
    "Window",
    "ZoneRules",
]
