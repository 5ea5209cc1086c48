"""What the container images and the compose file promise; `test_images_start.py` builds and starts them."""

import fcntl
import re
import sqlite3
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from players.node.cli import _parser as node_parser
from players.node.lock import locked
from tests.e2e.dockerfile import Stage, read_dockerfile
from web.cli.arguments import parse
from web.settings import SettingsError, load_settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(30)]
ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
IMAGES = ("server", "node")
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - within the container


def last_stage(image: str) -> Stage:
    return read_dockerfile(DOCKER / f"Dockerfile.{image}")[1][-1]


@pytest.mark.parametrize("image", IMAGES)
class TestImage:
    def test_it_stands_on_a_debian_of_a_named_version(self, image: str) -> None:
        arguments, stages = read_dockerfile(DOCKER / f"Dockerfile.{image}")
        assert arguments == {"BASE": "debian:bookworm-slim"}
        assert [stage.base for stage in stages] == ["${BASE} AS environment", "${BASE}"]

    def test_it_runs_as_a_user_of_its_own(self, image: str) -> None:
        stage = last_stage(image)
        made = re.search(
            r"useradd --uid (\d+) --gid (\d+) .* --shell /usr/sbin/nologin (\S+)", " ".join(stage.all("RUN"))
        )
        assert made is not None
        assert int(made[1]) >= 10_000
        assert stage.one("USER") in {f"{made[1]}:{made[2]}", made[3]}
        after = stage.steps[stage.steps.index(("USER", stage.one("USER"))) + 1 :]
        assert not [step for step in after if step[0] in {"RUN", "COPY", "ADD", "USER"}], "nothing is made as that user"

    def test_what_it_keeps_is_on_a_volume_of_that_user_alone(self, image: str) -> None:
        stage = last_stage(image)
        volume = stage.one("VOLUME")
        assert re.search(rf"install -d -o (\S+) -g \1 -m 0700 {volume}( |$)", " ".join(stage.all("RUN")))
        assert COMPOSE["services"][image]["volumes"] == [f"{image}:{volume}"]
        assert image in COMPOSE["volumes"]

    def test_its_health_is_asked_by_a_program_that_is_in_it(self, image: str) -> None:
        stage = last_stage(image)
        asked = stage.command("HEALTHCHECK")
        source, target = next(copy.split() for copy in stage.all("COPY") if copy.endswith("_health.py"))
        assert asked[:2] == ["python3", target]
        assert (DOCKER / source).is_file()

    def test_its_entry_point_is_a_program_of_ours(self, image: str) -> None:
        assert last_stage(image).command("ENTRYPOINT")[0] in PROJECT["scripts"]

    def test_installing_runs_nobodys_code_and_takes_the_pinned_versions(self, image: str) -> None:
        commands = read_dockerfile(DOCKER / f"Dockerfile.{image}")[1][0].all("RUN")
        first, second = (command for command in commands if "pip install" in command)
        assert "--only-binary :all:" in first
        assert f"-c /tmp/build/constraints.txt -r /tmp/build/requirements-{image}.txt" in first
        assert "--no-deps --no-index" in second

    def test_what_the_builder_lends_is_lent_as_a_secret(self, image: str) -> None:
        text = (DOCKER / f"Dockerfile.{image}").read_text(encoding="utf-8")
        assert set(re.findall(r"^ARG (\w+)", text, re.MULTILINE)) == {"BASE"}, (
            "an argument stays in the image's history"
        )
        assert set(re.findall(r"type=secret,id=(\w+)", text)) == {"ca_bundle", "pip_conf"}
        assert "://" not in text

    def test_compose_takes_the_version_that_is_built_here(self, image: str) -> None:
        service = COMPOSE["services"][image]
        assert service["image"] == f"localhost/loalang-{image}:{PROJECT['version']}"
        assert service["pull_policy"] == "never"

    def test_compose_lets_it_do_no_more_than_it_needs(self, image: str) -> None:
        service = COMPOSE["services"][image]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert service["restart"] == "unless-stopped"
        assert not {"privileged", "cap_add", "network_mode", "pid", "user"} & service.keys()


def test_the_server_publishes_its_ports_to_this_pc_unless_told_otherwise() -> None:
    stage = last_stage("server")
    ports = stage.one("EXPOSE").split()
    assert COMPOSE["services"]["server"]["ports"] == [f"${{LISTEN_ADDRESS:-127.0.0.1}}:{port}:{port}" for port in ports]
    settings = load_settings(None, stage.environment())
    assert [str(settings.http.port), str(settings.mqtt.port)] == ports
    assert settings.mqtt.bind == EVERY_ADDRESS
    assert str(settings.data_dir) == stage.one("VOLUME")


