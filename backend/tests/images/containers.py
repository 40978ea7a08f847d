"""Containers of an image, run by podman as production runs them: read-only, and nobody in them is root."""

import json
import os
import resource
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

RUNTIME = "runc"
LONGEST_SECONDS = 300
"""Podman ends a container after this time, whatever becomes of the test."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container that was started. Podman is told its name, and nothing of anybody else's."""

    name: str

    def execute(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in it, as its own account."""
        return podman("exec", "--interactive", self.name, *command, stdin=stdin)

    def send(self, signal: str) -> None:
        done = podman("kill", "--signal", signal, self.name)
        assert done.returncode == 0, done.stderr

    def gone(self, seconds: float = 30.0) -> int:
        """Wait for its end; the exit code. Raises `TimeoutExpired` when it does not come."""
        done = podman("wait", self.name, seconds=seconds)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    @property
    def lives(self) -> bool:
        return self._state("{{.State.Running}}") == "true"

    @property
    def pid(self) -> int:
        """Of its first process, as this machine counts."""
        return int(self._state("{{.State.Pid}}"))

    def said(self) -> str:
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    def _state(self, wanted: str) -> str:
        done = podman("container", "inspect", "--format", wanted, self.name)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def container(
    image: str, *arguments: str, env: Mapping[str, str], folders: Mapping[Path, str]
) -> Generator[Container]:
    """A container with these arguments of `helium`; removed with its volumes at the end, alive or not.

    It shares this machine's network, so that it can be told to listen on loopback only.
    """
    name = f"helium-test-{uuid4().hex[:12]}"
    options = [word for each in env.items() for word in ("--env", "=".join(each))]
    mounts = [word for host, inside in folders.items() for word in ("--volume", f"{host}:{inside}")]
    limits = [word for limit in _limits() for word in ("--ulimit", limit)]
    started = podman(
        *("run", "--detach", "--name", name, "--timeout", str(LONGEST_SECONDS), "--network", "host"),
        *("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--no-healthcheck"),
        *(*limits, *mounts, *options, image, *arguments),
    )
    try:
        assert started.returncode == 0, started.stderr
        yield Container(name)
    finally:
        root = podman(
            "container", "inspect", "--format", "{{.GraphDriver.Data.MergedDir}}", name
        ).stdout.strip()
        removed = podman("rm", "--force", "--volumes", "--time", "0", "--ignore", name)
        assert removed.returncode == 0, removed.stderr
        assert not root or f" {root} " not in Path("/proc/mounts").read_text(), f"{root} is still mounted"


def _limits() -> Generator[str]:
    """Limits of our own: podman's are higher than this process's, which not every root may set."""
    for name, number, most in (
        ("nofile", resource.RLIMIT_NOFILE, 20_000),
        ("nproc", resource.RLIMIT_NPROC, 1_000),
    ):
        _, hard = resource.getrlimit(number)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        yield f"{name}={value}:{value}"


def podman(*arguments: str, stdin: str = "", seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    # A folder that is always there: podman enters it for each container.
    command: Sequence[str] = ("podman", "--runtime", RUNTIME, *arguments)
    return subprocess.run(
        command,
        cwd="/",
        env=dict(os.environ),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def image_config(image: str) -> dict[str, object]:
    """What the image says about itself: `Env`, `User`, `Entrypoint`, `Labels`, `Healthcheck`, …"""
    done = podman("image", "inspect", image)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    return {**found["Config"], "Healthcheck": found.get("Healthcheck"), "Size": found["Size"]}
