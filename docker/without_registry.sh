#!/usr/bin/env bash
# Build the cpu image on a bare Debian machine, without any image registry, and run a command that has a Docker daemon:
#
#   docker/without_registry.sh pytest -m containers
#
# Needs root and apt. The base is a root file system made of Debian packages. What takes minutes is kept in CONTAINERS
# (default .containers) and used again; the daemon, if none ran, ends with the command. APT_MIRROR=URL takes another
# Debian mirror.
set -euo pipefail
cd "$(dirname "$0")/.."
store=$(realpath --canonicalize-missing "${CONTAINERS:-.containers}")
base=localhost/rationanomaly-base:bookworm
images=(cpu triton)  # of docker/build.sh

main() {
    [ "$(id -u)" = 0 ] || { echo "docker/without_registry.sh has to run as root" >&2; exit 1; }
    mkdir -p "$store"
    exec 9> "$store/lock"
    flock 9
    trap clean_up EXIT
    step "tools" install_tools
    configure_podman
    step "base image" make_base
    step "images" build_images
    step "daemon" start_daemon
    step "hand over" load_images
    step "$1" "$@"
}

step() {  # name command…: run, and say how long it took
    local name=$1 start=$SECONDS
    shift
    "$@"
    echo "containers: $name: $((SECONDS - start)) s" >&2
}

install_tools() {
    local missing=()
    for pair in podman:podman runc:runc mmdebstrap:mmdebstrap dockerd:docker.io docker:docker.io \
        docker-registry:docker-registry; do
        command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq -o DPkg::Lock::Timeout=300 || true  # A source of somebody else's may be away.
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" > /dev/null
}

configure_podman() {  # a storage of its own, and settings for a machine without systemd
    cat > "$store/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=32768:32768"]  # raising them needs CAP_SYS_RESOURCE
[engine]
runtime = "runc"  # crun refuses a hybrid cgroup mount
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
    printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/podman"\nrunroot = "%s/run"\n' "$store" "$store" \
        > "$store/storage.conf"
    export CONTAINERS_CONF=$store/containers.conf CONTAINERS_STORAGE_CONF=$store/storage.conf
}

make_base() {
    podman image exists "$base" && return
    mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates bookworm \
        "$store/base.tar" ${APT_MIRROR:+"$APT_MIRROR"}
    podman import --quiet "$store/base.tar" "$base" > /dev/null
    rm "$store/base.tar"
}

build_images() {
    for image in "${images[@]}"; do
        BASE_IMAGE=$base CONTAINER_TOOL=podman docker/build.sh "$image" > "$store/build-$image.log" 2>&1 \
            || { tail -n 40 "$store/build-$image.log" >&2; exit 1; }
    done
    podman image prune --force > /dev/null
}

start_daemon() {  # kfp.local.DockerRunner passes on a real dockerd, not on podman's socket
    ! docker info > /dev/null 2>&1 || return 0
    sockets=$(mktemp --directory /run/rationanomaly-XXXXXX)  # a socket's path must be short
    export DOCKER_HOST=unix://$sockets/docker.sock
    dockerd --host "$DOCKER_HOST" --data-root "$store/docker" --exec-root "$sockets/exec" --pidfile "$sockets/pid" \
        --storage-driver overlay2 --iptables=false --bridge=none > "$store/dockerd.log" 2>&1 9>&- &
    daemon=$!
    for _ in $(seq 120); do
        ! docker info > /dev/null 2>&1 || return 0
        sleep 0.5
    done
    tail -n 20 "$store/dockerd.log" >&2
    exit 1
}

clean_up() {
    if [ -n "${daemon:-}" ]; then
        docker ps --quiet | xargs --no-run-if-empty docker kill > /dev/null || true
        kill "$daemon" || true
        wait "$daemon" || true
        umount "$sockets"/exec/netns/* 2> /dev/null || true
        rm -rf "$sockets"
    fi
    umount "$store/podman/overlay" 2> /dev/null || true
}

load_images() {
    for image in "${images[@]/#/rationanomaly-}"; do
        if [ "$(docker image inspect --format '{{.Id}}' "$image:dev" 2> /dev/null)" != \
             "sha256:$(podman image inspect --format '{{.Id}}' "localhost/$image:dev")" ]; then
            podman save --quiet "localhost/$image:dev" | docker load --quiet > /dev/null
            docker tag "localhost/$image:dev" "$image:dev"
        fi
    done
    [ -z "${daemon:-}" ] || docker image prune --force > /dev/null
}

main "$@"
