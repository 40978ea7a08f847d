"""What Terraform builds: `infra/stacks/*/sizes.tf`, and the limits of databases. Tests compare them."""

from dataclasses import dataclass
from typing import Literal

from helium.plan.assumptions import Cloud, Environment, Provider

Role = Literal["api", "stream", "worker"]
ROLES: tuple[Role, ...] = ("api", "stream", "worker")
# Each process has its pool, and one connection that renews its lease. A rollout has old and new ones.
POOL_SIZE = 2
ROLLOUT = 2


@dataclass(frozen=True, slots=True)
class Size:
    """One instance of a role and how many there may be. `concurrency` is sizes.tf's, in its own meaning."""

    cpu: float
    memory_mib: int
    min: int
    max: int
    concurrency: int
    spot_percent: int = 0


@dataclass(frozen=True, slots=True)
class Stack:
    """One environment on one cloud."""

    high_availability: bool
    database_size: str
    services: dict[Role, Size]

    @property
    def most_processes(self) -> int:
        return sum(size.max for size in self.services.values())


STACKS: dict[tuple[Cloud, Environment], Stack] = {
    ("gcp", "prod"): Stack(
        True,
        "large",
        {
            "api": Size(1, 1024, 1, 100, 80),
            "stream": Size(1, 1024, 1, 10, 500),
            "worker": Size(1, 2048, 1, 100, 80),
        },
    ),
    ("gcp", "staging"): Stack(
        False,
        "small",
        {
            "api": Size(1, 1024, 0, 4, 80),
            "stream": Size(1, 1024, 0, 2, 500),
            "worker": Size(1, 1024, 0, 4, 80),
        },
    ),
    ("aws", "prod"): Stack(
        True,
        "medium",
        {
            "api": Size(0.5, 1024, 2, 20, 1200),
            "stream": Size(0.5, 1024, 2, 10, 500),
            "worker": Size(1, 2048, 2, 30, 100, 50),
        },
    ),
    ("aws", "staging"): Stack(
        False,
        "small",
        {
            "api": Size(0.5, 1024, 1, 3, 1200, 100),
            "stream": Size(0.5, 1024, 1, 2, 500, 100),
            "worker": Size(0.5, 1024, 1, 4, 50, 100),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Database:
    """One size of a database: connections (of its pooler, for Supabase) that Helium may open."""

    size: str
    connections: int
    vcpu: float
    memory_gib: float


SUPABASE = (
    Database("micro", 200, 2, 1),
    Database("small", 400, 2, 2),
    Database("medium", 600, 2, 4),
    Database("large", 800, 2, 8),
    Database("xl", 1000, 4, 16),
    Database("2xl", 1500, 8, 32),
    Database("4xl", 3000, 16, 64),
)
# Three of each are PostgreSQL's own.
CLOUD_SQL = (
    Database("small", 207, 1, 3.75),
    Database("medium", 407, 2, 7.5),
    Database("large", 607, 4, 15),
)
RDS = (Database("small", 187, 2, 2), Database("medium", 797, 2, 8), Database("large", 1597, 4, 16))
DATABASES: dict[Provider, tuple[Database, ...]] = {
    "supabase": SUPABASE,
    "cloud-sql": CLOUD_SQL,
    "rds": RDS,
}
OF_CLOUD: dict[Cloud, tuple[Provider, ...]] = {"gcp": ("supabase", "cloud-sql"), "aws": ("supabase", "rds")}


def connections(processes: int) -> int:
    """Connections that so many processes may open while they are replaced."""
    return (POOL_SIZE + 1) * processes * ROLLOUT
