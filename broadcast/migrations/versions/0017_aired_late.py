"""Entries that may be aired late, and what is."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is aired late unless somebody says so."""
    op.add_column("timetableentry", sa.Column("late_within_minutes", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("broadcast", sa.Column("late_until", sa.DateTime(), nullable=True))
    op.add_column("broadcast", sa.Column("due_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    """What people set is not forgotten."""
    raise NotImplementedError("restore a backup instead")
