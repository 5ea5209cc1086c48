"""One of each message, as a commune would send it; the frozen examples in tests/data/wire are these."""

from datetime import UTC, datetime, time, timedelta

from players.messages import (
    ClipRef,
    CommuneKeys,
    CommuneKeysChain,
    CuedBroadcast,
    DataUsage,
    Emergencies,
    Heartbeat,
    LocalOrder,
    Message,
    NodeActivity,
    NodeConfig,
    OfflineCard,
    OnFailure,
    Outcome,
    PairingReply,
    PairingRequest,
    Play,
    PlaybackReport,
    PoleKey,
    PreparedMessage,
    PreparedPack,
    Presence,
    Reason,
    Rehearse,
    Rehearsed,
    RelayPart,
    RenewalRequest,
    ReportAck,
    Restart,
    Severity,
    Stop,
    TimeReply,
    TimeRequest,
    Timetable,
    Urgency,
    Volume,
    Window,
    ZoneRules,
)
from players.topics import Topics

COMMUNE = "hoa-binh-an"
ZONE = "thon-dong"
OTHER_ZONE = "thon-tay"
NODE = "loa-dinh-lang"
OTHER_NODE = "loa-nha-van-hoa"
TOPICS = Topics(COMMUNE)
NOW = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)

AUTHORITY = "-----BEGIN CERTIFICATE-----\nTGVuZ3Ro\n-----END CERTIFICATE-----\n"
"""Its form only."""

