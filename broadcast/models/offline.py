"""Who may start a prepared message at a pole when no server can be reached."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from broadcast.models.columns import UtcInstant


class OfflineToken(SQLModel, table=True):
    """A card for a person and a village: its number is `id`; what is on it besides only its holder knows."""

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    zone_id: int = Field(foreign_key="zone.id", index=True)
    public_key: str = Field(max_length=64)
    """`x` of the Ed25519 key (RFC 8037) that follows from the card's secret (`players.offline`)."""
    valid_from: datetime = Field(sa_type=UtcInstant)
    valid_until: datetime = Field(sa_type=UtcInstant)
    issued_at: datetime = Field(sa_type=UtcInstant)
    issued_by_id: int = Field(foreign_key="user.id")
    revoked_at: datetime | None = Field(default=None, sa_type=UtcInstant)
