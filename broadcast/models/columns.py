"""Column types and keys that every table uses."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import DateTime, Dialect, String, TypeDecorator


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant; SQLite would drop its zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime, keep the others as UTC without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime is not an instant")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


class EnumText(TypeDecorator[StrEnum]):
    """A `StrEnum` kept as its value."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__(40)
        self.enum = enum

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """The value."""
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The member."""
        return None if value is None else self.enum(value)


def new_id() -> str:
    """An identifier that nobody can guess, 32 hexadecimal digits."""
    return uuid4().hex


def row_id(key: int | None) -> int:
    """A stored row's integer key.

    Raises:
        ValueError: the row has not been flushed.
    """
    if key is None:
        raise ValueError("the row has not been stored yet")
    return key
