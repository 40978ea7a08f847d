"""What a bill is made from, whatever the cloud."""

from collections.abc import Mapping
from dataclasses import dataclass

from helium.plan.assumptions import Assumptions, Environment, Provider
from helium.plan.demand import Demand
from helium.plan.sizes import Database, Role, Size, Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A month of one installation. `instance_hours` are those of a day, by role."""

    environment: Environment
    stack: Stack
    sizes: Mapping[Role, Size]
    instance_hours: Mapping[Role, float]
    provider: Provider
    database: Database
    demand: Demand
    assumed: Assumptions
    sidecar: bool = False

    @property
    def prod(self) -> bool:
        return self.environment == "prod"

    @property
    def copies(self) -> int:
        """Of what is there twice where it must be highly available."""
        return 2 if self.stack.high_availability else 1
