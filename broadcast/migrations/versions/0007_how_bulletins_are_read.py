"""Bulletins that are read twice, and how fast the commune's voice reads."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is there was read once, at the voice's own speed."""
    op.add_column("bulletin", sa.Column("is_read_twice", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("rendering", sa.Column("is_read_twice", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("rendering", sa.Column("rate", sa.Float(), nullable=False, server_default="1.0"))
    op.add_column("commune", sa.Column("rate", sa.Float(), nullable=False, server_default="1.0"))


def downgrade() -> None:
    """Nothing is thrown away."""
    raise NotImplementedError("restore a backup instead")
