"""The images really start: built with the engine of this machine, a server and a node of them air a bulletin.

Opt-in, by `LOALANG_TEST_IMAGES=1`: it needs docker, podman, or buildah as root, and an index for pip. Both builds take
minutes the first time.
"""

import asyncio
import os
import re
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.containers import Box, box, call, entry, running, said_by
from web.demo.client import Client, Tokens
from web.demo.once import air_once
from web.demo.run import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not os.environ.get("LOALANG_TEST_IMAGES"), reason="set LOALANG_TEST_IMAGES=1 to build and start images"
    ),
]
ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
NODE_VOLUME = "/var/lib/loalang-node"
RECORDING = f"{NODE_VOLUME}/heard.wav"
UP_WITHIN_S = 60.0
SCRIPT = (
    "Thông báo của Ủy ban nhân dân xã: sáng mai, từ 7h30, bà con ra nhà văn hóa thôn nhận thuốc khử khuẩn giếng nước."
)


@dataclass(frozen=True, slots=True)
class Images:
    """What was built, and by what."""

    engine: str
    server: str
    node: str


@pytest.fixture(scope="module")
def images() -> Images:
    done = call([str(ROOT / "docker" / "build-images")], within_s=1500)
    assert done.returncode == 0, done.stderr[-4000:]
    engine = re.search(r"build-images: by (\w+)", done.stderr)
    built = re.search(r"build-images: done: (\S+) (\S+)", done.stderr)
    assert engine is not None
    assert built is not None
    return Images(engine[1], built[1], built[2])


@dataclass(frozen=True, slots=True)
class Place:
    """A server's box with a commune that may sound at any hour, a node's, and where the server will listen."""

    server: Box
    node: Box
    url: str
    administrator: tuple[str, str]
    """Name and password."""


@pytest.fixture
def place(images: Images) -> Iterator[Place]:
    http, mqtt = free_port(), free_port()
    settings = {
        "LOALANG_HTTP__PLAIN_ON_NETWORK": "true",
        "LOALANG_HTTP__PORT": str(http),
        "LOALANG_MQTT__PORT": str(mqtt),
    }
    with box(images.engine, images.server, settings) as server, box(images.engine, images.node, {}) as node:
        villages = ["--name", "Xã Hòa Bình An", "--zone", "Thôn Đông", "--zone", "Thôn Tây", "--window", "00:00-23:59"]
        made = re.search(r"sign in as (\S+) with (\S+)", said_by(entry(server, "init", *villages)))
        assert made is not None
        yield Place(server, node, f"http://127.0.0.1:{http}", (made[1], made[2]))


