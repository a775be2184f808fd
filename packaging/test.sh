#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
#
# Installs what is missing, builds, and runs all tests: everything under AddressSanitizer and
# UndefinedBehaviorSanitizer, what threads share under ThreadSanitizer as well. Ends with one line,
# `N passed, N failed`, and exits with 1 if anything failed.
#
# OCPPD_SCHEMAS names the folder of the official OCPP 1.6 JSON schemas, which are no part of this
# project; ../shared/reference/schemas is tried without it. What the daemon sends in the tests is
# checked against them.
set -u
case ${OCPPD_SCHEMAS:-} in
"" | /*) ;;
*) OCPPD_SCHEMAS=$PWD/$OCPPD_SCHEMAS ;;
esac
cd "$(dirname "$0")/.." || exit 1
if [ -z "${OCPPD_SCHEMAS:-}" ] && [ -d ../shared/reference/schemas ]; then
	OCPPD_SCHEMAS=$PWD/../shared/reference/schemas
fi
export OCPPD_SCHEMAS="${OCPPD_SCHEMAS:-}" OCPPD_SCHEMAS_REPORT="$PWD/build/schemas.txt"
. packaging/dependencies.sh

# shellcheck disable=SC2086 # lists of words
install_packages $build_packages libcmocka-dev python3-websockets python3-pytest python3-yaml \
	python3-jsonschema python3-pip libfaketime zsh fish clang-format binutils abigail-tools || exit 1

# Only promtool of it is wanted: the package as a whole would start a server of its own.
fetch_promtool() {
	OCPPD_PROMTOOL=$(command -v promtool || echo "$PWD/build/prometheus/usr/bin/promtool")
	export OCPPD_PROMTOOL
	[ ! -x "$OCPPD_PROMTOOL" ] || return 0
	step "fetching promtool"
	mkdir -p build/prometheus
	(cd build/prometheus && rm -f ./*.deb && apt-get download -qq prometheus 2>apt.log &&
		dpkg-deb --fsys-tarfile ./*.deb | tar -x ./usr/bin/promtool && rm -f ./*.deb) && return 0
	cat build/prometheus/apt.log
	unset OCPPD_PROMTOOL
}
[ -n "${OCPPD_PROMTOOL:-}" ] || fetch_promtool

passed=0 failed=0 skipped=0

count() { # <word> <junit file>
	sed -n "s/.*<testsuite[^>]*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1
}

suite() { # <preset> <ctest arguments...>
	preset=$1
	shift
	step "build: $preset"
	report=$PWD/build/$preset/tests.xml
	if ! { cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 &&
		cmake --build --preset "$preset"; }; then
		cat "build/$preset.configure.log"
		echo "FAILED: the build with preset $preset"
		failed=$((failed + 1))
		return
	fi
	step "tests: $preset"
	rm -f "$report"
	ctest --preset "$preset" -j 2 --output-junit "$report" "$@"
	# A multi-line testsuite element: one line for sed.
	tr '\n\t' '  ' <"$report" >"$report.line"
	total=$(count tests "$report.line") bad=$(count failures "$report.line")
	left=$(count skipped "$report.line") off=$(count disabled "$report.line")
	skipped=$((skipped + ${left:-0} + ${off:-0}))
	failed=$((failed + ${bad:-0}))
	passed=$((passed + ${total:-0} - ${bad:-0} - ${left:-0} - ${off:-0}))
}

mkdir -p build
cases=build/asan/tests/conformance/verdicts/table.txt
rm -f "$OCPPD_SCHEMAS_REPORT" "$cases"
step "format"
case $(clang-format --version 2>/dev/null) in
*"version 14."*)
	if git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	;;
*)
	echo "SKIPPED: the format is that of clang-format 14, which is not here"
	skipped=$((skipped + 1))
	;;
esac

suite asan -LE abi
step "conformance"
cat "$cases" || echo "no table: a group of cases failed"
suite tsan -L "unit|modules|threads"
suite release -L abi

step "frames of the daemon"
if [ -f "$OCPPD_SCHEMAS_REPORT" ]; then
	awk '{ checked += $1; errors += $2; unchecked += $3 }
		END {
			printf "%d payloads validated against the official schemas, %d errors for their form\n",
				checked, errors
			if (unchecked > 0)
				printf "SKIPPED: %d payloads, since there are no schemas: set OCPPD_SCHEMAS\n",
					unchecked
		}' "$OCPPD_SCHEMAS_REPORT"
fi

echo
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ]
