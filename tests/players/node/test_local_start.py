"""Started at the pole: a button that is held, a card at the pole's own page over TLS, neighbours on the LAN."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from players.errors import OutputMissing
from players.messages import ClipRef, OfflineCard, PoleKey, PreparedMessage, PreparedPack, Severity
from players.node.agent import Agent
from players.node.button import Button
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.gpio import GpiodButton, MemoryButton
from players.node.local_desk import LocalDesk
from players.node.local_page import FREE_TRIES, MAX_FORM_BYTES, MAX_OF_ADDRESS, LocalPage, Visits
from players.node.neighbours import Neighbours
from players.offline import Card, new_card
from tests.fakes.fake_server import COMMUNE, FakeServer
from tests.fakes.sounds import find, read_wave
from tests.players.node.command import free_port
from tests.players.node.conftest import NodeBox

MakeClip = Callable[..., ClipRef]
CARD, REVOKED, EXPIRED = new_card(12), new_card(13), new_card(14)


@dataclass
class Held:
    """Counts how often a button was held."""

    times: int = 0

    def __call__(self) -> None:
        self.times += 1


@asynccontextmanager
async def watched(line: MemoryButton, hold_s: float, held: Held) -> AsyncIterator[None]:
    task = asyncio.create_task(Button(line, hold_s, held).run())
    try:
        while line.on_change is None:  # noqa: ASYNC110 - the button's first step has no event
            await asyncio.sleep(0.01)
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


class TestButton:
    async def test_held_long_enough_it_counts_once(self) -> None:
        line, held = MemoryButton(), Held()
        async with watched(line, 0.2, held):
            assert line.on_change is not None
            line.on_change(True)
            await asyncio.sleep(1.0)
            line.on_change(False)
            assert held.times == 1
            line.on_change(True)
            await asyncio.sleep(1.0)
        assert held.times == 2
        assert line.on_change is None, "it is given back"

    async def test_a_bump_does_nothing(self) -> None:
        line, held = MemoryButton(), Held()
        async with watched(line, 30, held):
            assert line.on_change is not None
            for _ in range(20):
                line.on_change(True)
                await asyncio.sleep(0.01)
                line.on_change(False)
            await asyncio.sleep(0.1)
        assert held.times == 0

    async def test_a_line_that_cannot_be_had_is_said_and_ends_nothing(self) -> None:
        line = GpiodButton("/dev/no-such-chip", 3, active_low=True, debounce=timedelta(milliseconds=50))
        with pytest.raises(OutputMissing, match="no-such-chip line 3"):
            line.watch(lambda _: None)
        task = asyncio.create_task(Button(line, 1, Held()).run())
        await asyncio.sleep(0.1)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})


@dataclass
class Place:
    """A pole that runs, with what is asked at it."""

    agent: Agent
    desk: LocalDesk
    box: NodeBox
    neighbours: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def standing(box: NodeBox) -> AsyncIterator[Place]:
    async with box.running() as agent:
        credentials = Credentials(box.folder, box.identity(), box.key)
        clock = agent._clock
        place = Place(agent, LocalDesk(credentials, lambda: agent.state, clock, agent.emit, agent.refuse), box)
        agent.spread_with(place.neighbours.append)
        yield place


def card_of(card: Card, server: FakeServer, **changes: Any) -> OfflineCard:
    dates = {"valid_from": server.now() - timedelta(days=1), "valid_until": server.now() + timedelta(days=1)}
    key = card.key(COMMUNE).public_jwk()["x"]
    return OfflineCard.model_validate({"number": card.number, "key": key, **dates, **changes})


async def rule(
    server: FakeServer, clip: ClipRef, *boxes: NodeBox, button: str | None = "chay", revoked: tuple[Card, ...] = ()
) -> None:
    """The zone's pack: one message, three cards, the poles' keys."""
    message = PreparedMessage(
        key="chay", title="Cháy <nhà>", severity=Severity.EXTREME, clips=(clip,), drill_clips=(clip,)
    )
    document = PreparedPack(
        commune=COMMUNE,
        version=server.next_version(),
        issued_at=server.now(),
        zone="thon-dong",
        messages=(message,),
        button=button,
        poles=tuple(PoleKey(pole=box.node, key=box.key.public_jwk()["x"]) for box in boxes),
        cards=(
            card_of(CARD, server, revoked=CARD in revoked),
            card_of(REVOKED, server, revoked=True),
            card_of(EXPIRED, server, valid_until=server.now() - timedelta(hours=1)),
        ),
    )
    await server.say(server.topics.prepared("thon-dong"), document, retain=True)


async def until_there(place: Place) -> None:
    """The pack and its clips are in the pole's store."""
    async with asyncio.timeout(20):
        while not place.agent.state.has_pack:  # noqa: ASYNC110 - the state has no event
            await asyncio.sleep(0.02)


