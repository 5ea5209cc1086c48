"""Items as they are written, and the two ways in which they come: a folder and a feed."""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from broadcast.sources import (
    MAX_ITEM_BYTES,
    MAX_ITEMS,
    BadItem,
    Parcel,
    SourceUnreachable,
    Status,
    is_signed,
    read_item,
)
from broadcast.sources_fetch import Patience
from broadcast.sources_folder import FolderSource
from broadcast.sources_http import MAX_FEED_BYTES, HttpSource
from players.messages import Urgency
from tests.fakes.feed_server import FeedServer, feed_server

ITEM = {"format": "loalang-item/1", "id": "tinh-1", "title": "Tin tỉnh", "text": "Nội dung."}
SECRET = "mot-khoa-chung-dai"
BUSY = Patience(connect_s=30, stall_s=30, whole_s=60)
"""What answers has time to, also on a busy machine."""


def written(**changed: object) -> bytes:
    return json.dumps({**ITEM, **changed}, ensure_ascii=False).encode()


def signed(data: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def test_an_item_is_read_and_cleaned_as_typing_is() -> None:
    item = read_item(written(urgency="priority", revision=3, text="  Họp\u202e lúc 8h.\r\n", zones=["thon-dong"]))
    assert (item.urgency, item.revision, item.text) == (Urgency.PRIORITY, 3, "Họp lúc 8h.")
    assert read_item(b'{"format":"loalang-item/1","id":"a","status":"withdrawn"}').status is Status.WITHDRAWN


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "không phải JSON"),
        (b"\xff\xfe", "không phải JSON"),
        (b"[" * 100_000, "không phải JSON"),
        (b"[]", "tin"),
        (written(format="loalang-item/2"), "format"),
        (written(format="ministry/1"), "format"),
        (written(id="../a"), "id"),
        (written(id=""), "id"),
        (written(id="x" * 101), "id"),
        (written(revision=0), "revision"),
        (written(revision="2"), "revision"),
        (written(urgency="urgent"), "urgency"),
        (written(title=""), "title"),
        (written(text=" "), "text"),
        (written(text="a\x07b"), "text"),
        (written(text="x" * 20_001), "text"),
        (written(urgency="emergency", text="x" * 601), "text"),
        (written(expires_at="2026-06-01T08:00:00"), "expires_at"),
        (written(extra=1), "extra"),
        (written(zones=["a"] * 201), "zones"),
        (b" " * (MAX_ITEM_BYTES + 1), "KB"),
    ],
)
def test_an_item_that_cannot_be_used_says_why(data: bytes, told: str) -> None:
    with pytest.raises(BadItem, match=told):
        read_item(data)


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "x", signed(b"b"), signed(b"a", "another"), signed(b"a")[7:], "é"]
)
def test_what_is_not_signed_with_the_secret_is_not_signed(signature: str) -> None:
    assert not is_signed(b"a", signature, SECRET)
    assert is_signed(b"a", signed(b"a") + "\n", SECRET)


async def test_a_folders_files_are_read_in_order_and_moved(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", ".hidden.json", "c.json.part", "notes.txt"):
        (tmp_path / name).write_bytes(written(id=name.strip(".")))
    source = FolderSource(tmp_path)
    parcels = await source.fetch()
    assert [parcel.name for parcel in parcels] == ["a.json", "b.json"]
    await source.settle(parcels[0], "")
    await source.settle(parcels[1], "Thiếu tiêu đề.")
    assert await source.fetch() == []
    assert (tmp_path / "done" / "a.json").read_bytes() == parcels[0].data
    assert (tmp_path / "bad" / "b.json.txt").read_text() == "Thiếu tiêu đề.\n"
    assert (tmp_path / "c.json.part").exists()


async def test_a_folder_takes_no_links_no_pipes_and_no_giants(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(written())
    (folder / "link.json").symlink_to(tmp_path / "secret")
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "giant.json").write_bytes(b" " * (MAX_ITEM_BYTES * 3))
    source = FolderSource(folder)
    parcels = {parcel.name: parcel for parcel in await source.fetch()}
    assert {name for name, parcel in parcels.items() if parcel.problem} == {"link.json", "folder.json", "pipe.json"}
    assert len(parcels["giant.json"].data) == MAX_ITEM_BYTES + 1
    for parcel in parcels.values():
        await source.settle(parcel, "xấu")
    assert await source.fetch() == []
    assert (tmp_path / "secret").exists()


async def test_a_folder_gives_so_many_at_a_time(tmp_path: Path) -> None:
    for number in range(MAX_ITEMS + 5):
        (tmp_path / f"{number:04}.json").write_bytes(written())
    source = FolderSource(tmp_path)
    first = await source.fetch()
    assert len(first) == MAX_ITEMS
    for parcel in first:
        await source.settle(parcel, "")
    assert len(await source.fetch()) == 5


async def test_with_a_secret_every_file_is_signed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(written())
    (tmp_path / "a.json.sig").write_text(signed(written()))
    (tmp_path / "b.json").write_bytes(written())
    (tmp_path / "c.json").write_bytes(written())
    (tmp_path / "c.json.sig").write_text(signed(written(), "stranger"))
    source = FolderSource(tmp_path, SECRET)
    parcels = await source.fetch()
    assert [bool(parcel.problem) for parcel in parcels] == [False, True, True]
    await source.settle(parcels[0], "")
    assert sorted(one.name for one in (tmp_path / "done").iterdir()) == ["a.json", "a.json.sig"]


async def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "none")
    with pytest.raises(SourceUnreachable, match="thư mục"):
        await source.fetch()
    with pytest.raises(SourceUnreachable, match=r"a\.json"):
        await source.settle(Parcel("a.json"), "xấu")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as server:
        server.body = json.dumps({"format": "loalang-feed/1", "items": [ITEM, 7]}).encode()
        yield server


