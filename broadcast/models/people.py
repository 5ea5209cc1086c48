"""Who may sign in, and what they are signed in with."""

from datetime import datetime

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from broadcast.models.states import Role


class User(SQLModel, table=True):
    """A person who signs in. `password_hash` is argon2id."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    username: str = Field(unique=True, max_length=50)
    name: str
    role: Role = Field(sa_type=EnumText(Role))
    zone_id: int | None = Field(default=None, foreign_key="zone.id")
    """The village of a village head."""
    password_hash: str = Field(repr=False)
    is_active: bool = True
    created_at: datetime = Field(sa_type=UtcInstant)
    totp_secret: str | None = Field(default=None, repr=False, max_length=64)
    """Of the second factor (RFC 6238), base32: what the phone has too. It counts once `totp_since` is set."""
    totp_since: datetime | None = Field(default=None, sa_type=UtcInstant)
    """Since when signing in asks for it; none: it does not."""
    totp_step: int | None = None
    """The last time step whose code was used: a code opens once."""


class RecoveryCode(SQLModel, table=True):
    """Opens once in the place of the second factor, when the phone is lost. Kept only as its SHA-256."""

    code_sha256: str = Field(primary_key=True, max_length=64, repr=False)
    user_id: int = Field(foreign_key="user.id", index=True)
    used_at: datetime | None = Field(default=None, sa_type=UtcInstant)


class UserSession(SQLModel, table=True):
    """A signed-in browser. The cookie's value is kept only as its SHA-256."""

    token_sha256: str = Field(primary_key=True, repr=False)
    user_id: int = Field(foreign_key="user.id", index=True)
    csrf: str = Field(repr=False)
    created_at: datetime = Field(sa_type=UtcInstant)
    expires_at: datetime = Field(sa_type=UtcInstant)


class ApiToken(SQLModel, table=True):
    """A program's bearer token, kept only as its SHA-256; it may what its user may, within its scopes."""

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    name: str
    token_sha256: str = Field(unique=True, repr=False)
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcInstant)
    expires_at: datetime = Field(sa_type=UtcInstant)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcInstant)