def local_reports(server: FakeServer, node: str = "dong-1") -> list[str]:
    """What a node said of what was started at a pole: each report once, also where it was sent again."""
    said = {r.report: r for r in server.reports if r.node == node and r.local_order is not None}
    return [report.outcome.value for report in said.values()]


async def test_the_button_is_heard_and_told(box: NodeBox, server: FakeServer, new_clip: MakeClip) -> None:
    spoken = new_clip(1.0)
    async with standing(box) as place:
        await server.configure()
        await rule(server, spoken, box)
        await until_there(place)
        place.desk.button_held()
        await server.until(lambda: "played" in local_reports(server))
        assert len(place.neighbours) == 1
    (report,) = {report.report: report for report in server.reports if report.outcome == "played"}.values()
    assert report.broadcast.startswith("local-")
    wanted, heard = read_wave(box.folder.parent / "1.ogg"), read_wave(box.recording)
    assert find(wanted[:24_000], heard)[1] > 0.9, "it is the message that sounded"


async def test_a_button_for_which_nothing_is_chosen_does_nothing(
    box: NodeBox, server: FakeServer, new_clip: MakeClip
) -> None:
    async with standing(box) as place:
        await server.configure()
        await rule(server, new_clip(1.0), box, button=None)
        await until_there(place)
        place.desk.button_held()
        await server.until(lambda: bool(server.heartbeats) and server.heartbeats[-1].refused > 0)
    assert server.heartbeats[-1].refused_why == "the button: nothing is chosen for it"
    assert local_reports(server) == []


@asynccontextmanager
async def page_of(place: Place, folder: Path) -> AsyncIterator[tuple[LocalPage, httpx.AsyncClient]]:
    page = LocalPage(place.desk, NodeClock(), ("127.0.0.1", 0), folder / "page.pem", place.box.node)
    task = asyncio.create_task(page.run())
    try:
        async with asyncio.timeout(20):
            while not page.port:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        trusting = ssl.create_default_context(cafile=str(folder / "page.pem"))
        trusting.check_hostname = False
        trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        async with httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{page.port}", verify=trusting, trust_env=False, timeout=30
        ) as phone:
            yield page, phone
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=20)


def hidden(answer: httpx.Response, name: str = "visit") -> str:
    found = HTMLParser(answer.text).css_first(f'input[name="{name}"]')
    assert found is not None, answer.text
    return found.attributes["value"] or ""


