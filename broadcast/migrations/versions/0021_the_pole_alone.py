"""Volume by time of day, for villages and poles; which entries go on after they were broken off."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Without a volume and with nothing that goes on, everything is as it was."""
    for table in ("zone", "node"):
        op.add_column(table, sa.Column("volumes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "timetableentry", sa.Column("resume_within_minutes", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """What people set is not forgotten."""
    raise NotImplementedError("restore a backup instead")
