#!/usr/bin/env bash
# Carry out plan.bin of $STACK if it is the plan whose fingerprint is $APPROVED.
set -euo pipefail

now=$(sed -n 's/^fingerprint=//p' "$GITHUB_OUTPUT" | tail -1)
if [ -z "$APPROVED" ] || [ "$now" != "$APPROVED" ]; then
    echo "::error::The plan of $STACK is not the one that was approved, for something changed. Run the workflow again."
    exit 1
fi
terraform -chdir="infra/stacks/$STACK" apply -no-color plan.bin
