#!/bin/sh
# SPDX-License-Identifier: MIT
# Models built outside of this tree against an installed uiommufd, by make, meson and CMake:
# out_of_tree.sh UIOMMUFD PRELOAD SOURCE BUILD
. "$(dirname "$0")/lib.sh"
uiommufd=$(realpath "$uiommufd") source=$(realpath "$3") build=$(realpath "$4")

meson install -C "$build" --no-rebuild --tags devel --destdir "$scratch/root" >"$scratch/install" 2>&1 || {
	cat "$scratch/install"
	exit 1
}
pc=$(find "$scratch/root" -name uiommufd.pc)
export PKG_CONFIG_PATH="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$scratch/root"

# builds WHERE COMMAND...: in a copy of the models; then the counter counts.
builds() {
	where=$1
	shift
	cp -r "$source/examples/models" "$scratch/copy" && cd "$scratch/copy" && "$@" &&
		prints "the counter is at 42" "$uiommufd" run --device "$where/counter.so" -- "$where/counter-driver" &&
		prints "524288 bytes copied, 1 interrupt" \
			"$uiommufd" run --device "$where/mover.so" -- "$where/mover-driver" &&
		prints "10000 copies done" "$uiommufd" run --device "$where/ring.so" -- "$where/ring-driver"
	result=$?
	cd / && rm -rf "$scratch/copy"
	return "$result"
}

check make_builds_models builds . make
check meson_builds_models builds build sh -ec 'meson setup build; ninja -C build'
if command -v cmake >"$scratch/cmake"; then
	check cmake_builds_models builds build sh -ec 'cmake -B build; cmake --build build'
fi
finish
