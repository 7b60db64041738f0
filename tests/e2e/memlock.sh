#!/bin/sh
# SPDX-License-Identifier: MIT
# The limit of locked memory: what it is, who counts, what is said about it, what it leaves behind.
. "$(dirname "$0")/lib.sh"

program=$3
mkdir "$scratch/run"
chmod 700 "$scratch/run"
XDG_RUNTIME_DIR=$scratch/run TMPDIR=$scratch/run
export XDG_RUNTIME_DIR TMPDIR

# pins LIMIT EXPECTED ARGUMENT...: with the limit in pages, prints exactly that.
pins() {
	limit=$(($1 * 4))K expected=$2
	shift 2
	got=$(run --memlock "$limit" --device edu -- "$program" "$@" 2>/dev/null | tr '\n' ' ')
	[ "$got" = "$expected " ] || { echo "printed $got"; return 1; }
}

check the_limit_is_the_one_given pins 8 "ok ENOMEM ok ENOMEM" 5 4 3 1
check no_limit_is_one sh -c 'ulimit -Sl 64; [ "$("$1" run --memlock unlimited --device edu -- "$2" 1000)" = ok ]' - "$uiommufd" "$program"
check the_limit_of_the_program_is_the_default sh -c 'ulimit -Sl 64; [ "$("$1" run --device edu -- "$2" 16 1 | tr "\n" " ")" = "ok ENOMEM " ]' - "$uiommufd" "$program"
check nothing_at_all_may_be_the_limit pins 0 ENOMEM 1

says_so_once() {
	run --memlock 16K --device edu -- "$program" 4 1 1 1 2>&1 >/dev/null | tee "$scratch/lines" | grep -q "ENOMEM: 4 KiB more would exceed.* 16 KiB for the user" &&
		[ "$(grep -c "^uiommufd: IOMMU_IOAS_MAP refused" "$scratch/lines")" -eq 1 ]
}
check a_failure_is_explained_once says_so_once

check what_is_no_limit_is_wrong_usage complains 2 '"12X" is no limit' run --memlock 12X true
check a_limit_that_overflows_is_wrong_usage complains 2 "is no limit" run --memlock 99999999999G true
check a_limit_needs_its_value complains 2 "needs a value" run --memlock

# Another program of the same user, which holds what it has pinned. It ends when $scratch/fifo is closed.
hold() {
	mkfifo "$scratch/fifo"
	run --memlock 64K --device edu -- "$program" -h "$1" <"$scratch/fifo" >"$scratch/held" &
	exec 9>"$scratch/fifo"
	while ! grep -q . "$scratch/held"; do sleep 0.1; done
	grep -qx ok "$scratch/held"
}
release() {
	exec 9>&-
	wait
	rm "$scratch/fifo" "$scratch/held"
}
counts_others() {
	hold 10 || return 1
	pins 16 "ENOMEM ok ENOMEM" 7 6 1 || { release; return 1; }
	release
	pins 16 "ok ENOMEM" 16 1
}
check the_programs_of_a_user_count_together counts_others

counts_no_dead() {
	hold 10 || return 1
	kill -KILL "$(pgrep -f "^$program -h 10")"
	release
	pins 16 "ok ENOMEM" 16 1
}
check a_killed_program_does_not_count counts_no_dead

check a_copy_of_fork_counts_once pins 16 "ok ok ENOMEM" -f 8 8 1

leaves_nothing() {
	[ -z "$(ls -A "$scratch/run")" ]
}
check nothing_is_left_in_the_directory leaves_nothing

# A table that is another user's, or a link, or damaged: the program counts for itself.
table=$scratch/run/uiommufd-locked-$(id -u)
ignores_links() {
	ln -s /etc/passwd "$table"
	pins 16 "ok ENOMEM" 16 1
	got=$?
	rm -f "$table"
	return $got
}
check a_link_in_place_of_the_table_is_not_followed ignores_links
ignores_others() {
	touch "$table" && chmod 666 "$table"
	pins 16 "ok ENOMEM" 16 1
	got=$?
	rm -f "$table"
	return $got
}
check a_table_that_others_may_write_is_not_used ignores_others
survives_damage() {
	hold 10 || return 1
	: >"$table"
	pins 16 "ok ENOMEM" 16 1
	got=$?
	release
	return $got
}
check a_table_that_was_emptied_harms_nobody survives_damage

# What the program locks, and what a container locks for it, have one limit.
locks() {
	expected=$1
	shift
	got=$(ulimit -l 40 && run --device edu -- "$program" -c "$@" 2>/dev/null | tr '\n' ' ')
	[ "$got" = "$expected " ] || { echo "printed $got"; return 1; }
}
check a_container_counts_what_the_program_has_locked locks "ok ENOMEM ok ENOMEM" l5 6 5 1
check a_program_cannot_lock_what_a_container_has_locked locks "ok ENOMEM ok ENOMEM" 6 l5 l4 l1
finish
