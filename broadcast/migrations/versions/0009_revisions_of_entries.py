"""Entries of the timetable know their revision and how long they may last."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Entries that are there begin at revision 1 and may last as long as they do."""
    op.add_column("timetableentry", sa.Column("max_minutes", sa.Integer(), nullable=True))
    op.add_column("timetableentry", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    """A timetable cannot forget what was said of it."""
    raise NotImplementedError("restore a backup instead")
