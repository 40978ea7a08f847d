"""What migrations of each phase may do. squawk knows what PostgreSQL locks, these know our order."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations

from helium.db.online import STATEMENT_SECONDS
from helium.db.phases import Phase
from helium.db.revisions import Migrations

SQUAWK = Path(sys.executable).parent / "squawk"
ALLOWED: Mapping[Phase, str] = {
    "expand": (
        r"create (table|(unique )?index|function|trigger|type) "
        r"|alter table \S+ add column |alter table \S+ alter column \S+ set default "
        r"|comment on |insert into "
    ),
    "backfill": r"(?!)",
    "enforce": (
        r"alter table \S+ (add constraint .* not valid$|validate constraint |alter column \S+ set not null$"
        r"|alter column \S+ drop default$|drop constraint |drop column )"
        r"|drop (table|index|trigger|function) "
    ),
}
# The runner sets both timeouts, and a transaction that fails leaves nothing; the rest is taste.
TASTE = (
    "require-lock-timeout,require-statement-timeout,prefer-robust-stmts,prefer-bigint-over-int,"
    "prefer-bigint-over-smallint,prefer-identity,prefer-text-field,require-table-schema"
)
PURPOSE = (
    "ban-drop-column,ban-drop-table,ban-drop-constraint,ban-drop-trigger,require-concurrent-index-deletion,"
    "adding-not-nullable-field"
)
"""What `enforce` is for."""
SEVERAL = re.compile(r", (add|drop|alter|rename|validate) ")
CREATES = re.compile(r"create table (\w+)")
INSERTS = re.compile(r"insert into (\w+)")
NOT_NULL = re.compile(r"alter table (\S+) alter column (\S+) set not null$")


@dataclass(frozen=True, slots=True)
class Written:
    """A migration as it would be run on a database in use."""

    number: str
    phase: Phase
    module: Any
    statements: Sequence[str]

    @property
    def sql(self) -> str:
        return "".join(f"{statement};\n" for statement in self.statements)


def written(migrations: Migrations) -> Sequence[Written]:
    """All migrations, with the SQL that Alembic would send."""
    made: list[Written] = []
    for revision in migrations.all():
        module, buffer = migrations.module(revision), io.StringIO()
        opts = {"as_sql": True, "output_buffer": buffer, "prepared": True}
        context = MigrationContext.configure(dialect_name="postgresql", opts=opts)
        with Operations.context(context):
            module.upgrade()
        parts = [part.strip() for part in buffer.getvalue().split(";\n\n") if part.strip()]
        made.append(Written(revision.number, revision.phase, module, parts))
    return made


def objections(all_written: Sequence[Written], since: str) -> Sequence[str]:
    """What is wrong with the migrations from `since` on; [] if all is well."""
    return [
        f"{one.number}: {objection}"
        for at, one in enumerate(all_written)
        if one.number >= since
        for objection in (*order(one), *proofs(one, all_written[:at]), *squawked(one))
    ]


def order(one: Written) -> Iterator[str]:
    """What this phase may not do."""
    tables = set(CREATES.findall(one.sql))
    for statement in map(plain, one.statements):
        if not re.match(ALLOWED[one.phase], statement):
            yield f"not in {one.phase}: {statement}"
        if SEVERAL.search(re.sub(r"\([^()]*\)", "", statement)):
            yield f"one action in a statement: {statement}"
        if (into := INSERTS.match(statement)) and into[1] not in tables:
            yield f"rows that others use are changed in a backfill: {statement}"
    if one.phase == "expand" and getattr(one.module, "backfills", ()):
        yield "a backfill is a migration of its own"
    if getattr(one.module, "indexes", ()) and one.statements:
        yield "indexes that are built concurrently are a migration of their own"
    patient = all("validate constraint" in statement for statement in one.statements)
    if getattr(one.module, "statement_seconds", 0) > STATEMENT_SECONDS and not patient:
        yield f"only a validation may take longer than {STATEMENT_SECONDS:g} s"


def proofs(one: Written, before: Sequence[Written]) -> Iterator[str]:
    """A column becomes `not null` only after a constraint that has looked at every row."""
    earlier = "".join(plain(statement) + "\n" for each in before for statement in each.statements)
    for table, column in (
        found.groups() for found in map(NOT_NULL.match, map(plain, one.statements)) if found
    ):
        check = rf"alter table {table} add constraint (\w+) check \({column} is not null\) not valid"
        names = re.findall(check, earlier)
        if not any(f"alter table {table} validate constraint {name}\n" in earlier for name in names):
            yield f"{table}.{column} is not proved to be without nulls by a validated constraint"


def squawked(one: Written) -> Iterator[str]:
    """What squawk says about its locks."""
    if not one.statements:
        return
    excluded = TASTE + f",{PURPOSE}" * (one.phase == "enforce")
    command = [
        SQUAWK,
        "--reporter",
        "json",
        "--pg-version",
        "15",
        "--assume-in-transaction",
        "-e",
        excluded,
    ]
    done = subprocess.run(command, input=one.sql, capture_output=True, text=True, timeout=30)
    for each in json.loads(done.stdout or "[]"):
        yield f"{each['rule_name']}: {each['message']}"
    if done.returncode not in (0, 1):
        raise AssertionError(f"squawk failed: {done.stderr}")


def plain(statement: str) -> str:
    """In lower case, without comments, on one line."""
    return " ".join(re.sub(r"--[^\n]*", "", statement).lower().split())