async def test_a_card_opens_the_page_starts_and_stops(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    async with standing(box) as place, page_of(place, tmp_path) as (_, phone):
        await server.configure()
        await rule(server, new_clip(30.0), box)
        await until_there(place)
        first = await phone.get("/", params={"the": CARD.as_text()})
        assert (tmp_path / "page.pem").stat().st_mode & 0o077 == 0
        assert "script" not in first.headers["content-security-policy"]
        assert f'value="{CARD.as_text()}"' in first.text
        shown = await phone.post("/the", data={"card": CARD.as_text().lower()}, follow_redirects=True)
        assert "Cháy &lt;nhà&gt;" in shown.text
        assert "Loa đang im lặng." in shown.text
        assert "<script" not in shown.text
        forged = await phone.post("/phat", data={"message": "chay", "visit": "x"})
        assert forged.status_code == 403
        await phone.post("/phat", data={"message": "chay", "visit": hidden(shown)})
        await server.until(lambda: "playing" in local_reports(server))
        again = await phone.get("/")
        assert "Đang phát tin khẩn cấp." in again.text
        await phone.post("/dung", data={"visit": hidden(again)})
        await server.until(lambda: "cut" in local_reports(server))
    assert len(place.neighbours) == 2


async def test_one_form_is_one_press_and_the_page_says_what_became_of_it(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    async with standing(box) as place, page_of(place, tmp_path) as (_, phone):
        spoken = new_clip(1.0)
        await server.configure()
        await rule(server, spoken, box)
        await until_there(place)

        async def send(form: dict[str, str]) -> str:
            sent = await phone.post("/phat", data=form)
            assert (sent.status_code, sent.headers["location"]) == (303, "/")
            said = HTMLParser((await phone.get("/")).text).css_first(".said")
            assert said is not None
            return said.text()

        shown = await phone.post("/the", data={"card": CARD.as_text()}, follow_redirects=True)
        form = {"visit": hidden(shown), "press": hidden(shown, "press"), "message": "chay"}
        assert await send(form) == "Đã ra lệnh phát. Loa sẽ kêu ngay."
        assert "ra lệnh" not in (await phone.get("/")).text, "it is said once"
        await server.until(lambda: "played" in local_reports(server))
        assert await send(form) == "Lần bấm này đã được nhận rồi: không phát thêm."
        assert "mẫu tin này không còn" in await send({**form, "message": "gone"})
        assert hidden(await phone.get("/"), "press") != form["press"]
        await rule(server, spoken, box, revoked=(CARD,))
        async with asyncio.timeout(20):
            while not place.agent.state.packs["thon-dong"].cards[0].revoked:  # noqa: ASYNC110 - the state has no event
                await asyncio.sleep(0.02)
        again = {**form, "press": hidden(await phone.get("/"), "press")}
        assert "thẻ đã bị thu hồi" in await send(again)
        await server.until(lambda: "missed" in local_reports(server))
        assert local_reports(server).count("played") == 1


@pytest.mark.parametrize(
    ("card", "said"), [(REVOKED, "đã bị thu hồi"), (EXPIRED, "đã hết hạn"), (new_card(12), "không đúng")]
)
async def test_a_bad_card_is_refused_and_reported(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, tmp_path: Path, card: Card, said: str
) -> None:
    async with standing(box) as place, page_of(place, tmp_path) as (_, phone):
        await server.configure()
        await rule(server, new_clip(1.0), box)
        await until_there(place)
        answer = await phone.post("/the", data={"card": card.as_text()})
        assert (answer.status_code, said in answer.text) == (403, True)
        await server.until(lambda: bool(server.heartbeats) and server.heartbeats[-1].refused > 0)
        if card.number != CARD.number:
            await server.until(lambda: local_reports(server) == ["missed"])
    assert place.neighbours == []


async def test_the_page_bounds_what_it_takes(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    async with standing(box) as place, page_of(place, tmp_path) as (_, phone):
        await server.configure()
        assert (await phone.post("/the", content=b"x" * (MAX_FORM_BYTES + 1))).status_code == 413
        assert (await phone.get("/etc/passwd")).status_code == 404
        assert (await phone.post("/phat", data={"message": "chay"})).status_code == 403
        codes = [(await phone.post("/the", data={"card": "x"})).status_code for _ in range(FREE_TRIES + 1)]
        assert codes == [403] * FREE_TRIES + [429]


async def test_who_only_keeps_lines_open_shuts_nobody_out(
    box: NodeBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("players.node.local_page.CONNECTION_S", 3.0)
    async with standing(box) as place, page_of(place, tmp_path) as (page, phone):
        address = ("127.0.0.1", page.port)
        with ExitStack() as stack:
            idle = [stack.enter_context(socket.create_connection(address, 60)) for _ in range(MAX_OF_ADDRESS)]
            with pytest.raises(httpx.TransportError):
                await phone.get("/")
            elsewhere = httpx.AsyncHTTPTransport(verify=False, local_address="127.0.0.9")
            async with httpx.AsyncClient(base_url=phone.base_url, transport=elsewhere) as other:
                assert (await other.get("/")).status_code == 200
            for line in idle:  # given up by the pole, not by us
                assert await asyncio.to_thread(line.recv, 1) == b""
            async with asyncio.timeout(30):
                while True:
                    with suppress(httpx.TransportError):
                        assert (await phone.get("/")).status_code == 200
                        return
                    await asyncio.sleep(0.1)


def test_tries_come_back_one_by_one_and_addresses_are_apart() -> None:
    now = [0.0]
    visits = Visits(lambda: now[0])
    assert [visits.may_try("a") for _ in range(6)] == [True] * 5 + [False]
    assert visits.may_try("b")
    now[0] = 20.0
    assert [visits.may_try("a") for _ in range(2)] == [True, False]


async def test_a_neighbour_sounds_what_was_started_next_door(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    spoken, port = new_clip(1.0), free_port()
    other = NodeBox(box.broker, box.door, server.key, tmp_path / "other", node="dong-2")
    async with standing(box) as here, standing(other) as there:
        for node in ("dong-1", "dong-2"):
            await server.configure(node)
        await rule(server, spoken, box, other)
        for place in (here, there):
            await until_there(place)
        clock = NodeClock()
        heard: list[bytes] = []

        def hear(data: bytes) -> None:
            heard.append(data)
            there.desk.heard(data)

        lans = [Neighbours(port, here.desk.heard, clock.monotonic), Neighbours(port, hear, clock.monotonic)]
        tasks = [asyncio.create_task(lan.run()) for lan in lans]
        here.agent.spread_with(lans[0].spread)
        await asyncio.sleep(0.3)
        here.desk.button_held()
        await server.until(lambda: "played" in local_reports(server, "dong-2"))
        await server.until(lambda: "played" in local_reports(server, "dong-1"))
        async with asyncio.timeout(20):
            while len(heard) < 3:  # noqa: ASYNC110 - the network has no event
                await asyncio.sleep(0.05)
        there.desk.heard(b"noise")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert local_reports(server, "dong-2").count("played") == 1, "it came several times and sounded once"
    assert len({report.broadcast for report in server.reports}) == 1