CLIP = ClipRef(sha256="3f" * 32, size_bytes=45_120, duration_ms=15_040)
CHIME = ClipRef(sha256="c4" * 32, size_bytes=17_408, duration_ms=4_400)
MORNING = CuedBroadcast(
    broadcast="entry-1-20260302T0530",
    urgency=Urgency.NORMAL,
    starts_at=NOW + timedelta(hours=0),
    clips=(CLIP, ClipRef(sha256="a0" * 32, size_bytes=912_004, duration_ms=301_250)),
    stream="/streams/entry-1-20260302T0530",
    resume_within_ms=300_000,
    late_within_ms=900_000,
)
EVENING = CuedBroadcast(
    broadcast="entry-2-20260302T1700",
    urgency=Urgency.NORMAL,
    starts_at=NOW + timedelta(hours=11, minutes=30),
    clips=(CLIP,),
    relays=(
        RelayPart(
            after_clips=1,
            starts_ms=15_040,
            lasts_ms=900_000,
            source="/streams/entry-2-20260302T1700/0",
            on_failure=OnFailure.CLIP,
            fallback=ClipRef(sha256="b1" * 32, size_bytes=30_310, duration_ms=10_400),
        ),
    ),
)
FLOOD = CuedBroadcast(
    broadcast="emergency-7",
    urgency=Urgency.EMERGENCY,
    starts_at=NOW + timedelta(milliseconds=300),
    clips=(CHIME, CLIP),
    severity=Severity.EXTREME,
    lead_ms=4_400,
    growing=True,
)
PLAY = Play(
    order="order-0001",
    commune=COMMUNE,
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
    item=FLOOD,
)
STOP = Stop(
    order="order-0002",
    commune=COMMUNE,
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=1),
    broadcast="emergency-7",
)
REHEARSE = Rehearse(
    order="rehearse-0001", commune=COMMUNE, issued_at=NOW, expires_at=NOW + timedelta(minutes=1), clip=CLIP
)
RESTART = Restart(
    order="restart-0001", commune=COMMUNE, issued_at=NOW, expires_at=NOW + timedelta(minutes=1), node=OTHER_NODE
)
TIMETABLE = Timetable(
    commune=COMMUNE, version=1_772_404_200_000, issued_at=NOW, zone=ZONE, broadcasts=(MORNING, EVENING)
)
CONFIG = NodeConfig(
    commune=COMMUNE,
    version=1_772_404_200_001,
    issued_at=NOW,
    node=NODE,
    name="Loa đình làng",
    zones=(ZONE,),
    timezone="Asia/Ho_Chi_Minh",
    windows=(Window(opens=time(5, 0), closes=time(7, 0)), Window(opens=time(16, 30), closes=time(20, 0))),
    gain_db=-3.0,
    heartbeat_s=5.0,
    keys_version=1_772_404_200_003,
    renewal=2,
    rules=(
        ZoneRules(
            zone=ZONE,
            windows=(Window(opens=time(5, 30), closes=time(7, 0), days=(0, 1, 2, 3, 4)),),
            sessions_a_day=2,
            session_minutes=15,
        ),
    ),
    volumes=(Volume(opens=time(5, 0), closes=time(6, 0), gain_db=-9.0),),
    delay_ms=40,
    data_mb=2000,
)
EMERGENCIES = Emergencies(commune=COMMUNE, version=1_772_404_200_002, issued_at=NOW, zone=ZONE, active=(PLAY,))
PACK = PreparedPack(
    commune=COMMUNE,
    version=1_772_404_200_004,
    issued_at=NOW,
    zone=ZONE,
    messages=(
        PreparedMessage(key="chay", title="Cháy", severity=Severity.EXTREME, clips=(CHIME, CLIP), drill_clips=(CLIP,)),
    ),
    button="chay",
    poles=(PoleKey(pole=NODE, key="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),),
    cards=(
        OfflineCard(
            number=12,
            key="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            valid_from=NOW,
            valid_until=NOW + timedelta(days=365),
        ),
    ),
)
LOCAL_ORDER = LocalOrder(
    order="local-6f0c1f2a9d3b4e58",
    commune=COMMUNE,
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
    zone=ZONE,
    pole=NODE,
    card=12,
    kind="start",
    broadcast="local-6f0c1f2a9d3b4e58",
    message="chay",
)
TIME_REPLY = TimeReply(commune=COMMUNE, node=NODE, nonce="Zk3vQ0p9y1RkT7aB", server_at=NOW)
ACK = ReportAck(reports=("report-0001", "report-0002"))
PRESENCE = Presence(node=NODE, online=True)
HEARTBEAT = Heartbeat(
    node=NODE,
    at=NOW,
    activity=NodeActivity.PLAYING,
    broadcast="emergency-7",
    output="portaudio",
    cued=("entry-1-20260302T0530",),
    clock_offset_ms=-12.5,
    clock_error_ms=3.2,
    clock_age_ms=61_500.0,
    outbox=2,
    disk_free_bytes=11_274_289_152,
    version="0.1.0",
    keys_version=1_772_404_200_003,
    refused=1,
    refused_at=NOW,
    refused_why="zones/thon-dong/orders: the signature is not right",
    gain_db=-3.0,
    volume_percent=85,
    temperature_c=61,
    under_voltage=False,
    signal="mobile",
    signal_percent=67,
    uptime_s=86_400,
    running_s=3_600,
    restarting=None,
    memory_free_bytes=402_653_184,
    processor_percent=4,
    data=DataUsage(month="2026-03", control=812_000, clips=41_300_000, streams=0, emergencies=45_000),
)
REPORT = PlaybackReport(
    report="report-0001",
    node=NODE,
    broadcast="emergency-7",
    outcome=Outcome.CUT,
    at=NOW + timedelta(seconds=9),
    started_at=NOW + timedelta(milliseconds=300),
    finished_at=NOW + timedelta(seconds=8, milliseconds=125),
    clip_sha256="3f" * 32,
    output="portaudio",
    reason=Reason.STOPPED,
)
REHEARSED = Rehearsed(
    node=NODE, order="rehearse-0001", at=NOW + timedelta(milliseconds=412), output="portaudio", error=None
)
TIME_REQUEST = TimeRequest(nonce="Zk3vQ0p9y1RkT7aB")
PAIRING_REQUEST = PairingRequest(
    code="H7K2M9QX",
    public_key={
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    },
    version="0.1.0",
)
PAIRING_REPLY = PairingReply(
    commune=COMMUNE,
    commune_name="Xã Hòa Bình An",
    node=NODE,
    node_name="Loa đình làng",
    zones=(ZONE,),
    commune_keys=(PAIRING_REQUEST.public_key,),
    mqtt_host="192.168.1.10",
    mqtt_port=1883,
    mqtt_username=NODE,
    mqtt_password="an-example-not-a-secret",
    server_at=NOW,
    mqtt_tls=True,
    authorities=(AUTHORITY,),
    keys_version=1_772_404_200_003,
    renewal=2,
)
RENEWAL_REQUEST = RenewalRequest(public_key=PAIRING_REQUEST.public_key, version="0.1.0")
COMMUNE_KEYS = CommuneKeys(
    commune=COMMUNE,
    version=1_772_404_200_003,
    issued_at=NOW,
    keys=(PAIRING_REQUEST.public_key,),
    authorities=(AUTHORITY,),
)
CHAIN = CommuneKeysChain(statements=("eyJhbGciOiJFZDI1NTE5In0.e30.c2lnbmF0dXJl",))

SIGNED: dict[str, Message] = {
    TOPICS.timetable(ZONE): TIMETABLE,
    TOPICS.config(NODE): CONFIG,
    TOPICS.emergencies(ZONE): EMERGENCIES,
    TOPICS.prepared(ZONE): PACK,
    TOPICS.zone_orders(ZONE): PLAY,
    TOPICS.node_orders(NODE): STOP,
    TOPICS.zone_orders(OTHER_ZONE): REHEARSE,
    TOPICS.node_orders(OTHER_NODE): RESTART,
    TOPICS.time(NODE): TIME_REPLY,
    TOPICS.keys: COMMUNE_KEYS,
}
PLAIN: dict[str, Message] = {
    TOPICS.acks(NODE): ACK,
    TOPICS.presence(NODE): PRESENCE,
    TOPICS.heartbeat(NODE): HEARTBEAT,
    TOPICS.reports(NODE): REPORT,
    TOPICS.time_request(NODE): TIME_REQUEST,
    TOPICS.rehearsed(NODE): REHEARSED,
}
PAIRING: tuple[Message, ...] = (PAIRING_REQUEST, PAIRING_REPLY, RENEWAL_REQUEST, CHAIN, LOCAL_ORDER)
ALL: tuple[Message, ...] = (*SIGNED.values(), *PLAIN.values(), *PAIRING)
