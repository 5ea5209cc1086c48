"""Which clips stand in for words that no voice could speak."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now there was only the emergency's signal, made without words."""
    op.add_column("rendering", sa.Column("is_signal", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE rendering SET is_signal = 1 WHERE state = 'rendered' AND sentences != '[]' "
        "AND clip_sha256 IN (SELECT sha256 FROM clip WHERE engine = 'chime')"
    )


def downgrade() -> None:
    """What stands in for words is not taken for them again."""
    raise NotImplementedError("restore a backup instead")
