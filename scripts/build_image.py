"""Build the backend's image with buildah, and say how large its layers are.

    python scripts/build_image.py                       base made here, page of `make page`
    python scripts/build_image.py --base IMAGE --node   that base, page built in the image

Without `--base` a Debian 12 with Python is made by debootstrap, once (`localhost/helium-base`).
pip's index and authority are those of this machine; they are lent to the build and not kept in the image.
Needs root, `buildah` and `debootstrap`.
"""

import argparse
import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / "infra/images/backend.Dockerfile"
PAGE = ROOT / "frontend/out"
BASE = "localhost/helium-base:bookworm"
IMAGE = "localhost/helium-backend:local"
SUITE = "bookworm"
LONGEST_SECONDS = 600
# 1980, the date of all files: a layer of equal content is equal, whichever commit it is built from.
EPOCH = 315_532_800
BUILT = "localhost/helium-built"
# What the Dockerfile adds to its base, in its order.
LAYERS = ("account", "packages", "helium", "page", "SBOM")
BASE_PACKAGES = "ca-certificates,python-is-python3,python3,python3-venv"
# What the `slim` images leave out too.
NOT_IN_A_SLIM_BASE = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")
EMPTIED = ("var/cache/apt", "var/lib/apt/lists", "var/cache/debconf", "var/log")


class Failed(Exception):
    """One sentence that says what to do."""


def main() -> None:
    given = arguments()
    began = time.monotonic()
    require("buildah")
    base = given.base or debian_base()
    with tempfile.TemporaryDirectory(prefix="helium-image-") as place:
        work = Path(place)
        build(base, page=None if given.node else page_context(work), work=work)
        run([*own_store(work), "push", "-q", "--format", "v2s2", BUILT, f"dir:{work}/image"])
        name(work / "image", given.tag)
        print(f"{given.tag} was built in {time.monotonic() - began:.0f} s.")
        print_layers(layers(work / "image"))


def name(image: Path, tag: str) -> None:
    """Bring an image into the machine's store under this name; the one that had it before is removed."""
    number = output(["buildah", "pull", "-q", f"dir:{image}"]).strip()
    before = subprocess.run(
        ["buildah", "images", "-q", "--no-trunc", tag], check=False, capture_output=True, text=True
    ).stdout.strip()
    run(["buildah", "tag", number, tag])
    if before and before.removeprefix("sha256:") != number:
        # It stays where it has another name, or a container runs it.
        subprocess.run(["buildah", "rmi", before], check=False, capture_output=True)


def print_layers(found: list[tuple[int, int]]) -> None:
    """The layers' sizes: those that the Dockerfile adds have names, those below are the base."""
    names = ["base"] * (len(found) - len(LAYERS)) + [*LAYERS, "total"]
    total = (sum(plain for plain, _ in found), sum(packed for _, packed in found))
    print(f"{'layer':12} {'MB':>8} {'compressed':>12}")
    for name, (plain, packed) in zip(names, [*found, total], strict=True):
        print(f"{name:12} {plain / 1e6:8.1f} {packed / 1e6:12.1f}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tag", default=IMAGE, help="the image's name")
    parser.add_argument("--base", help="an image with Python 3.11 or newer, by digest for a release")
    parser.add_argument("--node", action="store_true", help="build the page in the image too")
    return parser.parse_args()


def require(program: str) -> None:
    if not shutil.which(program):
        raise Failed(f"{program} is missing: as root, apt install --no-install-recommends {program}.")


def run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, check=False, timeout=LONGEST_SECONDS)
    if done.returncode != 0:
        raise Failed(f"`{' '.join(str(word) for word in command[:3])} …` ended with {done.returncode}.")


