#!/usr/bin/env bash
# Keep one issue by its title: one_issue.sh TITLE FILE open|close. Opened, or commented if it is; closed when all is well.
set -euo pipefail

title=$1 file=$2 state=$3
run="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
printf '\nSeen by %s\n' "$run" >>"$file"
number=$(gh issue list --repo "$GITHUB_REPOSITORY" --state open --limit 200 --json number,title \
    --jq "[.[] | select(.title == \"$title\")][0].number // empty")

if [ "$state" = close ]; then
    [ -z "$number" ] || gh issue close "$number" --repo "$GITHUB_REPOSITORY" --comment "$(cat "$file")"
elif [ -n "$number" ]; then
    gh issue comment "$number" --repo "$GITHUB_REPOSITORY" --body-file "$file"
else
    gh issue create --repo "$GITHUB_REPOSITORY" --title "$title" --body-file "$file"
fi
