"""What is asked of who presses the emergency button, PINs, presses that wait for a second person, phone trees."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is asked for until the commune sets it."""
    op.create_table(
        "emergencypolicy",
        sa.Column("commune_id", sa.Integer(), sa.ForeignKey("commune.id"), primary_key=True),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("pin_days", sa.Integer(), nullable=False),
        sa.Column("confirm_minutes", sa.Integer(), nullable=False),
    )
    op.create_table(
        "emergencypin",
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), primary_key=True),
        sa.Column("pin_hash", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "heldpress",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("zones", sa.JSON(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("decided_by_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=True),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
    )
    op.create_index("ix_heldpress_user_id", "heldpress", ["user_id"])
    op.create_index("ix_heldpress_state", "heldpress", ["state"])
    op.create_table(
        "phonecontact",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("zone_id", sa.Integer(), sa.ForeignKey("zone.id"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("duty", sa.String(100), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
    )
    op.create_index("ix_phonecontact_zone_id", "phonecontact", ["zone_id"])


def downgrade() -> None:
    """Who was asked for a proof is not forgotten."""
    raise NotImplementedError("restore a backup instead")
