#!/bin/sh
# SPDX-License-Identifier: MIT
# Double fetches are reported where they are looked for: double_fetch.sh UIOMMUFD PRELOAD MODEL PROGRAM
. "$(dirname "$0")/lib.sh"
model=$(realpath "$3") program=$(realpath "$4")

# fetches OPTION COMMAND: the first lines that the run prints.
fetches() {
	run $1 --device "$model" -- "$program" "$2" 2>&1 | sed -n '1,2p'
}

check a_byte_that_changes_between_two_reads_is_reported prints "uiommufd: 0000:01:00.0: DMA reads 32 bytes at IOVA 0x1000 a second time, and the byte at 0x1008 has changed in between, from 0x00 to 0x5a
  the read before was of 32 bytes at IOVA 0x1000; no DMA write, interrupt or register write came between" fetches --double-fetch 1
check what_the_device_has_answered_may_change prints "" fetches --double-fetch 2
check nothing_is_compared_unless_asked_for prints "" fetches "--stacks on" 1
finish
