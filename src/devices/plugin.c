/* SPDX-License-Identifier: MIT */
/*
 * Loads models from shared objects. A model may have been compiled with an older header than ours:
 * structures only grow at their end, so what it lacks is 0. One that was compiled with a newer
 * header may use services that are not there, and is refused.
 */
#include "devices/plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "vfio/pci_model.h"

/* Of the first version of the header. */
#define OLDEST_MODEL	(offsetof(struct uiommufd_model, write) + sizeof(void *))
#define OLDEST_SERVICES (offsetof(struct uiommufd_device_services, unlock) + sizeof(void *))

/* NULL, or what is wrong with @plugin. */
static const char *refusal(const struct uiommufd_plugin *plugin)
{
	if (plugin->version != UIOMMUFD_PLUGIN_VERSION)
		return "it was built for another version of the interface of models";
	if (plugin->model_size > sizeof(struct uiommufd_model) ||
	    plugin->services_size > sizeof(struct uiommufd_device_services))
		return "it was built for a newer uiommufd";
	if (plugin->model_size < OLDEST_MODEL || plugin->services_size < OLDEST_SERVICES ||
	    !plugin->model)
		return "its struct uiommufd_plugin is damaged";
	return NULL;
}

struct uiommufd_model *plugin_adopt(const struct uiommufd_plugin *plugin, const char *path,
				    char *error, size_t size)
{
	const char *why = refusal(plugin);
	struct uiommufd_model *model;
	char mistake[128];

	if (why) {
		snprintf(error, size, "%s: %s", path, why);
		return NULL;
	}
	model = alloc_zeroed(sizeof(*model));
	if (!model) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	memcpy(model, plugin->model, plugin->model_size);
	if (pci_model_check(model, mistake, sizeof(mistake))) {
		snprintf(error, size, "%s: %s", path, mistake);
		alloc_free(model);
		return NULL;
	}
	return model;
}

struct uiommufd_model *plugin_load(const struct plugin_linker *linker, const char *path,
				   char *error, size_t size)
{
	const struct uiommufd_plugin *plugin;
	const char *why;
	void *handle;

	handle = linker->open(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		why = dlerror();
		snprintf(error, size, "%s", why ? why : path);
		return NULL;
	}
	plugin = linker->symbol(handle, "uiommufd_plugin");
	if (!plugin) {
		snprintf(error, size, "%s: no model is in it: UIOMMUFD_MODEL() is missing", path);
		return NULL;
	}
	return plugin_adopt(plugin, path, error, size);
}
