import hashlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.file_server import FileServer, file_server
from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tts.errors import VoiceDownloadError, VoiceError, VoiceUnusable
from tts.voice_download import Patience, download_voice
from tts.voice_install import list_voices
from tts.voices import VoiceCard, VoiceFile, load_cards, load_engine

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
SHORT = Patience(connect_s=0.5, stall_s=0.3)
MODEL = f"/{VOICE_NAME}.onnx"
CONFIG = f"/{VOICE_NAME}.onnx.json"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = vietnamese_voice_dir(tmp_path_factory.mktemp("source"))
    return {f"/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def server(files: dict[str, bytes]) -> Iterator[FileServer]:
    with file_server() as running:
        running.files = dict(files)
        yield running


def card_of(server: FileServer) -> VoiceCard:
    def known(path: str, kind: str) -> VoiceFile:
        body = server.files[path]
        return VoiceFile(server.url + path, len(body), f"{kind}:{hashlib.new(kind, body).hexdigest()}")

    return replace(
        load_cards()["vi_VN-vais1000-medium"],
        name=VOICE_NAME,
        model=known(MODEL, "sha256"),
        config=known(CONFIG, "md5"),
    )


@pytest.fixture
def card(server: FileServer) -> VoiceCard:
    return card_of(server)


@pytest.fixture
def small_card(server: FileServer) -> VoiceCard:
    """A card of files that travel fast and are no voice: for what happens on the way."""
    server.files = {MODEL: bytes(range(256)) * 4000, CONFIG: b"{}" * 500}
    return card_of(server)


def left_over(voices_dir: Path) -> list[str]:
    """Every file under the folder of voices but locks."""
    files = (path for path in voices_dir.rglob("*") if path.is_file() and path.name != ".lock")
    return sorted(str(path.relative_to(voices_dir)) for path in files)


def asked_of(server: FileServer, path: str) -> list[str]:
    return [wanted for asked, wanted in server.requests if asked == path]


def test_fetches_checks_and_installs(card: VoiceCard, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    record = download_voice(card, tmp_path, now=NOW, progress=lambda here, total: seen.append((here, total)))
    assert (record.name, record.origin, record.installed_at) == (VOICE_NAME, "download", "2026-11-22T05:00:00+00:00")
    total = card.model.size_bytes + card.config.size_bytes
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)
    assert len(seen) > 50
    assert load_engine(VOICE_NAME, tmp_path).speak("Xin chào bà con.").duration_s > 0.5
    assert [voice.name for voice in list_voices(tmp_path) if voice.installed] == [VOICE_NAME]
    names = ("installed.json", f"{VOICE_NAME}.onnx", f"{VOICE_NAME}.onnx.json")
    assert left_over(tmp_path) == [f"{VOICE_NAME}/{name}" for name in names]


def test_goes_on_by_itself_where_the_line_was_cut(card: VoiceCard, server: FileServer, tmp_path: Path) -> None:
    server.cut_after = {MODEL: [1_000_000, 20_000_000, 30_000_000], CONFIG: [100]}
    record = download_voice(card, tmp_path, now=NOW, patience=SHORT)
    assert asked_of(server, CONFIG) == ["", "bytes=100-"]
    assert asked_of(server, MODEL) == ["", "bytes=1000000-", "bytes=21000000-", "bytes=51000000-"]
    assert record.model_sha256 == card.model.digest.removeprefix("sha256:")


def test_a_stall_ends_the_try_and_the_next_one_goes_on(card: VoiceCard, server: FileServer, tmp_path: Path) -> None:
    server.stall_after = {MODEL: [3_000_000, 0, 0]}
    started = time.monotonic()
    with pytest.raises(VoiceDownloadError, match="goes on from there"):
        download_voice(card, tmp_path, now=NOW, patience=SHORT)
    assert time.monotonic() - started < 30
    assert left_over(tmp_path) == [f".parts/{VOICE_NAME}/{path[1:]}.part" for path in (CONFIG, MODEL)]
    assert not (tmp_path / VOICE_NAME).exists()
    download_voice(card, tmp_path, now=NOW, patience=SHORT)
    assert asked_of(server, MODEL)[-1] == "bytes=3000000-"
    assert len(asked_of(server, CONFIG)) == 1


def test_a_server_that_cannot_continue_is_asked_for_the_whole(
    small_card: VoiceCard, server: FileServer, tmp_path: Path
) -> None:
    server.ignore_range = True
    server.cut_after = {MODEL: [1000]}
    with pytest.raises(VoiceUnusable):  # whole and as the card says, but no voice
        download_voice(small_card, tmp_path, now=NOW, patience=SHORT)
    assert asked_of(server, MODEL) == ["", "bytes=1000-"]


def test_what_is_not_the_cards_file_is_thrown_away(small_card: VoiceCard, server: FileServer, tmp_path: Path) -> None:
    server.files[MODEL] = server.files[MODEL][:-1] + b"x"
    with pytest.raises(VoiceDownloadError, match="sha256"):
        download_voice(small_card, tmp_path, now=NOW, patience=SHORT)
    assert left_over(tmp_path) == [f".parts/{VOICE_NAME}/{CONFIG[1:]}.part"]


def test_a_bad_beginning_on_the_disk_does_not_spoil_the_next_try(
    card: VoiceCard, server: FileServer, tmp_path: Path
) -> None:
    part = tmp_path / ".parts" / VOICE_NAME / f"{CONFIG[1:]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"<html>")
    download_voice(card, tmp_path, now=NOW, patience=SHORT)
    assert asked_of(server, CONFIG) == ["bytes=6-", ""]


@pytest.mark.parametrize("length", [10, 5_000_000])
def test_a_file_of_another_length_is_refused_at_once(
    small_card: VoiceCard, server: FileServer, tmp_path: Path, length: int
) -> None:
    """A portal's page, a moved file, or a server that would fill the disk."""
    server.files[MODEL] = b"x" * length
    with pytest.raises(VoiceDownloadError, match=str(length)):
        download_voice(small_card, tmp_path, now=NOW, patience=SHORT)
    assert left_over(tmp_path) == [f".parts/{VOICE_NAME}/{CONFIG[1:]}.part"]


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (500, 2), (503, 2)])
def test_refusals(small_card: VoiceCard, server: FileServer, tmp_path: Path, status: int, tries: int) -> None:
    server.statuses = [status] * 5
    with pytest.raises(VoiceDownloadError, match=str(status)):
        download_voice(small_card, tmp_path, now=NOW, patience=SHORT)
    assert len(server.requests) == tries


