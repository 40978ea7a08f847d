"""Which size of a database fits, and its lines."""

from collections.abc import Iterator

from helium.plan.assumptions import Environment, Provider
from helium.plan.bill import Charge, Line, above
from helium.plan.prices import HOURS_PER_MONTH
from helium.plan.sizes import DATABASES, Database, Stack
from helium.plan.usage import Usage

SUPABASE_DISK_GB = 8
SUPABASE_EGRESS_GB = 250
LEAST_DISK_GIB = {"cloud-sql": 10, "rds": 20}
GIB_PER_GB = 2**30 / 1e9


def database_of(provider: Provider, stack: Stack, environment: Environment, needed: int) -> Database:
    """Supabase: the smallest whose pooler has so many clients; recovery to a moment needs `small` in prod.

    Others are of the size that Terraform builds.
    """
    sizes = DATABASES[provider]
    if provider != "supabase":
        return next(each for each in sizes if each.size == stack.database_size)
    fitting = [
        each
        for each in sizes
        if each.connections >= needed and (environment == "staging" or each.size != "micro")
    ]
    return fitting[0] if fitting else sizes[-1]


def smallest(provider: Provider, needed: int) -> Database | None:
    """The smallest size that permits so many connections; None: there is none."""
    return next((each for each in DATABASES[provider] if each.connections >= needed), None)


def database_lines(usage: Usage, charge: Charge) -> Iterator[Line]:
    match usage.provider:
        case "supabase":
            yield from _supabase(usage, charge)
        case "cloud-sql":
            yield from _cloud_sql(usage, charge)
        case "rds":
            yield from _rds(usage, charge)


def _supabase(usage: Usage, charge: Charge) -> Iterator[Line]:
    demand, size = usage.demand, usage.database.size
    yield charge("database", "Supabase Pro", "supabase_pro", 1)
    yield charge("database", f"Supabase: compute {size}", f"supabase_{size}", 1)
    yield charge("database", "Supabase: compute that Pro includes", "supabase_credit", 1)
    if usage.prod:
        yield charge("database", "Supabase: recovery to any moment of 7 days", "supabase_recovery", 1)
    disk = above(demand.database_gib * GIB_PER_GB, SUPABASE_DISK_GB)
    yield charge("database", "Supabase: disk above 8 GB", "supabase_disk", disk)
    egress = above(demand.from_database_gib * GIB_PER_GB, SUPABASE_EGRESS_GB)
    yield charge("database", "Supabase: egress above 250 GB", "supabase_egress", egress)


def _cloud_sql(usage: Usage, charge: Charge) -> Iterator[Line]:
    hours, database = usage.copies * HOURS_PER_MONTH, usage.database
    yield charge("database", f"Cloud SQL {database.size}: vCPU", "gcp_sql_vcpu", database.vcpu * hours)
    memory = database.memory_gib * hours
    yield charge("database", f"Cloud SQL {database.size}: memory", "gcp_sql_memory", memory)
    disk = max(usage.demand.database_gib, LEAST_DISK_GIB["cloud-sql"]) * usage.copies
    yield charge("database", "Cloud SQL: disk", "gcp_sql_disk", disk)


def _rds(usage: Usage, charge: Charge) -> Iterator[Line]:
    size = usage.database.size
    yield charge("database", f"RDS {size}", f"aws_rds_{size}", usage.copies * HOURS_PER_MONTH)
    disk = max(usage.demand.database_gib, LEAST_DISK_GIB["rds"]) * GIB_PER_GB * usage.copies
    yield charge("database", "RDS: disk", "aws_rds_disk", disk)
