import hashlib
from pathlib import Path

import pytest

from tts.clip_store import ClipStore
from tts.errors import ClipError

DATA = b"OggS and so on"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "clips")


def test_keeps_bytes_under_their_digest(store: ClipStore, tmp_path: Path) -> None:
    assert not store.has(SHA256)
    assert store.add(DATA) == SHA256
    assert store.has(SHA256)
    assert store.path_of(SHA256) == tmp_path / "clips" / SHA256[:2] / f"{SHA256}.opus"
    assert store.path_of(SHA256).read_bytes() == DATA


def test_adding_twice_changes_nothing_and_leaves_no_scraps(store: ClipStore, tmp_path: Path) -> None:
    store.add(DATA)
    inode = store.path_of(SHA256).stat().st_ino
    store.add(DATA)
    assert store.path_of(SHA256).stat().st_ino == inode
    assert [path.name for path in (tmp_path / "clips").rglob("*") if path.is_file()] == [f"{SHA256}.opus"]


@pytest.mark.parametrize("left", [DATA[:5], b"", DATA.swapcase()])
def test_a_damaged_clip_is_told_and_replaced(store: ClipStore, left: bytes) -> None:
    """Cut off, or with other bytes of the same length."""
    assert not store.is_whole(SHA256)
    store.add(DATA)
    assert store.is_whole(SHA256)
    store.path_of(SHA256).write_bytes(left)
    assert not store.is_whole(SHA256)
    store.add(DATA)
    assert store.is_whole(SHA256)
    assert store.path_of(SHA256).read_bytes() == DATA


@pytest.mark.parametrize(
    "name", ["", "..", "../" * 21 + "a", "a" * 63, "A" * 64, "g" * 64, SHA256 + "\n", f"/{SHA256[1:]}"]
)
def test_only_a_digest_is_a_name(store: ClipStore, name: str) -> None:
    for ask in (store.path_of, store.has, store.is_whole, store.remove):
        with pytest.raises(ClipError):
            ask(name)


def test_removes(store: ClipStore) -> None:
    store.add(DATA)
    store.remove(SHA256)
    store.remove(SHA256)
    assert not store.has(SHA256)


def test_a_disk_that_refuses_is_a_clip_error_and_leaves_nothing(store: ClipStore, tmp_path: Path) -> None:
    (tmp_path / "clips" / SHA256[:2]).write_text("a file where the folder should be")
    with pytest.raises(ClipError):
        store.add(DATA)
    assert not store.has(SHA256)
