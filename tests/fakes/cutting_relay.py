"""A real TCP relay between a browser and the server that can cut the line where it hurts."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_LOOK_EVERY_S = 0.05


@dataclass
class CuttingRelay:
    """Passes bytes both ways. While `eats` is set, a connection on which that was asked for is cut before its answer.

    The request reaches the server whole; only what comes back is lost. While `is_cut`, nothing gets through at all.
    """

    server: tuple[str, int]
    eats: bytes | None = None
    eaten: int = 0
    is_cut: bool = False
    listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """Where the browser connects."""
        return int(self.listener.getsockname()[1])

    def accept_all(self) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self.server, timeout=10)
        except OSError:
            near.close()
            return
        is_marked = False
        with near, far, selectors.DefaultSelector() as ready, contextlib.suppress(OSError):
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while not self.is_cut:
                for key, _ in ready.select(timeout=_LOOK_EVERY_S):
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    said = source.recv(65536)
                    if not said or self.is_cut:
                        return
                    if source is near and self.eats is not None and self.eats in said:
                        is_marked = True
                    elif source is far and is_marked:
                        self.eaten += 1
                        return
                    key.data.sendall(said)


@contextlib.contextmanager
def cutting_relay(server: tuple[str, int]) -> Iterator[CuttingRelay]:
    """A relay to that server, for as long as the block lasts."""
    relay = CuttingRelay(server)
    worker = threading.Thread(target=relay.accept_all, daemon=True)
    worker.start()
    try:
        yield relay
    finally:
        relay.listener.shutdown(socket.SHUT_RDWR)
        relay.listener.close()
        worker.join(timeout=10)
