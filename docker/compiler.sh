# Install what Triton compiles with: a C compiler, the C library's headers and Python's: sh compiler.sh
set -eu
packages="gcc libc6-dev"
# Images of python.org's Python bring its headers along; Debian's Python has them in a package.
include=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
[ -e "$include/Python.h" ] || packages="$packages libpython3-dev"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # several packages
apt-get install -y -qq --no-install-recommends $packages > /dev/null
rm -rf /var/lib/apt/lists/*
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
