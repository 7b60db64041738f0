#!/bin/sh
# SPDX-License-Identifier: MIT
# `uiommufd` as a command: statuses, signals, messages, what it leaves behind.
. "$(dirname "$0")/lib.sh"

check no_command_is_wrong_usage complains 2 "There are: run, machine, list" "$uiommufd"
check an_unknown_command_is_wrong_usage complains 2 '"jog" is no command' "$uiommufd" jog
check run_needs_a_program complains 2 "run which program?" run
check run_needs_a_program_after_its_options complains 2 "run which program?" run --mock --
check an_unknown_option_names_the_known complains 2 "--iommu, --device, --container, --no-iommufd, --mock" run --foo true
check an_option_needs_its_value complains 2 "needs a value" run --device
check an_unknown_model_names_the_known complains 2 "there are: e1000, edu" run --device nosuch -- true
check an_unknown_kind_names_the_known complains 2 "there are: amd" run --iommu=nosuch -- true
check an_unknown_device_option_names_the_known complains 2 "dma_mask" run --device edu,x=1 -- true
check a_bad_address_is_wrong_usage complains 2 "no PCI address" run --device edu@1 -- true
check an_unknown_container_names_the_known complains 2 "there are: type1, iommufd, none" run --container x true
check list_takes_one_model complains 2 "the name of one model" "$uiommufd" list edu ioat
check list_of_an_unknown_model_says_so complains 2 '"x"' "$uiommufd" list x
check list_of_a_missing_file_says_so complains 2 "/nosuch.so" "$uiommufd" list /nosuch.so
check a_program_that_is_not_there_is_127 complains 127 "No such file" run -- /nosuch
check a_model_that_is_no_program_is_explained complains 127 "a device is added by --device edu" run edu -- true
check a_file_that_is_no_program_is_126 complains 126 "Permission denied" run -- /etc/passwd
check a_directory_is_126 complains 126 "Permission denied" run -- /tmp

check list_names_models_and_kinds sh -c '"$1" list | grep -q "^  edu " && "$1" list | grep -q "^  amd "' - "$uiommufd"
check list_of_a_model_has_registers_capabilities_and_options sh -c \
	'"$1" list nvme >"$2/nvme" && grep -q "0x14 .*CC " "$2/nvme" && grep -q "MSI-X$" "$2/nvme" && grep -q "1 to 64; default 16" "$2/nvme"' \
	- "$uiommufd" "$scratch"
check list_as_json_has_the_same python3 -c '
import json, subprocess, sys
def listed(*words):
    return json.loads(subprocess.run([sys.argv[1], "list", "--json", *words], stdout=subprocess.PIPE, check=True).stdout)
everything = listed()
assert "amd" in [kind["name"] for kind in everything["iommus"]]
assert "mmap" in [option["name"] for option in everything["device_options"]]
nvme = listed("nvme")
assert nvme in everything["models"] and nvme["vendor"] == "0x1b36"
assert [r["offset"] for r in nvme["registers"] if r["name"] == "CC"] == ["0x14"]
assert ("0x11", False) in [(cap["id"], cap["extended"]) for cap in nvme["capabilities"]]
for model in everything["models"]:
    for option in model["options"]:
        assert option["values"] and ("default" not in option or option["default"] in option["help"]), option' "$uiommufd"
check version_prints_one_line sh -c '"$1" --version | grep -Eqx "uiommufd [0-9.]+"' - "$uiommufd"
check help_goes_to_standard_output sh -c '"$1" --help 2>&1 >/dev/null | wc -c | grep -qx 0' - "$uiommufd"
check each_command_has_its_help sh -c 'for c in run list show lookup; do "$1" $c --help | grep -q "^Usage: uiommufd $c" || exit 1; done' - "$uiommufd"
check help_of_the_program_is_the_programs prints --help run -- printf %s --help
check output_that_cannot_be_written_is_an_error status 125 sh -c '"$1" list >/dev/full' - "$uiommufd"

check the_exit_status_is_the_programs status 7 run -- sh -c 'exit 7'
check options_of_the_program_are_not_ours prints "--device --" run --mock printf '%s %s' --device --
check a_program_needs_no_dashes_before_it prints x run --device edu echo x
check arguments_arrive_as_they_are prints "a b||c'd" run -- sh -c 'printf "%s|%s|%s\n" "$@"' - "a b" "" "c'd"
check standard_input_is_the_programs prints hello sh -c 'echo hello | "$1" run -- cat' - "$uiommufd"
check standard_error_is_the_programs prints oops sh -c '"$1" run -- sh -c "echo oops >&2" 2>&1' - "$uiommufd"

