"""The last instant that the server has seen: a clock behind it is not believed."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None has been seen yet: the clock is believed as before."""
    op.create_table(
        "seeninstant",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
    )


def downgrade() -> None:
    """The clock is believed, whatever it says."""
    op.drop_table("seeninstant")
