#!/usr/bin/env bash
# Restore the newest backup at $HELIUM_BACKUP_URL into an empty database, check it, and drop it.
#
# Helium reads buckets of Google's through a library that does not understand a workflow's federated login (an
# `external_account`), so there Google's own program fetches the backup, encrypted as it is.
set -euo pipefail

helium=${HELIUM:-$RUNNER_TEMP/helium/bin/helium}
if [[ $HELIUM_BACKUP_URL == gs://* ]]; then
    # The manifest is written last, and its name says when.
    newest=$(gcloud storage objects list "${HELIUM_BACKUP_URL%/}/*/manifest.json" \
        --format 'value(name)' --sort-by '~creation_time' --limit 1)
    [ -n "$newest" ] || { echo "::error::There is no complete backup at $HELIUM_BACKUP_URL."; exit 1; }
    name=$(basename "$(dirname "$newest")")
    fetched=$RUNNER_TEMP/backups
    mkdir -p "$fetched"
    gcloud storage cp --recursive --quiet "${HELIUM_BACKUP_URL%/}/$name" "$fetched"
    export HELIUM_BACKUP_URL=file://$fetched
fi
"$helium" drill restore --embedded | tee -a "$GITHUB_STEP_SUMMARY"
