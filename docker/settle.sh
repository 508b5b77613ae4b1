# Make a filled venv ready for a read-only image: sh settle.sh cpu|gpu|vllm VENV
set -eu
variant=$1
packages=$(echo "$2"/lib/python3*/site-packages)

# torch has one name and many builds; which one pip takes depends on the indexes it is given.
if ls -d "$packages"/nvidia* > /dev/null 2>&1; then build=gpu; else build=cpu; fi
if [ "$build" = cpu ] && [ "$variant" != cpu ] || [ "$build" = gpu ] && [ "$variant" = cpu ]; then
    echo "pip has taken torch's $build build for the $variant image: PIP_EXTRA_INDEX_URL and PIP_FIND_LINKS decide" >&2
    exit 1
fi

# ---- what no step needs
rm -rf "$packages"/torch/test
find "$packages"/torch/bin -type f ! -name torch_shm_manager -delete  # the rest are test programs
if [ "$variant" = cpu ]; then
    rm -rf "$packages"/torch/include  # headers: only GPU operators are ever compiled
fi

# ---- bytecode that holds whatever time stamps a copy gives the files
# A few packages carry templates that are no Python; they fail here and nobody imports them.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$packages" > /dev/null || true
