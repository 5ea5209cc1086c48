"""The map, what is noticed of poles over time, trying one pole out, a second factor, and residents' words."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is on the map, nobody has a second factor, and residents see nothing until somebody says so."""
    op.add_column("commune", sa.Column("map_ground", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("commune", sa.Column("is_public", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("zone", sa.Column("outline", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("node", sa.Column("latitude", sa.Float(), nullable=True))
    op.add_column("node", sa.Column("longitude", sa.Float(), nullable=True))
    op.execute("ALTER TABLE broadcast ADD COLUMN only_node_id INTEGER REFERENCES node (id)")
    op.add_column("user", sa.Column("totp_secret", sa.String(64), nullable=True))
    op.add_column("user", sa.Column("totp_since", sa.DateTime(), nullable=True))
    op.add_column("user", sa.Column("totp_step", sa.Integer(), nullable=True))
    _add_tables()


def _add_tables() -> None:
    op.create_table(
        "recoverycode",
        sa.Column("code_sha256", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
    )
    op.create_index("ix_recoverycode_user_id", "recoverycode", ["user_id"])
    op.create_table(
        "presencechange",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("node_id", sa.Integer(), sa.ForeignKey("node.id"), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
    )
    op.create_table(
        "clocksample",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("node_id", sa.Integer(), sa.ForeignKey("node.id"), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("offset_ms", sa.Float(), nullable=False),
        sa.Column("error_ms", sa.Float(), nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("node_id", sa.Integer(), sa.ForeignKey("node.id"), nullable=True),
        sa.Column("broadcast_id", sa.String(100), sa.ForeignKey("broadcast.id"), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("answered_by_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=True),
    )
    for table, columns in {
        "presencechange": ("node_id", "at"),
        "clocksample": ("node_id", "at"),
        "feedback": ("at", "node_id", "broadcast_id"),
    }.items():
        for column in columns:
            op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """What people set is not forgotten."""
    raise NotImplementedError("restore a backup instead")
