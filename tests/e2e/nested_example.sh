#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: nested_example.sh UIOMMUFD NESTED: what the example reads after each step, with the IOTLB and without.
set -u

failed=0

# reads OPTIONS EXPECTED: the pages that the device reads on an IOMMU with OPTIONS, one letter each.
reads()
{
	seen=$("$uiommufd" run --iommu "intel$1" --device edu -- "$nested" 2>&1) || failed=1
	pages=$(printf '%s\n' "$seen" | sed -n 's/^DMA .*reads "the \(.\).*/\1/p' | tr -d '\n')
	[ "$pages" = "$2" ] && return
	printf 'intel%s: the device reads %s, not %s:\n%s\n' "$1" "$pages" "$2" "$seen"
	failed=1
}

uiommufd=$1
nested=$2
reads '' oon
reads ,iotlb=on oon
reads ,iotlb=off onn
exit "$failed"
