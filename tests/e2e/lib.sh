# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Sourced by the scripts here, which are called with the paths of the command and of the library.
# Results are printed as cmocka prints them.
set -u

uiommufd=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# check NAME COMMAND...: the command must succeed.
check() {
	name=$1
	shift
	if "$@" >"$scratch/log" 2>&1; then
		echo "[       OK ] $name"
	else
		cat "$scratch/log"
		echo "[  FAILED  ] $name"
		failures=$((failures + 1))
	fi
}

run() {
	"$uiommufd" run "$@"
}

# status EXPECTED COMMAND...
status() {
	expected=$1
	shift
	"$@"
	got=$?
	[ "$got" -eq "$expected" ] || { echo "status $got, not $expected"; return 1; }
}

# prints EXPECTED COMMAND...: exactly that, on standard output.
prints() {
	expected=$1
	shift
	got=$("$@")
	[ "$got" = "$expected" ] || { printf 'printed:\n%s\nnot:\n%s\n' "$got" "$expected"; return 1; }
}

# complains STATUS TEXT COMMAND...: one line on standard error with TEXT in it, nothing else.
complains() {
	expected=$1 text=$2
	shift 2
	output=$("$@" 2>"$scratch/error")
	got=$?
	cat "$scratch/error"
	[ "$got" -eq "$expected" ] && [ -z "$output" ] && [ "$(wc -l <"$scratch/error")" -eq 1 ] &&
		grep -qF -- "$text" "$scratch/error"
}

finish() {
	[ "$failures" -eq 0 ]
	exit
}
