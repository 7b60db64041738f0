/* SPDX-License-Identifier: MIT */
/* Models in shared objects: struct uiommufd_plugin of <uiommufd/device.h>. */
#ifndef DEVICES_PLUGIN_H
#define DEVICES_PLUGIN_H

#include <stddef.h>

#include <uiommufd/device.h>

/*
 * dlopen() and dlsym(). The caller brings them: in a program under `uiommufd run` their names are
 * those of the preload's own functions.
 */
struct plugin_linker {
	void *(*open)(const char *path, int flags);
	void *(*symbol)(void *handle, const char *name);
};

/*
 * A copy of the model of @plugin, in the layout of this library, which the caller frees with
 * alloc_free(); NULL, and in @error (@size bytes) what is wrong, with @path before it.
 */
struct uiommufd_model *plugin_adopt(const struct uiommufd_plugin *plugin, const char *path,
				    char *error, size_t size);

/*
 * Loads the model in @path. Returns a copy of it, in the layout of this library, which the caller
 * frees with alloc_free(); NULL, and in @error (@size bytes) what is wrong. The shared object stays
 * loaded, as threads or exit handlers of its own may need it.
 */
struct uiommufd_model *plugin_load(const struct plugin_linker *linker, const char *path,
				   char *error, size_t size);

#endif
