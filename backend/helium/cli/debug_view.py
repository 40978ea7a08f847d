"""How a person sees the report of one run, in a terminal of 80 columns."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from helium.cli.status_view import age, size
from helium.db.overview import TIMELINE_EVENTS

console = Console(highlight=False)
Report = dict[str, Any]
"""What `report_of` gives: plain values, as they are in JSON."""


def show(report: Report) -> None:
    """The report for a person, for 80 columns."""
    run = report["run"]
    held = ", held" if run["held"] else ""
    for_long = f"{run['status']}{held} for {age(run['status_seconds'])}"
    console.print(
        f"[bold]{run['id']}[/]  {for_long}\n{escape(report['next'])}\n", overflow="ignore", crop=False
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*_facts(report), *_ledger(report), *_soundness(report)):
        table.add_row(name, value)
    console.print(table)
    console.print("\n[bold]Timeline[/]  [dim]time since it was accepted, event, what happened[/]")
    if report["timeline_cut"]:
        console.print(f"[yellow]Only the last {TIMELINE_EVENTS} events are shown.[/]")
    lines = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    lines.add_column(justify="right", style="dim", no_wrap=True)
    lines.add_column(justify="right", style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    for event in report["timeline"]:
        what = event["what"] or f"{event['type'] or 'unknown'}, {size(event['bytes'])}"
        lines.add_row(f"+{age(event['after_seconds'])}", str(event["seq"]), escape(what))
    console.print(lines)
    if report["input"] is not None:
        _show_content(report)


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    run, error, worker = report["run"], report["error"], report["worker"]
    yield "Workspace", f"{run['workspace_id']} {escape(run['workspace'])}"
    yield "Thread", run["thread_id"]
    for other in report["neighbours"]:
        where = "before" if other["id"] < run["id"] else "after"
        yield "", f"[dim]{where}: {other['id']} {other['status']}{', held' * other['held']}[/]"
    yield "Agent", escape(f"{run['agent']} version {run['agent_version']}, {', '.join(run['models'])}")
    yield "Input", size(run["input_bytes"])
    if error:
        yield "Error", f"[red]{error['code']}[/], see {error['page']}"
    if run["cancel_requested_at"]:
        yield "Cancel", f"asked for at {run['cancel_requested_at']}"
    if worker:
        state = f"alive, lease {worker['lease_seconds']:.1f} s" if worker["alive"] else "[red]gone[/]"
        yield "Worker", f"{worker['id']} {escape(worker['name'])} {state}"
    yield "Attempts", _attempts_line(report)
    yield "Budgets", ", ".join(_budget(budget) for budget in report["budgets"])
    usage = report["usage"]
    yield (
        "Usage",
        f"{usage['input_tokens']} tokens in ({usage['cached_tokens']} cached), {usage['output_tokens']} out"
        f" ({usage['reasoning_tokens']} reasoning), {usage['lost_tokens']} lost with dead workers,"
        f" ${usage['cost_microusd'] / 1e6:.6f}",
    )


def _attempts_line(report: Report) -> str:
    ends = [
        f"{a['attempt']}: {a['ended_by']} after {age(a['seconds'])}"
        if a["ended_by"]
        else f"{a['attempt']}: goes on"
        for a in report["attempts"]
    ]
    idle = report["attempts_without_progress"]
    told = f"{idle['used']} of {idle['limit']} in a row without a recorded step"
    return "; ".join([*ends[-6:], told])


def _budget(budget: Report) -> str:
    used, limit = budget["used"], budget["limit"]
    match budget["name"]:
        case "max_cost_microusd":
            return f"${used / 1e6:.6f}" + (f" of ${limit / 1e6:g}" if limit is not None else "")
        case "max_seconds":
            return age(used) + (f" of {age(limit)}" if limit is not None else "")
        case name:
            bound = f" of {limit}" if limit is not None else ""
            return f"{name.removeprefix('max_').replace('_', ' ')} {used}{bound}"


def _ledger(report: Report) -> Iterator[tuple[str, str]]:
    for effect in report["effects"]:
        state = "[red]in doubt[/]" if effect["in_doubt"] else effect["state"]
        call = f"{escape(effect['tool'])}, {escape(effect['call_id'])}"
        yield "Effect", f"{call}, arguments {effect['arguments_hash'][:12]}: {state}"
    for action in report["actions"]:
        said = f"{action['decision']} by {action['decided_by']}" if action["decision"] else action["state"]
        if action["state"] == "pending":
            said = f"[yellow]pending: {action['choices']}[/]"
        about = f"{action['kind']} of {escape(action['tool'] or 'a question')}, {escape(action['call_id'])}"
        yield "Action", f"{action['id']} {about}: {said}"


def _soundness(report: Report) -> Iterator[tuple[str, str]]:
    key = report["idempotency_key"]
    found = (
        "none"
        if key is None
        else f"request hash {key['request_hash'][:12]}"
        if key
        else "not found in time"
    )
    yield "Idempotency", found
    if report["files"]["files"]:
        yield "Files", f"{report['files']['files']}, {size(report['files']['bytes'])}"
    kinds = ", ".join(f"{row['events']} {row['type']}" for row in report["log"]["by_type"])
    yield "Log", f"{report['log']['events']} events: {kinds}"
    for gap in report["log"]["gaps"]:
        yield "", f"[red]events {gap['first_missing']} to {gap['last_missing']} are missing[/]"
    yield "Rules", "all are kept" if not report["broken_rules"] else ""
    for broken in report["broken_rules"]:
        yield "", f"[red]✗ {escape(broken)}[/]"


def _show_content(report: Report) -> None:
    """What people and models said, as it is stored."""
    console.print("\n[bold]Content[/]")
    said: Sequence[tuple[str, object]] = (
        ("input", bytes(report["input"]).decode()),
        ("error", (report["error"] or {}).get("message")),
        *((f"step {step['position']}", step["result"]) for step in report["steps"]),
        *(
            (f"{a['id']} {key}", a[key])
            for a in report["actions"]
            for key in ("prompt", "arguments", "answer")
        ),
    )
    for name, text in said:
        if text is not None:
            console.print(f"[dim]{name}[/] {escape(str(text))}", soft_wrap=True)
