"""`helium run`, `tail`, `runs`: over HTTP, to the Helium that runs here, or one of their own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from helium.bootstrap.secrets import redactor
from helium.cli.database import migrated, open_url
from helium.cli.failure import Failure
from helium.cli.serve import listen, serving
from helium.features.identity.local_owner import OWNER_FILE, local_owner_token
from helium.kit.logs import configure_logging
from helium.settings import Settings

console = Console(highlight=False, soft_wrap=True)
FINAL = ("run.completed", "run.failed", "run.cancelled", "run.incomplete")
RECONNECT_SECONDS = 0.5


async def ask(settings: Settings, question: str, *, agent: str, thread: str | None) -> None:
    """Start a run and show its answer as it comes."""
    body = {"input": question, "agent": agent}
    if thread is not None:
        body["thread_id"] = thread
    async with client(settings) as http:
        run = await call(http, "POST", "/v1/runs", json=body)
        await follow(http, run["id"])
        console.print(f"[dim]{run['id']} · thread {run['thread_id']}[/]")


async def tail(settings: Settings, run_id: str) -> None:
    async with client(settings) as http:
        await follow(http, run_id)


async def list_runs(settings: Settings, *, limit: int, status: str | None) -> None:
    async with client(settings) as http:
        query = {"limit": str(limit)} | ({"status": status} if status else {})
        page = await call(http, "GET", "/v1/runs", params=query)
    if not page["data"]:
        console.print('No runs yet. Start one: helium run "calculate 6 * 7"')
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("run", no_wrap=True, min_width=36)
    for column in ("state", "created", "asked"):
        table.add_column(column, no_wrap=True)
    for run in page["data"]:
        asked = next((p["text"] for i in run["input"] for p in i.get("content", ()) if "text" in p), "")
        created = run["created_at"][5:16].replace("T", " ")
        table.add_row(run["id"], run["status"], created, escape(" ".join(asked.split())))
    console.print(table)


async def follow(http: aiohttp.ClientSession, run_id: str) -> None:
    """Print a run's events to its end; a broken connection is resumed where it broke."""
    cursor = 0
    while True:
        try:
            headers = {"Last-Event-ID": str(cursor)} if cursor else {}
            async with http.get(f"/v1/runs/{run_id}/events", headers=headers) as response:
                await check(response)
                async for line in response.content:
                    if not line.startswith(b'data: {"seq"'):
                        continue
                    event = json.loads(line[6:])
                    cursor = event["seq"]
                    if show(event, run_id):
                        return
            if not cursor:
                return
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            console.print("[dim]reconnecting …[/]")
        except asyncio.CancelledError:
            console.print(f"\n[dim]The run goes on. See it again: helium tail {run_id}[/]")
            raise
        await asyncio.sleep(RECONNECT_SECONDS)  # noqa: TID251 - a person's terminal


def show(event: dict[str, Any], run_id: str) -> bool:
    """One event for a person. Whether it was the last."""
    match event["type"]:
        case "item.delta" if event.get("part", "text") in ("text", "refusal"):
            console.print(escape(event["text"]), end="")
        case "item.done" if event["item"]["type"] == "tool_call":
            item = event["item"]
            console.print(f"[dim]→ {item['name']} {escape(item.get('arguments', ''))}[/]")
        case "item.done" if event["item"]["type"] == "tool_result":
            console.print(f"[dim]← {escape(event['item']['output'][:500])}[/]")
        case "step.retracted":
            console.print("\n[dim]… that attempt was lost; again:[/]")
        case "step.retrying":
            console.print(f"[yellow]{escape(event['reason'])}: trying again[/]")
        case "run.requires_action":
            console.print(f"\n[yellow]{escape(event['prompt'])}[/] (decide it on the page)")
        case "run.failed":
            console.print(f"\n[red]Failed: {escape(event['message'])}[/]")
        case "run.cancelled" | "run.incomplete":
            console.print(f"\n[yellow]{event['type'].removeprefix('run.')}[/]")
        case "run.completed":
            console.print()
        case _:
            pass
    return event["type"] in FINAL


@asynccontextmanager
async def client(settings: Settings) -> AsyncGenerator[aiohttp.ClientSession]:
    """A session with the Helium that listens here; if none does, one is started for this command."""
    configure_logging(settings.log_format, "error", redactor)
    base = f"http://{settings.host}:{settings.port}"
    if await answers(base):
        token = (settings.home / OWNER_FILE).read_text().strip()
        async with session(base, token) as http:
            yield http
        return
    async with contextlib.AsyncExitStack() as stack:
        listener = listen("127.0.0.1", 0)
        url = await stack.enter_async_context(open_url(settings))
        await migrated(settings, url)
        helium = await stack.enter_async_context(serving(settings, url, "all", listener))
        token = await local_owner_token(helium.database, helium.product.identity, settings.home)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield await stack.enter_async_context(session(base, token))
        finally:
            await helium.drain(settings.worker.drain_seconds)


def session(base: str, token: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        base,
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60),
    )


async def answers(base: str) -> bool:
    """Whether a Helium answers at this address."""
    try:
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{base}/api/health") as r:
            return r.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def call(http: aiohttp.ClientSession, method: str, path: str, **rest: Any) -> dict[str, Any]:
    async with http.request(method, path, **rest) as response:
        await check(response)
        return await response.json()


async def check(response: aiohttp.ClientResponse) -> None:
    if response.status >= 400:
        problem = await response.json(content_type=None)
        raise Failure(problem.get("detail") or problem.get("error", {}).get("message", "It failed."))