def until(what: Callable[[], bool], who: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until something is so, at most a minute, while a process lives."""
    deadline = time.monotonic() + UP_WITHIN_S
    while not what():
        assert who.poll() is None, log.read_text(errors="replace")[-3000:]
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
        time.sleep(0.3)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def token(url: str, username: str, password: str) -> str:
    answer = httpx.post(f"{url}/api/sessions", json={"username": username, "password": password}, timeout=20)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return str(answer.json()["token"])


def person(place: Place, username: str, role: str) -> tuple[str, str]:
    name, password = said_by(entry(place.server, "user", "add", username, "--role", role)).split()
    return name, password


def online(url: str, bearer: str) -> set[str]:
    answer = httpx.get(f"{url}/api/nodes", headers={"Authorization": f"Bearer {bearer}"}, timeout=20)
    return {node["slug"] for node in answer.json()["nodes"] if node["presence"] == "online"}


async def air(url: str, tokens: Tokens) -> dict[str, Any]:
    client = Client(url, tokens)
    try:
        return await air_once(client, "Nhận thuốc khử khuẩn", SCRIPT, ("thon-dong",))
    finally:
        await client.close()


def pair(place: Place, output: Sequence[str]) -> None:
    code = said_by(entry(place.server, "node", "add", "cot-1", "--zone", "thon-dong"))
    options = ["--server", place.url, "--code", code, "--data", NODE_VOLUME, "--output", *output]
    assert "cot-1" in said_by(entry(place.node, "pair", *options))


def python_in(a_box: Box, program: str) -> str:
    return said_by(a_box.command(["python3", "-c", program]))


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(("silent",), id="from its store"),
        pytest.param(("vlc", "--record-to", RECORDING, "--no-pull"), id="from the stream, by libVLC"),
    ],
)
def test_a_bulletin_is_aired_from_one_image_by_the_other(place: Place, tmp_path: Path, output: Sequence[str]) -> None:
    people = person(place, "canbo", "officer"), person(place, "lanhdao", "leader")
    server_log, node_log = tmp_path / "server.log", tmp_path / "node.log"
    with running(place.server, server_log) as server:
        until(lambda: answers(place.url), server, server_log)
        assert place.server.ask_health().returncode == 0
        children = psutil.Process(server.pid).children(recursive=True)
        tokens = Tokens(*(token(place.url, *who) for who in (*people, place.administrator)))
        pair(place, output)
        assert place.node.ask_health().returncode != 0, "paired, but it does not run yet"
        with running(place.node, node_log) as node:
            until(lambda: online(place.url, tokens.administrator) == {"cot-1"}, node, node_log)
            aired = asyncio.run(air(place.url, tokens))
            assert place.node.ask_health().returncode == 0
        assert node.returncode == 0, node_log.read_text()[-3000:]
    # uvicorn ends by the signal it got, once all is shut down: what an engine makes of that differs.
    assert "Application shutdown complete" in server_log.read_text()
    assert not [child for child in children if child.is_running()], "the broker and the renderers end with the server"

    assert "bảy giờ ba mươi" in aired["spoken"]
    (delivery,) = aired["deliveries"]
    assert (delivery["node"], delivery["state"], delivery["output"]) == ("cot-1", "played", output[0])
    started, finished = (datetime.fromisoformat(delivery[key]) for key in ("started_at", "finished_at"))
    assert (finished - started).total_seconds() == pytest.approx(aired["duration_ms"] / 1000, abs=0.5)
    assert aired["duration_ms"] > 5000
    if RECORDING in output:
        loud = f"import soundfile as s; x, rate = s.read('{RECORDING}'); print(len(x) / rate, abs(x).max())"
        length_s, peak = map(float, python_in(place.node, loud).split())
        assert length_s > aired["duration_ms"] / 1000
        assert peak > 0.1


def test_a_server_without_a_commune_says_what_to_do(images: Images) -> None:
    settings = {"LOALANG_HTTP__PLAIN_ON_NETWORK": "true", "LOALANG_HTTP__PORT": str(free_port())}
    with box(images.engine, images.server, settings) as server:
        done = call(entry(server, *server.config["Cmd"]))
    assert done.returncode != 0
    assert "loalang init" in done.stderr


def test_the_server_does_not_speak_plainly_beyond_its_container_unless_told(images: Images) -> None:
    with box(images.engine, images.server, {"LOALANG_HTTP__TLS": "off"}) as server:
        done = call(entry(server, *server.config["Cmd"]))
    assert done.returncode != 0
    assert "plain_on_network" in done.stderr


def test_an_unpaired_node_says_so_and_is_not_well(place: Place) -> None:
    done = call(entry(place.node, *place.node.config["Cmd"]))
    assert done.returncode != 0
    assert "node.toml" in done.stderr


def test_nothing_in_the_images_can_install_or_change_what_is_there(place: Place) -> None:
    for a_box in (place.server, place.node):
        there = "import importlib.util as u; print([n for n in ('pip', 'setuptools') if u.find_spec(n)])"
        assert python_in(a_box, there) == "[]"
        written = "import os, players; print(os.access(os.path.dirname(players.__file__), os.W_OK), os.getuid() > 9999)"
        assert python_in(a_box, written) == "False True"
        assert not call(a_box.command(["sh", "-c", "command -v gcc make git curl"])).stdout


def test_the_server_image_holds_the_browser_libraries_and_the_tables(place: Place) -> None:
    wanted = "web/static/vendor/htmx.min.js web/templates broadcast/migrations voices/vi_VN-vais1000-medium/voice.toml"
    program = (
        "import pathlib, web; root = pathlib.Path(web.__file__).parents[1]; "
        f"print([name for name in '{wanted}'.split() if not (root / name).exists()])"
    )
    assert python_in(place.server, program) == "[]"


def test_the_node_image_holds_its_outputs_and_nothing_of_the_server(place: Place) -> None:
    heavy = "('fastapi', 'sqlmodel', 'piper', 'underthesea', 'av', 'onnxruntime')"
    program = (
        "import importlib.util as u, sounddevice, soundfile, vlc; "
        f"assert vlc.Instance('--aout=dummy', '--no-video'); print([n for n in {heavy} if u.find_spec(n)])"
    )
    assert python_in(place.node, program) == "[]"
    assert "29(audio)" in said_by(place.node.command(["id"]))


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_each_engine_is_called_with_what_the_office_lends(tmp_path: Path, engine: str) -> None:
    """The engines that are not on this machine: a program in their place keeps how it was called."""
    (tmp_path / "ca.pem").write_text("a certificate")
    calls = tmp_path / "calls"
    stand_in = tmp_path / "bin" / engine
    stand_in.parent.mkdir()
    stand_in.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >>{calls}\nfor last; do :; done\n[ "$1" = pull ] || ls "$last" >>{calls}\n'
    )
    stand_in.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
        "ENGINE": engine,
        "CA_BUNDLE": str(tmp_path / "ca.pem"),
    }
    done = subprocess.run(
        [str(ROOT / "docker" / "build-images")], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = calls.read_text()
    assert said.startswith("pull debian:bookworm-slim\n")
    for image in ("server", "node"):
        (build,) = (line for line in said.splitlines() if f"-t localhost/loalang-{image}:{VERSION} " in line)
        assert build.startswith("bud " if engine == "buildah" else "build ")
        assert "--build-arg BASE=debian:bookworm-slim" in build
        assert f"--secret id=ca_bundle,src={tmp_path / 'ca.pem'}" in build
    assert f"loalang-{VERSION}-py3-none-any.whl" in said
    assert "ca.pem" not in said.replace(f"src={tmp_path / 'ca.pem'}", "")
