"""How long an entry may last on one day alone."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No day differs until somebody says so."""
    op.add_column("entrychange", sa.Column("max_minutes", sa.Integer(), nullable=True))


def downgrade() -> None:
    """What people set is not forgotten."""
    raise NotImplementedError("restore a backup instead")
