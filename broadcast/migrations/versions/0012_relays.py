"""Programmes relay upper radios; people speak live; a broadcast says what of it is made while it sounds."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing that is there changes."""
    op.add_column("programmepart", sa.Column("stream_url", sa.String(), nullable=True))
    op.add_column("programmepart", sa.Column("lasts_s", sa.Integer(), nullable=True))
    op.add_column("programmepart", sa.Column("starts_after_s", sa.Integer(), nullable=True))
    op.add_column("programmepart", sa.Column("on_failure", sa.String(40), nullable=True))
    op.create_table(
        "broadcastrelay",
        sa.Column("broadcast_id", sa.String(100), sa.ForeignKey("broadcast.id"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("after_parts", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("lasts_ms", sa.Integer(), nullable=False),
        sa.Column("starts_after_ms", sa.Integer(), nullable=True),
        sa.Column("on_failure", sa.String(40), nullable=False),
        sa.Column("fallback_sha256", sa.String(), sa.ForeignKey("clip.sha256"), nullable=True),
        sa.Column("failed_at", sa.DateTime(), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
    )
    op.create_index("ix_broadcastrelay_fallback_sha256", "broadcastrelay", ["fallback_sha256"])
    op.create_index("ix_broadcastrelay_failed_at", "broadcastrelay", ["failed_at"])
    op.create_table(
        "liveannouncement",
        sa.Column("broadcast_id", sa.String(100), sa.ForeignKey("broadcast.id"), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("clip_sha256", sa.String(), sa.ForeignKey("clip.sha256"), nullable=True),
    )
    op.create_index("ix_liveannouncement_user_id", "liveannouncement", ["user_id"])
    op.create_index("ix_liveannouncement_clip_sha256", "liveannouncement", ["clip_sha256"])


def downgrade() -> None:
    """What was said live is not forgotten."""
    raise NotImplementedError("restore a backup instead")
