"""A pole's own delay and what its SIM card may take in a month; signs of life that cost less."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is delayed and nothing is spared until somebody says so. Only who left the old pace alone has the new."""
    op.add_column("node", sa.Column("delay_ms", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("node", sa.Column("data_mb", sa.Integer(), nullable=True))
    op.execute("UPDATE commune SET heartbeat_s = 15.0 WHERE heartbeat_s = 5.0")


def downgrade() -> None:
    """What people set is not forgotten."""
    raise NotImplementedError("restore a backup instead")
