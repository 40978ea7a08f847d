"""Alembic's entry: it is given an open connection and runs inside its transaction."""

from alembic import context
from sqlalchemy.engine import Connection

connection: Connection = context.config.attributes["connection"]
prepared = context.config.attributes.get("prepared", False)
context.configure(connection=connection, transactional_ddl=True, prepared=prepared)
context.run_migrations()
