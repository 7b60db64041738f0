#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: nested.sh UIOMMUFD KIND PROGRAM: runs PROGRAM with an edu device behind an IOMMU of KIND. The log must have a line for each
# that the program says to expect ("expect: TEXT" on standard error, before the DMA that fails), and no other. Each report has
# a line of its own; what is indented is more of it.
set -u

log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$1" run --iommu "$2" --device edu -- "$3" 2>"$log"
status=$?
awk '
	/^expect: / {
		if (want != "") { print "not logged: " want; bad = 1 }
		want = substr($0, 9)
		next
	}
	/^uiommufd: / && want != "" && index($0, want) { want = ""; next }
		/^  / { next } # more of a report
	{ print "not expected: " $0; bad = 1 }
	END {
		if (want != "") { print "not logged: " want; bad = 1 }
		exit bad
	}
' "$log" && [ "$status" -eq 0 ]
