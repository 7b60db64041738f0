#!/bin/sh
# SPDX-License-Identifier: MIT
# The system calls that docs/run.md lists are enough for a program that permits itself no others.
. "$(dirname "$0")/lib.sh"
program=$3

calls=$("$(dirname "$0")/../lib/blocks.py" docs/run.md tests/e2e/sandbox.sh)

works() {
	[ "$(echo "$calls" | wc -w)" -gt 20 ] || { echo "docs/run.md has no list"; return 1; }
	# The list is words.
	run --device edu -- "$program" $calls
}
check the_documented_system_calls_are_enough works

# The test would see one that is missing.
fails() {
	! run --device edu -- "$program" $(echo "$calls" | tr ' ' '\n' | grep -vx mmap)
}
check one_call_less_is_not_enough fails

# A root without /proc and the shadow root.
in_another_root() {
	mkdir "$scratch/empty" && run --device edu -- "$program" --root "$scratch/empty"
}
[ "$(id -u)" -ne 0 ] || check another_root_changes_nothing in_another_root
check a_program_that_names_what_it_opens_opens_devices run --device edu -- "$program" --paths
finish
