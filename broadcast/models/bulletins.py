"""What officers write."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant, new_id
from broadcast.models.states import BulletinState
from players.messages import Urgency


class Bulletin(SQLModel, table=True):
    """What an officer typed (`script`), and what became of it. `revision` grows with every edit."""

    id: str = Field(default_factory=new_id, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    title: str
    script: str
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=EnumText(Urgency))
    state: BulletinState = Field(default=BulletinState.DRAFT, sa_type=EnumText(BulletinState), index=True)
    revision: int = 1
    author_id: int = Field(foreign_key="user.id")
    editor_id: int = Field(foreign_key="user.id")
    """Who changed it last; neither of the two approves it."""
    created_at: datetime = Field(sa_type=UtcInstant)
    edited_at: datetime = Field(sa_type=UtcInstant)
    submitted_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    decided_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    decided_by_id: int | None = Field(default=None, foreign_key="user.id")
    decided_for_id: int | None = Field(default=None, foreign_key="user.id")
    """For whom its deputy decided; none for who decided in their own right."""
    was_heard: bool | None = None
    """Whether who approved it says that they listened to it; none until then."""
    return_reason: str | None = None
    airs_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """The instant its author asks for; none with `airs_now`, or when it only goes into programmes."""
    airs_now: bool = False
    is_read_twice: bool = False
    """All of it is said again, after "xin nhắc lại"."""
    rendering_key: str | None = Field(default=None, foreign_key="rendering.key", index=True)
    """As it is aired by itself, with its chimes; set by the approval."""
    programme_key: str | None = Field(default=None, foreign_key="rendering.key", index=True)
    """As it is aired within a programme, without chimes; set when a programme first needs it."""


class BulletinZone(SQLModel, table=True):
    """The villages a bulletin is for."""

    bulletin_id: str = Field(foreign_key="bulletin.id", primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", primary_key=True)
