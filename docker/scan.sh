#!/usr/bin/env bash
# Look up known vulnerabilities of what is in an image: docker/scan.sh cpu|gpu|vllm|tracking
#
# Reads the list that build.sh wrote, with trivy, else grype, whichever is there; both need their database, so a network.
# Exit code 1: something of severity high or critical that has a fix; 2: could not be looked up.
set -euo pipefail
cd "$(dirname "$0")/.."
list=build/sbom/rationanomaly-${1:?cpu, gpu, vllm or tracking}.cdx.json
[ -f "$list" ] || { echo "$list: no such file; docker/build.sh $1 writes it" >&2; exit 2; }
if command -v trivy > /dev/null; then
    command=(trivy sbom --quiet --severity HIGH,CRITICAL --ignore-unfixed --exit-code 1 "$list") found=1
elif command -v grype > /dev/null; then
    command=(grype --quiet --only-fixed --fail-on high "sbom:$list") found=2
else
    echo "Install trivy or grype to scan $list" >&2
    exit 2
fi
status=0
"${command[@]}" || status=$?
case $status in
    0) exit 0 ;;
    "$found") exit 1 ;;
    *) echo "the scanner failed with exit code $status: nothing was looked up" >&2; exit 2 ;;
esac
