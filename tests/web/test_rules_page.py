"""The rules on when and how much may sound, set on the page and by programs; advice beside an entry."""

from datetime import date, time

import pytest
from fastapi import FastAPI

from broadcast.communes import get_commune
from broadcast.documents import build_documents
from broadcast.entries import EntryDraft, add_entry
from broadcast.models import row_id
from broadcast.nodes import create_node, list_nodes
from broadcast.programmes import create_programme
from broadcast.rules import Rules, rules_of_zone, set_commune_rules
from broadcast.volumes import volumes_for, volumes_of
from broadcast.windows import ALL_DAY
from broadcast.zones import list_zones
from tests.web.conftest import NOW, Commune, Programs, SignIn
from tests.web.test_timetable_pages import planned, speak

COMMUNE, EAST = '[data-rules=""]', '[data-rules="thon-dong"]'


async def test_a_leader_sets_the_communes_rules_and_a_stricter_village(browse: SignIn, commune: Commune) -> None:
    leader = await browse("leader")
    await leader.get("/gio-phat")
    assert leader.attributes(f"{COMMUNE} [name=windows]")["value"] == "00:00-24:00"
    await leader.send(COMMUNE, windows="16:30-20:00, 05:00-11:30", sessions_a_day="2", session_minutes="15")
    assert leader.attributes(f"{COMMUNE} [name=windows]")["value"] == "05:00-11:30, 16:30-20:00"
    assert leader.attributes(f"{COMMUNE} [name=session_minutes]")["value"] == "15"
    await leader.send(EAST, windows="06:00-11:00", day_minutes="20")
    with commune.work() as session:
        (east, west) = (rules_of_zone(zone) for zone in list_zones(session))
    assert ([f"{one.opens:%H}-{one.closes:%H}" for one in east.windows], east.day_minutes) == (["06-11"], 20)
    assert west == Rules(windows=())


@pytest.mark.parametrize(
    ("form", "typed", "field"),
    [
        (COMMUNE, {"windows": "11:00-05:00"}, "windows"),
        (COMMUNE, {"windows": "sáng"}, "windows"),
        (COMMUNE, {"day_minutes": "1500"}, "day_minutes"),
        (EAST, {"sessions_a_day": "hai"}, "sessions_a_day"),
        (EAST, {"volumes": "05:00-06:00"}, "volumes"),
        (EAST, {"volumes": "05:00-06:00 -90"}, "volumes"),
        (EAST, {"volumes": "sáng -9"}, "volumes"),
        (COMMUNE, {"windows": "CN-T2 05:00-06:00"}, "windows"),
        (COMMUNE, {"windows": "T2-T6 05:00-08:00, T3 07:00-09:00"}, "windows"),
    ],
)
async def test_what_is_wrong_is_said_in_its_own_form_and_kept_as_typed(
    browse: SignIn, form: str, typed: dict[str, str], field: str
) -> None:
    admin = await browse("admin")
    await admin.get("/gio-phat")
    await admin.send(form, **typed)
    assert admin.answer.status_code == 422
    assert admin.text(f"{form} #error-{field}")
    assert admin.attributes(f"{form} [name={field}]")["value"] == typed[field]
    assert len(admin.page.css(".field .error")) == 1


async def test_hours_of_weekdays_and_volumes_by_hours_come_back_as_they_were_typed(
    browse: SignIn, commune: Commune
) -> None:
    with commune.work() as session:
        create_node(session, get_commune(session), "dong-1", "Cột đầu làng", ["thon-dong"], NOW, actor="quantri")
    leader = await browse("leader")
    await leader.get("/gio-phat")
    await leader.send(COMMUNE, windows="T2-T6 05:00-07:00, t7+cn 06:00-11:00")
    assert leader.attributes(f"{COMMUNE} [name=windows]")["value"] == "T2-T6 05:00-07:00, T7+CN 06:00-11:00"
    await leader.send(EAST, windows="T2-T6 05:30-07:00", volumes="05:00-06:00 -9 dB, T7+CN 20:00-24:00 −12.5")
    assert leader.attributes(f"{EAST} [name=volumes]")["value"] == "05:00-06:00 -9, T7+CN 20:00-24:00 -12.5"
    pole = "[data-volumes=dong-1]"
    await leader.send(pole, volumes="05:00-07:00 -15")
    assert leader.attributes(f"{pole} [name=volumes]")["value"] == "05:00-07:00 -15"
    await leader.send(pole, volumes="05:00-07:00 to")
    assert leader.answer.status_code == 422
    assert leader.attributes(f"{pole} [name=volumes]")["value"] == "05:00-07:00 to"
    with commune.work() as session:
        zones = list_zones(session)
        config = build_documents(session, NOW).configs
        (node,) = list_nodes(session)
        assert volumes_for(node, zones) == volumes_of(node)
        assert [volume.gain_db for volume in volumes_of(node)] == [-15.0]
    assert config == {}, "it is not paired"