def test_the_server_speaks_on_a_network_without_tls_only_where_compose_says_so() -> None:
    stage = last_stage("server")
    command = parse(stage.command("CMD"))
    assert (command.command, command.host) == ("serve", EVERY_ADDRESS)
    given = {"http": {"host": command.host}}
    assert load_settings(None, stage.environment(), **given).http.uses_own_ca
    with pytest.raises(SettingsError, match="plain_on_network"):
        load_settings(None, {**stage.environment(), "LOALANG_HTTP__TLS": "off"}, **given)
    environment = stage.environment() | COMPOSE["services"]["server"]["environment"]
    assert load_settings(None, environment, **given).http.plain_on_network


def test_the_server_has_its_broker_and_its_fallback_voice_and_no_compiler() -> None:
    packages = last_stage("server").packages()
    assert {"mosquitto", "espeak-ng", "ffmpeg", "python3", "ca-certificates", "tzdata"} <= packages
    assert not {name for name in packages if name.endswith("-dev") or name in {"gcc", "python3-venv", "python3-pip"}}


def test_the_servers_voice_tells_nobody_that_it_speaks() -> None:
    assert last_stage("server").environment()["ORT_DISABLE_TELEMETRY"] == "1"


def test_the_node_has_its_outputs_and_nothing_of_the_server() -> None:
    packages = last_stage("node").packages()
    assert {"libportaudio2", "libasound2-plugins", "libvlc5", "vlc-plugin-base", "tzdata"} <= packages
    assert not {"mosquitto", "espeak-ng", "ffmpeg", "python3-venv", "python3-pip"} & packages
    assert "requirements-server.txt" not in (DOCKER / "Dockerfile.node").read_text(encoding="utf-8")


def test_the_node_plays_from_its_volume_on_the_hosts_sound_card() -> None:
    stage = last_stage("node")
    options = node_parser().parse_args(stage.command("CMD"))
    assert (options.command, str(options.data)) == ("run", stage.one("VOLUME"))
    assert stage.command("HEALTHCHECK")[2] == stage.one("VOLUME")
    assert "--groups audio" in " ".join(stage.all("RUN"))
    assert not stage.one("USER").isdigit()
    node = COMPOSE["services"]["node"]
    assert node["devices"] == ["/dev/snd:/dev/snd"]
    assert node["group_add"] == ["${AUDIO_GROUP:-29}"]
    assert "ports" not in node


@pytest.mark.parametrize("script", ["build-images", "debian-base"])
def test_the_scripts_are_for_any_shell(script: str) -> None:
    path = DOCKER / script
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", str(path)], capture_output=True, timeout=10).returncode == 0


# --- the health programs, run against real answers, locks and files ---


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server on a free port that gives one status to everything, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join(5)


def ask_server(port: int) -> "subprocess.CompletedProcess[str]":
    environment = {"LOALANG_DATA_DIR": "/var/lib/loalang", "LOALANG_HTTP__PORT": str(port), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(DOCKER / "server_health.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_the_server_is_as_well_as_it_says(status: int, exit_status: int) -> None:
    with answering(status) as (port, asked):
        assert ask_server(port).returncode == exit_status
    assert asked == ["/api/health"]


def test_a_server_that_does_not_answer_is_not_well() -> None:
    with answering(200) as (port, _):
        pass
    done = ask_server(port)
    assert done.returncode == 1
    assert "refused" in done.stderr


def ask_node(data_dir: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(DOCKER / "node_health.py"), str(data_dir)]
    return subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=20)


@pytest.fixture
def node_dir(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "state.sqlite3")) as state:
        state.execute("PRAGMA journal_mode=WAL")
        state.execute("CREATE TABLE facts (name TEXT PRIMARY KEY, body TEXT)")
        state.executemany("INSERT INTO facts VALUES (?, ?)", [(str(number), "x" * 500) for number in range(200)])
        state.commit()
    return tmp_path


def test_a_node_at_work_is_well(node_dir: Path) -> None:
    with locked(node_dir):
        done = ask_node(node_dir)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_directory_where_no_node_plays_is_not_well(node_dir: Path) -> None:
    assert ask_node(node_dir).returncode == 1
    with locked(node_dir):
        pass
    done = ask_node(node_dir)
    assert done.returncode == 1
    assert "no node plays from here" in done.stderr


def test_a_lock_that_is_not_a_nodes_is_no_node(node_dir: Path) -> None:
    with (node_dir / "node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert ask_node(node_dir).returncode == 1


def test_a_node_whose_card_is_damaged_is_not_well(node_dir: Path) -> None:
    path = node_dir / "state.sqlite3"
    damaged = bytearray(path.read_bytes())
    damaged[4096 : 3 * 4096] = b"\xff" * (2 * 4096)
    path.write_bytes(damaged)
    with locked(node_dir):
        done = ask_node(node_dir)
    assert done.returncode == 1
    assert done.stderr
