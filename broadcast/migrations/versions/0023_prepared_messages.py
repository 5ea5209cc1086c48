"""Prepared messages, how emergencies are repeated, and what a broadcast says of its emergency."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was aired before was no drill, and of no stated severity."""
    op.create_table(
        "preparedmessage",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("commune_id", sa.Integer(), sa.ForeignKey("commune.id"), nullable=False),
        sa.Column("key", sa.String(50), nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("icon", sa.String(40), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("severity", sa.String(40), nullable=False),
        sa.Column("said_times", sa.Integer(), nullable=False),
        sa.Column("repeat_every_minutes", sa.Integer(), nullable=True),
        sa.Column("repeat_opens", sa.String(5), nullable=True),
        sa.Column("repeat_closes", sa.String(5), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("commune_id", "key"),
    )
    op.create_index("ix_preparedmessage_commune_id", "preparedmessage", ["commune_id"])
    op.create_table(
        "emergencyrepeat",
        sa.Column("broadcast_id", sa.String(), sa.ForeignKey("broadcast.id"), primary_key=True),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.Column("opens", sa.String(5), nullable=True),
        sa.Column("closes", sa.String(5), nullable=True),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("aired_again", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
    )
    op.create_index("ix_emergencyrepeat_next_at", "emergencyrepeat", ["next_at"])
    op.add_column("broadcast", sa.Column("severity", sa.String(40), nullable=True))
    op.add_column("broadcast", sa.Column("is_drill", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("broadcast", sa.Column("prepared_key", sa.String(50), nullable=True))
    op.add_column("broadcast", sa.Column("follows_id", sa.String(100), nullable=True))
    op.add_column("broadcast", sa.Column("follows_as", sa.String(40), nullable=True))
    op.create_index("ix_broadcast_follows_id", "broadcast", ["follows_id"])


def downgrade() -> None:
    """What was aired is not forgotten."""
    raise NotImplementedError("restore a backup instead")
