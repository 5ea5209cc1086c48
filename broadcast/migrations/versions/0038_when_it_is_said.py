"""When each sentence of a clip is said, for who reads along."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of older clips it is not known: they are heard without it."""
    op.add_column("clip", sa.Column("said_at", sa.JSON(), nullable=True))


def downgrade() -> None:
    """What was counted is not forgotten."""
    raise NotImplementedError("restore a backup instead")
