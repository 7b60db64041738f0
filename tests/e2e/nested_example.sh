#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: nested_example.sh UIOMMUFD NESTED: what the example reads after each step, with the IOTLB and without; by software
# nesting with each format, on kinds that do not nest.
set -u

failed=0

# reads IOMMU EXPECTED ARGUMENT...: the pages that the device reads, one letter each.
reads()
{
	iommu=$1 expected=$2
	shift 2
	seen=$("$uiommufd" run --iommu "$iommu" --device edu -- "$nested" "$@" 2>&1) || failed=1
	pages=$(printf '%s\n' "$seen" | sed -n 's/^DMA .*reads "the \(.\).*/\1/p' | tr -d '\n')
	[ "$pages" = "$expected" ] && return
	printf '%s %s: the device reads %s, not %s:\n%s\n' "$iommu" "$*" "$pages" "$expected" "$seen"
	failed=1
}

uiommufd=$1
nested=$2
reads intel oon
reads intel,iotlb=on oon
reads intel,iotlb=off onn
for format in x86 x86-5 sv39 sv48 sv57 arm amdv1 vtdss; do
	reads riscv oon --soft "$format"
	reads power,iotlb=off onn --soft "$format"
done
exit "$failed"
