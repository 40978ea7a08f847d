#!/usr/bin/env bash
# Release an image to $CLOUD and say how it ended: start_release.sh IMAGE@sha256:…
set -euo pipefail

image=$1
[[ $image =~ @sha256:[0-9a-f]{64}$ ]] || { echo "::error::$image is not named by its digest."; exit 1; }
helium=${HELIUM:-$RUNNER_TEMP/helium/bin/helium}
code=0
"$helium" release start --cloud "$CLOUD" --service api --image "$image" --json || code=$?
# The job that ends what was begun has to know whether this one did.
echo "code=$code" >>"$GITHUB_OUTPUT"
case $code in
    0) said="Promoted" ;;
    3) said="**Rolled back**; the log says why" ;;
    4) said="**Not begun**, for another release is under way" ;;
    *) said="**Failed** with $code" ;;
esac
echo "$said in $CLOUD: \`$image\`" >>"$GITHUB_STEP_SUMMARY"
exit "$code"
