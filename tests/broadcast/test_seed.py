import re
from datetime import date, datetime

from sqlalchemy import Engine
from sqlmodel import Session, func, select

from broadcast.db import session_of
from broadcast.entries import list_entries, zones_of_entry
from broadcast.models import Bulletin, BulletinState, Commune, Role, User, row_id
from broadcast.programmes import parts_by_day
from broadcast.seed import load_demo_bulletin, sample_script, seed_demo
from broadcast.users import verify_password
from tts.normalize import normalize


def test_the_demo_has_its_people_and_two_programmes_full_of_approved_bulletins(session: Session, now: datetime) -> None:
    seeded = seed_demo(session, now)
    assert set(seeded.passwords) == {"canbo", "lanhdao", "truongthon-dong", "truongthon-tay", "quantri"}
    for username, password in seeded.passwords.items():
        user = verify_password(session, username, password)
        assert user is not None
        assert (user.zone_id is not None) == (user.role is Role.VILLAGE_HEAD)
        assert password not in repr(seeded)
    morning, evening = list_entries(session)
    assert (f"{morning.airs_at:%H:%M}", f"{evening.airs_at:%H:%M}") == ("05:30", "17:00")
    for entry in (morning, evening):
        zone_ids = {row_id(zone.id) for zone in zones_of_entry(session, entry)}
        days = [date(2026, 6, 2), date(2027, 1, 1)]
        parts = parts_by_day(session, entry.programme_id, zone_ids, days, now)
        assert [len(parts[on].keys) for on in days] == [4, 4]


def test_a_second_run_keeps_everything(engine: Engine, now: datetime) -> None:
    with session_of(engine) as session:
        first = seed_demo(session, now)
        counts = [session.exec(select(func.count()).select_from(table)).one() for table in (Commune, User, Bulletin)]
    with session_of(engine) as session:
        again = seed_demo(session, now)
        assert again.passwords == {}
        assert again.commune.slug == first.commune.slug
        after = [session.exec(select(func.count()).select_from(table)).one() for table in (Commune, User, Bulletin)]
        assert after == counts
        assert set(session.exec(select(Bulletin.state))) == {BulletinState.APPROVED}


def test_the_demos_bulletins_are_read_without_a_digit_or_a_raw_abbreviation() -> None:
    texts = [load_demo_bulletin(name)[1] for name in ("tiem-phong", "cat-dien", "phong-bao", "ve-sinh")]
    assert sample_script() == texts[0]
    for text in texts:
        assert 60 <= len(text.split()) <= 120
        spoken = normalize(text).spoken
        assert not re.search(r"\d|[A-ZĐ]{2,}|[/%@]", spoken), spoken
