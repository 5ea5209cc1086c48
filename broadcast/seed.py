"""The demo's commune: two villages, its people, a morning and an evening programme with bulletins in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from importlib.resources import files

from sqlmodel import Session, select

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.communes import DEFAULT_VOICE, create_commune, local_zone, set_voice
from broadcast.entries import create_entry
from broadcast.models import Commune, Role, User, row_id
from broadcast.placements import place_bulletin
from broadcast.programmes import create_programme
from broadcast.users import add_user
from broadcast.windows import ALL_DAY
from broadcast.zones import create_zone

ZONES = (("thon-dong", "Thôn Đông"), ("thon-tay", "Thôn Tây"))
PEOPLE = (
    ("canbo", "Cán bộ văn hóa", Role.OFFICER, None),
    ("lanhdao", "Lãnh đạo duyệt", Role.LEADER, None),
    ("truongthon-dong", "Trưởng thôn Đông", Role.VILLAGE_HEAD, "thon-dong"),
    ("truongthon-tay", "Trưởng thôn Tây", Role.VILLAGE_HEAD, "thon-tay"),
    ("quantri", "Quản trị", Role.ADMINISTRATOR, None),
)
PROGRAMMES = (
    ("Bản tin sáng", time(5, 30), "Đây là đài truyền thanh {xã}. Xin chào bà con. Hôm nay, {thứ}, {ngày}."),
    ("Bản tin chiều", time(17, 0), "Đây là đài truyền thanh {xã}, bản tin chiều {thứ}, {ngày}."),
)
CLOSING = "Bản tin của đài truyền thanh {xã} đến đây là hết. Xin cảm ơn và chào bà con."
SAMPLE = "tiem-phong"
_PLACED_FOR = timedelta(days=3650)
_PLACED = {"Bản tin sáng": ("phong-bao", "cat-dien"), "Bản tin chiều": ("ve-sinh", "cat-dien")}


@dataclass(frozen=True, slots=True)
class SeededDemo:
    """The demo's commune, and the passwords of the people who were added just now: none at a second run."""

    commune: Commune
    passwords: Mapping[str, str]

    def __repr__(self) -> str:
        return f"SeededDemo({self.commune.slug}, {len(self.passwords)} people added)"


def seed_demo(session: Session, now: datetime, voice: str | None = None) -> SeededDemo:
    """Make the demo's commune; one that is there already is kept as it is, but for the voice, if one is given."""
    known = session.exec(select(Commune)).first()
    if known is not None:
        if voice is not None:
            set_voice(session, voice, "loalang", now)
        return SeededDemo(known, {})
    commune = create_commune(
        session, slug="hoa-binh-an", name="Xã Hòa Bình An", windows=ALL_DAY, now=now, voice=voice or DEFAULT_VOICE
    )
    session.flush()
    for slug, name in ZONES:
        create_zone(session, commune, slug=slug, name=name, now=now)
    people: dict[Role, User] = {}
    passwords = {}
    for username, name, role, zone in PEOPLE:
        user, passwords[username] = add_user(
            session, commune, username=username, name=name, role=role, zone=zone, now=now
        )
        people.setdefault(role, user)
    _seed_timetable(session, commune, people[Role.OFFICER], people[Role.LEADER], now)
    return SeededDemo(commune, passwords)


def sample_script() -> str:
    """The bulletin that the demo airs at once."""
    return load_demo_bulletin(SAMPLE)[1]


def load_demo_bulletin(name: str) -> tuple[str, str]:
    """A demo bulletin's title and text."""
    text = files("broadcast").joinpath("demo_bulletins", f"{name}.txt").read_text(encoding="utf-8")
    title, script = text.split("\n", 1)
    return title.strip(), script.strip()


def _seed_timetable(session: Session, commune: Commune, officer: User, leader: User, now: datetime) -> None:
    today = now.astimezone(local_zone(commune)).date()
    zones = [slug for slug, _ in ZONES]
    placed: dict[str, list[int]] = {}
    for name, airs_at, greeting in PROGRAMMES:
        programme = create_programme(
            session, commune, name=name, greeting=greeting, closing=CLOSING, now=now, actor=officer.username
        )
        create_entry(session, programme, zones=zones, airs_at=airs_at, from_on=today, now=now, actor=officer.username)
        for text in _PLACED[name]:
            placed.setdefault(text, []).append(row_id(programme.id))
    for text, programmes in placed.items():
        title, script = load_demo_bulletin(text)
        bulletin = write_bulletin(session, officer, title=title, script=script, zones=zones, now=now)
        place_bulletin(session, bulletin, programmes, now, lasts=_PLACED_FOR)
        submit_bulletin(session, bulletin.id, officer, now)
        approve_bulletin(session, bulletin.id, leader, bulletin.revision, now)
