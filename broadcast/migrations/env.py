"""Run by Alembic inside `broadcast.db.migrate`, which hands over its connection."""

from alembic import context
from sqlmodel import SQLModel

import broadcast.models  # noqa: F401  # the tables are known once they are imported

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
