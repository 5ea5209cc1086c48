"""How much may sound a day: rules of commune and villages, and which broadcasts they refuse."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Without a rule everything is as it was."""
    for table in ("commune", "zone"):
        for name in ("sessions_a_day", "session_minutes", "day_minutes"):
            op.add_column(table, sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("zone", sa.Column("windows", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("broadcast", sa.Column("over_rule", sa.String(40), nullable=True))


def downgrade() -> None:
    """Rules that people set are not forgotten."""
    raise NotImplementedError("restore a backup instead")