async def test_a_program_reads_and_sets_rules(api: Programs) -> None:
    leader = api("leader")
    morning = {"opens": "05:00:00", "closes": "11:30:00", "days": [0, 1]}
    kept = await leader.put("/api/rules", json={"windows": [morning], "sessions_a_day": 2})
    assert kept.json()["commune"]["windows"] == [morning]
    wider = await leader.put("/api/rules/zones/thon-dong", json={"windows": [{"opens": "04:00", "closes": "06:00"}]})
    assert (wider.status_code, wider.json()["error"]["code"]) == (422, "outside-commune")
    backwards = await leader.put("/api/rules", json={"windows": [{"opens": "06:00", "closes": "05:00"}]})
    assert (backwards.status_code, backwards.json()["error"]["code"]) == (422, "bad-window")
    assert (await leader.put("/api/rules/zones/thon-nam", json={"windows": []})).status_code == 404
    assert (await leader.get("/api/rules")).json()["zones"]["thon-dong"]["windows"] == []


async def test_an_entry_says_what_it_meets_and_what_the_rules_refuse(
    app: FastAPI, browse: SignIn, api: Programs, commune: Commune
) -> None:
    with commune.work() as session:
        create_node(session, get_commune(session), "dong-1", "Cột 1", ["thon-dong"], NOW)
        for name, airs_at in (("Sáng", time(5, 30)), ("Sớm", time(5, 32)), ("Trưa", time(5, 42))):
            made = create_programme(
                session, get_commune(session), name=name, greeting=f"Chào {name}.", closing="", now=NOW, actor="officer"
            )
            made.when_empty = "greeting"  # type: ignore[assignment]
            session.add(made)
            draft = EntryDraft(
                programme_id=row_id(made.id), zones=("thon-dong", "thon-tay"), airs_at=airs_at,
                from_on=date(2026, 9, 23), until_on=date(2026, 9, 24),
            )  # fmt: skip
            add_entry(session, draft, NOW, "officer")
        set_commune_rules(session, Rules(windows=ALL_DAY, sessions_a_day=2), NOW, "leader")
    app.state.station.nudge()
    await planned(app, commune, 6)
    officer = await browse("officer")
    await officer.get("/lich-phat/1")
    assert officer.text('[data-advice="no-nodes"]').startswith("Thôn Tây chưa có cụm loa nào")
    for number, at in ((1, "0530"), (2, "0532"), (3, "0542")):
        speak(commune, f"e-{number}-20260923T{at}", minutes=10)
    app.state.station.nudge()
    for _ in range(60):
        await officer.get("/lich-phat/2")
        if officer.page.css_first('[data-advice="overlap"]') is not None:
            break
        await app.state.station.next_change()
    assert officer.text('[data-advice="overlap"]') == (
        "23/09, 24/09: “Sớm” lúc 05:32 chồng lên “Sáng” lúc 05:30 ở Thôn Đông, Thôn Tây; "
        "chương trình sau chờ đến khi chương trình trước xong."
    )
    assert "bắt đầu ngay khi “Sớm” lúc 05:32 kết thúc" in officer.text('[data-advice="touching"]')
    found = (await api("officer").get("/api/entries/3/advice")).json()["advice"]
    refused = [one["text"] for one in found if one["kind"] == "refused"]
    assert refused == [
        "23/09, 24/09: “Trưa” lúc 05:42 sẽ không phát. Trong ngày đã đủ số lần phát cho phép ở một thôn."
    ]
