"""When somebody last asked a pole to start again."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has asked yet."""
    op.add_column("node", sa.Column("restart_asked_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    """What people asked for is not forgotten."""
    raise NotImplementedError("restore a backup instead")
