"""Every migration keeps the rules of its phase, and each rule refuses what it is for."""

from pathlib import Path

import pytest

from chaos.rehearsal import next_release
from helium.db.revisions import Migrations
from tests.db.migration_rules import SQUAWK, objections, written
from tests.support.servers import require

FIRST_CHECKED = "0005"
"""Those before are from the time before the first release; nothing ran then that they could disturb."""
REFUSED = {
    "expand": {
        "op.execute('drop index run_due')": "not in expand: drop index run_due",
        "op.execute('alter table run drop column held')": "not in expand: alter table run drop column held",
        "op.execute('alter table run rename column held to kept')": "renaming-column",
        "op.execute('alter table run alter column steps type bigint')": "changing-column-type",
        "op.execute('alter table run alter column rung_at set not null')": "not in expand",
        "op.execute('alter table run add column z int not null')": "adding-required-field",
        "op.execute('alter table run add column y uuid default random()')": "adding-field-with-default",
        "op.execute('alter table run add column z int, drop column held')": "one action in a statement",
        "op.execute('create index run_x on run (steps)')": "require-concurrent-index-creation",
        "op.execute('update run set steps = 0')": "not in expand: update run",
        "op.execute('insert into workspace (name) values (1)')": "rows that others use are changed",
        "op.execute('lock table run')": "not in expand: lock table run",
    },
    "backfill": {
        "op.execute('update run set steps = 0')": "not in backfill: update run",
    },
    "enforce": {
        "op.execute('alter table run add constraint c check (steps > 0)')": "constraint-missing-not-valid",
        "op.execute('alter table run add constraint c check (steps > 0) not valid'); "
        "op.execute('alter table run validate constraint c')": "constraint-missing-not-valid",
        "op.execute('alter table run alter column rung_at set not null')": "not proved to be without nulls",
        "op.execute('alter table run alter column steps type bigint')": "changing-column-type",
        "op.execute('alter table run rename to runs')": "not in enforce",
    },
}


def folder_with(folder: Path, phase: str, upgrade: str, more: str = "") -> Migrations:
    (folder / "0005_new.py").write_text(
        f'from alembic import op\nfrom helium.db.phases import Backfill, Index, ensure\nrevision = "0005"\n'
        f'down_revision = None\nphase = "{phase}"\n{more}\n\ndef upgrade():\n    {upgrade}\n'
    )
    return Migrations(folder)


@pytest.fixture
def squawk() -> None:
    require(SQUAWK)


@pytest.mark.usefixtures("squawk")
def test_this_release_s_migrations_keep_the_rules() -> None:
    assert objections(written(Migrations()), FIRST_CHECKED) == []


@pytest.mark.usefixtures("squawk")
def test_a_realistic_next_release_keeps_the_rules(tmp_path: Path) -> None:
    assert objections(written(next_release(tmp_path)), FIRST_CHECKED) == []


@pytest.mark.usefixtures("squawk")
@pytest.mark.parametrize(
    ("phase", "upgrade", "objection"),
    [(phase, upgrade, said) for phase, cases in REFUSED.items() for upgrade, said in cases.items()],
)
def test_a_rule_refuses(phase: str, upgrade: str, objection: str, tmp_path: Path) -> None:
    found = objections(written(folder_with(tmp_path, phase, upgrade)), FIRST_CHECKED)

    assert any(objection in each for each in found), found


@pytest.mark.parametrize(
    ("phase", "more", "upgrade", "objection"),
    [
        (
            "expand",
            'backfills = (Backfill(table="a", key="i", missing="x", change="y"),)',
            "pass",
            "of its own",
        ),
        (
            "expand",
            'indexes = (Index("i", "a (b)"),)',
            "op.execute('create table c (d int)')",
            "of their own",
        ),
        ("expand", "statement_seconds = 60", "op.execute('create table c (d int)')", "only a validation"),
    ],
)
def test_a_declaration_is_refused_that_does_not_fit(
    phase: str, more: str, upgrade: str, objection: str, tmp_path: Path
) -> None:
    require(SQUAWK)

    found = objections(written(folder_with(tmp_path, phase, upgrade, more)), FIRST_CHECKED)

    assert [objection in each for each in found] == [True], found


def test_a_migration_without_a_phase_is_none(tmp_path: Path) -> None:
    (tmp_path / "0005_new.py").write_text('revision = "0005"\n')

    with pytest.raises(ValueError, match=r"0005_new.py declares no phase"):
        Migrations(tmp_path).all()


def test_numbers_and_phases_are_those_of_the_files() -> None:
    found = [(one.number, one.phase, one.module) for one in written(Migrations())]

    assert [(module.revision, module.phase) for *_, module in found] == [each[:2] for each in found]
    assert [module.down_revision for *_, module in found] == [None, *(number for number, *_ in found[:-1])]
