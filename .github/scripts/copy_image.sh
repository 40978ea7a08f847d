#!/usr/bin/env bash
# Copy an image with all its platforms and statements into another registry, and sign it there: copy_image.sh NAME@DIGEST NAME
set -euo pipefail

source=$1 target=$2 digest=${1##*@}
[ "${source%@*}" != "$target" ] || exit 0
tag=$GITHUB_SHA-$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT

docker buildx imagetools create --tag "$target:$tag" "$source"
there=$(docker buildx imagetools inspect "$target:$tag" --format '{{.Manifest.Digest}}')
if [ "$there" != "$digest" ]; then
    echo "::error::The copy in $target is $there and not $digest: nothing is released."
    exit 1
fi
cosign sign --yes "$target@$digest"
