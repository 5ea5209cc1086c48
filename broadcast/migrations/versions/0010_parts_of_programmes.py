"""Programmes are made of parts; what was greeting and closing becomes parts. Placements name days and repeats."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A programme that is there sounds as before: its chime stood before its greeting."""
    op.create_table(
        "programmepart",
        sa.Column("programme_id", sa.Integer(), sa.ForeignKey("programme.id"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("recording_id", sa.String(), sa.ForeignKey("recording.id"), nullable=True),
        sa.Column("clip_sha256", sa.String(), sa.ForeignKey("clip.sha256"), nullable=True),
    )
    for column in ("recording_id", "clip_sha256"):
        op.create_index(op.f(f"ix_programmepart_{column}"), "programmepart", [column], unique=False)
    op.create_table(
        "dayweather",
        sa.Column("commune_id", sa.Integer(), sa.ForeignKey("commune.id"), primary_key=True),
        sa.Column("on", sa.Date(), primary_key=True),
        sa.Column("text", sa.String(), nullable=False),
    )
    op.add_column("programme", sa.Column("when_empty", sa.String(40), nullable=False, server_default="skip"))
    op.add_column("programme", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    _move_words()
    op.drop_column("programme", "greeting")
    op.drop_column("programme", "closing")
    op.add_column("placement", sa.Column("weekdays", sa.JSON(), nullable=False, server_default="[0,1,2,3,4,5,6]"))
    op.add_column("placement", sa.Column("zone_ids", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("placement", sa.Column("times", sa.Integer(), nullable=False, server_default="1"))


def _move_words() -> None:
    connection = op.get_bind()
    add = sa.text(
        "INSERT INTO programmepart (programme_id, position, kind, text) VALUES (:id, :position, :kind, :text)"
    )
    for id_, greeting, closing in connection.execute(sa.text("SELECT id, greeting, closing FROM programme")).all():
        parts = [("chime", ""), ("greeting", greeting)] if greeting else []
        parts += [("bulletins", ""), *([("closing", closing)] if closing else [])]
        for position, (kind, text) in enumerate(parts):
            connection.execute(add, {"id": id_, "position": position, "kind": kind, "text": text})


def downgrade() -> None:
    """Parts do not fit back into two texts."""
    raise NotImplementedError("restore a backup instead")
