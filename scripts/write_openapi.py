"""Write `docs/reference/openapi.json` from the code; with `--check`, only compare."""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))
TARGET = ROOT / "docs" / "reference" / "openapi.json"


def document() -> str:
    from helium.api.app import build_resources

    return json.dumps(build_resources().openapi(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the file is not up to date")
    arguments = parser.parse_args()
    text = document()
    if not arguments.check:
        TARGET.write_text(text)
        return 0
    if TARGET.exists() and TARGET.read_text() == text:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is out of date: run `make contracts`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
