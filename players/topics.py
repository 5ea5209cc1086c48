"""The topics of the wire, in one place: `loalang/v1/<commune>/…`."""

from dataclasses import dataclass

ROOT = "loalang/v1"


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one commune. Zones and nodes are slugs, so that no name can reach into another level."""

    commune: str

    @property
    def base(self) -> str:
        """What every topic of the commune begins with."""
        return f"{ROOT}/{self.commune}"

    @property
    def keys(self) -> str:
        """What `CommuneKeys` are signed for. They travel by HTTP only."""
        return f"{self.base}/keys"

    def timetable(self, zone: str) -> str:
        """Down, retained: `Timetable`."""
        return f"{self.base}/zones/{zone}/timetable"

    def emergencies(self, zone: str) -> str:
        """Down, retained: `Emergencies`."""
        return f"{self.base}/zones/{zone}/emergencies"

    def prepared(self, zone: str) -> str:
        """Down, retained: `PreparedPack`."""
        return f"{self.base}/zones/{zone}/prepared"

    def local(self, zone: str) -> str:
        """What a `LocalOrder` is signed for. It travels between neighbours, never through the broker."""
        return f"{self.base}/zones/{zone}/local"

    def zone_orders(self, zone: str) -> str:
        """Down: `Play`, `Stop` and `Rehearse` for all nodes of a zone."""
        return f"{self.base}/zones/{zone}/orders"

    def clip(self, zone: str, sha256: str) -> str:
        """Down: the bytes of an urgent clip."""
        return f"{self.base}/zones/{zone}/clips/{sha256}"

    def config(self, node: str) -> str:
        """Down, retained: `NodeConfig`."""
        return f"{self.base}/nodes/{node}/config"

    def node_orders(self, node: str) -> str:
        """Down: `Play`, `Stop`, `Rehearse` and `Restart` for one node."""
        return f"{self.base}/nodes/{node}/orders"

    def acks(self, node: str) -> str:
        """Down: `ReportAck`."""
        return f"{self.base}/nodes/{node}/acks"

    def time(self, node: str) -> str:
        """Down: `TimeReply`."""
        return f"{self.base}/nodes/{node}/time"

    def presence(self, node: str) -> str:
        """Up, retained: `Presence`."""
        return f"{self.base}/nodes/{node}/presence"

    def heartbeat(self, node: str) -> str:
        """Up: `Heartbeat`."""
        return f"{self.base}/nodes/{node}/heartbeat"

    def reports(self, node: str) -> str:
        """Up: `PlaybackReport`."""
        return f"{self.base}/nodes/{node}/reports"

    def time_request(self, node: str) -> str:
        """Up: `TimeRequest`."""
        return f"{self.base}/nodes/{node}/time-request"

    def rehearsed(self, node: str) -> str:
        """Up: `Rehearsed`."""
        return f"{self.base}/nodes/{node}/rehearsed"

    def for_zone(self, zone: str) -> tuple[str, ...]:
        """What a node of a zone subscribes to, exactly; the broker allows no other spelling."""
        documents = self.timetable(zone), self.emergencies(zone), self.prepared(zone)
        return (*documents, self.zone_orders(zone), self.clip(zone, "+"))

    def for_node(self, node: str) -> tuple[str, ...]:
        """What a node subscribes to for itself, exactly."""
        return self.config(node), self.node_orders(node), self.acks(node), self.time(node)

    def from_node(self, node: str) -> tuple[str, ...]:
        """What a node may publish to."""
        of_state = self.presence(node), self.heartbeat(node), self.reports(node)
        return (*of_state, self.time_request(node), self.rehearsed(node))

    def from_nodes(self) -> tuple[str, ...]:
        """What the server subscribes to."""
        return self.from_node("+")

    def parse(self, topic: str) -> tuple[str, ...] | None:
        """The levels below the commune, or none when the topic is not of this commune."""
        prefix = self.base + "/"
        return tuple(topic.removeprefix(prefix).split("/")) if topic.startswith(prefix) else None


def topic_matches(pattern: str, topic: str) -> bool:
    """Whether a topic is covered by a subscription (MQTT 3.1.1, section 4.7)."""
    if topic.startswith("$") and pattern.startswith(("#", "+")):
        return False
    wanted, levels = pattern.split("/"), topic.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)