def output(command: Sequence[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def debian_base() -> str:
    """The name of a base image, made by debootstrap unless it is there."""
    there = subprocess.run(
        ["buildah", "inspect", "--type", "image", BASE], check=False, capture_output=True
    )
    if there.returncode == 0:
        return BASE
    require("debootstrap")
    with tempfile.TemporaryDirectory(prefix="helium-base-") as place:
        root = Path(place)
        root.chmod(0o755)  # it becomes the image's `/`
        include = f"--include={BASE_PACKAGES}"
        run(["debootstrap", "--variant=minbase", include, SUITE, root, debian_mirror()])
        slim(root)
        container = output(["buildah", "from", "scratch"]).strip()
        try:
            run(["buildah", "add", "-q", container, root, "/"])
            run(["buildah", "commit", "-q", container, BASE])
        finally:
            run(["buildah", "rm", container])
    return BASE


def debian_mirror() -> str:
    """Where this machine gets its Debian packages from."""
    targets = output(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"]
    )
    found = [uri for uri, name in map(str.split, targets.splitlines()) if name == SUITE]
    if not found:
        raise Failed(f"apt knows no Debian {SUITE}: give a base image with --base.")
    return found[0]


def slim(root: Path) -> None:
    for name in NOT_IN_A_SLIM_BASE:
        shutil.rmtree(root / name, ignore_errors=True)
    for name in EMPTIED:
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir()


def page_context(work: Path) -> Path:
    """A folder with the built page where the Dockerfile's stage `page` has it."""
    if not (PAGE / "index.html").exists():
        raise Failed("There is no page in frontend/out: run `make page`, or give --node.")
    shutil.copytree(PAGE, work / "page/app/frontend/out")
    return work / "page"


def own_store(work: Path) -> list[str]:
    """buildah with a store of this build's own, which also sees the images of the machine's.

    What earlier builds left is not mistaken for this one's, and nothing but the image stays.
    """
    store = json.loads(output(["buildah", "info"]))["store"]["GraphRoot"]
    shared = f"overlay.imagestore={store}"
    return ["buildah", "--root", f"{work}/store", "--runroot", f"{work}/run", "--storage-opt", shared]


def build(base: str, *, page: Path | None, work: Path) -> None:
    arguments = {"PYTHON_IMAGE": base, **described()}
    kind = ["--isolation", "chroot", "--format", "docker", "--layers", "--timestamp", str(EPOCH)]
    run(
        [
            *(*own_store(work), "bud", *kind, "--file", DOCKERFILE, "--tag", BUILT),
            *("--ignorefile", f"{DOCKERFILE}.dockerignore"),
            *(word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")),
            *(() if page is None else ("--build-context", f"page={page}")),
            *secrets(work),
            ROOT,
        ]
    )


def described() -> dict[str, str]:
    """Version, commit and its date, for the image's labels: equal sources give equal labels."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "backend/helium/__init__.py").read_text())
    if version is None:
        raise Failed("backend/helium/__init__.py names no version.")
    commit, date = output(["git", "-C", ROOT, "log", "-1", "--format=%H %ct"]).split()
    created = datetime.fromtimestamp(int(date), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"VERSION": version[1], "REVISION": commit, "CREATED": created}


def secrets(work: Path) -> Iterator[str]:
    """This machine's index and authority for pip, as build secrets; nothing where pip has its defaults."""
    lines = ["[global]"]
    settings = dict(pip_settings())
    if "cert" in settings:
        yield from ("--secret", f"id=ca.pem,src={settings['cert']}")
        lines.append("cert = /etc/pip.pem")
    for name in ("index-url", "extra-index-url"):
        distant = [url for url in settings.get(name, "").split() if url.startswith("http")]
        if distant:
            lines.append(f"{name} = {' '.join(distant)}")
    file = work / "pip.conf"
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n")
    yield from ("--secret", f"id=pip.conf,src={file}")


def pip_settings() -> Iterator[tuple[str, str]]:
    """pip's settings on this machine: `cert`, `index-url`, …; the environment's come last and hold."""
    listed = output([sys.executable, "-m", "pip", "config", "list"]).splitlines()
    for line in sorted(listed, key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        yield name.rpartition(".")[2], value.strip("'\"")


def layers(image: Path) -> list[tuple[int, int]]:
    """Each layer from below: its bytes, and its bytes as a registry keeps them."""
    manifest = json.loads((image / "manifest.json").read_text())
    return [
        (plain_size(image / layer["digest"].removeprefix("sha256:")), layer["size"])
        for layer in manifest["layers"]
    ]


def plain_size(compressed: Path) -> int:
    with gzip.open(compressed) as content:
        return sum(len(piece) for piece in iter(lambda: content.read(1 << 20), b""))


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(str(failed))
