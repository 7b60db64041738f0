#!/bin/sh
# SPDX-License-Identifier: MIT
# scripts/ltp compares what tests of the Linux Test Project's form say with and without uiommufd.
. "$(dirname "$0")/lib.sh"
ltp=$(dirname "$0")/../../scripts/ltp
build=$(dirname "$uiommufd")
tree=$scratch/ltp
mkdir -p "$tree/runtest" "$tree/testcases/bin"
printf 'same same\nstatus status 3\n#none none\nmissing nothing\nseen seen\n' >"$tree/runtest/syscalls"
printf '#!/bin/sh\necho "same 1 TPASS: one"\necho "same 2 TCONF: two"\n' >"$tree/testcases/bin/same"
printf '#!/bin/sh\nexit "$1"\n' >"$tree/testcases/bin/status"
printf '#!/bin/sh\n[ -n "$UIOMMUFD_ROOT" ] && echo TFAIL || echo TPASS\n' >"$tree/testcases/bin/seen"
chmod +x "$tree/testcases/bin"/*
LTP_DIR=$tree
export LTP_DIR

check tests_with_the_same_results_pass prints "2 tests, 0 differ" "$ltp" "$build" same status
differs() {
	status 1 "$ltp" "$build" >"$scratch/out" || return 1
	cat "$scratch/out"
	grep -q "DIFFERENT: seen: status 0, 1 TPASS; under uiommufd: status 0, 1 TFAIL" "$scratch/out" &&
		grep -q "3 tests, 1 differ" "$scratch/out"
}
check a_test_that_sees_a_difference_is_named differs
printf '#!/bin/sh\ncase $LD_PRELOAD in *client*) echo TFAIL ;; *) echo TPASS ;; esac\n' >"$tree/testcases/bin/seen"
check the_machine_may_be_shared prints "DIFFERENT: seen: status 0, 1 TPASS; under uiommufd: status 0, 1 TFAIL
1 tests, 1 differ" "$ltp" --shared "$build" seen
check no_tests_are_no_success status 2 "$ltp" "$build" nothing
check a_directory_without_tests_is_said complains 1 "LTP_DIR is to name" env LTP_DIR="$scratch" "$ltp" "$build"
finish
