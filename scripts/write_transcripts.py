"""Write contracts/transcripts: logs that the engine really wrote, and the views they fold to.

The server's fold and the page's reducer are both held to these files. `--check` only compares.
"""

import asyncio
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "contracts/transcripts"
sys.path[:0] = [str(ROOT / "backend")]

from structlog.testing import capture_logs  # noqa: E402

from tests.engine.scenarios import SCENARIOS, transcript  # noqa: E402


def transcripts() -> dict[Path, str]:
    """Every file, and what it must hold."""

    async def play() -> dict[Path, str]:
        return {
            FOLDER / f"{name}.json": json.dumps(await transcript(name), indent=1, ensure_ascii=False) + "\n"
            for name in SCENARIOS
        }

    with capture_logs():
        return asyncio.run(play())


def main() -> int:
    expected = transcripts()
    found = {path: path.read_text() for path in FOLDER.glob("*.json")}
    if "--check" in sys.argv:
        stale = sorted(
            path.name for path in expected.keys() | found if expected.get(path) != found.get(path)
        )
        if stale:
            print(f"{', '.join(stale)}: run `make contracts`", file=sys.stderr)
        return bool(stale)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in found.keys() - expected:
        path.unlink()
    for path, text in expected.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
