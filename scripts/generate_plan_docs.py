"""Write the tables of docs/operations/cost.md from `helium.plan`.

`documents()` gives the file and its text; a test compares it with what is there.
"""

import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from helium.plan import pages  # noqa: E402
from helium.plan.answer import Answer, answer  # noqa: E402
from helium.plan.assumptions import Cloud, reasons  # noqa: E402
from helium.plan.founding import findings  # noqa: E402
from helium.plan.measured import load_measured  # noqa: E402
from helium.plan.planning import Plan, make_plan  # noqa: E402
from helium.plan.prices import load_prices  # noqa: E402
from helium.plan.question import Typed, question_of  # noqa: E402
from helium.plan.view import connections, models, shape, title  # noqa: E402

# Old prices are warned about by the command, which knows what day it is; the page does not.
DAY = date(2026, 11, 25)
CLOUDS: tuple[Cloud, ...] = ("gcp", "aws")
NAMES = {"gcp": "Google Cloud", "aws": "AWS"}
SIZES = (100, 1000, 3000)

PAGE = """# What it costs

The tables on this page are made by `helium plan`, through `make contracts`; do not edit it. For your
own number of people:

```sh
helium plan --users 1000 --cloud gcp
helium plan --users 1000 --cloud aws --provider rds --budget 600
helium plan --cloud gcp --csv week-day.csv --plot day.png
helium plan --users 5000 --cloud gcp --profile rush --cold-start-seconds 40 --json
```

All prices are list prices in US dollars, without tax, discounts or committed use; a month has 730
hours, and every day is like the one of the profile. **?** marks a price for which no source was found.
What costs, and what to turn, is in [cost control](cost-control.md); why it is computed so, in [decision
25](../decisions/0025-capacity-and-cost.md).

**Users** are people who are there *at once* in the busiest minute, which is how the founding document
counts its 1,000. Each has one stream open; each starts {runs:g} runs a day of {tokens:,} tokens. Over a
day they come and go as an office does (`--profile day`): a tenth at night, everybody at 11 and at 14.
"""

CSV = """## A profile of your own

`--csv FILE`, with the line `hour,users` and one line for each hour from 0 to 23; between full hours the
load is a straight line. `--users` beside it stretches the shape to another maximum. `--profile rush` is
a tenth of everybody all day, and everybody within one minute at 9; `--profile flat` is everybody
always.
"""

SCALER = """## How a day is simulated

In steps of 5 seconds, for each service by itself, with whole requests, streams and runs, first come,
first served. A service has between `min` and `max` instances of `sizes.tf`. When what is there is more
than what they aim at (60 % of what one holds on Google Cloud, 70 % on AWS), more are started: on Google
Cloud within seconds, which then take 15 s to serve; on AWS after three minutes of metrics, and they
take a minute. Instances that are not needed stay for 15 minutes (AWS: 20). Who finds no place waits for
an instance to start, which no instance does within 200 ms: that is the share "later than 200 ms". It is
the platform's part of it; Helium's own is in the [benchmarks](../benchmarks/README.md). These seconds
are assumptions: give your own with `--cold-start-seconds` and `--scale-in-seconds`.

The bill is for the instances that the load of each minute asks for, kept as long as the platform keeps
them. It never falls when people become more, so a budget can be solved for people. The simulated day
agrees with it within 2 %.
"""

MEASURED = """## What it is computed from

Measured, in the reports {sources} (`python -m helium.plan.measured` takes the newest ones; a test
complains when a newer report differs by more than a quarter):

| figure | value |
| --- | ---: |
| CPU of all servers for a token, text 100 ms apart | {server_us:.0f} µs |
| CPU of the database for a token | {database_us:.0f} µs |
| bytes to a viewer for an event | {event_bytes:.0f} |
| memory of a run in a process | {run_kib:.0f} KiB |
| memory of an idle viewer | {viewer_kib:.0f} KiB |
| runs a second of one process with its database, 2 cores | {runs:,.0f} |
| from its start until it is ready, its own database included (part of the cold start) | {ready:.1f} s |

Assumed, because nobody has measured it:

| assumption | value | why |
| --- | ---: | --- |
{assumptions}

What one instance holds is the least of three: what `sizes.tf` permits, its CPU at 60 %, its memory at
70 %. The benchmark's machine did {runs:,.0f} runs a second on two cores, so CPU is hardly ever what
ends it; the concurrency of `sizes.tf` is, and could be raised: the memory of a `stream` instance would
hold {possible:,.0f} idle viewers.
"""


