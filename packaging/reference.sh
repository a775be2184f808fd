#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
#
# The option reference in conf/ocppd.yaml comes from the tables in the daemon and its modules.
#
#   packaging/reference.sh BUILD            writes it
#   packaging/reference.sh BUILD --check    says whether it is stale: exit status 1
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
file=conf/ocppd.yaml
mark='# ---- Every option, with its default ----'

work=$(mktemp)
trap 'rm -f "$work" "$work.options"' EXIT
"$build/bin/ocppd" --config "$file" --module-dir "$build/plugins" --vendor-conf-dir "$work.none" \
	--print-options >"$work.options"
{
	sed "/^$mark\$/,\$d" "$file"
	printf '%s\n#\n' "$mark"
	# The module folder is the build's own; a line of text gets a second mark, so that only
	# options begin with a single one.
	sed -e "s|\(module_dir: \).*|\1LIBDIR/ocppd/1|" -e "s|Default /.*/ocppd/1\.|Default LIBDIR/ocppd/1.|" \
		-e 's/^# /## /' -e '/^$/s/^/#/' "$work.options"
} >"$work"

if [ "${2-}" = --check ]; then
	diff -u "$file" "$work" && exit 0
	echo "conf/ocppd.yaml is stale: run packaging/reference.sh BUILD" >&2
	exit 1
fi
cat "$work" >"$file"
