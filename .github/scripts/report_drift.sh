#!/usr/bin/env bash
# One issue says where the clouds are not as the code says. $NEEDS: the results of the plans, as JSON.
set -euo pipefail

python3 .github/scripts/drift.py >drift.md && state=close || state=open
bash .github/scripts/one_issue.sh "The infrastructure is not as the code says" drift.md "$state"
