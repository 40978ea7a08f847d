"""Write what the image is made of, as a CycloneDX 1.6 document.

Python's packages are those that are installed here, each at the version of the lock; the system's come from
dpkg; the page's are those that its lock does not call development packages. Equal inputs give equal bytes.
"""

import argparse
import importlib.metadata
import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]
SITE_PACKAGES = "opt/helium/lib/python3*/site-packages"


def main() -> None:
    given = arguments()
    components = [
        *python_components(given.python_lock.read_text()),
        *debian_components(),
        *node_components(json.loads(given.node_lock.read_text())),
    ]
    document = bill(components, version=given.version, created=given.created)
    given.output.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--version", "--created"):
        parser.add_argument(name, required=True)
    for name in ("--python-lock", "--node-lock", "--output"):
        parser.add_argument(name, required=True, type=Path)
    return parser.parse_args()


def bill(components: list[Component], *, version: str, created: str) -> dict[str, Any]:
    ordered = sorted(components, key=lambda component: component["bom-ref"])
    root = {
        "type": "container",
        "bom-ref": "helium-backend",
        "name": "helium-backend",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([root, created, ordered], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {"timestamp": created, "component": root},
        "components": ordered,
    }


def python_components(lock: str) -> Iterator[Component]:
    """The installed distributions. Raises `SystemExit` for one that is not as it is locked."""
    locked = set(locked_versions(lock))
    folders = [str(path) for path in Path("/").glob(SITE_PACKAGES)]
    for found in importlib.metadata.distributions(path=folders):
        name = canonical(found.metadata["Name"])
        if (name, found.version) not in locked:
            raise SystemExit(f"{name} {found.version} is installed, and the lock does not know it.")
        component = described(f"pkg:pypi/{name}@{quote(found.version)}", name, found.version)
        yield component | python_license(found.metadata)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_versions(lock: str) -> list[tuple[str, str]]:
    """Name and version of each package in a lock."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, re.MULTILINE)
    return [(canonical(name), version) for name, version in pinned]


def python_license(metadata: Any) -> Component:
    expression = metadata.get("License-Expression")
    return {"licenses": [{"expression": expression}]} if expression else {}


def debian_components() -> Iterator[Component]:
    """The system's packages, where it is a Debian."""
    if not shutil.which("dpkg-query"):
        return
    wanted = "${Package} ${Version} ${Architecture}\n"
    listed = subprocess.run(["dpkg-query", "-W", "-f", wanted], check=True, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        name, version, architecture = line.split()
        yield described(f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}", name, version)


def node_components(lock: dict[str, Any]) -> Iterator[Component]:
    """The packages that the page may be built from, each version once."""
    seen: set[str] = set()
    for path, package in lock["packages"].items():
        name = path.rpartition("node_modules/")[2]
        unused = package.get("dev") or package.get("devOptional") or package.get("optional")
        url = f"pkg:npm/{quote(name)}@{package.get('version')}"
        if path and not unused and url not in seen:
            seen.add(url)
            yield described(url, name, package["version"])


def described(url: str, name: str, version: str) -> Component:
    return {"type": "library", "bom-ref": url, "purl": url, "name": name, "version": version}


if __name__ == "__main__":
    main()
