#!/usr/bin/env bash
# Start an image as production does, as an ordinary account that can write nothing: try_image.sh IMAGE [COMMAND]…
# A command must end well; without one the image must become healthy.
set -euo pipefail

image=$1
shift
user=$(docker inspect --format '{{.Config.User}}' "$image")
[[ $user =~ ^[1-9][0-9]*(:|$) ]] || { echo "::error::$image runs as '$user', and not as an account with a number."; exit 1; }
safe=(--read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp)
[ $# -eq 0 ] || exec docker run --rm "${safe[@]}" "$image" "$@"

container=$(docker run --detach "${safe[@]}" "$image")
trap 'docker logs "$container" 2>&1 | tail -40; docker rm --force "$container" >/dev/null' EXIT
for _ in $(seq 60); do
    health=$(docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$container")
    case $health in
        "running healthy") echo "$image: $health"; exit 0 ;;
        "running starting") sleep 1 ;;
        *) break ;;
    esac
done
echo "::error::$image: $health"
exit 1
