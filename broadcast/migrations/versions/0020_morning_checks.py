"""What the check of the morning found."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None has been made yet."""
    op.create_table(
        "morningcheck",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("scheduled_on", sa.Date(), nullable=True, unique=True),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("done_at", sa.DateTime(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
    )
    op.create_index("ix_morningcheck_asked_at", "morningcheck", ["asked_at"])


def downgrade() -> None:
    """What was found is not forgotten."""
    raise NotImplementedError("restore a backup instead")