def test_a_wrong_range_is_refused(small_card: VoiceCard, server: FileServer, tmp_path: Path) -> None:
    server.wrong_range = True
    server.cut_after = {MODEL: [1000]}
    with pytest.raises(VoiceDownloadError, match="wrong part"):
        download_voice(small_card, tmp_path, now=NOW, patience=SHORT)


def test_nobody_there_is_said_within_the_connect_time(small_card: VoiceCard, tmp_path: Path) -> None:
    with socket.socket() as deaf:  # bound, not listening: refused at once
        deaf.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/x"
        card = replace(small_card, config=replace(small_card.config, url=url))
        with pytest.raises(VoiceDownloadError):
            download_voice(card, tmp_path, now=NOW, patience=SHORT)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:  # accepts nobody: the connection never opens
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        card = replace(small_card, config=replace(small_card.config, url=f"http://127.0.0.1:{address[1]}/x"))
        started = time.monotonic()
        with pytest.raises(VoiceDownloadError):
            download_voice(card, tmp_path, now=NOW, patience=SHORT)
        assert time.monotonic() - started < 3
        for one in waiting:
            one.close()
    assert left_over(tmp_path) == []


def test_a_disk_that_is_full_or_closed_is_said(small_card: VoiceCard, tmp_path: Path) -> None:
    huge = replace(small_card, model=replace(small_card.model, size_bytes=1 << 60))
    with pytest.raises(VoiceDownloadError, match="are free on the disk"):
        download_voice(huge, tmp_path, now=NOW, patience=SHORT)
    (tmp_path / "file").write_text("")
    with pytest.raises(VoiceError):
        download_voice(small_card, tmp_path / "file", now=NOW, patience=SHORT)


def test_two_at_once_do_not_mix(small_card: VoiceCard, server: FileServer, tmp_path: Path) -> None:
    def again(_here: int, _total: int) -> None:
        with pytest.raises(VoiceDownloadError, match="by somebody else"):
            download_voice(small_card, tmp_path, now=NOW, patience=SHORT)

    with pytest.raises(VoiceUnusable):
        download_voice(small_card, tmp_path, now=NOW, patience=SHORT, progress=again)
    assert len(server.requests) == 2


def test_a_voice_without_a_phoneme_of_vietnamese_is_not_installed(server: FileServer, tmp_path: Path) -> None:
    server.files[CONFIG] = server.files[CONFIG].replace(b'"6": [136]', b'"6x": [136]')
    with pytest.raises(VoiceUnusable, match="'6'"):
        download_voice(card_of(server), tmp_path, now=NOW, patience=SHORT)
    assert not (tmp_path / VOICE_NAME).exists()
