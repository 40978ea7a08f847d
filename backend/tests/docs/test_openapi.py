import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_openapi_document_is_that_of_the_code() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write_openapi.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
