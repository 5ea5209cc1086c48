"""Silent drills, cards for the time without a server, the button at the pole."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has a card, and no button starts anything, until the commune says so."""
    _add_drills()
    op.create_table(
        "offlinetoken",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("zone_id", sa.Integer(), sa.ForeignKey("zone.id"), nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("valid_from", sa.DateTime(), nullable=False),
        sa.Column("valid_until", sa.DateTime(), nullable=False),
        sa.Column("issued_at", sa.DateTime(), nullable=False),
        sa.Column("issued_by_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
    )
    for column in ("user_id", "zone_id"):
        op.create_index(f"ix_offlinetoken_{column}", "offlinetoken", [column])
    op.add_column("zone", sa.Column("button_key", sa.String(50), nullable=True))
    op.execute("ALTER TABLE broadcast ADD COLUMN started_at_node_id INTEGER REFERENCES node (id)")
    op.execute("ALTER TABLE broadcast ADD COLUMN started_by_token_id INTEGER REFERENCES offlinetoken (id)")


def _add_drills() -> None:
    op.create_table(
        "readinessdrill",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("scheduled_on", sa.Date(), nullable=True, unique=True),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=True),
        sa.Column("pressed_at", sa.DateTime(), nullable=True),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("done_at", sa.DateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
    )
    for column in ("asked_at", "done_at"):
        op.create_index(f"ix_readinessdrill_{column}", "readinessdrill", [column])
    op.create_table(
        "readinessrow",
        sa.Column("drill_id", sa.Integer(), sa.ForeignKey("readinessdrill.id"), primary_key=True),
        sa.Column("node_id", sa.Integer(), sa.ForeignKey("node.id"), primary_key=True),
        sa.Column("ready_ms", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
    )
    op.create_index("ix_readinessrow_node_id", "readinessrow", ["node_id"])


def downgrade() -> None:
    """What was drilled, and who holds a card, is not forgotten."""
    raise NotImplementedError("restore a backup instead")
