#!/bin/sh
# SPDX-License-Identifier: MIT
# What the options of reports do, with the program report_faults, the third argument.
. "$(dirname "$0")/lib.sh"
faults=$3

# said PATTERN N COMMAND...: N lines of standard error match.
said() {
	pattern=$1 count=$2
	shift 2
	"$@" 2>"$scratch/error" >/dev/null
	cat "$scratch/error"
	[ "$(grep -cE -- "$pattern" "$scratch/error")" -eq "$count" ]
}

report='^uiommufd: 0000:01:00.0: DMA read'

check silence_without_a_mistake said . 0 run --device edu -- "$faults"
check one_report_and_a_count_for_200_of_one_line said "$report" 1 run --device edu -- "$faults" 200
check the_count_is_said_at_the_end said '^uiommufd: 199 more like: ' 1 run --device edu -- "$faults" 200
check one_report_for_each_iova_without_stacks said "$report" 5 run --stacks off --device edu -- "$faults" 5
check one_line_for_each_fault_with_reports_off said . 5 run --reports off --device edu -- "$faults" 5
check no_frames_without_stacks said '#0' 0 run --stacks off --device edu -- "$faults" 5
check a_limit_of_reports said "$report" 2 run --stacks=off --max-reports 2 --device edu -- "$faults" 5
check what_the_limit_hides_is_counted said '3 more are not shown' 1 run --stacks=off --max-reports 2 --device edu -- "$faults" 5

check a_report_does_not_change_the_status status 0 run --device edu -- "$faults" 1
check a_report_changes_it_where_that_is_wanted status 33 run --error-exitcode 33 --device edu -- "$faults" 1
check no_report_no_change status 0 run --error-exitcode 33 --device edu -- "$faults"
check a_report_in_a_child_counts status 33 run --error-exitcode 33 --device edu -- sh -c '"$1" 1; true' - "$faults"
check quiet_prints_nothing said . 0 run --quiet --device edu -- "$faults" 1
check quiet_still_has_the_status status 33 run --quiet --error-exitcode=33 --device edu -- "$faults" 1
check break_is_sigtrap status 133 run --break --device edu -- "$faults" 1

check the_summary_says_what_was_checked said ' 2 DMA\(s\) of 8 bytes' 1 run --summary --device edu -- "$faults" 2
check a_device_is_no_file_to_map said "fd [0-9]+ is /dev/vfio/devices/vfio0, which is not in memory" 1 run --device edu -- python3 -c "
import ctypes, os, struct
ioctl = ctypes.CDLL(None).ioctl
iommufd, device = os.open('/dev/iommu', os.O_RDWR), os.open('/dev/vfio/devices/vfio0', os.O_RDWR)
ioctl(device, 0x3b76, struct.pack('=IIiI', 16, 0, iommufd, 0))
ioctl(iommufd, 0x3b81, struct.pack('=III', 12, 0, 0))
ioctl(device, 0x3b77, struct.pack('=III', 12, 0, 2))
ioctl(iommufd, 0x3b8f, struct.pack('=IIIiQQQ', 40, 6, 2, device, 0, 4096, 0))"
check each_reason_of_one_line_is_reported said '^uiommufd: IOMMU_IOAS_MAP refused, EINVAL: ' 2 run --device edu -- python3 -c "
import ctypes, os, struct
ioctl, iommufd = ctypes.CDLL(None).ioctl, os.open('/dev/iommu', os.O_RDWR)
ioctl(iommufd, 0x3b81, struct.pack('=III', 12, 0, 0))
for flags, length in ((6, 0), (0, 4096), (6, 0), (0, 4096)):
    ioctl(iommufd, 0x3b85, struct.pack('=IIIIQQQ', 40, flags, 1, 0, 4096, length, 0))"
check explain_tells_of_what_is_no_mistake said 'IOMMU_IOAS_UNMAP refused, ENOENT: nothing is mapped in 0x400000' 1 \
	run --explain --device edu -- "$faults" 0
check no_mistake_no_report said . 0 run --device edu -- "$faults" 0

printf '# one\ndma-never-mapped:read_nothing\n' >"$scratch/by-function"
printf 'dma-*:0000:01:00.0 report_faults.c\n' >"$scratch/by-device-and-file"
printf 'dma-after-unmap:read_nothing\ndma-never-mapped:no_such\n' >"$scratch/others"
check a_function_is_suppressed said . 0 run --suppressions "$scratch/by-function" --device edu -- "$faults" 3
check a_device_and_a_file_are_suppressed said . 0 run --suppressions "$scratch/by-device-and-file" --device edu -- "$faults" 3
check others_are_not said "$report" 1 run --suppressions "$scratch/others" --device edu -- "$faults" 3
check what_is_suppressed_does_not_count status 0 run --error-exitcode 9 --suppressions "$scratch/by-function" --device edu -- "$faults" 3
run --gen-suppressions --device edu -- "$faults" 1 2>&1 | sed -n 's/^  suppression: //p' >"$scratch/generated"
check a_generated_suppression_suppresses said . 0 run --suppressions "$scratch/generated" --device edu -- "$faults" 1
check a_missing_file_is_said complains 2 "No such file" run --suppressions "$scratch/nosuch" --device edu -- "$faults" 1

check a_log_that_cannot_be_made_is_said complains 2 "/nosuch/log: No such file" run --log-file "$scratch/nosuch/log" --device edu -- true
run --log-file "$scratch/log.%p" --report "$scratch/json" --device edu -- "$faults" 1 2>"$scratch/error"
check nothing_on_standard_error_with_a_log_file test ! -s "$scratch/error"
check the_log_file_is_named_for_the_process sh -c 'grep -q "DMA read" "$1"/log.[0-9]*' - "$scratch"
check json_has_the_numbers python3 -c '
import json, sys
report = json.loads(open(sys.argv[1]).read())
assert report["kind"] == "dma-never-mapped" and report["device"] == "0000:01:00.0" and report["iova"] == "0x400000"
assert report["direction"] == "read" and report["request_bytes"] == 4
functions = [frame["function"] for frame in report["origins"][0]["frames"]]
assert "read_nothing" in functions and "main" in functions, functions' "$scratch/json"

options_of_the_variable() {
	UIOMMUFD_OPTIONS="--device edu  --error-exitcode=7" "$uiommufd" run --error-exitcode 8 -- "$faults" 1
}
check the_command_line_wins_over_the_variable status 8 options_of_the_variable
check a_bad_number_is_said complains 2 "from 0 to 255" run --error-exitcode 256 -- true
check a_missing_value_is_said complains 2 "--history is a number" run --history
check colour_is_for_terminals said "$(printf '\033')" 0 run --device edu -- "$faults" 1
finish
