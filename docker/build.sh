#!/usr/bin/env bash
# Build an image with podman or docker, whichever is there, and list what is in it: docker/build.sh cpu|gpu|vllm|tracking|triton
#
#   BASE_IMAGE=IMAGE         any Debian or Ubuntu with Python 3.11 and venv; the default is in the Dockerfile
#   PIP_EXTRA_INDEX_URL=URL  cpu only: an index of torch's CPU wheels, for PyPI's torch brings CUDA along
#   TORCH_SHA256=HASHES      further files of torch that may be taken; docker/locked.txt has those that were tried
#   CONTAINER_TOOL=docker    rather than podman
set -euo pipefail
cd "$(dirname "$0")/.."
variant=${1:?cpu, gpu, vllm, tracking or triton}
tool=${CONTAINER_TOOL:-$(command -v podman || command -v docker)} || { echo "Install podman or docker" >&2; exit 1; }

case $variant in
    cpu | gpu | vllm) target=image base=$variant ;;
    tracking) target=tracking base=tracking ;;
    triton) target=triton base=gpu ;;  # no image to run: the proof that the gpu image's compiler serves Triton
    *) echo "$variant: no such image" >&2; exit 1 ;;
esac
# Where pip's own settings name a folder of wheels, the build sees it, too.
: "${PIP_FIND_LINKS:=$(python3 -m pip config get global.find-links 2> /dev/null || true)}"
arguments=(--build-arg "VARIANT=$base" --build-arg "GIT_COMMIT=$(git rev-parse HEAD 2> /dev/null || echo unknown)")
names=(BASE_IMAGE PIP_CERT PIP_INDEX_URL PIP_TRUSTED_HOST TORCH_SHA256)
# pip prefers a CPU wheel of torch wherever it sees one, so the gpu image does not see these.
[[ $base == @(gpu|vllm) ]] || names+=(PIP_EXTRA_INDEX_URL PIP_FIND_LINKS)
for name in "${names[@]}"; do
    [ -z "${!name:-}" ] || arguments+=(--build-arg "$name=${!name}")
done
# pip in the build trusts and asks what pip outside does; secrets are mounts that stay out of the image.
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -f "$certificates" ] || arguments+=(--secret "id=certificates,src=$certificates")
[ ! -f /etc/pip.conf ] || arguments+=(--secret "id=pip.conf,src=/etc/pip.conf")
if [ "$(basename "$tool")" = podman ]; then
    arguments+=(--format docker)
    # A folder of wheels is too large for a secret, and docker mounts nothing else.
    for folder in ${PIP_FIND_LINKS:-}; do
        [ ! -d "$folder" ] || arguments+=(--volume "$folder:$folder:ro")
    done
fi

image=rationanomaly-$variant:dev
build() {
    DOCKER_BUILDKIT=1 "$tool" build --network host "${arguments[@]}" --file docker/Dockerfile "$@" .
}
build --target "$target" --tag "$image"
echo "image  $image, $(("$("$tool" image inspect --format '{{.Size}}' "$image")" / 1000000)) MB"
echo "id     $("$tool" image inspect --format '{{.Id}}' "$image")"
[ "$variant" != triton ] || exit 0

list=build/sbom/rationanomaly-$variant.cdx.json
mkdir -p build/sbom
build --target sbom --build-arg "SBOM_OF=$target" --output type=local,dest=build/sbom > /dev/null
mv build/sbom/sbom.cdx.json "$list"
echo "sbom   $list, $(grep -c '"purl"' "$list") packages"
