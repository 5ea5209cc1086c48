"""Which chime a commune has chosen for each kind of broadcast, and the programs that are told of alarms."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every chime stays what it was, and nobody else is told."""
    op.add_column("commune", sa.Column("chimes", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("rendering", sa.Column("tune", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("commune_id", sa.Integer(), sa.ForeignKey("commune.id"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
    )
    op.create_index("ix_webhook_commune_id", "webhook", ["commune_id"])
    op.execute("ALTER TABLE alarmnotice ADD COLUMN webhook_id INTEGER REFERENCES webhook (id)")
    op.create_index("ix_alarmnotice_webhook_id", "alarmnotice", ["webhook_id"])


def downgrade() -> None:
    """The commune's own chimes and webhooks are not forgotten."""
    raise NotImplementedError("restore a backup instead")
