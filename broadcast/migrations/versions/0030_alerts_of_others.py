"""Messages in the Common Alerting Protocol, how their sources are believed, and until when what they say may begin."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is read in CAP, and our own feed is closed, until somebody sets it."""
    op.add_column("broadcast", sa.Column("valid_until", sa.DateTime(), nullable=True))
    op.create_table(
        "capoptions",
        sa.Column("source_id", sa.Integer(), sa.ForeignKey("source.id"), primary_key=True),
        sa.Column("airs_at_once", sa.Boolean(), nullable=False),
        sa.Column("needs_signature", sa.Boolean(), nullable=False),
        sa.Column("etag", sa.String(200), nullable=False),
        sa.Column("modified", sa.String(100), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
    )
    op.create_table(
        "capcertificate",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("source_id", sa.Integer(), sa.ForeignKey("source.id"), nullable=False),
        sa.Column("pem", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("ends_at", sa.DateTime(), nullable=False),
        sa.Column("trusted_by_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("trusted_at", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("source_id", "fingerprint"),
    )
    op.create_index("ix_capcertificate_source_id", "capcertificate", ["source_id"])
    op.create_table(
        "capmessage",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("source_id", sa.Integer(), sa.ForeignKey("source.id"), nullable=False),
        sa.Column("sender", sa.String(200), nullable=False),
        sa.Column("identifier", sa.String(200), nullable=False),
        sa.Column("sent", sa.DateTime(), nullable=False),
        sa.Column("msg_type", sa.String(20), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("is_drill", sa.Boolean(), nullable=False),
        sa.Column("is_signed", sa.Boolean(), nullable=False),
        sa.Column("severity", sa.String(40), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("language", sa.String(40), nullable=False),
        sa.Column("places", sa.String(), nullable=False),
        sa.Column("zones", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("broadcast_id", sa.String(100), sa.ForeignKey("broadcast.id"), nullable=True),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("sourceitem.id"), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=True),
        sa.UniqueConstraint("source_id", "sender", "identifier"),
    )
    for name in ("source_id", "identifier", "state", "broadcast_id"):
        op.create_index(f"ix_capmessage_{name}", "capmessage", [name])
    op.create_table(
        "caprules",
        sa.Column("commune_id", sa.Integer(), sa.ForeignKey("commune.id"), primary_key=True),
        sa.Column("sender", sa.String(200), nullable=False),
        sa.Column("is_feed_open", sa.Boolean(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    """What came from others is not forgotten."""
    raise NotImplementedError("restore a backup instead")