signal_kills() {
	run -- sh -c 'kill -'"$1"' $$'
	[ $? -eq $((128 + $2)) ]
}
check a_program_that_dies_of_SEGV_shows_it signal_kills SEGV 11
check a_program_that_dies_of_KILL_shows_it signal_kills KILL 9

# A process that a signal ends, as its parent sees it: not an exit status.
check death_by_a_signal_is_death_by_that_signal python3 -c '
import subprocess, sys
sys.exit(subprocess.run([sys.argv[1], "run", "--", "sh", "-c", "kill -TERM $$"]).returncode != -15)' "$uiommufd"

check a_signal_to_us_reaches_the_program python3 -c '
import signal, subprocess, sys
p = subprocess.Popen([sys.argv[1], "run", "--", "python3", "-c", """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
print("ready", flush=True)
time.sleep(30)"""], stdout=subprocess.PIPE)
p.stdout.readline()
p.send_signal(signal.SIGTERM)
sys.exit(p.wait() != 42)' "$uiommufd"

check ignored_signals_stay_ignored prints ignored sh -c 'trap "" HUP CHLD; "$1" run -- python3 -c "
import signal
print(\"ignored\" if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else \"not\")"' - "$uiommufd"
check no_signal_is_blocked_for_the_program prints 0000000000000000 run -- awk '/^SigBlk/ { print $2 }' /proc/self/status

static_program() {
	printf '#include <fcntl.h>\nint main(void) { return open("/dev/iommu", O_RDWR) < 0 ? 6 : 7; }\n' |
		gcc -static -x c - -o "$scratch/static" 2>/dev/null || return 0
	"$uiommufd" run -- "$scratch/static"
	test $? = 7
}
check a_statically_linked_program_sees_the_machine static_program

# As root only: a program that runs as another user, with that user's rights.
privileged_program() {
	[ "$(id -u)" -eq 0 ] || return 0
	cp /bin/true "$scratch/other" && chown 65534 "$scratch/other" && chmod u+s "$scratch/other" || return 1
	complains 0 "runs with more rights" run -- "$scratch/other" || return 1
	printf '#!%s\n' "$scratch/other" >"$scratch/script" && chmod +x "$scratch/script"
	complains 0 "runs with more rights" run -- "$scratch/script" || return 1
	chown 0 "$scratch/other" && chmod u+s "$scratch/other"
	prints "" run -- "$scratch/other" 2>&1
}
check a_program_with_other_rights_is_warned_of privileged_program

leaves_nothing() {
	mkdir "$scratch/tmp"
	(
		unset XDG_RUNTIME_DIR
		TMPDIR=$scratch/tmp
		export TMPDIR
		run --device edu -- ls "$scratch/tmp" | grep -q '^uiommufd-' || exit 1
		run -- sh -c 'kill -KILL $$'
		run -- /nosuch
		[ -z "$(ls -A "$scratch/tmp")" ]
	)
}
check nothing_is_left_behind leaves_nothing

# A program that walks /dev to look for devices finds only those that it may open.
is_hidden_in_dev() {
	[ "$(stat -f -c %T /dev/shm)" = tmpfs ] || return 0
	cat >"$scratch/look.py" <<-END
		import glob, os, subprocess
		def look():
		    print(*os.listdir("/dev/shm"), *glob.glob("/dev/shm/*"))
		    print(subprocess.run(["find", "/dev/shm"], capture_output=True, text=True).stdout)
		look()
		fd = os.open("/dev/iommu", os.O_RDWR)
		look()
	END
	XDG_RUNTIME_DIR=/dev/shm run --device edu -- python3 "$scratch/look.py" >"$scratch/seen" 2>&1
	XDG_RUNTIME_DIR=/dev/shm run --shared --device edu -- python3 "$scratch/look.py" >>"$scratch/seen" 2>&1
	! grep uiommufd- "$scratch/seen" || return 1
	mkfifo "$scratch/ends"
	XDG_RUNTIME_DIR=/dev/shm run -- cat "$scratch/ends" &
	exec 7>"$scratch/ends"
	ls /dev/shm | grep -q '^uiommufd-'
	there=$?
	exec 7>&-
	wait
	return $there
}
check a_run_is_not_seen_in_dev is_hidden_in_dev

# As root only: without a variable that names another place, the directory is in memory if it can be.
is_in_memory() {
	[ "$(id -u)" -eq 0 ] && [ "$(stat -f -c %T /dev/shm)" = tmpfs ] && [ "$(df -k --output=avail /dev/shm | tail -1)" -ge 16384 ] || return 0
	(
		unset XDG_RUNTIME_DIR TMPDIR
		[ "$(run -- sh -c 'stat -f -c %T "$UIOMMUFD_ROOT"')" = tmpfs ]
	)
}
check the_directory_is_in_memory is_in_memory

# As root only: programs that give up root leave tables of what they had locked.
removes_tables() {
	[ "$(id -u)" -eq 0 ] || return 0
	mkdir -m 1777 "$scratch/tables" || return 1
	(
		umask 077
		: >"$scratch/tables/uiommufd-locked-65534" && chown 65534 "$scratch/tables/uiommufd-locked-65534" &&
			: >"$scratch/tables/uiommufd-locked-mine" || exit 1
		unset XDG_RUNTIME_DIR
		TMPDIR=$scratch/tables run -- true
		[ "$(ls "$scratch/tables")" = uiommufd-locked-mine ]
	)
}
check tables_of_other_users_are_removed removes_tables

# The machine lives as long as a process in it, although the command ends with the first one.
lives_on() {
	mkdir "$scratch/tmp2"
	(
		unset XDG_RUNTIME_DIR
		TMPDIR=$scratch/tmp2
		export TMPDIR
		run -- sh -c '(sleep 1; [ -c /dev/iommu ] && echo yes >"$1") >/dev/null 2>&1 &' - "$scratch/later" || exit 1
		[ ! -e "$scratch/later" ] || exit 1
		sleep 3
		[ "$(cat "$scratch/later")" = yes ] && [ -z "$(ls -A "$scratch/tmp2")" ]
	)
}
check the_machine_lives_as_long_as_a_process_in_it lives_on

# What runs have left that were killed is removed by the next.
is_swept() {
	mkdir "$scratch/tmp3"
	(
		unset XDG_RUNTIME_DIR
		TMPDIR=$scratch/tmp3
		export TMPDIR
		# If that was killed before it could tell the command of the program, the command has swept already.
		for i in 1 2 3 4 5 6 7 8 9 10; do
			run -- sh -c 'kill -KILL $(sed -n "s/^PPid:[^0-9]*//p" /proc/$$/status)' 2>/dev/null
			[ -z "$(ls "$scratch/tmp3")" ] || break
		done
		[ "$(ls "$scratch/tmp3" | wc -l)" -eq 1 ] || exit 1
		run -- sleep 2 &
		sleep 1
		run -- true
		[ "$(ls "$scratch/tmp3" | wc -l)" -eq 1 ] || exit 1
		wait
		[ -z "$(ls -A "$scratch/tmp3")" ]
	)
}
check what_killed_runs_left_is_removed is_swept

# Each run looks for what others have left, also while those begin.
begin_together() {
	for loop in 1 2 3 4; do
		(
			for i in 1 2 3 4 5 6 7 8 9 10; do
				"$uiommufd" run --device edu -- true || exit
			done
			: >"$scratch/loop$loop"
		) &
	done 2>"$scratch/together"
	wait
	cat "$scratch/together"
	[ -e "$scratch/loop1" ] && [ -e "$scratch/loop2" ] && [ -e "$scratch/loop3" ] && [ -e "$scratch/loop4" ]
}
check runs_that_begin_together_leave_each_other_alone begin_together

# As root only: a directory of another user is not trusted, whatever the environment says.
is_not_trusted() {
	[ "$(id -u)" -eq 0 ] || return 0
	mkdir "$scratch/theirs" && chown 65534 "$scratch/theirs" || return 1
	XDG_RUNTIME_DIR=$scratch/theirs TMPDIR=$scratch/theirs run -- sh -c '[ -c /dev/iommu ] && [ -z "$(ls -A "$1")" ]' - "$scratch/theirs" || return 1
	chown 0 "$scratch/theirs" && chmod 777 "$scratch/theirs" || return 1
	TMPDIR=$scratch/theirs run -- sh -c '[ -c /dev/iommu ] && [ -z "$(ls -A "$1")" ]' - "$scratch/theirs"
}
check directories_of_others_are_not_trusted is_not_trusted

# As root only: sysfs is for everybody, and device nodes are for whom their modes say.
gives_up_root() {
	[ "$(id -u)" -eq 0 ] || return 0
	run --device edu@0000:c1:00.0 -- python3 -c '
import os
os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
assert open("/sys/bus/pci/devices/0000:c1:00.0/vendor").read() == "0x1234\n"
assert "iommu" in os.listdir("/dev")
os.close(os.open("/dev/vfio/vfio", os.O_RDWR))
try:
    os.open("/dev/iommu", os.O_RDWR)
except PermissionError:
    os._exit(0)
os._exit(1)'
}
check a_program_that_gives_up_root_sees_sysfs gives_up_root
check an_existing_preload_is_kept prints 1 sh -c 'LD_PRELOAD=libm.so.6 "$1" run -- grep -c -m1 libm.so /proc/self/maps' - "$uiommufd"

# doctor says whether a run works here, and tries what it says.
check doctor_says_that_programs_can_be_run sh -c '"$1" doctor | tee /dev/stderr | grep -q "^programs can be run"' - "$uiommufd"
check doctor_names_a_limit_and_its_cure sh -c 'ulimit -l 64
	"$1" doctor | tee /dev/stderr | grep -A 1 "^limit *locked memory: 64 KiB" | grep -q -- "--memlock unlimited"' - "$uiommufd"
# Without ptrace, seccomp and userfaultfd.
in_a_strict_container() {
	"$(dirname "$0")/refuse_calls.py" 101,317,323 "$uiommufd" doctor >"$scratch/said" && cat "$scratch/said" &&
		grep -q "^limit *statically linked programs and --shared" "$scratch/said" &&
		grep -q "^limit *programs that use userfaultfd" "$scratch/said" &&
		grep -A 1 "^limit *ptrace is refused" "$scratch/said" | grep -q "cap-add SYS_PTRACE" &&
		grep -q "^programs can be run, with [0-9]* limits" "$scratch/said"
}
check doctor_names_what_a_seccomp_filter_takes in_a_strict_container
# A container may have no /proc, or that of the host.
without_proc() {
	unshare -m sh -c 'mount -t tmpfs proc /proc && "$@"' - "$@"
}
with_the_proc_of_others() {
	unshare -mp --fork "$@"
}
# Where there is no space for the emulated files.
without_space() {
	mkdir -p "$scratch/full"
	unshare -m sh -c 'mount -t tmpfs -o size=4k full "$0" && XDG_RUNTIME_DIR= TMPDIR=$0 "$@"' "$scratch/full" "$@"
}
if [ "$(id -u)" -eq 0 ] && unshare -mp --fork true 2>/dev/null; then
	check run_says_that_there_is_no_proc complains 125 "there is no /proc, without which" without_proc "$uiommufd" run --device edu -- true
	check doctor_says_that_there_is_no_proc sh -c '! unshare -m sh -c "mount -t tmpfs proc /proc && \"$1\" doctor" >"$2/said" &&
		grep -q "^stop   there is no /proc" "$2/said"' - "$uiommufd" "$scratch"
	check run_says_that_proc_is_of_others complains 125 "/proc is that of another PID namespace" with_the_proc_of_others \
		"$uiommufd" run --shared --device edu -- true
	check no_space_is_said_with_the_cure complains 125 "No space left on device; TMPDIR can name another folder" \
		without_space "$uiommufd" run --device edu -- true
	check a_program_with_the_preload_needs_no_proc_of_its_own prints yes with_the_proc_of_others \
		"$uiommufd" run --device edu -- sh -c 'test -c /dev/iommu && echo yes'
fi
check doctor_takes_no_arguments complains 2 "doctor takes no arguments" "$uiommufd" doctor now
without_its_preload() {
	mkdir -p "$scratch/alone" && cp "$uiommufd" "$scratch/alone/" && status 125 "$scratch/alone/uiommufd" doctor >"$scratch/said" &&
		grep -q "^stop *preload: there is no .*/libuiommufd-preload.so" "$scratch/said" &&
		complains 125 "libuiommufd-preload.so: No such file" "$scratch/alone/uiommufd" run -- true
}
check doctor_and_run_say_that_the_preload_is_missing without_its_preload

in_a_path_with_spaces() {
	mkdir "$scratch/a b:c" && cp "$uiommufd" "$2" "$scratch/a b:c/" &&
		[ "$("$scratch/a b:c/uiommufd" run -- sh -c '[ -c /dev/iommu ] && echo yes')" = yes ]
}
check the_library_may_be_at_a_path_with_spaces in_a_path_with_spaces "$@"

finish
