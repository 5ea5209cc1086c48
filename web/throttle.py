"""How often something may be tried: each key has a bucket of tries that refills, so nobody is locked out for long."""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MAX_KEYS = 20_000


@dataclass(slots=True)
class Throttle:
    """`burst` tries at once for a key, then one more every `refill`. Lives in memory: a restart forgives."""

    burst: int
    refill: timedelta
    _buckets: OrderedDict[str, tuple[float, datetime]] = field(default_factory=OrderedDict, repr=False)

    def wait_for(self, key: str, now: datetime) -> timedelta:
        """How long until `key` may try; zero when it may."""
        left = self._left(key, now)
        return timedelta(0) if left >= 1 else (1 - left) * self.refill

    def take(self, key: str, now: datetime) -> timedelta:
        """Use up a try and give zero, or give how long to wait and use up nothing."""
        wait = self.wait_for(key, now)
        if not wait:
            self._keep(key, self._left(key, now) - 1, now)
        return wait

    def give_back(self, key: str, now: datetime) -> None:
        """A try that succeeded does not count."""
        self._keep(key, min(self.burst, self._left(key, now) + 1), now)

    def _left(self, key: str, now: datetime) -> float:
        left, at = self._buckets.get(key, (float(self.burst), now))
        return min(self.burst, left + max(timedelta(0), now - at) / self.refill)

    def _keep(self, key: str, left: float, now: datetime) -> None:
        self._buckets[key] = (left, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)


def address_key(address: str | None) -> str:
    """What stands for a client: its IPv4 address, or the /64 of its IPv6 address, of which one customer has many."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped) if ip.ipv4_mapped else str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
