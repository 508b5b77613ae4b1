#!/usr/bin/env bash
# Push an image and say by which digest a cluster finds it: docker/push.sh cpu|gpu|vllm|tracking REGISTRY/PATH [TAG]
#
# A tag can be moved to another image, a digest can't: the params should name the digest.
#   CONTAINER_TOOL=docker    rather than podman
#   INSECURE=1               podman: a registry without TLS
set -euo pipefail
variant=${1:?cpu, gpu, vllm or tracking} registry=${2:?where to, such as registry.example.org/team}
tag=${3:-$(git rev-parse --short HEAD 2> /dev/null || echo latest)}
tool=${CONTAINER_TOOL:-$(command -v podman || command -v docker)} || { echo "Install podman or docker" >&2; exit 1; }
source=rationanomaly-$variant:dev
name=${registry%/}/rationanomaly-$variant

"$tool" tag "$source" "$name:$tag"
if [ "$(basename "$tool")" = podman ]; then
    digest_file=$(mktemp)
    trap 'rm -f "$digest_file"' EXIT
    "$tool" push --quiet ${INSECURE:+--tls-verify=false} --digestfile "$digest_file" "$name:$tag"
    digest=$(cat "$digest_file")
else
    "$tool" push --quiet "$name:$tag" > /dev/null
    digest=$("$tool" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$name:$tag" \
        | sed -n "s|^$name@||p" | head -n 1)
fi
case $variant in
    cpu) echo "--set cluster.image=$name@$digest" ;;
    gpu | vllm) echo "--set cluster.gpu_image=$name@$digest" ;;
    *) echo "$name@$digest" ;;
esac
