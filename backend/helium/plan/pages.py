"""The tables of docs/operations/cost.md, and those of the terminal, as rows of words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helium.plan.autoscaler import SimulatedDay
from helium.plan.bill import Group, Line
from helium.plan.budget import Bought
from helium.plan.planning import Plan
from helium.plan.prices import Prices, usd
from helium.plan.report import day_microusd
from helium.plan.sizes import ROLES, Role

ENDED = {
    "budget": "the money",
    "instances": "the max of a service in sizes.tf",
    "connections": "the database's connections",
    "looking": "a million users: no further was looked",
}
COUNTED = {
    "founding": "processes, Redis and queue, as the founding document counts",
    "cloud": "the cloud's own bill",
    "everything": "everything but models: with database, edge, page, errors",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Words; the columns from `left` on are numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1

    def markdown(self) -> str:
        rule = ["---"] * self.left + ["---:"] * (len(self.head) - self.left)
        return "\n".join(f"| {' | '.join(cells)} |" for cells in (self.head, rule, *self.rows))


def capacity_table(plan: Plan) -> Table:
    head = ("role", "holds", "because of", "at once", "instances", "least", "most")
    return Table(head, tuple(_capacity(plan, role) for role in ROLES), left=3)


def _capacity(plan: Plan, role: Role) -> tuple[str, ...]:
    each = plan.capacities[role]
    return (
        role,
        f"{_number(each.target)} {each.load.unit}",
        each.limited_by,
        _number(max(each.load.held)),
        str(each.peak_instances),
        str(each.size.min),
        str(each.size.max),
    )


def _cents(microusd: int) -> str:
    return f"{microusd / 1e6:,.2f}"


def _number(value: float) -> str:
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def day_table(plan: Plan, days: Mapping[Role, SimulatedDay], prices: Prices) -> Table:
    head = ("role", "arrived", "later than 200 ms", "mean wait s", "longest wait s", "most instances")
    rows = tuple(
        (
            role,
            f"{day.arrived:,}",
            f"{day.late_share:.2%}",
            f"{day.mean_wait_seconds:.3f}",
            f"{day.longest_wait_seconds:.0f}",
            str(day.most_instances),
            f"{day.instance_seconds / 3600:,.1f}",
            _cents(day_microusd(plan, role, day, prices)),
        )
        for role, day in days.items()
    )
    return Table((*head, "instance hours", "$ a day"), rows)


def bill_table(plan: Plan) -> Table:
    """Lines that cost nothing are left out, but those that say so."""
    rows = [_line(line) for line in plan.lines if line.microusd or "none" in line.what]
    rows.append(("", "**everything but models**", "", "", f"**{_cents(plan.microusd())}**"))
    return Table(("group", "what", "quantity", "unit", "$ a month"), tuple(rows), left=2)


def _line(line: Line) -> tuple[str, ...]:
    quantity = f"{line.quantity:,.4g}" if line.quantity < 10_000 else f"{line.quantity:,.0f}"
    mark = "" if line.verified else " ?"
    return (line.group, line.what, quantity, line.unit, f"{_cents(line.microusd)}{mark}")


def groups_table(plans: Sequence[tuple[str, Plan]]) -> Table:
    """Plans beside each other, by groups of lines."""
    groups: list[Group] = list(dict.fromkeys(line.group for line in plans[0][1].lines))
    rows = [(group, *(_cents(_of_group(plan, group)) for _, plan in plans)) for group in groups]
    rows.append(("the cloud's own bill", *(_cents(plan.microusd("cloud")) for _, plan in plans)))
    rows.append(("**everything but models**", *(f"**{_cents(plan.microusd())}**" for _, plan in plans)))
    return Table(("$ a month", *(name for name, _ in plans)), tuple(rows))


def _of_group(plan: Plan, group: Group) -> int:
    return sum(line.microusd for line in plan.lines if line.group == group)


def budget_table(bought: Sequence[tuple[str, Bought]]) -> Table:
    head = ("", "counted", "budget $", "users", "$ a month", "idle $", "ended by")
    rows = tuple(
        (
            name,
            COUNTED[each.counted],
            usd(each.budget_microusd),
            f"{each.users:,}" if each.enough else "none",
            usd(each.microusd) if each.enough else "",
            usd(each.idle_microusd),
            ENDED[each.ended_by] if each.enough else "it is dearer with nobody",
        )
        for name, each in bought
    )
    return Table(head, rows, left=2)


def prices_table(prices: Prices) -> Table:
    rows = tuple(
        (
            price.id,
            f"{price.usd:f}",
            price.unit,
            price.region,
            price.source,
            price.date.isoformat(),
            "yes" if price.verified else "**no**",
        )
        for price in prices.values()
    )
    return Table(("price", "$", "unit", "region", "source", "date", "verified"), rows, left=7)