async def test_a_feed_is_read_item_by_item_with_its_token(server: FeedServer) -> None:
    parcels = await HttpSource(server.url + "/tin", token="ma-truy-cap", patience=BUSY).fetch()
    assert read_item(parcels[0].data).id == "tinh-1"
    with pytest.raises(BadItem):
        read_item(parcels[1].data)
    assert server.asked == [("/tin", "Bearer ma-truy-cap")]


async def test_a_feed_is_signed_when_a_secret_is_shared(server: FeedServer) -> None:
    source = HttpSource(server.url, secret=SECRET, patience=BUSY)
    with pytest.raises(SourceUnreachable, match="Chữ ký"):
        await source.fetch()
    server.headers = {"X-Loalang-Signature": signed(server.body)}
    assert len(await source.fetch()) == 2


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"format":"loalang-feed/1"}', b'{"format":"rss","items":[]}', b"<rss/>"]
)
async def test_what_is_no_feed_is_told(server: FeedServer, body: bytes) -> None:
    server.body = body
    with pytest.raises(SourceUnreachable):
        await HttpSource(server.url, patience=BUSY).fetch()


@pytest.mark.parametrize("status", [204, 401, 404, 500])
async def test_a_status_is_told(server: FeedServer, status: int) -> None:
    server.status, server.body = status, b""
    with pytest.raises(SourceUnreachable, match=str(status)):
        await HttpSource(server.url, patience=BUSY).fetch()


async def test_a_feed_that_stalls_or_never_ends_is_left(server: FeedServer) -> None:
    server.stalls = True
    with pytest.raises(SourceUnreachable):
        await HttpSource(server.url, patience=Patience(connect_s=10, stall_s=1, whole_s=20)).fetch()
    server.stalls, server.endless = False, True
    with pytest.raises(SourceUnreachable, match=f"{MAX_FEED_BYTES // 1024 // 1024} MB"):
        await HttpSource(server.url, patience=BUSY).fetch()


async def test_nobody_at_the_address_is_told(server: FeedServer) -> None:
    port = int(server.url.rpartition(":")[2])
    server.redirects["/"] = f"https://127.0.0.1:{port}/"  # speaks no TLS there
    for address in ("http://127.0.0.1:9/", "http://khong-co.invalid/", server.url + "/"):
        with pytest.raises(SourceUnreachable):
            await HttpSource(address, follows_inner=True, patience=BUSY).fetch()


async def test_redirects_lead_to_no_inner_address_unless_set(server: FeedServer) -> None:
    server.redirects["/tin"] = "/khac"
    with pytest.raises(SourceUnreachable, match="nội bộ"):
        await HttpSource(server.url + "/tin", patience=BUSY).fetch()
    assert [path for path, _ in server.asked] == ["/tin"]
    assert len(await HttpSource(server.url + "/tin", follows_inner=True, patience=BUSY).fetch()) == 2


@pytest.mark.parametrize(
    "there", ["file:///etc/passwd", "ftp://a/", "http://169.254.169.254/", "http://[::1]/", "http://10.0.0.1/"]
)
async def test_redirects_that_are_never_followed(server: FeedServer, there: str) -> None:
    server.redirects["/tin"] = there
    with pytest.raises(SourceUnreachable, match="chuyển hướng"):
        await HttpSource(server.url + "/tin", patience=BUSY).fetch()


async def test_a_token_goes_to_its_own_host_alone_and_circles_end(server: FeedServer) -> None:
    with feed_server() as other:
        other.body = server.body
        server.redirects["/tin"] = other.url + "/tin"
        await HttpSource(server.url + "/tin", token="ma", follows_inner=True, patience=BUSY).fetch()
        assert other.asked == [("/tin", None)]
    server.redirects["/vong"] = "/vong"
    with pytest.raises(SourceUnreachable, match="quá 3 lần"):
        await HttpSource(server.url + "/vong", follows_inner=True, patience=BUSY).fetch()
