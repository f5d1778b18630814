"""Alembic's entry: runs the steps on the connection that `persistence.migrate` hands over."""

from alembic import context

from persistence.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
