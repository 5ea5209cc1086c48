"""Templates of bulletins. The server fills in those that come with the house when it starts."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One new table."""
    op.create_table(
        "bulletintemplate",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("commune_id", sa.Integer(), sa.ForeignKey("commune.id"), nullable=False),
        sa.Column("key", sa.String(50), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("script", sa.String(), nullable=False),
        sa.Column("urgency", sa.String(40), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("edited_at", sa.DateTime(), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.UniqueConstraint("commune_id", "key"),
    )
    op.create_index(op.f("ix_bulletintemplate_commune_id"), "bulletintemplate", ["commune_id"], unique=False)


def downgrade() -> None:
    """A commune's own texts are not thrown away."""
    raise NotImplementedError("restore a backup instead")
