import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from broadcast.communes import create_commune, get_commune
from broadcast.db import migrate, open_engine, session_of
from broadcast.models import Commune, Role, User
from broadcast.users import add_user, get_user
from broadcast.windows import ALL_DAY
from broadcast.zones import create_zone

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
PEOPLE = (
    ("canbo", Role.OFFICER, None),
    ("canbo2", Role.OFFICER, None),
    ("lanhdao", Role.LEADER, None),
    ("truongthon", Role.VILLAGE_HEAD, "thon-dong"),
    ("quantri", Role.ADMINISTRATOR, None),
)


@dataclass(frozen=True)
class House:
    """A commune with two villages and its people."""

    commune: Commune
    officer: User
    other_officer: User
    leader: User
    head_east: User
    administrator: User
    passwords: dict[str, str]


@dataclass(frozen=True)
class HouseFile:
    """A database with a house in it, to be copied: hashing five passwords for every test would take long."""

    path: Path
    passwords: dict[str, str]


@pytest.fixture
def now() -> datetime:
    """A Monday, 15:00 in Viet Nam."""
    return NOW


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    engine = open_engine(f"sqlite:///{tmp_path / 'loalang.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with session_of(engine) as session:
        yield session


@pytest.fixture(scope="session")
def house_file(tmp_path_factory: pytest.TempPathFactory) -> HouseFile:
    path = tmp_path_factory.mktemp("house") / "house.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with session_of(engine) as session:
        commune = create_commune(session, slug="hoa-binh-an", name="Xã Hòa Bình An", windows=ALL_DAY, now=NOW)
        create_zone(session, commune, slug="thon-dong", name="Thôn Đông", now=NOW)
        create_zone(session, commune, slug="thon-tay", name="Thôn Tây", now=NOW)
        passwords = {
            username: add_user(session, commune, username=username, name=username, role=role, zone=zone, now=NOW)[1]
            for username, role, zone in PEOPLE
        }
    engine.dispose()
    return HouseFile(path, passwords)


@pytest.fixture
def house_engine(house_file: HouseFile, tmp_path: Path) -> Iterator[Engine]:
    """A database with a commune, two villages and five people."""
    shutil.copy(house_file.path, tmp_path / "house.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'house.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def unit(house_engine: Engine) -> Iterator[Session]:
    """One unit of work in the house."""
    with session_of(house_engine) as session:
        yield session


@pytest.fixture
def house(unit: Session, house_file: HouseFile) -> House:
    return load_house(unit, house_file.passwords)


def load_house(session: Session, passwords: dict[str, str]) -> House:
    officer, other_officer, leader, head_east, administrator = (get_user(session, name) for name, _, _ in PEOPLE)
    return House(get_commune(session), officer, other_officer, leader, head_east, administrator, passwords)
