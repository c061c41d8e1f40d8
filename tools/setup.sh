# Sourced by tools/test, tools/bench and tools/demo: packages and build, on Debian 12 as root or with sudo.
# Leaves the working directory at the top of the repository.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# Debian's python3 has casacore, whatever other python3 comes first in PATH.
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH
PYTHON=/usr/bin/python3
unset PYTHONHOME PYTHONPATH

BUILD_PACKAGES="meson ninja-build pkg-config gcc g++ libfuse3-dev casacore-dev wcslib-dev libjansson-dev libxxhash-dev libcmocka-dev"
# casacore opens no image whose telescope it cannot look up, hence the observatories.
RUN_PACKAGES="fuse3 python3-casacore python3-numpy casacore-data-observatories xz-utils"
TEST_PACKAGES="valgrind python3-pytest python3-pytest-xdist python3-venv python3-setuptools python3-wheel ca-certificates attr acl binutils mount procps bsdutils strace xfsprogs btrfs-progs systemd mandoc zsh debhelper dh-python lintian"
FUZZ_PACKAGES="clang libclang-rt-dev"
BENCH_PACKAGES="xfsprogs btrfs-progs mount util-linux procps"

say() {
	printf '%s\n' "$*"
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "'$*' needs root, and there is no sudo"
	fi
}

# Installs those of the packages named that are not there.
need_packages() {
	local package missing=()
	command -v dpkg-query >/dev/null || die "no dpkg here: install by hand what corresponds to Debian's $*"
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing: ${missing[*]}"
	local log
	log=$(mktemp)
	if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get update &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
		>"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "cannot install ${missing[*]}"
	fi
	rm -f "$log"
}

# need_build DIRECTORY [MESON OPTIONS]: sets the build directory up if it is new, and builds.
need_build() {
	local directory=$1 log
	shift
	log=$(mktemp)
	if ! { [ -f "$directory/build.ninja" ] || meson setup "$directory" "$@"; } >"$log" 2>&1 ||
		! ninja -C "$directory" >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		die "the build in $directory failed"
	fi
	rm -f "$log"
}
