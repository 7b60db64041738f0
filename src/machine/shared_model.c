/* SPDX-License-Identifier: MIT */
/*
 * The shared objects with models that a machine's devices name. Each is loaded once. Its path is
 * made absolute, as the program may change its directory before it opens the first device.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "devices/plugin.h"
#include "machine/machine_internal.h"

enum {
	PATH_SIZE = 512 /* a line of the description holds it */
};

static int absolute(const char *path, char text[PATH_SIZE], const struct machine_error *error)
{
	size_t len = 0;
	long rc;

	while (strncmp(path, "./", 2) == 0)
		path += 2;
	if (path[0] != '/') {
		rc = sys_call(SYS_getcwd, (long)text, PATH_SIZE - 1, 0, 0, 0, 0);
		if (rc < 0 || text[0] != '/')
			return machine_fail(error,
					    "%s: the current directory has no path, or one "
					    "that is too long",
					    path);
		len = strlen(text);
		text[len++] = '/';
	}
	if (len + strlen(path) >= PATH_SIZE)
		return machine_fail(error, "the path %s is too long", path);
	strcpy(text + len, path);
	if (strpbrk(text, ",\n"))
		return machine_fail(error, "the path %s has a ',' or a line break", text);
	return 0;
}

static const struct uiommufd_model *find(const struct machine *machine, const char *path)
{
	for (size_t i = 0; i < machine->plugin_count; i++) {
		if (strcmp(machine->plugins[i].path, path) == 0)
			return machine->plugins[i].model;
	}
	return NULL;
}

/* Loads the model of @plugin, whose path is set. 0, or a negative errno and @error. */
static int load(struct machine *machine, struct machine_plugin *plugin,
		const struct machine_error *error)
{
	struct machine_plugin *plugins;
	char why[384];

	plugin->model = plugin_load(machine->linker, plugin->path, why, sizeof(why));
	if (!plugin->model)
		return machine_fail(error, "%s", why);
	plugins = alloc_resize(machine->plugins, machine->plugin_count + 1, sizeof(*plugins));
	if (!plugins) {
		alloc_free(plugin->model);
		return machine_no_memory(error);
	}
	machine->plugins = plugins;
	machine->plugins[machine->plugin_count++] = *plugin;
	return 0;
}

int machine_shared_model(struct machine *machine, const char *path,
			 const struct uiommufd_model **model, const struct machine_error *error)
{
	struct machine_plugin plugin = {0};
	char text[PATH_SIZE];
	int rc;

	if (!machine->linker)
		return machine_fail(error, "%s: shared objects are not loaded here", path);
	rc = absolute(path, text, error);
	if (rc)
		return rc;
	*model = find(machine, text);
	if (*model)
		return 0;
	plugin.path = alloc_zeroed(strlen(text) + 1);
	if (!plugin.path)
		return machine_no_memory(error);
	strcpy(plugin.path, text);
	rc = load(machine, &plugin, error);
	if (rc) {
		alloc_free(plugin.path);
		return rc;
	}
	*model = plugin.model;
	return 0;
}

const char *machine_model_path(const struct machine *machine, const struct uiommufd_model *model)
{
	for (size_t i = 0; i < machine->plugin_count; i++) {
		if (machine->plugins[i].model == model)
			return machine->plugins[i].path;
	}
	return NULL;
}

void machine_set_linker(struct machine *machine, const struct plugin_linker *linker)
{
	machine->linker = linker;
}

void machine_free_plugins(struct machine *machine)
{
	for (size_t i = 0; i < machine->plugin_count; i++) {
		alloc_free(machine->plugins[i].path);
		alloc_free(machine->plugins[i].model);
	}
	alloc_free(machine->plugins);
}
