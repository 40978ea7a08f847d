#!/usr/bin/env bash
# Validate and test every module and stack of one cloud, without an account: validate_terraform.sh gcp|aws
set -euo pipefail

cloud=$1
export TF_IN_AUTOMATION=1 TF_INPUT=0
# One download of a provider for all folders.
export TF_PLUGIN_CACHE_DIR=${TF_PLUGIN_CACHE_DIR:-${RUNNER_TEMP:-/tmp}/plugins} TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE=1
mkdir -p "$TF_PLUGIN_CACHE_DIR"
failed=0

for folder in "infra/modules/$cloud"/* infra/stacks/"$cloud"-*; do
    echo "== $folder"
    {
        terraform -chdir="$folder" init -backend=false -no-color >/dev/null &&
            terraform -chdir="$folder" validate -no-color &&
            terraform -chdir="$folder" test -no-color
    } || failed=1
done
exit $failed
