"""The commune's lexicon and its way of saying numbers; what a rendering was read from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the lexicon, and to each rendering the text it came from where a bulletin tells."""
    op.create_table(
        "lexiconentry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("commune_id", sa.Integer(), nullable=False),
        sa.Column("written", sa.String(100), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("spoken", sa.String(300), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("edited_at", sa.DateTime(), nullable=False),
        sa.Column("edited_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["commune_id"], ["commune.id"]),
        sa.ForeignKeyConstraint(["edited_by_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("commune_id", "key"),
    )
    op.create_index(op.f("ix_lexiconentry_commune_id"), "lexiconentry", ["commune_id"])
    op.add_column("commune", sa.Column("reading_style", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("rendering", sa.Column("script", sa.String(), nullable=True))
    op.add_column("rendering", sa.Column("rules_sha256", sa.String(64), nullable=True))
    op.execute(
        "UPDATE rendering SET script = (SELECT script FROM bulletin "
        "WHERE rendering.key IN (bulletin.rendering_key, bulletin.programme_key))"
    )
    op.add_column("broadcastpart", sa.Column("next_key", sa.String(64), nullable=True))
    op.create_index(op.f("ix_broadcastpart_next_key"), "broadcastpart", ["next_key"])


def downgrade() -> None:
    """Nothing is thrown away."""
    raise NotImplementedError("restore a backup instead")
