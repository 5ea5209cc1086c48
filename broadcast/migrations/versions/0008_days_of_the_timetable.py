"""Entries on single and lunar days, changes of one day, and the commune's special days."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Entries that are there keep their weekdays, and nothing else."""
    for name, kind, default in (
        ("dates", sa.JSON(), "[]"),
        ("lunar_days", sa.JSON(), "[]"),
        ("skips_holidays", sa.Boolean(), "0"),
    ):
        op.add_column("timetableentry", sa.Column(name, kind, nullable=False, server_default=default))
    op.create_table(
        "entrychange",
        sa.Column("entry_id", sa.Integer(), sa.ForeignKey("timetableentry.id"), primary_key=True),
        sa.Column("on", sa.Date(), primary_key=True),
        sa.Column("is_off", sa.Boolean(), nullable=False),
        sa.Column("airs_at", sa.Time(), nullable=True),
        sa.Column("programme_id", sa.Integer(), sa.ForeignKey("programme.id"), nullable=True),
    )
    op.create_table(
        "specialday",
        sa.Column("commune_id", sa.Integer(), sa.ForeignKey("commune.id"), primary_key=True),
        sa.Column("on", sa.Date(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("like_weekday", sa.Integer(), nullable=True),
    )


def downgrade() -> None:
    """A timetable cannot forget days it was told of."""
    raise NotImplementedError("restore a backup instead")
