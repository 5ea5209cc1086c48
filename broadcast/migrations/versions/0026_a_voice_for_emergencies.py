"""A voice of its own for emergencies; clips that were only listened to can be told from others."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One voice for all, as it was; of what is rendered already nobody knows why, so that it is kept."""
    op.add_column("commune", sa.Column("emergency_voice", sa.String(), nullable=True))
    op.add_column("rendering", sa.Column("is_only_heard", sa.Boolean(), nullable=False, server_default=sa.false()))
