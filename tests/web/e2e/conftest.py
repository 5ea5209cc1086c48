"""A real commune server with its Mosquitto and renderers, two real nodes that play to nowhere, and Chromium."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from broadcast.db import migrate, open_engine, session_of
from broadcast.seed import seed_demo

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
NODES = (("dong-1", "Cột đầu thôn Đông", "thon-dong"), ("tay-1", "Cột đình thôn Tây", "thon-tay"))
SCREENS = {"desktop": (1280, 860), "phone": (390, 844)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the test, politely and then not."""
    with log.open("ab") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | environment)
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(timeout=10)


@dataclass
class House:
    """The running commune."""

    folder: Path
    port: int
    mqtt_port: int
    passwords: dict[str, str]
    server: ExitStack = field(default_factory=ExitStack)
    child: subprocess.Popen[bytes] = field(init=False, repr=False)
    host: str = "127.0.0.1"
    """Anything but this machine's own loopback is served by TLS, with the commune's own certificate."""

    @property
    def url(self) -> str:
        return f"{'http' if self.host == '127.0.0.1' else 'https'}://{self.host}:{self.port}"

    def start(self) -> None:
        """Start the server and wait until all its parts run."""
        command = [sys.executable, "-m", "web.cli", "serve", "--data", str(self.folder), "--port", str(self.port)]
        command += ["--host", self.host]
        log = self.folder / "server.log"
        child = self.server.enter_context(process(command, log, LOALANG_MQTT__PORT=str(self.mqtt_port)))
        self.child = child
        transport = httpx.HTTPTransport(
            verify=False, retries=60
        )  # refused connections, with a growing pause between them
        with httpx.Client(base_url=self.url, trust_env=False, transport=transport, timeout=30) as client:
            for _ in range(100):
                assert child.poll() is None, (self.folder / "server.log").read_text()
                if client.get("/api/health").status_code == 200:
                    return
                with pytest.raises(subprocess.TimeoutExpired):
                    child.wait(timeout=0.2)
        raise AssertionError((self.folder / "server.log").read_text())

    def stop(self) -> None:
        self.server.close()

    def kill(self) -> None:
        """As when the plug is pulled."""
        self.child.kill()
        self.child.wait(timeout=20)
        self.server.close()

    def pair(self, slug: str, name: str, zone: str, *output: str) -> Path:
        """Add a pole and pair its box, by itself a silent one; the box's folder."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            credentials = {"username": "quantri", "password": self.passwords["quantri"]}
            token = client.post("/api/sessions", json=credentials).raise_for_status().json()["token"]
            headers = {"authorization": f"Bearer {token}"}
            body = {"slug": slug, "name": name, "zones": [zone]}
            code = client.post("/api/nodes", json=body, headers=headers).raise_for_status().json()["pairing_code"]
        box = self.folder / f"node-{slug}"
        sound = output or ("silent",)
        command = [*NODE, "pair", "--server", self.url, "--code", code, "--data", str(box), "--output", *sound]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        return box


NODE = [sys.executable, "-c", "import sys; from players.node.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    engine = open_engine(f"sqlite:///{folder / 'loalang.sqlite3'}")
    migrate(engine)
    with session_of(engine) as session:
        passwords = dict(seed_demo(session, datetime.now(UTC)).passwords)
    engine.dispose()
    house = House(folder, free_port(), free_port(), passwords)
    try:
        house.start()
        with ExitStack() as nodes:
            for node in NODES:
                box = house.pair(*node)
                nodes.enter_context(process([*NODE, "run", "--data", str(box)], folder / f"{node[0]}.log"))
            yield house
    finally:
        house.stop()


expect.set_options(timeout=40_000)
"""A busy machine is given its time."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class People:
    """Gives each person a browser window of their own, and keeps what went wrong in it."""

    chromium: Browser
    house: House
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, screen: str = "desktop", *, scripts: bool = True, at: str = "") -> Page:
        """A window of nobody's yet. `at`: by another way to the server than straight to it."""
        width, height = SCREENS[screen]
        context = self.chromium.new_context(
            base_url=at or self.house.url,
            viewport={"width": width, "height": height},
            locale="vi-VN",
            timezone_id="Asia/Ho_Chi_Minh",
            java_script_enabled=scripts,
        )
        context.set_default_timeout(40_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def sign_in(self, username: str, screen: str = "desktop", *, scripts: bool = True, at: str = "") -> Page:
        """The same, with somebody signed in."""
        page = self.open(screen, scripts=scripts, at=at)
        page.goto("/dang-nhap")
        page.get_by_label("Tên đăng nhập").fill(username)
        page.get_by_label("Mật khẩu").fill(self.house.passwords[username])
        page.get_by_role("button", name="Đăng nhập").click()
        page.wait_for_url(re.compile(r"/$"))
        return page


@pytest.fixture
def people(chromium: Browser, house: House) -> Iterator[People]:
    people = People(chromium, house)
    yield people
    for context in people.contexts:
        context.close()
