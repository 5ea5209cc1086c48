"""Which word on the commune's keys, and which renewal of their own, the poles hold."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody holds anything yet: they are told at their next connection."""
    for table in ("commune", "node"):
        op.add_column(table, sa.Column("keys_version", sa.BigInteger(), nullable=False, server_default="0"))
        op.add_column(table, sa.Column("renewal", sa.Integer(), nullable=False, server_default="0"))
