#!/usr/bin/env bash
# Bring a patch of lock files into the branch `locks`, and see that it has a pull request: propose_locks.sh PATCH
set -euo pipefail

[ -s "$1" ] || { echo "The locks are the newest."; exit 0; }
if git apply --numstat "$1" | cut -f 3 | grep -vE '^backend/[a-z-]+\.lock$'; then
    echo "::error::The patch changes more than lock files."
    exit 1
fi
git apply --index "$1"
git -c user.name="github-actions[bot]" -c user.email="41898282+github-actions[bot]@users.noreply.github.com" \
    commit --quiet --message "Renew the lock files"
gh auth setup-git
git push --force origin HEAD:refs/heads/locks
[ "$(gh pr list --head locks --json number --jq length)" != 0 ] ||
    gh pr create --head locks --base main --title "Renew the lock files" \
        --body "Written by \`make lock\`, with packages that are a week old at least."
