from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

from broadcast.audit import first_broken, record


def test_the_chain_holds_and_a_rewritten_entry_breaks_it(session: Session, now: datetime) -> None:
    for minute in range(4):
        record(session, now + timedelta(minutes=minute), "canbo", "write-bulletin", f"b{minute}", {"tựa": "Lũ"})
    assert first_broken(session) is None
    session.connection().execute(text("DROP TRIGGER auditentry_no_update"))
    session.connection().execute(text("UPDATE auditentry SET actor = 'lanhdao' WHERE subject = 'b2'"))
    session.expire_all()
    assert first_broken(session) == 3


def test_an_entry_taken_out_breaks_the_chain(session: Session, now: datetime) -> None:
    for minute in range(3):
        record(session, now, "canbo", "write-bulletin", f"b{minute}")
    session.connection().execute(text("DROP TRIGGER auditentry_no_delete"))
    session.connection().execute(text("DELETE FROM auditentry WHERE id = 2"))
    session.expire_all()
    assert first_broken(session) == 3
