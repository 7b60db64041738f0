#!/bin/sh
# SPDX-License-Identifier: MIT
# An installed tree is complete, and works wherever it is: installed.sh UIOMMUFD PRELOAD BUILD PREFIX BINDIR
. "$(dirname "$0")/lib.sh"
build=$(realpath "$3") prefix=$4 bindir=$5

meson install -C "$build" --no-rebuild --destdir "$scratch/staged" >"$scratch/install" 2>&1 || {
	cat "$scratch/install"
	exit 1
}
tree=$scratch/staged$prefix

# copies TREE: its own command runs its own example, against its own preload.
copies() {
	example=$(find "$1" -path '*/examples/edu-copy' -type f)
	"$1/$bindir/uiommufd" run --device edu -- "$example" | tee "$scratch/out" && grep -q '^verified ' "$scratch/out" &&
		"$1/$bindir/uiommufd" run -- sh -c 'realpath "${LD_PRELOAD##*:}"' >"$scratch/preload" &&
		cat "$scratch/preload" && grep -qF "$(realpath "$1")/" "$scratch/preload"
}

moved() {
	mv "$tree" "$scratch/some where" && copies "$scratch/some where"
	result=$?
	mv "$scratch/some where" "$tree"
	return "$result"
}

linked() {
	ln -s "$tree/$bindir/uiommufd" "$scratch/link" && "$scratch/link" run --device edu -- true
}

# The library, the command and pkg-config name one version.
one_version() {
	cat >"$scratch/version.c" <<-'END'
		#include <stdio.h>
		#include <uiommufd/uiommufd.h>

		int main(void)
		{
			uint32_t version = uiommufd_version();

			printf("%u.%u.%u\n", version >> 16, version >> 8 & 255, version & 255);
		}
	END
	library=$(find "$tree" -name libuiommufd.so)
	"${CC:-cc}" -I "$tree/include" -o "$scratch/version" "$scratch/version.c" -L "${library%/*}" -luiommufd &&
		version=$(LD_LIBRARY_PATH=${library%/*} "$scratch/version") && echo "$version" &&
		[ "uiommufd $version" = "$("$tree/$bindir/uiommufd" --version)" ] &&
		grep -qx "Version: $version" "$(find "$tree" -name uiommufd.pc)"
}

# Each is one file of the tree.
has() {
	for file in "$@"; do
		[ "$(find "$tree" -path "*/$file" | wc -l)" -eq 1 ] || {
			echo "not installed: $file"
			return 1
		}
	done
}

check a_staged_tree_finds_its_preload copies "$tree"
check a_moved_tree_finds_its_preload moved
check a_link_to_the_command_finds_the_preload linked
check library_command_and_pkg_config_name_one_version one_version
check man_pages_are_installed has man1/uiommufd.1 man3/uiommufd_open.3 man3/uiommufd_dma_write.3
check completions_are_installed has bash-completion/completions/uiommufd zsh/site-functions/_uiommufd uiommufd.fish
check documents_are_installed has doc/uiommufd/README.md docs/run.md docs/windows.svg docs/abi/ioas.md
check examples_are_installed_as_source has examples/edu-copy.c examples/models/counter.c examples/models/Makefile
check libraries_and_headers_are_installed \
	has libuiommufd.so.0 libuiommufd.so libuiommufd.a pkgconfig/uiommufd.pc include/uiommufd/uiommufd.h
check each_file_is_in_a_package "$(dirname "$0")/../source/packaged_files.py" "$(dirname "$0")/../.." "$tree"
finish
