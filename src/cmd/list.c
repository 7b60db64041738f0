/* SPDX-License-Identifier: MIT */
/* `uiommufd list`: kinds of IOMMU, models of devices, and their options; as text and as JSON. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cmd/cmd.h"
#include "cmd/list_model.h"
#include "devices/devices.h"
#include "devices/plugin.h"
#include "iommu/iommu.h"
#include "report/json.h"

/* What the command knows itself of an option. */
struct known_option {
	const char *name, *help, *values, *standard; /* standard: NULL: help tells */
};

static const struct known_option iommu_options[] = {
	{"name", "what it is called; default: the kind and a number", "a name", NULL},
	{"aperture", "START-LAST: all that it translates; several, with '+' between, are windows",
	 "START-LAST[+...]", NULL},
	{"hole", "START-LAST: reserved for each device behind it; several with '+' between",
	 "START-LAST[+...]", NULL},
	{"iotlb", "off: nested translations are not cached; default: on, as hardware does",
	 "on or off", "on"},
	{.name = NULL},
};

static const struct known_option device_options[] = {
	{"iommu", "name of the IOMMU it is behind; default: the first", "a name", NULL},
	{"group", "number of its IOMMU group; default: one of its own", "0 to 1048576", NULL},
	{"index", "N of /dev/vfio/devices/vfioN; default: the lowest free", "0 to 4095", NULL},
	{"mmap", "off: its BARs cannot be mapped; default: on", "on or off", "on"},
	{"doorbells", "trap: each write to one traps; default: shared, if its model shares them",
	 "shared or trap", "shared"},
	{"hostile", "off: it does what it should, also with --hostile; default: on", "on or off",
	 "on"},
	{.name = NULL},
};

static void print_options(const struct known_option *option)
{
	for (; option->name; option++)
		printf("      %-12s %s\n", option->name, option->help);
}

static void print_all(void)
{
	const struct uiommufd_model *model;
	const struct iommu_kind *kind;

	puts("Kinds of IOMMU (--iommu):");
	for (size_t i = 0; (kind = iommu_kind_at(i)); i++) {
		printf("  %-12s %s\n", iommu_kind_name(kind), iommu_kind_summary(kind));
		if (iommu_kind_alias(kind))
			printf("  %-12s the same\n", iommu_kind_alias(kind));
	}
	puts("\nOptions of every IOMMU:");
	print_options(iommu_options);
	puts("\nDevice models (--device), with their options; `uiommufd list MODEL` tells more:");
	for (size_t i = 0; (model = device_model_at(i)); i++) {
		printf("  %-12s %s\n", model->name, model->summary);
		list_model_options(model);
	}
	puts("\nOptions of every device:");
	print_options(device_options);
}

/* ---- JSON ---- */

static void write_options(struct json *json, const char *key, const struct known_option *option)
{
	json_array(json, key);
	for (; option->name; option++) {
		json_object(json, NULL);
		json_string(json, "name", option->name);
		json_string(json, "help", option->help);
		json_string(json, "values", option->values);
		if (option->standard)
			json_string(json, "default", option->standard);
		json_end_object(json);
	}
	json_end_array(json);
}

static void write_all(struct json *json)
{
	const struct uiommufd_model *model;
	const struct iommu_kind *kind;

	json_object(json, NULL);
	json_array(json, "iommus");
	for (size_t i = 0; (kind = iommu_kind_at(i)); i++) {
		json_object(json, NULL);
		json_string(json, "name", iommu_kind_name(kind));
		if (iommu_kind_alias(kind))
			json_string(json, "alias", iommu_kind_alias(kind));
		json_string(json, "summary", iommu_kind_summary(kind));
		json_end_object(json);
	}
	json_end_array(json);
	write_options(json, "iommu_options", iommu_options);
	json_array(json, "models");
	for (size_t i = 0; (model = device_model_at(i)); i++)
		list_model_json(json, model);
	json_end_array(json);
	write_options(json, "device_options", device_options);
	json_end_object(json);
}

/* @model: NULL: everything. */
static int print_json(const struct uiommufd_model *model)
{
	struct json json;
	char *text;
	size_t len;

	json_init(&json);
	if (model)
		list_model_json(&json, model);
	else
		write_all(&json);
	text = json_finish(&json, &len);
	if (!text) {
		cmd_complain("out of memory");
		return CMD_FAILED;
	}
	puts(text);
	alloc_free(text);
	return CMD_OK;
}

/* ---- the command ---- */

/* The model called @name, or that in the shared object @name, then *@loaded. NULL: complained. */
static const struct uiommufd_model *find_model(const char *name, struct uiommufd_model **loaded)
{
	static const struct plugin_linker linker = {.open = dlopen, .symbol = dlsym};
	const struct uiommufd_model *model;
	char error[512];

	*loaded = NULL;
	if (strchr(name, '/')) {
		*loaded = plugin_load(&linker, name, error, sizeof(error));
		if (!*loaded)
			cmd_complain("%s", error);
		return *loaded;
	}
	model = device_model_find(name);
	if (!model)
		cmd_complain("no device model is called \"%s\"; `uiommufd list` names them; "
			     "a shared object has a '/': ./%s",
			     name, name);
	return model;
}

int cmd_list(char **args)
{
	const struct uiommufd_model *model = NULL;
	struct uiommufd_model *loaded = NULL;
	const char *name = NULL;
	bool as_json = false;
	int status = CMD_OK;

	for (; *args; args++) {
		if (strcmp(*args, "--json") == 0) {
			as_json = true;
		} else if (**args == '-' || name) {
			cmd_complain("list takes --json and the name of one model, but there is "
				     "\"%s\"",
				     *args);
			return CMD_USAGE;
		} else {
			name = *args;
		}
	}
	if (name) {
		model = find_model(name, &loaded);
		if (!model)
			return CMD_USAGE;
	}
	if (as_json)
		status = print_json(model);
	else if (model)
		list_model_print(model);
	else
		print_all();
	alloc_free(loaded);
	return status;
}
