"""Install what Helium needs, and only what is missing: `prepare.py run | test | page`.

Runs on whatever Python is there, so that it can say what to do about one that is too old. Each stage
is skipped while the hash of its inputs is the one that was written down after it last succeeded.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAMPS = os.path.join(ROOT, ".helium", "stamps")
VENV = os.path.join(ROOT, ".venv")
NODE_VENV = os.path.join(ROOT, ".venv-node")
FAKES_VENV = os.path.join(ROOT, ".venv-fakes")
FRONTEND = os.path.join(ROOT, "frontend")
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = (20, 19)
NOT_SOURCES = {"node_modules", "out", ".next", "e2e"}


class Failed(Exception):
    """One sentence that says what to do."""


def main() -> None:
    use_new_enough_python()
    goal = sys.argv[1] if len(sys.argv) > 1 else "run"
    began = time.monotonic()
    os.makedirs(STAMPS, exist_ok=True)
    if goal == "page":
        page()
    elif goal == "test":
        together(dev_packages, fakes, page)
    else:
        together(runtime_packages, page)
    say(f"Ready after {time.monotonic() - began:.0f} s.")


def say(line: str) -> None:
    print(line, flush=True)


def use_new_enough_python() -> None:
    """Go on in a Python that is new enough, if this one is not."""
    if sys.version_info >= OLDEST_PYTHON:
        return
    for minor in range(20, OLDEST_PYTHON[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            os.execv(found, [found, *sys.argv])
    raise Failed(
        f"Helium needs Python 3.11 or newer and this is {sys.version_info[0]}.{sys.version_info[1]}: "
        "install one (on Debian 12 or Ubuntu 24.04, as root: apt install python3 python3-venv), "
        "or name it: make PYTHON=/path/to/python3.11 run."
    )


def together(*stages: object) -> None:
    """Run stages side by side; the first sentence of a failure is everybody's."""
    failures: list[str] = []

    def attempt(stage) -> None:  # type: ignore[no-untyped-def]
        try:
            stage()
        except Failed as failure:
            failures.append(str(failure))

    threads = [threading.Thread(target=attempt, args=(stage,)) for stage in stages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed(" ".join(failures))


# --- Python ------------------------------------------------------------------------------------


def runtime_packages() -> None:
    packages("requirements")


def dev_packages() -> None:
    packages("requirements-dev")


def packages(name: str) -> None:
    """The virtual environment with the packages of one lock file."""
    # The development lock holds all of the other's packages: either stamp will do for running.
    locks = [backend(f"{name}.lock")]
    digest = digest_of([*locks, backend("bootstrap.lock")], extra=[sys.version, VENV])
    if fresh(name, digest, os.path.join(VENV, "bin", "helium")):
        return
    if name == "requirements" and installed_for_tests():
        return
    virtual_environment(VENV)
    say("Installing Python packages …")
    pip_install(VENV, backend("bootstrap.lock"))
    uv = os.path.join(VENV, "bin", "uv")
    command = [uv, "pip", "install", "--python", python_of(VENV), "--require-hashes", "--compile-bytecode"]
    execute([*command, "-r", locks[0]], "Python packages could not be installed", env=uv_environment())
    put_helium_on_the_path()
    write_stamp(name, digest)
    say("Python packages are installed.")


def fakes() -> None:
    """Counterparts of cloud services for tests. They pin packages that Helium wants newer."""
    lock = backend("fakes.lock")
    digest = digest_of([lock], extra=[sys.version, FAKES_VENV])
    if fresh("fakes", digest, os.path.join(FAKES_VENV, "bin", "moto_server")):
        return
    virtual_environment(FAKES_VENV)
    pip_install(FAKES_VENV, lock)
    write_stamp("fakes", digest)


def installed_for_tests() -> bool:
    locks = [backend("requirements-dev.lock"), backend("bootstrap.lock")]
    digest = digest_of(locks, extra=[sys.version, VENV])
    return fresh("requirements-dev", digest, os.path.join(VENV, "bin", "helium"))


def virtual_environment(path: str) -> None:
    """Make it unless it is there and its Python runs and has pip."""
    usable = [python_of(path), "-c", "import pip"]
    if os.path.exists(python_of(path)) and subprocess.run(usable, capture_output=True).returncode == 0:
        return
    try:
        import ensurepip  # noqa: F401 - Debian leaves it out of the base package
        import venv
    except ImportError:
        raise Failed(
            "Python's venv module is missing: install it (on Debian and Ubuntu, as root: "
            "apt install python3-venv), then run make again."
        ) from None
    say(f"Making {os.path.relpath(path, ROOT)} …")
    venv.create(path, clear=True, with_pip=True, symlinks=True)


def pip_install(path: str, lock: str) -> None:
    command = [python_of(path), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    execute([*command, "--require-hashes", "-r", lock], "The package index does not answer")


def uv_environment() -> dict[str, str]:
    """uv finds no Pythons of its own, and the package index where pip finds it."""
    environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="1")
    if "PIP_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["PIP_INDEX_URL"])
    return environment


def put_helium_on_the_path() -> None:
    """The package runs from the checkout: no build, and an edit counts at once."""
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([python_of(VENV), "-c", question], check=True, capture_output=True, text=True)
    with open(os.path.join(answer.stdout.strip(), "helium-checkout.pth"), "w") as file:
        file.write(os.path.join(ROOT, "backend") + "\n")
    script = os.path.join(VENV, "bin", "helium")
    with open(script, "w") as file:
        file.write('#!/bin/sh\nexec "$(dirname "$0")/python" -m helium "$@"\n')
    os.chmod(script, 0o755)


# --- the page ----------------------------------------------------------------------------------


def page() -> None:
    """The web page's packages, and its files in frontend/out."""
    environment = node_environment()
    manifests = [os.path.join(FRONTEND, name) for name in ("package.json", "package-lock.json")]
    digest = digest_of(manifests, extra=[environment["HELIUM_NODE"]])
    if not fresh("node-modules", digest, os.path.join(FRONTEND, "node_modules", ".package-lock.json")):
        say("Installing the page's packages …")
        command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        execute(command, "The page's packages could not be installed", cwd=FRONTEND, env=environment)
        write_stamp("node-modules", digest)
    digest = digest_of(page_sources())
    if not fresh("page", digest, os.path.join(FRONTEND, "out", "index.html")):
        say("Building the page …")
        execute(["npm", "run", "build"], "The page could not be built", cwd=FRONTEND, env=environment)
        write_stamp("page", digest)
        say("The page is built.")


def node_environment() -> dict[str, str]:
    """An environment with a Node that is new enough: the system's, or one from a Python wheel."""
    environment = dict(os.environ, NEXT_TELEMETRY_DISABLED="1", CI="1")
    version = node_version("node")
    if version < OLDEST_NODE or not shutil.which("npm"):
        virtual_environment(NODE_VENV)
        lock = backend("node.lock")
        digest = digest_of([lock], extra=[NODE_VENV])
        if not fresh("node", digest, os.path.join(NODE_VENV, "bin", "node")):
            say("Installing Node.js …")
            pip_install(NODE_VENV, lock)
            write_stamp("node", digest)
        environment["PATH"] = os.path.join(NODE_VENV, "bin") + os.pathsep + environment["PATH"]
        version = node_version(os.path.join(NODE_VENV, "bin", "node"))
    environment["HELIUM_NODE"] = str(version[0])  # compiled packages belong to a major version
    return environment


def node_version(node: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return (0,)
    return tuple(int(part) for part in said.strip().lstrip("v").split(".") if part.isdigit()) or (0,)


def page_sources() -> list[str]:
    found: list[str] = []
    for folder, folders, files in os.walk(FRONTEND):
        folders[:] = sorted(set(folders) - NOT_SOURCES)
        sources = [name for name in files if not name.endswith(".tsbuildinfo") and name != "next-env.d.ts"]
        found.extend(os.path.join(folder, name) for name in sources)
    return sorted(found)


# --- stages ------------------------------------------------------------------------------------


def backend(name: str) -> str:
    return os.path.join(ROOT, "backend", name)


def python_of(path: str) -> str:
    return os.path.join(path, "bin", "python")


def digest_of(paths: list[str], extra: list[str] | None = None) -> str:
    digest = hashlib.sha256("\0".join(extra or []).encode())
    for path in paths:
        with open(path, "rb") as file:
            digest.update(os.path.relpath(path, ROOT).encode() + b"\0" + file.read() + b"\0")
    return digest.hexdigest()


def fresh(stage: str, digest: str, product: str) -> bool:
    """Whether the stage's product was made from these inputs."""
    try:
        with open(os.path.join(STAMPS, stage)) as file:
            return file.read() == digest and os.path.exists(product)
    except OSError:
        return False


def write_stamp(stage: str, digest: str) -> None:
    with open(os.path.join(STAMPS, stage), "w") as file:
        file.write(digest)


def execute(
    command: list[str], wrong: str, cwd: str | None = None, env: dict[str, str] | None = None
) -> None:
    """Run a program; show what it says only if it fails."""
    done = subprocess.run(
        command, cwd=cwd or ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-8000:])
        raise Failed(f"{wrong}: what it said is above; when it is mended, run make again.")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"Error: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
