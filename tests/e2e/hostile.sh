#!/bin/sh
# SPDX-License-Identifier: MIT
# Hostile devices: hostile.sh UIOMMUFD PRELOAD EDU-ROBUST EDU-COPY NVME-BLOCKS IOAT-COPY
. "$(dirname "$0")/lib.sh"
robust=$3 fragile=$4 nvme=$5 ioat=$6
head -c 65536 /dev/urandom >"$scratch/data"

hostile() {
	settings=$1
	shift
	timeout 60 "$uiommufd" run --quiet --hostile "$settings" "$@"
}

# A driver that trusts nothing finishes, or sees that the device is gone.
survives() {
	for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		hostile "seed=$seed,rate=0.02" --device edu -- "$robust"
		got=$?
		[ $got -eq 0 ] || [ $got -eq 3 ] || { echo "seed $seed: status $got"; return 1; }
	done
}
check a_robust_driver_survives_each_seed survives

fails() {
	for seed in 1 2 3 4 5; do
		hostile "seed=$seed,rate=0.05,kinds=lost+change+data" --device edu -- "$fragile" "$scratch/data" || return 0
	done
	return 1
}
check a_driver_that_trusts_its_device_fails fails

# Of kinds that do not change when things happen, each event comes again.
record() {
	hostile "seed=$1,rate=0.1,kinds=twice+data" --report "$scratch/events" --device edu -- "$robust" &&
		sed 's/"process":[0-9]*,//' "$scratch/events" >"$scratch/$2"
}
same() { record 4 first && record 4 second && [ -s "$scratch/first" ] && cmp "$scratch/first" "$scratch/second"; }
check a_seed_gives_its_events_again same
other() { record 5 third && ! cmp -s "$scratch/first" "$scratch/third"; }
check another_seed_gives_others other
check events_are_lines_of_json grep -q '"kind":"hostile".*"what":"data".*"seed":4' "$scratch/first"

logs() {
	timeout 60 "$uiommufd" run --hostile seed=4,rate=0.1,kinds=data --device edu -- "$robust" 2>&1 | grep -q "0000:01:00.0: hostile: DMA "
}
check events_are_lines_of_the_log logs
check events_are_no_mistakes status 0 hostile seed=4,rate=0.1,kinds=twice --error-exitcode 9 --device edu -- "$robust"
check a_device_may_be_left_out prints "262144 bytes copied; 0 retries, 0 resets" \
	hostile seed=1,rate=1 --device edu,hostile=off -- "$robust"

# Whatever a driver makes of it, the device itself stays whole: no signal ends the program.
whole() {
	for seed in 1 2 3; do
		for what in nvme ioat; do
			case $what in
			nvme) hostile "seed=$seed,rate=0.02,kinds=late+twice+order+change+data+reset" --device nvme,size=1M -- timeout 5 "$nvme" ;;
			ioat) hostile "seed=$seed,rate=0.02,kinds=late+twice+order+change+data+reset" --device ioat -- timeout 5 "$ioat" "$scratch/data" ;;
			esac
			got=$?
			[ $got -lt 125 ] || { echo "$what, seed $seed: status $got"; return 1; }
		done
	done
}
check models_stay_whole whole

check a_seed_is_needed complains 2 "hostile needs a seed" run --hostile rate=1 -- true
check an_unknown_kind_names_the_known complains 2 "late, lost, twice" run --hostile seed=1,kinds=x -- true
check hostile_needs_a_value complains 2 "needs a value" run --hostile
finish
