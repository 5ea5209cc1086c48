"""Documents, scans and photos on their way to becoming bulletins."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant, new_id
from broadcast.models.states import ImportState


class DocumentImport(SQLModel, table=True):
    """A document that somebody sent, and what was read in it. The file itself is kept only until it has been read."""

    id: str = Field(default_factory=new_id, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    file_name: str
    """As its sender called it; never a path."""
    upload: str
    """The file's name in the folder of documents that wait."""
    state: ImportState = Field(default=ImportState.WAITING, sa_type=EnumText(ImportState), index=True)
    attempts: int = 0
    """How often reading it was begun."""
    page: int = 0
    """The last page that is read."""
    pages: int | None = None
    """None while that is not known."""
    error_code: str | None = None
    error_message: str | None = None
    """In Vietnamese."""
    bulletin_id: str | None = Field(default=None, foreign_key="bulletin.id", index=True)
    """The draft it became."""
    text: str = ""
    """The draft's text as it was read, before anybody changed it."""
    set_aside: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """What nobody reads aloud: kind, text, page, and its offset in `text`."""
    warnings: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """What should be compared with the paper: code, message, page."""
    created_at: datetime = Field(sa_type=UtcInstant)
    finished_at: datetime | None = Field(default=None, sa_type=UtcInstant)
