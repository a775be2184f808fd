#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
#
# Installs what is missing, builds, and shows a charging session from a simulated station into SQLite.
#
#   packaging/run.sh          leaves the daemon and a station running until Ctrl-C
#   packaging/run.sh --once   ends with the exit status of the session
set -u
cd "$(dirname "$0")/.." || exit 1
. packaging/dependencies.sh

once=
case ${1-} in
"") ;;
--once) once=1 ;;
*)
	echo "Usage: packaging/run.sh [--once]" >&2
	exit 2
	;;
esac

# shellcheck disable=SC2086 # a list of words
install_packages $build_packages || exit 1

step "building (build/release)"
mkdir -p build
cmake --preset release -DOCPPD_WITH_TESTS=OFF >build/release.configure.log 2>&1 || {
	cat build/release.configure.log
	exit 1
}
cmake --build --preset release || exit 1

bin=$PWD/build/release/bin
demo=$PWD/build/demo
rm -rf "$demo"
mkdir -p "$demo" || exit 1
daemon='' station='' short=''

clean_up() {
	status=$?
	trap - EXIT HUP INT TERM
	[ -z "$station" ] || { kill "$station" 2>/dev/null && wait "$station" 2>/dev/null; }
	[ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null; }
	[ -z "$short" ] || rm -rf "$short"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

# A Unix socket's path has 107 characters at most, and this folder may lie deep.
socket=$demo/control.sock
if [ ${#socket} -ge 108 ]; then
	short=$(mktemp -d) || exit 1
	socket=$short/control.sock
fi

cat >"$demo/ocppd.yaml" <<YAML
# Made by packaging/run.sh: a daemon on ports that were free.
listeners:
  - {address: 127.0.0.1, port: 0, path: /ocpp}
plugins:
  ocpp16_core: {heartbeat_interval: 30s}
  storage_sqlite: {path: $demo/ocppd.db}
  stations:
    unknown: accept
  id_tags:
    tags:
      - {id: TAG-1}
  http_api: {tcp: false, socket: $socket}
YAML

step "starting ocppd (configuration $demo/ocppd.yaml, log $demo/ocppd.log)"
"$bin/ocppd" --config "$demo/ocppd.yaml" --vendor-conf-dir "$demo/none" \
	--module-dir "$PWD/build/release/plugins" 2>"$demo/ocppd.log" &
daemon=$!

ctl() {
	"$bin/ocppctl" --socket "$socket" "$@"
}

address=
tries=0
while [ -z "$address" ]; do
	tries=$((tries + 1))
	if ! kill -0 "$daemon" 2>/dev/null || [ "$tries" -gt 300 ]; then
		echo "ocppd did not start:" >&2
		cat "$demo/ocppd.log" >&2
		exit 1
	fi
	sleep 0.1
	grep -q ev=daemon.started "$demo/ocppd.log" || continue
	address=$(sed -n 's/.* ev=listener.opened .*address=\([^ ]*\).*/\1/p' "$demo/ocppd.log" | tail -n 1)
done
url=ws://$address/ocpp
echo "listening at $url"

step "a charging session"
"$bin/ocppd-station" --url "$url" --id CP-1 --tag TAG-1 --speed 10 --once
status=$?
[ "$status" = 0 ] || exit "$status"

step "the transaction as the database holds it"
ctl transactions || exit 1

if [ -n "$once" ]; then
	step "done; without --once, daemon and station stay. Then try, in another terminal:"
else
	"$bin/ocppd-station" --url "$url" --id CP-1 --tag TAG-1 --idle --quiet &
	station=$!
	step "CP-1 is connected again and waits. Try, in another terminal:"
fi
cat <<TEXT
  $bin/ocppctl --socket $socket stations
  $bin/ocppctl --socket $socket call CP-1 RemoteStartTransaction idTag=TAG-1 connectorId=1
  $bin/ocppctl --socket $socket transactions --active true
TEXT
[ -z "$once" ] || exit 0
echo "Ctrl-C stops it all and leaves the database in $demo."
wait "$daemon"
