# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
#
# Sourced by run.sh and test.sh: installs what is missing of a list of Debian packages, and nothing
# when all is there.

build_packages="build-essential cmake ninja-build pkgconf libevent-dev libuv1-dev libwebsockets-dev
libwebsockets-evlib-uv libcurl4-openssl-dev libjson-c-dev libyaml-dev libsqlite3-dev libssl-dev
libmicrohttpd-dev zlib1g-dev scdoc"

began=$(date +%s)

step() { # what begins now, with the seconds since the script began
	if [ -t 1 ]; then
		printf '\033[1m==> [%3d s] %s\033[0m\n' "$(($(date +%s) - began))" "$*"
	else
		printf '==> [%3d s] %s\n' "$(($(date +%s) - began))" "$*"
	fi
}

missing_packages() {
	for package in "$@"; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
		[ "$state" = installed ] || printf '%s ' "$package"
	done
}

install_packages() {
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "This script installs Debian packages, and there is no apt-get here." >&2
		echo "Install the equivalents of: $*" >&2
		echo "then build with: cmake --preset release && cmake --build --preset release" >&2
		return 1
	fi
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	as_root=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null 2>&1; then
			echo "Missing packages, and neither root nor sudo to install them: $missing" >&2
			return 1
		fi
		as_root=sudo
	fi
	step "installing: $missing"
	$as_root apt-get update -qq || return 1
	# shellcheck disable=SC2086 # a list of words
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
