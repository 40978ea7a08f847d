"""PostgreSQL: the schema, the connection, and every statement about runs."""
