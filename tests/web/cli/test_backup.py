"""`loalang backup`, `restore` and `audit`, as a person at a terminal meets them."""

import io
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from web.cli import main
from web.data_lock import locked

Said = pytest.CaptureFixture[str]
DATABASE = "loalang.sqlite3"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a commune that has keys, a recording and a clip, and its backup."""
    folder = tmp_path_factory.mktemp("made")
    data = folder / "commune"
    assert main(["init", "--name", "Xã An", "--zone", "Thôn Đông", "--data", str(data)]) == 0
    assert main(["keys", "list", "--data", str(data)]) == 0
    for name in ("recordings/a.flac", "clips/ab/cd.opus", "clips/ab/half.part", "papers/scan.png"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(name.encode())
    assert main(["backup", str(folder / "backup.tar.gz"), "--data", str(data)]) == 0
    return folder


@pytest.fixture
def commune(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "commune", tmp_path / "commune"))


@pytest.fixture
def backup(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy2(made / "backup.tar.gz", tmp_path / "backup.tar.gz"))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(DATABASE) and path.name != ".lock"
    }


def usernames(data: Path) -> list[str]:
    with sqlite3.connect(data / DATABASE) as connection:
        return [name for (name,) in connection.execute("SELECT username FROM user ORDER BY id")]


def test_a_commune_comes_back_from_its_file(commune: Path, backup: Path, tmp_path: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    fresh = tmp_path / "new" / "commune"
    assert main(["restore", str(backup), "--data", str(fresh)]) == 0
    expected = contents(commune)
    del expected["clips/ab/half.part"], expected["papers/scan.png"]
    assert any(name.startswith("keys/") for name in expected)
    assert contents(fresh) == expected
    assert usernames(fresh) == usernames(commune) == ["quantri"]
    assert fresh.stat().st_mode & 0o77 == 0
    assert {path.stat().st_mode & 0o77 for path in fresh.rglob("*") if path.is_file()} == {0}


def test_it_is_as_of_one_moment_while_the_server_writes(commune: Path, tmp_path: Path) -> None:
    with sqlite3.connect(commune / DATABASE) as writer:
        writer.execute(
            "INSERT INTO auditentry (at, actor, action, subject, detail, digest) VALUES (0, '', '', '', '{}', '')"
        )
        path = tmp_path / "small.tar.gz"
        assert main(["backup", str(path), "--without-clips", "--data", str(commune)]) == 0
        writer.rollback()
    assert main(["restore", str(path), "--data", str(tmp_path / "new")]) == 0
    assert usernames(tmp_path / "new") == ["quantri"]
    assert not (tmp_path / "new" / "clips").exists()


def test_nothing_is_overwritten(commune: Path, backup: Path, tmp_path: Path, capsys: Said) -> None:
    before = backup.read_bytes()
    assert main(["backup", str(backup), "--data", str(commune)]) == 2
    assert main(["restore", str(backup), "--data", str(commune)]) == 2
    assert "--replace" in capsys.readouterr().err
    assert backup.read_bytes() == before
    assert main(["user", "add", "canbo", "--role", "officer", "--data", str(commune)]) == 0
    assert main(["restore", str(backup), "--replace", "--data", str(commune)]) == 0
    assert usernames(commune) == ["quantri"]
    (aside,) = tmp_path.glob("commune.before-*")
    assert usernames(aside) == ["quantri", "canbo"]


def test_what_a_server_uses_is_not_taken_from_under_it(commune: Path, backup: Path, capsys: Said) -> None:
    with locked(commune):
        assert main(["restore", str(backup), "--replace", "--data", str(commune)]) == 2
        assert main(["serve", "--port", "0", "--data", str(commune)]) == 2
    assert capsys.readouterr().err.count("is in use") == 2
    assert usernames(commune) == ["quantri"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def scratched(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def with_member(name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> Callable[[Path], None]:
    """The archive again, with one more member before its manifest."""

    def change(path: Path) -> None:
        with tarfile.open(path) as old:
            held = [(member, file.read()) for member in old if (file := old.extractfile(member)) is not None]
        info = tarfile.TarInfo(name)
        info.size, info.type = len(data), kind
        info.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
        with tarfile.open(path, "w:gz") as new:
            for member, content in [*held[:-1], (info, data), held[-1]]:
                new.addfile(member, io.BytesIO(content))

    return change


def newer(path: Path) -> None:
    with tarfile.open(path, "w:gz") as new:
        said = json.dumps({"format": 2, "made_at": "2030-01-01T00:00:00+00:00", "files": {}}).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(said)
        new.addfile(info, io.BytesIO(said))


@pytest.mark.parametrize(
    "harm",
    [
        cut,
        scratched,
        newer,
        lambda path: path.write_bytes(b"not an archive"),
        lambda path: path.unlink(),
        with_member("../outside"),
        with_member("keys/../../outside"),
        with_member("/outside"),
        with_member("server.toml"),
        with_member("keys/link", b"", tarfile.SYMTYPE),
        with_member("clips/more"),
    ],
    ids=["cut", "scratched", "newer", "nonsense", "gone", "up", "up-inside", "absolute", "other", "link", "more"],
)
def test_a_bad_file_leaves_everything_as_it_was(
    harm: Callable[[Path], None], commune: Path, backup: Path, tmp_path: Path, capsys: Said
) -> None:
    harm(backup)
    before = contents(tmp_path)
    assert main(["restore", str(backup), "--data", str(tmp_path / "new")]) == 2
    assert main(["restore", str(backup), "--replace", "--data", str(commune)]) == 2
    assert capsys.readouterr().err.count("loalang: ") == 2
    assert contents(tmp_path) == before
    assert usernames(commune) == ["quantri"]


def test_a_changed_line_of_the_audit_log_is_found(commune: Path, capsys: Said) -> None:
    for name in ("canbo", "lanhdao"):
        assert main(["user", "reset", "quantri", "--data", str(commune)]) == 0, name
    capsys.readouterr()
    assert main(["audit", "verify", "--data", str(commune)]) == 0
    assert capsys.readouterr().out.startswith("whole: ")
    assert main(["audit", "list", "--last", "2", "--data", str(commune)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("quantri" in line for line in lines)
    with sqlite3.connect(commune / DATABASE) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE auditentry SET actor = 'ai-do' WHERE id = 2")
    assert main(["audit", "verify", "--data", str(commune)]) == 1
    assert "entry 2" in capsys.readouterr().out
