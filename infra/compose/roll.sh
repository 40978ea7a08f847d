#!/bin/sh
# Replace the containers of these services without a gap: `./roll.sh api stream worker sweeper`.
# For each service the new ones are healthy before the old ones get SIGTERM. Run the migration first.
set -eu
cd "$(dirname "$0")"

for service in "$@"; do
    old=$(docker compose ps -q "$service")
    count=$(echo "$old" | wc -w)
    [ "$count" -gt 0 ] || { echo "$service does not run: docker compose up -d" >&2; exit 1; }
    docker compose up -d --no-deps --no-recreate --wait --scale "$service=$((count * 2))" "$service"
    # shellcheck disable=SC2086 # ids are words
    docker stop $old
    # shellcheck disable=SC2086
    docker rm $old
    docker compose up -d --no-deps --no-recreate --scale "$service=$count" "$service"
done
