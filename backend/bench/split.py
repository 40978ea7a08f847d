"""Helium as several processes: an API, a worker, a Redis that carries their bells."""

import contextlib
import shlex
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path

from bench import processes
from bench.servers import BACKEND, NotReady, Server, empty_home, environment, free_port, started, token

REDIS = Path("/usr/bin/redis-server")


@contextlib.contextmanager
def redis(folder: Path) -> Generator[tuple[int, str]]:
    """A Redis of the benchmark's own: its process and its URL."""
    if not REDIS.exists():
        raise NotReady("The split needs Redis: apt install redis-server.")
    port = free_port()
    command = [str(REDIS), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process.pid, f"redis://127.0.0.1:{port}/0"
    finally:
        processes.end(process.pid)
        process.wait()


@contextlib.contextmanager
def worker(words: list[str], env: Mapping[str, str], log: Path) -> Generator[int]:
    """A worker process on the API's database; the warm-up waits until it works."""
    with log.open("wb") as output:
        process = subprocess.Popen(words, cwd=BACKEND, env=env, stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        processes.end(process.pid)
        process.wait()


@contextlib.contextmanager
def split(folder: Path, fake: Server, command: str, extra: Mapping[str, str]) -> Generator[Server]:
    """`helium api` and `helium worker` with a Redis; the name in reports is `split`."""
    home, port = empty_home(folder / "split"), free_port()
    up = shlex.split(command)
    base = up[: up.index("up")]
    with contextlib.ExitStack() as running:
        redis_pid, url = running.enter_context(redis(folder))
        env = {**environment(home, port, fake, extra), "HELIUM_REDIS_URL": url}
        try:
            pid, ready = running.enter_context(
                started([*base, "api"], folder / "api.log", port=port, health="/api/ready", env=env)
            )
            key = token(up, env)
            worker_pid = running.enter_context(worker([*base, "worker"], env, folder / "worker.log"))
            yield Server(
                name="split",
                pid=pid,
                port=port,
                dialect="responses",
                model_prefix="openai-chat:",
                token=key,
                home=home,
                ready_seconds=ready,
                beside=(worker_pid, redis_pid),
            )
        finally:
            running.close()
            for postmaster in processes.postmasters(home):
                processes.end(postmaster)
