#!/bin/sh
# SPDX-License-Identifier: MIT
# Models built outside of this tree against an installed uiommufd, by make, meson and CMake:
# out_of_tree.sh UIOMMUFD PRELOAD SOURCE BUILD
. "$(dirname "$0")/lib.sh"
uiommufd=$(realpath "$uiommufd") source=$(realpath "$3") build=$(realpath "$4")

meson install -C "$build" --no-rebuild --tags devel,runtime --destdir "$scratch/root" >"$scratch/install" 2>&1 || {
	cat "$scratch/install"
	exit 1
}
pc=$(find "$scratch/root" -name uiommufd.pc)
prefix=$(find "$scratch/root" -type d -name include) prefix=${prefix%/include}
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

# embeds HOW: the example of the library, as a program of its own against what is installed.
embeds() {
	mkdir "$scratch/embedded" && cd "$scratch/embedded" && cp "$source/examples/embedded.c" . &&
		"$@" && LD_LIBRARY_PATH=${pc%/pkgconfig/*} ./embedded amd
	result=$?
	cd / && rm -rf "$scratch/embedded"
	return "$result"
}

by_cmake() {
	cat >CMakeLists.txt <<-'END'
		cmake_minimum_required(VERSION 3.13)
		project(embedded C)
		find_package(uiommufd 0.1 REQUIRED)
		add_executable(embedded embedded.c)
		target_link_libraries(embedded uiommufd::uiommufd)
	END
	cmake -DCMAKE_PREFIX_PATH="$prefix" -B build && cmake --build build && cp build/embedded .
}

# What pkg-config prints is words.
# shellcheck disable=SC2046
by_pkg_config() {
	"${CC:-cc}" -std=c99 -D_GNU_SOURCE -pedantic -Wall embedded.c -o embedded $(pkg-config --cflags --libs uiommufd)
}

# shellcheck disable=SC2046
by_pkg_config_static() {
	"${CC:-cc}" embedded.c -o embedded $(pkg-config --cflags uiommufd) -Wl,-Bstatic -L"${pc%/pkgconfig/*}" -luiommufd \
		-Wl,-Bdynamic $(pkg-config --static --libs uiommufd | sed 's/-luiommufd//g')
}

# Another version is no answer to a request for 0.2, nor for 1.0.
refused_by_cmake() {
	mkdir "$scratch/refused" && cd "$scratch/refused" && cat >CMakeLists.txt <<-END
		cmake_minimum_required(VERSION 3.13)
		project(refused NONE)
		find_package(uiommufd $1 QUIET)
		if(uiommufd_FOUND)
		  message(FATAL_ERROR "found for $1")
		endif()
	END
	cmake -DCMAKE_PREFIX_PATH="$prefix" -B build
	result=$?
	cd / && rm -rf "$scratch/refused"
	return "$result"
}

check pkg_config_finds_the_library embeds by_pkg_config
check pkg_config_names_what_the_static_library_needs embeds by_pkg_config_static
if command -v cmake >"$scratch/cmake"; then
	check cmake_finds_the_library embeds by_cmake
	check cmake_does_not_find_a_later_minor_version refused_by_cmake 0.2
	check cmake_does_not_find_a_later_major_version refused_by_cmake 1.0
fi
finish
