"""A day of the autoscaler as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helium.plan.autoscaler import SimulatedDay
from helium.plan.errors import PlanInvalid
from helium.plan.planning import Plan
from helium.plan.prices import usd
from helium.plan.sizes import ROLES, Role

COLOURS: dict[Role, str] = {"api": "#9aa5b1", "stream": "#3b6fe0", "worker": "#e08a3b"}
HOURS = [minute / 60 for minute in range(24 * 60)]


def draw(plan: Plan, days: Mapping[Role, SimulatedDay], path: Path) -> None:
    """Write the picture; the file's ending says its form. Raises `PlanInvalid` without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise PlanInvalid("A plot needs matplotlib: `pip install matplotlib`, then try again.") from None
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 1, figsize=(11, 8), sharex=True, constrained_layout=True)
    _load(axes[0], plan)
    _instances(axes[1], plan, days)
    _late(axes[2], days)
    axes[2].set_xlim(0, 24)
    axes[2].set_xticks(range(0, 25, 2), [f"{hour:02}:00" for hour in range(0, 25, 2)])
    figure.suptitle(title(plan), fontsize=13, x=0.01, ha="left")
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise PlanInvalid(
            f"{path} cannot be written ({error}): give another file, such as plan.png."
        ) from None
    finally:
        pyplot.close(figure)


def title(plan: Plan) -> str:
    question = plan.question
    return (
        f"Helium on {question.cloud.upper()}, {question.environment}: {question.workload.users:,} users at"
        f" once, profile {question.workload.profile.name}, ${usd(plan.microusd())} a month without models"
    )


def _load(axis: Any, plan: Plan) -> None:
    axis.fill_between(HOURS, plan.demand.users, color=COLOURS["stream"], alpha=0.18, linewidth=0)
    axis.plot(HOURS, plan.demand.users, color=COLOURS["stream"], linewidth=2)
    axis.set_ylim(bottom=0)
    busiest = (
        f"People who are there. In the busiest minute {max(plan.demand.users):,.0f}, with"
        f" {plan.demand.peak_runs_at_once:,.0f} runs at once and {plan.demand.peak_runs_per_second:,.2g}"
        " new ones a second"
    )
    _finish(axis, busiest)


def _instances(axis: Any, plan: Plan, days: Mapping[Role, SimulatedDay]) -> None:
    most = max(day.most_instances for day in days.values())
    for role in ROLES:
        counts = [minute.instances + minute.starting for minute in days[role].minutes]
        size = plan.capacities[role].size
        hours = days[role].instance_seconds / 3600
        label = f"{role}: {hours:,.0f} instance hours, {size.min} to {size.max} permitted"
        axis.step(
            HOURS, _apart(counts, role, most), where="post", color=COLOURS[role], linewidth=2, label=label
        )
    axis.set_ylim(bottom=0, top=most * 1.15)
    axis.yaxis.get_major_locator().set_params(integer=True)
    axis.legend(loc="upper left", frameon=False, fontsize=9)
    _finish(axis, "Instances, starting ones too (lines of equal height are drawn side by side)")


def _apart(counts: Sequence[int], role: Role, most: int) -> list[float]:
    shift = (ROLES.index(role) - 1) * 0.014 * max(1, most)
    return [count + shift for count in counts]


def _late(axis: Any, days: Mapping[Role, SimulatedDay]) -> None:
    for role in ROLES:
        late = [minute.late + 0.0 for minute in days[role].minutes]
        longest = days[role].longest_wait_seconds
        label = f"{role}: {days[role].late_share:.2%}, {longest:.0f} s at most"
        axis.step(HOURS, late, where="post", color=COLOURS[role], linewidth=2, label=label)
    if any(day.late for day in days.values()):
        axis.set_ylim(bottom=0)
        axis.legend(loc="upper left", frameon=False, fontsize=9)
    else:
        axis.text(
            12, 0.5, "Nobody waits: instances are there in time.", ha="center", va="center", fontsize=10
        )
        axis.set_ylim(0, 1)
        axis.set_yticks([])
    _finish(axis, "Later than 200 ms because an instance had to start, by minute")


def _finish(axis: Any, name: str) -> None:
    axis.set_title(name, fontsize=10, loc="left")
    axis.grid(axis="y", color="#e6e9ed", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines["right"].set_visible(False)
    axis.spines["top"].set_visible(False)
    if len(axis.get_yticks()):
        axis.yaxis.set_major_formatter("{x:,.0f}")
