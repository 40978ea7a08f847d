"""What the plans of the night say, as Markdown. Ends with 1 if a stack differs or could not be planned."""

import json
import os
import sys
from typing import Any

REMEDY = (
    "Run the workflow `terraform` to bring the cloud back to the code, or bring the code to the cloud; "
    "the plan is in the run's summary."
)


def sentences(needs: dict[str, Any]) -> list[str]:
    """One for each stack that is not as it should be. A skipped one is not in use."""
    found: list[str] = []
    for stack, need in sorted(needs.items()):
        count = need.get("outputs", {}).get("changes", "")
        if need["result"] == "success" and count != "0":
            found.append(f"- `{stack}`: {count or 'an unknown number of'} changes")
        elif need["result"] not in ("success", "skipped"):
            found.append(f"- `{stack}`: the plan failed ({need['result']})")
    return found


if __name__ == "__main__":
    differ = sentences(json.loads(os.environ["NEEDS"]))
    print("\n".join([*differ, "", REMEDY] if differ else ["All stacks are as the code says."]))
    sys.exit(1 if differ else 0)
