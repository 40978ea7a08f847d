"""The owner of a laptop's Helium: one workspace, one token in a file that only they can read."""

import os
from pathlib import Path

from helium.core.errors import Unauthenticated
from helium.db.database import Database
from helium.features.identity.service import Identity
from helium.kit.ids import new_id

OWNER_FILE = "owner-token"


async def local_owner_token(database: Database, identity: Identity, home: Path) -> str:
    """The local owner's token: the one in `home/owner-token`, or a new one if that is not valid."""
    path = home / OWNER_FILE
    if path.exists():
        token = path.read_text().strip()
        try:
            await identity.authenticate(f"Bearer {token}")
        except Unauthenticated:
            pass
        else:
            return token
    row = await database.fetchrow("select id from workspace order by created_at, id limit 1")
    workspace_id = row["id"] if row is not None else new_id()
    if row is None:
        await database.execute("insert into workspace (id, name) values ($1, 'local')", workspace_id)
    _, token = await identity.create_key(workspace_id, "local owner")
    _write_private(path, token)
    return token


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    temporary.replace(path)
