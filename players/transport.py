"""How messages travel: an interface; `mqtt` and `memory` stand beside it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came: its topic, its bytes, and whether the broker had kept it."""

    topic: str
    payload: bytes
    retained: bool = False


class Connection(Protocol):
    """One live connection. Delivery is at least once (QoS 1); order across topics is not promised."""

    async def subscribe(self, *topics: str) -> None:
        """Ask for topics (`+` and `#` as in MQTT); returns when the broker has agreed.

        Raises:
            TransportClosed: the connection is gone.
            SubscriptionRefused: the broker does not let us hear one of them.
        """
        ...

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send; returns when the broker has it.

        Raises:
            TransportClosed: the connection is gone; the message may or may not have gone out.
            ValueError: the topic is empty or holds a wildcard.
        """
        ...

    def messages(self) -> AsyncIterator[Incoming]:
        """What comes in, until the connection is lost, then raises `TransportClosed`.

        What came in before the loss is still given.
        """
        ...


class Transport(Protocol):
    """Makes connections. The caller connects again after `TransportClosed`, with a growing pause."""

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """Connect; leaving the context disconnects (and then the will is not sent).

        Raises:
            TransportClosed: the broker cannot be reached.
            CredentialRefused: the broker does not know us (a `TransportClosed`, too).
        """
        ...
