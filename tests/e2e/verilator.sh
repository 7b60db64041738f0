#!/bin/sh
# SPDX-License-Identifier: MIT
# The example model in Verilog, where there is Verilator: verilator.sh UIOMMUFD PRELOAD SOURCE
. "$(dirname "$0")/lib.sh"
uiommufd=$(realpath "$uiommufd") source=$(realpath "$3")

if ! command -v verilator >"$scratch/which" || ! command -v c++ >"$scratch/which"; then
	echo "there is no verilator, or no c++"
	exit 77
fi
cp -r "$source/examples/models" "$scratch/models" && cd "$scratch/models" || exit 1

check verilator_builds_a_model make CPPFLAGS="-I$source/include" CXX=c++ CXXFLAGS=-O0 crc.so crc-driver
check hardware_in_verilog_does_dma prints "CRC 0x$(python3 -c '
import zlib
print("%08x" % zlib.crc32(bytes(i * i >> 3 & 255 for i in range(1 << 16))))') of 65536 bytes" \
	run --device ./crc.so -- ./crc-driver
# As docs/models.md shows it.
"$source/tests/lib/blocks.py" docs/models.md tests/e2e/verilator.sh >"$scratch/shown"
PATH=$(dirname "$uiommufd"):$PATH
check the_document_shows_it prints "$(sed '/^\$ /d' "$scratch/shown")" sh -c "$(sed -n 's/^\$ //p' "$scratch/shown")"
cd /
finish
