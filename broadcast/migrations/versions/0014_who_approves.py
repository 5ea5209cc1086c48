"""Who approves bulletins is a setting; deputies of leaders who are away; for whom and how a bulletin was approved."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Without a rule the leaders approve, as before. What was approved earlier does not say whether it was heard."""
    op.create_table(
        "approvalrule",
        sa.Column("commune_id", sa.Integer(), sa.ForeignKey("commune.id"), primary_key=True),
        sa.Column("urgency", sa.String(40), primary_key=True),
        sa.Column("roles", sa.JSON(), nullable=False),
    )
    op.create_table(
        "delegation",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("principal_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("deputy_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_by_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=True),
    )
    for column in ("principal_id", "deputy_id"):
        op.create_index(op.f(f"ix_delegation_{column}"), "delegation", [column], unique=False)
    op.add_column(
        "bulletin", sa.Column("decided_for_id", sa.Integer(), sa.ForeignKey("user.id")), inline_references=True
    )
    op.add_column("bulletin", sa.Column("was_heard", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Decisions are not forgotten."""
    raise NotImplementedError("restore a backup instead")
