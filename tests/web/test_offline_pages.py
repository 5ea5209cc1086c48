"""The pages for silent drills and for the time without a server."""

import json
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from broadcast.communes import get_commune
from broadcast.models import AlarmKind, OfflineToken, ReadinessDrill, Zone
from broadcast.nodes import create_node, pair_node
from broadcast.readiness import begin_drill, end_drill, note_answers
from players.messages import Rehearsed
from players.offline import read_card
from players.signing import NodeKey
from tests.web.conftest import NOW, Commune, SignIn
from web.cli import main


def add_pole(session: Session, slug: str, zone: str) -> None:
    _, code = create_node(session, get_commune(session), slug, f"Cột {slug}", [zone], NOW)
    pair_node(session, code, NodeKey.generate().public_jwk(), NOW)


def drilled(session: Session, answers: dict[str, int | str]) -> None:
    begun = begin_drill(session, NOW)
    said = [
        Rehearsed(
            node=node,
            order="rehearse-1",
            at=NOW + timedelta(milliseconds=value if isinstance(value, int) else 0),
            output="silent",
            error=value if isinstance(value, str) else None,
        )
        for node, value in answers.items()
    ]
    note_answers(session, begun.drill_id, said)
    end_drill(session, begun.drill_id, NOW + timedelta(seconds=60))


@pytest.fixture
def drill(commune: Commune) -> None:
    """Four poles: one ready, one slow, one that failed, one that did not answer."""
    with commune.work() as session:
        for slug, zone in {"a": "thon-dong", "b": "thon-dong", "c": "thon-tay", "d": "thon-tay"}.items():
            add_pole(session, slug, zone)
        drilled(session, {"a": 412, "b": 8000, "c": "no such device"})


async def test_the_page_says_who_is_ready_slow_and_silent_the_worst_first(browse: SignIn, drill: None) -> None:
    officer = await browse("officer")
    page = await officer.get("/san-sang")
    found = [(row.attributes["data-node"], row.attributes["data-verdict"]) for row in page.css("[data-node]")]
    assert found == [("d", "silent"), ("c", "failed"), ("b", "slow"), ("a", "ready")]
    assert "412 ms" in officer.text('[data-node="a"]')
    assert "no such device" in officer.text('[data-node="c"]')
    assert officer.text("[data-summary]").startswith("1/4 cụm loa sẵn sàng")
    assert page.css_first('form[action="/san-sang"]') is None


async def test_a_village_head_sees_the_village(browse: SignIn, drill: None) -> None:
    head = await browse("head")
    page = await head.get("/san-sang")
    assert {row.attributes["data-node"] for row in page.css("[data-node]")} == {"a", "b"}


async def test_the_administrator_presses_once(app: FastAPI, browse: SignIn, commune: Commune, drill: None) -> None:
    admin = await browse("admin")
    await admin.get("/san-sang")
    await admin.send('form[action="/san-sang"]')
    assert admin.answer.headers["refresh"].startswith("3")
    with commune.work() as session:
        assert len(session.exec(select(ReadinessDrill)).all()) == 2


async def test_a_pole_that_failed_is_an_alarm_until_it_does_not(app: FastAPI, commune: Commune, drill: None) -> None:
    station = app.state.station
    await station.alarms.look()
    assert await unready(app) == {"b": False, "c": True, "d": True}
    with commune.work() as session:
        drilled(session, {"a": 400, "b": 400, "c": 400, "d": 400})
    look = station.alarms._look_around
    with commune.work() as session:
        facts = look(session, [], NOW).facts
    assert [fact for fact in facts if fact.kind is AlarmKind.POLE_UNREADY] == []


async def unready(app: FastAPI) -> dict[str, bool]:
    from broadcast.alarms import open_alarms  # noqa: PLC0415
    from broadcast.db import reading  # noqa: PLC0415

    with reading(app.state.station.engine) as session:
        found = open_alarms(session)
    return {subject: alarm.is_bad for (kind, subject), alarm in found.items() if kind is AlarmKind.POLE_UNREADY}


def test_the_command_prints_each_pole_and_fails_for_those_that_failed(
    commune: Commune, drill: None, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(commune.settings.data_dir)
    assert main(["readiness", "--data", data]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["a", "ready"], ["b", "slow"], ["c", "failed"], ["d", "silent"]]
    assert main(["readiness", "--data", data, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {pole["slug"]: pole["last_ms"] for pole in told["poles"]} == {"a": 412, "b": 8000, "c": None, "d": None}


def test_the_command_says_that_a_drill_needs_a_server(
    commune: Commune, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.cli.readiness.BEGINS_WITHIN_S", 0.5)
    assert main(["readiness", "--now", "--data", str(commune.settings.data_dir)]) == 2
    assert "running server" in capsys.readouterr().err


async def test_a_card_is_shown_once_with_its_square_and_can_be_taken_back(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/khan-cap/khong-mang")
    page = await admin.send('form[action="/khan-cap/khong-mang/the"]', holder="head", zone="thon-dong", days="30")
    card = read_card(admin.text(".code"))
    assert card is not None
    assert page.css_first("svg path") is not None
    with commune.work() as session:
        token = session.exec(select(OfflineToken)).one()
        assert token.id == card.number
        assert token.public_key == card.key("hoa-binh-an").public_jwk()["x"]
    page = await admin.get("/khan-cap/khong-mang")
    assert card.secret not in page.html.replace("-", "") if page.html else True
    assert "Còn hạn" in admin.text(f'[data-card="{card.number}"]')
    await admin.send(f'[data-card="{card.number}"] form')
    assert "Đã thu hồi" in admin.text(f'[data-card="{card.number}"]')


async def test_a_card_for_whom_it_is_not_meant_is_refused_in_words(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/khan-cap/khong-mang")
    await admin.send('form[action="/khan-cap/khong-mang/the"]', holder="head", zone="thon-tay", days="30")
    assert admin.answer.status_code == 403
    assert "không có quyền phát khẩn cấp ở thôn đó" in admin.text("main")
    await admin.send('form[action="/khan-cap/khong-mang/the"]', holder="head", zone="thon-dong", days="nhiều")
    assert (admin.answer.status_code, "từ 1 đến 366" in admin.text("main")) == (422, True)


async def test_a_button_is_chosen_for_each_village(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/khan-cap/khong-mang")
    await admin.send('form[action="/khan-cap/khong-mang/nut"]', **{"button-thon-dong": "chay"})
    with commune.work() as session:
        assert dict(session.exec(select(Zone.slug, Zone.button_key)).all()) == {"thon-dong": "chay", "thon-tay": None}
