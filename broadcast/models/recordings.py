"""Sound that a person recorded, and bulletins that are made of more than one text."""

from datetime import datetime

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant, new_id
from broadcast.models.states import PartKind


class Recording(SQLModel, table=True):
    """A sound that a person recorded or uploaded. Of it is aired its clip: from `start_ms` to `end_ms`, levelled.

    The whole of it is kept as `<id>.flac` in the folder of recordings until it is removed.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    owner_id: int = Field(foreign_key="user.id", index=True)
    name: str
    language: str
    """ISO 639-3, e.g. `ium` for Dao."""
    is_shared: bool = False
    """Not shared: its owner's alone."""
    revision: int = 1
    """Grows with every change."""
    created_at: datetime = Field(sa_type=UtcInstant)
    edited_at: datetime = Field(sa_type=UtcInstant)
    removed_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    original_sha256: str = Field(max_length=64)
    """Of the file as it was sent, which is not kept."""
    original_bytes: int
    original_format: str
    length_ms: int
    """Of the whole of it."""
    peaks: list[int] = Field(sa_type=JSON)
    """The loudest sample in each of equally long stretches, in percent of full scale."""
    warnings: list[str] = Field(default_factory=list, sa_type=JSON)
    """What is not good about it: values of `tts.record_job.Flaw`."""
    start_ms: int = 0
    end_ms: int
    clip_sha256: str | None = Field(default=None, foreign_key="clip.sha256", index=True)
    """None once it is removed."""


class BulletinPart(SQLModel, table=True):
    """One part of a bulletin that is more than a single text; a bulletin of one text has none."""

    bulletin_id: str = Field(foreign_key="bulletin.id", primary_key=True)
    position: int = Field(primary_key=True)
    kind: PartKind = Field(sa_type=EnumText(PartKind))
    script: str = ""
    recording_id: str | None = Field(default=None, foreign_key="recording.id", index=True)
    clip_sha256: str | None = Field(default=None, foreign_key="clip.sha256", index=True)
    """The very sound that is approved: another cut of the recording is another clip."""
