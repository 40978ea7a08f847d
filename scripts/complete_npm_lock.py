"""Name the optional packages of other platforms in frontend/package-lock.json.

npm leaves an optional package out of the lock if the registry that it was made with does not have it,
and then `npm ci` refuses the lock, and other platforms lack their compiled parts. An entry without a
hash is enough: npm installs it only on its own platform.
"""

import json
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parents[1] / "frontend" / "package-lock.json"
SYSTEMS = {
    "aix",
    "android",
    "darwin",
    "freebsd",
    "linux",
    "netbsd",
    "openbsd",
    "openharmony",
    "sunos",
    "win32",
}
PROCESSORS = {"arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"}


def completed(lock: dict[str, Any]) -> dict[str, Any]:
    """The lock with an entry for every optional dependency of its packages."""
    packages: dict[str, Any] = dict(lock["packages"])
    for path, package in lock["packages"].items():
        for name, version in package.get("optionalDependencies", {}).items():
            nested = f"{path}/node_modules/{name}"
            if nested not in packages:
                packages.setdefault(f"node_modules/{name}", _entry(name, version, package))
    return {**lock, "packages": dict(sorted(packages.items()))}


def _entry(name: str, version: str, parent: dict[str, Any]) -> dict[str, Any]:
    words = set(name.rpartition("/")[2].split("-"))
    processors, systems = sorted(words & PROCESSORS), sorted(words & SYSTEMS)
    entry: dict[str, Any] = {"version": version, "optional": True}
    if parent.get("dev"):
        entry["dev"] = True
    if processors:
        entry["cpu"] = processors
    if systems:
        entry["os"] = systems
    return entry


if __name__ == "__main__":
    text = json.dumps(completed(json.loads(LOCK.read_text())), indent=2, ensure_ascii=False)
    LOCK.write_text(text + "\n")
