"""A value for each secret whose version stands in the variables on standard input, as JSON.

A plan asks for the values that an apply would write, and writes none.
"""

import json
import re
import sys

PLACEHOLDER = "PlansNeedOneButNeverWriteIt000000"


def placeholders(variables: str) -> dict[str, str]:
    block = re.search(r"^secret_versions\s*=\s*\{([^}]*)\}", variables, re.M)
    names = re.findall(r"([A-Za-z][\w-]*)\"?\s*[=:]", block[1] if block else "")
    return dict.fromkeys(names, PLACEHOLDER)


if __name__ == "__main__":
    print(json.dumps(placeholders(sys.stdin.read())))
