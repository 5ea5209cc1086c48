"""The demo's commune: seeded once, kept afterwards."""

from datetime import timedelta
from pathlib import Path

from sqlmodel import Session, col, select

from broadcast.db import migrate, open_engine, session_of
from broadcast.models import Role, User
from broadcast.seed import SeededDemo, seed_demo
from broadcast.users import make_token
from scheduler.clock import utc_now
from web.demo.client import Tokens

TOKEN_LIFETIME = timedelta(hours=2)


def prepare_commune(database_url: str, data_dir: Path, voice: str | None) -> tuple[SeededDemo, Tokens]:
    """Make or find the demo's commune; give what was seeded and a token for each person the demo acts for.

    `voice` becomes the commune's voice when it is given.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = open_engine(database_url)
    try:
        migrate(engine)
        with session_of(engine) as session:
            seeded = seed_demo(session, utc_now(), voice)
            tokens = Tokens(
                officer=_token(session, Role.OFFICER),
                leader=_token(session, Role.LEADER),
                administrator=_token(session, Role.ADMINISTRATOR),
            )
            return seeded, tokens
    finally:
        engine.dispose()


def _token(session: Session, role: Role) -> str:
    user = session.exec(select(User).where(col(User.role) == role).order_by(col(User.id))).first()
    if user is None:
        raise LookupError(f"the demo's commune has no {role}")
    return make_token(session, user, name="demo", scopes=["*"], lifetime=TOKEN_LIFETIME, now=utc_now())
