"""Pairing on a bad card, and when the power goes in its middle: no code is lost, and nothing is left half done."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from players.errors import KeyUnusable, PairingError
from players.messages import PairingReply, PairingRequest
from players.node.errors import NotPaired
from players.node.pairing import FORMER, IDENTITY_FILE, KEY_FILE, PAIRING_KEY_FILE, load_identity, pair
from players.node.store import STATE_FILE
from players.signing import NodeKey
from tests.fakes.small_disk import fill, small_disk
from tests.players.samples import PAIRING_REPLY

CODE = "ABCD-EFGH"


class Server:
    """A server's pairing door, that remembers who was there."""

    def __init__(self) -> None:
        self.paired: list[str] = []
        self.refuses = False
        self.reply: PairingReply = PAIRING_REPLY

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.refuses:
            return httpx.Response(403, json={"error": {"code": "no", "message": "Mã đã dùng.", "field": None}})
        self.paired.append(PairingRequest.from_json(request.content).public_key["x"])
        return httpx.Response(200, content=self.reply.to_json())


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(server)) as client:
        yield client


def test_on_a_full_card_the_code_is_not_used_up(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    with small_disk(tmp_path / "card", 64) as card:
        filler = fill(card)
        with pytest.raises(KeyUnusable, match="No space"):
            pair("http://server", CODE, card, client)
        assert server.paired == []
        filler.unlink()
        pair("http://server", CODE, card, client)
        _, key = load_identity(card)
    assert server.paired == [key.public_jwk()["x"]]


def test_where_no_folder_can_be_made_the_code_is_not_used_up(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyUnusable, match="Not a directory"):
        pair("http://server", CODE, tmp_path / "file" / "pole", client)
    assert server.paired == []


def test_a_refused_code_leaves_the_pole_who_it_was(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    pair("http://server", CODE, tmp_path, client)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {KEY_FILE, IDENTITY_FILE}
    server.refuses = True
    with pytest.raises(PairingError, match="Mã đã dùng"):
        pair("http://server", CODE, tmp_path, client)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("was_paired", [False, True])
def test_cut_before_the_key_has_its_name_the_next_start_finds_it(
    server: Server, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, was_paired: bool
) -> None:
    if was_paired:
        NodeKey.generate().save(tmp_path / KEY_FILE)

    class PowerCut(BaseException):
        pass

    rename = Path.replace

    def rename_or_cut(path: Path, target: Path) -> Path:
        if path.name == PAIRING_KEY_FILE:
            raise PowerCut
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", rename_or_cut)
        with pytest.raises(PowerCut):
            pair("http://server", CODE, tmp_path, client)
    assert not (tmp_path / KEY_FILE).exists()
    reply, key = load_identity(tmp_path)
    assert (reply, [key.public_jwk()["x"]]) == (PAIRING_REPLY, server.paired)
    assert {path.name for path in tmp_path.iterdir()} == {KEY_FILE, IDENTITY_FILE}


def test_a_pole_that_was_cut_while_it_asked_is_not_paired(tmp_path: Path) -> None:
    NodeKey.generate().save(tmp_path / PAIRING_KEY_FILE)
    with pytest.raises(NotPaired):
        load_identity(tmp_path)


@pytest.mark.parametrize(
    ("change", "is_kept"), [({}, True), ({"node": "tay-3"}, False), ({"commune": "xa-khac"}, False)]
)
def test_a_box_that_becomes_another_pole_plays_nothing_of_what_it_was(
    server: Server, client: httpx.Client, tmp_path: Path, change: dict[str, str], *, is_kept: bool
) -> None:
    pair("http://server", CODE, tmp_path, client)
    files = {f"{STATE_FILE}{end}" for end in ("", "-wal", "-shm")}
    for name in files:
        (tmp_path / name).write_text("what was planned for it")
    server.reply = PAIRING_REPLY.model_copy(update=change)
    pair("http://server", CODE, tmp_path, client)
    kept = {path.name for path in tmp_path.iterdir()} - {KEY_FILE, IDENTITY_FILE}
    assert kept == (files if is_kept else {f"{FORMER}{name}" for name in files})


def test_of_a_box_that_nobody_knows_the_state_is_laid_aside(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / STATE_FILE).write_text("somebody's")
    pair("http://server", CODE, tmp_path, client)
    assert not (tmp_path / STATE_FILE).exists()
