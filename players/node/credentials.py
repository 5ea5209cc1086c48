"""Who the node is and whom it believes: on disk whole or not at all, and changed while it runs."""

from collections.abc import Sequence
from pathlib import Path

from players.errors import KeyUnusable
from players.messages import CommuneKeys, PairingReply
from players.node.pairing import IDENTITY_FILE, KEY_FILE
from players.signing import NodeKey, checked_public_jwk, write_secret

NEXT_KEY_FILE = "node-key-next.json"


class Credentials:
    """The identity and the key in use.

    Args:
        data_dir: Where both are kept, mode 0600.
        reply: What the server said at pairing, or last.
        key: The node's own.
    """

    def __init__(self, data_dir: Path, reply: PairingReply, key: NodeKey) -> None:
        self._data_dir = data_dir
        self._reply = reply
        self._key = key

    def __repr__(self) -> str:
        return f"Credentials({self.node!r}, {self._key.kid!r})"

    @property
    def reply(self) -> PairingReply:
        """All that the server has said of this node."""
        return self._reply

    @property
    def key(self) -> NodeKey:
        """By which the node proves itself over HTTP."""
        return self._key

    @property
    def commune(self) -> str:
        """Whose node it is."""
        return self._reply.commune

    @property
    def node(self) -> str:
        """Which node it is."""
        return self._reply.node

    @property
    def commune_keys(self) -> Sequence[dict[str, str]]:
        """Public keys of whom the node obeys."""
        return self._reply.commune_keys

    @property
    def keys_version(self) -> int:
        """Of the last word on whom to believe."""
        return self._reply.keys_version

    @property
    def authorities(self) -> tuple[str, ...]:
        """Certificates (PEM) of the commune's own authority."""
        return self._reply.authorities

    def believe(self, word: CommuneKeys) -> None:
        """Believe these keys and authorities, and no others, from now on. Its signature was checked.

        Raises:
            KeyUnusable: it cannot be written; what was believed before still is.
            MalformedMessage: one of them is no key.
        """
        changes = {
            "commune_keys": tuple(checked_public_jwk(key) for key in word.keys),
            "authorities": word.authorities,
            "keys_version": word.version,
        }
        self._keep(self._reply.model_copy(update=changes))

    def next_key(self) -> NodeKey:
        """The key that the node asks the server to take in place of its own: the same until the server has answered.

        Raises:
            KeyUnusable: it cannot be written.
        """
        path = self._data_dir / NEXT_KEY_FILE
        if not path.exists():
            NodeKey.generate().save(path)
        return NodeKey.load(path)

    def adopt(self, reply: PairingReply) -> None:
        """Be who the server says, by the next key.

        A crash in between leaves the new key with the former password: the broker refuses it, and the node asks again.

        Raises:
            KeyUnusable: it cannot be written.
        """
        key = self.next_key()
        try:
            (self._data_dir / NEXT_KEY_FILE).replace(self._data_dir / KEY_FILE)
        except OSError as error:
            raise KeyUnusable(f"{self._data_dir / KEY_FILE}: {error.strerror}") from error
        self._key = key
        self._keep(reply)

    def _keep(self, reply: PairingReply) -> None:
        write_secret(self._data_dir / IDENTITY_FILE, reply.to_json())
        self._reply = reply
