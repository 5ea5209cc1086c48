import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import SQLModel, select

from broadcast.db import migrate, open_engine, reading, session_of
from broadcast.errors import DatabaseNewer
from broadcast.models import AuditEntry, Commune, Zone


def test_an_empty_database_comes_to_the_tables_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    with session_of(engine) as session:
        session.add(Commune(slug="an", name="Xã An"))
    migrate(engine)
    with reading(engine) as session:
        assert session.exec(select(Commune.slug)).all() == ["an"]


def test_a_database_of_a_newer_version_is_refused_and_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9001'"))
    with pytest.raises(DatabaseNewer, match="revision 9001, this version knows up to"):
        migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9001"


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    open_engine(f"sqlite:///{tmp_path / 'a.db'}").dispose()
    assert (tmp_path / "a.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="needs a file"):
        open_engine(url)


def test_what_raises_leaves_nothing_behind(engine: Engine) -> None:
    with pytest.raises(KeyError), session_of(engine) as session:  # noqa: PT012
        session.add(Commune(slug="an", name="Xã An"))
        session.flush()
        raise KeyError
    with reading(engine) as session:
        assert session.exec(select(Commune)).all() == []


def test_a_zone_of_no_commune_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), session_of(engine) as session:
        session.add(Zone(commune_id=77, slug="a", name="A"))


def test_instants_keep_their_zone_and_a_naive_one_is_refused(engine: Engine) -> None:
    at = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    with session_of(engine) as session:
        session.add(AuditEntry(at=at, actor="a", action="b", subject="c", digest="d"))
    with reading(engine) as session:
        assert session.exec(select(AuditEntry.at)).one() == at
    with pytest.raises(StatementError, match="naive"), session_of(engine) as session:  # noqa: PT012
        session.add(AuditEntry(at=at.replace(tzinfo=None), actor="a", action="b", subject="c", digest="d"))
        session.flush()


def test_the_audit_log_cannot_be_rewritten(engine: Engine) -> None:
    with session_of(engine) as session:
        session.add(AuditEntry(at=datetime(2026, 1, 1, tzinfo=UTC), actor="a", action="b", subject="c", digest="d"))
    for statement in ("UPDATE auditentry SET actor = 'x'", "DELETE FROM auditentry"):
        with pytest.raises(IntegrityError, match="append-only"), session_of(engine) as session:
            session.connection().execute(text(statement))


def _count_up(engine: Engine, times: int, started: threading.Barrier) -> None:
    started.wait(10)
    for _ in range(times):
        with session_of(engine) as session:
            commune = session.exec(select(Commune)).one()
            commune.heartbeat_s += 1
            session.add(commune)


def test_two_writers_queue_and_lose_no_update(engine: Engine) -> None:
    with session_of(engine) as session:
        session.add(Commune(slug="an", name="Xã An", heartbeat_s=0))
    barrier = threading.Barrier(2)
    writers = [threading.Thread(target=_count_up, args=(engine, 25, barrier)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    with reading(engine) as session:
        assert session.exec(select(Commune.heartbeat_s)).one() == 50


def test_a_reader_is_not_held_up_by_a_writer(engine: Engine) -> None:
    with session_of(engine) as writer:
        writer.add(Commune(slug="an", name="Xã An"))
        writer.flush()
        with reading(engine) as reader:
            assert reader.exec(select(Commune)).all() == []


def test_a_view_stays_at_its_moment(engine: Engine) -> None:
    with reading(engine) as reader:
        assert reader.exec(select(Commune)).all() == []
        with session_of(engine) as writer:
            writer.add(Commune(slug="an", name="Xã An"))
        assert reader.exec(select(Commune)).all() == []
