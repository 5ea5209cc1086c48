"""`loalang serve` where it cannot start: one English line, exit status 2, no traceback, nothing half done."""

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from web.cli import main
from web.settings import ENV_PREFIX


def serve(*arguments: str) -> tuple[int, str]:
    """The command as a process of its own; its status and what it said on stderr."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    done = subprocess.run(
        [sys.executable, "-m", "web.cli", "serve", "--port", "0", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def said(stderr: str) -> list[str]:
    return [line.removeprefix("loalang: ") for line in stderr.splitlines() if line.startswith("loalang: ")]


@pytest.fixture
def commune(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    data = tmp_path / "commune"
    assert main(["init", "--name", "Xã Hòa Bình An", "--zone", "Thôn Đông", "--data", str(data)]) == 0
    capsys.readouterr()
    return data


def change(data: Path, statement: str) -> None:
    with closing(sqlite3.connect(data / "loalang.sqlite3")) as connection, connection:
        connection.execute(statement)


@pytest.mark.e2e
def test_an_empty_directory_is_to_be_set_up_first(tmp_path: Path) -> None:
    status, stderr = serve("--data", str(tmp_path / "new"))
    assert (status, said(stderr)) == (2, ["the database knows no commune yet: run `loalang init` first"])


@pytest.mark.e2e
def test_a_newer_database_is_left_alone(commune: Path) -> None:
    change(commune, "UPDATE alembic_version SET version_num = '9999'")
    before = (commune / "loalang.sqlite3").read_bytes()
    status, stderr = serve("--data", str(commune))
    assert status == 2
    assert "the database is at revision 9999" in said(stderr)[0]
    assert (commune / "loalang.sqlite3").read_bytes() == before


@pytest.mark.e2e
def test_a_broker_port_that_is_taken_is_named(commune: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = tmp_path / "settings.toml"
        settings.write_text(f'data_dir = "{commune}"\n[mqtt]\nport = {port}\n')
        status, stderr = serve("--config", str(settings))
    assert (status, said(stderr)) == (2, [f"Mosquitto cannot listen on 127.0.0.1:{port}: Address already in use"])


def test_a_port_that_is_taken_is_named(commune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--data", str(commune), "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"loalang: cannot listen on 127.0.0.1:{port}: Address already in use. Choose another with --port\n"
    )


def test_listening_to_the_network_in_plain_text_is_refused(
    commune: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOALANG_HTTP__TLS", "off")
    assert main(["serve", "--data", str(commune), "--host", "0.0.0.0"]) == 2  # noqa: S104 - it is refused
    assert "without TLS lets others read passwords" in capsys.readouterr().err


def test_a_certificate_that_is_not_there_is_said(
    commune: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'data_dir = "{commune}"\n[http]\ntls_cert = "{tmp_path}/none.pem"\ntls_key = "{tmp_path}/none.key"\n'
    )
    assert main(["serve", "--config", str(settings), "--port", "0"]) == 2
    assert "the certificate or its key cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["user", "list"], ["node", "list"]])
def test_other_commands_leave_a_newer_database_alone_too(
    commune: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    change(commune, "UPDATE alembic_version SET version_num = '9999'")
    assert main([*command, "--data", str(commune)]) == 2
    assert "the database is at revision 9999" in capsys.readouterr().err


def test_a_file_that_is_no_database_is_said(commune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (commune / "loalang.sqlite3").write_text("this was once something else" * 100)
    assert main(["user", "list", "--data", str(commune)]) == 2
    assert "cannot be used: file is not a database" in capsys.readouterr().err
