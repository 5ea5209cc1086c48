"""Who holds a rendering, or a clip, is found without looking through all that was ever aired."""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_INDEXES = (
    ("bulletin", "rendering_key"),
    ("bulletin", "programme_key"),
    ("rendering", "clip_sha256"),
    ("delivery", "clip_sha256"),
)


def upgrade() -> None:
    """Four indexes."""
    for table, column in _INDEXES:
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Without them."""
    for table, column in _INDEXES:
        op.drop_index(f"ix_{table}_{column}", table)
