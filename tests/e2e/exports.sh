#!/bin/sh
# SPDX-License-Identifier: MIT
# The names that the preload library puts in front of the C library's are those of interposed.def.
. "$(dirname "$0")/lib.sh"

library=$2
interposed=$(dirname "$0")/../../src/preload/start/interposed.def

exports_are_exactly() {
	sed -nE 's/^INTERPOSED(_REAL|_ALIAS)?\(([^,]+),.*/\2/p' "$interposed" | LC_ALL=C sort >"$scratch/names"
	test -s "$scratch/names"
	nm -D --defined-only "$library" | awk '$3 !~ /^uiommufd_/ { print $3 }' | LC_ALL=C sort >"$scratch/exported"
	diff "$scratch/names" "$scratch/exported"
}
check the_library_exports_the_functions_it_replaces_and_no_other exports_are_exactly

needs_only_the_usual() {
	! nm -D --undefined-only "$library" | grep -w dlopen
}
check the_library_loads_nothing_at_run_time needs_only_the_usual
finish
