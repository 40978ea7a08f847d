#!/usr/bin/env bash
# Leave no traffic half-shifted: end_release.sh resume|rollback. $CLOUD; $CODE: how `helium release start` ended, if it did.
set -uo pipefail

helium=${HELIUM:-$RUNNER_TEMP/helium/bin/helium}
case ${CODE:-} in
    3) echo "It was rolled back already."; exit 0 ;;
    4) echo "Another release was under way: it is not ours to end."; exit 0 ;;
esac
# The lock of a process that died is free when it has expired.
for _ in $(seq 30); do
    code=0
    "$helium" release "$1" --cloud "$CLOUD" --service api --json || code=$?
    [ "$code" = 4 ] || break
    sleep "${PAUSE_SECONDS:-30}"
done
echo "\`helium release $1\` in $CLOUD ended with $code (0 promoted, 3 rolled back)." >>"$GITHUB_STEP_SUMMARY"
# Both ends are ends: the traffic is in one place.
[ "$code" = 0 ] || [ "$code" = 3 ]
