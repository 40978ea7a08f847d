#!/usr/bin/env bash
# Plan the stack $STACK of $CLOUD into plan.bin: plan_stack.sh [OPTION OF terraform plan]…
# $BUCKET and $REGION: where the state is. $TFVARS: the stack's variables. $PLACEHOLDERS: true where nothing is written, so
# that no secret is needed. The summary names what changes, without values.
set -euo pipefail

folder=infra/stacks/$STACK
# An empty variable is another thing than none.
for name in TF_VAR_cache_password TF_VAR_database_password TF_VAR_secret_values CLOUDFLARE_API_TOKEN; do
    [ -n "${!name:-}" ] || unset "$name"
done
if [ "${PLACEHOLDERS:-}" = true ]; then
    TF_VAR_secret_values=$(python3 .github/scripts/placeholders.py <<<"$TFVARS")
    TF_VAR_cache_password=PlansNeedOneButNeverWriteIt000000
    TF_VAR_database_password=$TF_VAR_cache_password
    export TF_VAR_secret_values TF_VAR_cache_password TF_VAR_database_password
fi
backend=(-backend-config="bucket=$BUCKET")
[ "$CLOUD" != aws ] || backend+=(-backend-config="region=$REGION")

printf '%s\n' "$TFVARS" >"$folder/pipeline.auto.tfvars"
terraform -chdir="$folder" init -no-color "${backend[@]}"
terraform -chdir="$folder" plan -no-color -out=plan.bin "$@"
terraform -chdir="$folder" show -json plan.bin |
    python3 .github/scripts/plan_changes.py "$STACK" --outputs "$GITHUB_OUTPUT" --summary "$GITHUB_STEP_SUMMARY"
