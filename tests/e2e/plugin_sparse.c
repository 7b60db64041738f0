/* SPDX-License-Identifier: MIT */
/*
 * A library as older linkers made them, whose code is in its first segment: the linker at run time
 * maps that as long as all of the library, which is longer than the file. plugin.c opens it.
 */
__attribute__((visibility("default"))) extern char plugin_sparse[1 << 20];
char plugin_sparse[1 << 20];
