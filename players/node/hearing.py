"""What a node hears: each message is checked by the pinned keys and its topic, and handed on as an event."""

import asyncio
import re

from players.errors import MalformedMessage
from players.messages import Emergencies, NodeConfig, PreparedPack, ReportAck, TimeReply, Timetable
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.duties import Duties
from players.node.events import ConfigCame, EmergenciesCame, OrderCame, PackCame, TimetableCame
from players.signing import open_order, open_signed
from players.topics import Topics
from players.transport import Incoming

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Ear:
    """Knows whom the node obeys, and who it is."""

    def __init__(self, credentials: Credentials, clock: NodeClock, duties: Duties) -> None:
        self._credentials = credentials
        self._topics = Topics(credentials.commune)
        self._clock = clock
        self._duties = duties

    async def hear(self, message: Incoming) -> bool:
        """Check one message and hand it on. Whether it acknowledged reports.

        Raises:
            WireError: it is not to be obeyed.
        """
        match self._topics.parse(message.topic):
            case ("nodes", self._credentials.node, kind):
                await self._heard_as_node(kind, message)
                return kind == "acks"
            case ("zones", zone, *rest) if zone in self._duties.zones():
                await self._heard_in_zone(rest, message)
                return False
            case _:
                raise MalformedMessage("not a topic of this node")

    async def _heard_as_node(self, kind: str, message: Incoming) -> None:
        keys, topic = self._credentials.commune_keys, message.topic
        match kind:
            case "orders":
                self._duties.emit(OrderCame(open_order(message.payload, keys, topic)))
            case "config":
                self._duties.emit(ConfigCame(open_signed(message.payload, keys, NodeConfig, topic)))
            case "time":
                came = self._clock.monotonic()
                reply = open_signed(message.payload, keys, TimeReply, topic)
                if self._clock.answered(reply.nonce, reply.server_at, came):
                    await self._duties.time_known()
            case "acks":
                await self._duties.acknowledged(ReportAck.from_json(message.payload).reports)
            case _:
                raise MalformedMessage("not a topic of this node")

    async def _heard_in_zone(self, rest: list[str], message: Incoming) -> None:
        keys, topic = self._credentials.commune_keys, message.topic
        match rest:
            case ["orders"]:
                self._duties.emit(OrderCame(open_order(message.payload, keys, topic)))
            case ["emergencies"]:
                self._duties.emit(EmergenciesCame(open_signed(message.payload, keys, Emergencies, topic)))
            case ["prepared"]:
                self._duties.emit(PackCame(open_signed(message.payload, keys, PreparedPack, topic)))
            case ["timetable"]:
                # A week's timetable takes a while to check.
                document = await asyncio.to_thread(open_signed, message.payload, keys, Timetable, topic)
                self._duties.emit(TimetableCame(document))
            case ["clips", sha256] if _SHA256.fullmatch(sha256):
                await self._duties.clip_came(sha256, message.payload)
            case _:
                raise MalformedMessage("not a topic of this node")
