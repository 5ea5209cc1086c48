"""Pairing: the node makes its key, shows a one-time code, and pins the commune's key that it gets back."""

from pathlib import Path

import httpx
from pydantic import ValidationError

from players.errors import KeyUnusable, MalformedMessage, PairingError
from players.messages import PairingReply, PairingRequest
from players.node.errors import NotPaired
from players.node.software import software_version
from players.node.state_file import lay_aside
from players.node.store import STATE_FILE
from players.signing import NodeKey, checked_public_jwk, write_secret

KEY_FILE = "node-key.json"
PAIRING_KEY_FILE = "node-key-pairing.json"
"""The key that is shown to the server, until the identity that goes with it is kept."""
IDENTITY_FILE = "identity.json"
FORMER = "former-"
"""Before the name of what a box had kept for the node that it was."""
_LIMIT_S = 20.0
_SHOWN = 200


def prepare_data_dir(data_dir: Path) -> None:
    """Make a node's directory, if there is none.

    Raises:
        KeyUnusable: it cannot be made.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise KeyUnusable(f"{data_dir}: {error.strerror}") from error


def pair(server_url: str, code: str, data_dir: Path, client: httpx.Client) -> PairingReply:
    """Show the code to the server and keep who we are, mode 0600. The key is made anew; nothing must play from there.

    The key is on the disk before the server is asked: where it cannot be written, the code is not used up.

    Raises:
        PairingError: the code is impossible, the server cannot be reached, refuses, or answers something else.
        KeyUnusable: the directory cannot be written.
    """
    key = NodeKey.generate()
    try:
        request = PairingRequest(
            code=code.strip().upper().replace("-", ""), public_key=key.public_jwk(), version=software_version()
        )
    except ValidationError as error:
        raise PairingError("a pairing code has 8 letters and digits, without 0, 1 and the like") from error
    prepare_data_dir(data_dir)
    shown = data_dir / PAIRING_KEY_FILE
    key.save(shown)
    try:
        reply = _ask(server_url, request, client)
    except PairingError:
        shown.unlink(missing_ok=True)
        raise
    _lay_aside_former_state(data_dir, reply)
    # The server takes the former key no more. Whatever is cut from here on, the next start finds the new one.
    (data_dir / KEY_FILE).unlink(missing_ok=True)
    write_secret(data_dir / IDENTITY_FILE, reply.to_json())
    _end_pairing(data_dir)
    return reply


def load_identity(data_dir: Path) -> tuple[PairingReply, NodeKey]:
    """Who this node is.

    Raises:
        NotPaired: it has not been paired, or what was kept is damaged.
        KeyUnusable: the key is missing, damaged, or others can read it.
    """
    try:
        reply = PairingReply.from_json((data_dir / IDENTITY_FILE).read_bytes())
    except OSError as error:
        raise NotPaired(f"{data_dir}: not paired yet (loalang-node pair)") from error
    except MalformedMessage as error:
        raise NotPaired(f"{data_dir}: {error}; pair it again") from error
    _end_pairing(data_dir)
    return reply, NodeKey.load(data_dir / KEY_FILE)


def _lay_aside_former_state(data_dir: Path, reply: PairingReply) -> None:
    """What was planned for another node is not for this one; of it nothing but its sounds is used again."""
    try:
        former = PairingReply.from_json((data_dir / IDENTITY_FILE).read_bytes())
        if (former.commune, former.node) == (reply.commune, reply.node):
            return
    except (OSError, MalformedMessage):
        pass  # whose it was is not known
    try:
        lay_aside(data_dir / STATE_FILE, FORMER)
    except OSError as error:
        raise KeyUnusable(f"{data_dir / STATE_FILE}: {error.strerror}") from error


def _end_pairing(data_dir: Path) -> None:
    """Use the key that was shown to the server from now on, if there is no other."""
    key, shown = data_dir / KEY_FILE, data_dir / PAIRING_KEY_FILE
    if key.exists() or not shown.exists():
        return
    try:
        shown.replace(key)
    except OSError as error:
        raise KeyUnusable(f"{key}: {error.strerror}") from error


def _ask(server_url: str, request: PairingRequest, client: httpx.Client) -> PairingReply:
    try:
        response = client.post(
            f"{server_url}/api/pairing",
            content=request.to_json(),
            headers={"Content-Type": "application/json"},
            timeout=_LIMIT_S,
        )
    except httpx.HTTPError as error:
        raise PairingError(f"{server_url}: {error or type(error).__name__}") from error
    if response.is_error:
        raise PairingError(f"the server refuses ({response.status_code}): {_complaint(response)}")
    try:
        reply = PairingReply.from_json(response.content)
        keys = [checked_public_jwk(key) for key in reply.commune_keys]
    except MalformedMessage as error:
        raise PairingError(f"what answers at {server_url} is no Loa Làng server: {error}") from error
    return reply.model_copy(update={"commune_keys": tuple(keys)})


def _complaint(response: httpx.Response) -> str:
    """What the server says is wrong: the one JSON shape of its errors, or the beginning of its text."""
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:_SHOWN]