def page() -> str:
    thousand = {cloud: answer(Typed(users=1000, cloud=cloud), today=DAY) for cloud in CLOUDS}
    workload = thousand["gcp"].plan.question.workload
    parts = [
        PAGE.format(runs=workload.runs_per_user_per_day, tokens=workload.tokens_per_run),
        _overview(),
        _budget([(NAMES[cloud], thousand[cloud]) for cloud in CLOUDS]),
        _founding(thousand["gcp"].plan),
        *(_cloud(thousand[cloud]) for cloud in CLOUDS),
        SCALER,
        CSV,
        _measured(thousand["gcp"].plan),
        f"## Prices\n\n{pages.prices_table(load_prices()).markdown()}\n",
    ]
    return "\n".join(parts)


def _overview() -> str:
    plans = [
        (f"{cloud}, {users:,}", _plan(Typed(users=users, cloud=cloud)))
        for cloud in CLOUDS
        for users in SIZES
    ]
    others = [
        ("gcp, 1,000, Cloud SQL", _plan(Typed(users=1000, cloud="gcp", provider="cloud-sql"))),
        ("gcp, 1,000, metrics sidecar", _plan(Typed(users=1000, cloud="gcp", sidecar=True))),
        ("aws, 1,000, RDS", _plan(Typed(users=1000, cloud="aws", provider="rds"))),
        ("gcp staging, 50", _plan(Typed(users=50, cloud="gcp", environment="staging"))),
        ("aws staging, 50", _plan(Typed(users=50, cloud="aws", environment="staging"))),
    ]
    return (
        "## In short\n\nProduction with Supabase, for so many users:\n\n"
        f"{pages.groups_table(plans).markdown()}\n\nOther choices:\n\n"
        f"{pages.groups_table(others).markdown()}\n"
    )


def _plan(typed: Typed) -> Plan:
    return make_plan(question_of(typed))


def _budget(answers: list[tuple[str, Answer]]) -> str:
    bought = [(name, each) for name, one in answers for each in one.bought]
    return (
        "## What $250 to $400 buys\n\nThe founding document's budget. Its table has processes, Redis and"
        " queue only, so it\nis solved three times; *idle* is the bill with nobody there.\n\n"
        f"{pages.budget_table(bought).markdown()}\n"
    )


def _founding(plan: Plan) -> str:
    rows = tuple((each.line, each.said, each.plan, each.why) for each in findings(plan, load_prices()))
    table = pages.Table(("line", "it says $", "1,000 users $", "what is wrong"), rows, left=4)
    return f"## The founding document's cost table\n\n{table.markdown()}\n"


def _cloud(found: Answer) -> str:
    plan = found.plan
    name = NAMES[plan.question.cloud]
    parts = [
        f"## 1,000 users on {name}",
        f"{title(plan)}. {shape(plan)}",
        "The busiest minute:",
        pages.capacity_table(plan).markdown(),
        connections(plan),
        "A day of the autoscaler:",
        pages.day_table(plan, found.days, found.prices).markdown(),
        "The bill, line by line:",
        pages.bill_table(plan).markdown(),
        models(found.model),
    ]
    notes = [f"- {warning}" for warning in found.warnings if "older than" not in warning]
    return "\n\n".join(parts) + "\n\n" + "\n".join(notes) + "\n"


def _measured(plan: Plan) -> str:
    measured = load_measured()
    assumptions = "\n".join(f"| `{name}` | {value:g} | {why} |" for name, value, why in reasons())
    links = [
        f"[{file.removesuffix('.json')}](../benchmarks/{file.removesuffix('.json')}.md)"
        for file in measured.sources.values()
    ]
    return MEASURED.format(
        sources=", ".join(links),
        server_us=measured.server_ms_per_token * 1000,
        database_us=measured.database_ms_per_token * 1000,
        event_bytes=measured.bytes_per_event,
        run_kib=measured.run_kib,
        viewer_kib=measured.viewer_kib,
        runs=measured.runs_per_second,
        ready=measured.ready_seconds,
        possible=plan.capacities["stream"].aims["memory"],
        assumptions=assumptions,
    )


def documents() -> dict[Path, str]:
    return {ROOT / "docs/operations/cost.md": page()}


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
        print(path.relative_to(ROOT))
