#!/usr/bin/env bash
# Build infra/images/NAME.Dockerfile once, for both processors, and push the one result to every name: push_image.sh NAME
# $NAMES: addresses without tag or digest, one a line; empty lines are passed over.
# Outputs: digest; images (each name with the digest); first (the first of them).
set -euo pipefail

image=$1
# shellcheck disable=SC2153 # it is another one
mapfile -t names < <(sed -e 's/[[:space:]]//g' -e '/^$/d' <<<"$NAMES")
[ ${#names[@]} -gt 0 ] || { echo "::error::No registry is set: see docs/operations/delivery.md."; exit 1; }
# Registries keep a tag as it is, and delete what has none: each attempt has its own. Nothing is ever released by it.
tag=$GITHUB_SHA-$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT

# A base as it is now, by digest; the provenance names it.
base() {
    local digest
    digest=$(docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}')
    echo "${1%%@*}@$digest"
}

arguments=()
while read -r name default; do
    arguments+=(--build-arg "$name=$(base "$default")")
done < <(sed -n -E 's/^ARG ([A-Z]+_IMAGE)=(.+)$/\1 \2/p' "infra/images/$image.Dockerfile")
tags=()
for name in "${names[@]}"; do tags+=(--tag "$name:$tag"); done

docker buildx build . \
    --file "infra/images/$image.Dockerfile" \
    --platform linux/amd64,linux/arm64 \
    --build-arg "VERSION=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' backend/helium/__init__.py)" \
    --build-arg "REVISION=$GITHUB_SHA" \
    --build-arg "CREATED=$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)" \
    "${arguments[@]}" "${tags[@]}" \
    --attest type=provenance,mode=max --attest type=sbom \
    --metadata-file build.json --push

digest=$(python3 -c 'import json; print(json.load(open("build.json"))["containerimage.digest"])')
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]
{
    echo "digest=$digest"
    echo "first=${names[0]}@$digest"
    echo "images<<END"
    printf "%s@$digest\n" "${names[@]}"
    echo "END"
} >>"$GITHUB_OUTPUT"
echo "Built \`$image\`: \`$digest\`" >>"$GITHUB_STEP_SUMMARY"
