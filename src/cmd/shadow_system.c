/* SPDX-License-Identifier: MIT */
/*
 * The modules of VFIO and iommufd as loaded ones [SYSFS-MODULES], and what the machine adds to
 * files of /proc [PROCFS], which are copied when the run begins.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/shadow.h"
#include "preload/start/layout.h"

struct module {
	const char *name;
	unsigned int size;
	const char *version;	   /* NULL: it has none */
	const char *users[4];	   /* modules that use it, the newest first */
	bool of_iommufd, of_type1; /* is there only with that */
};

/* In the order of /proc/modules: the newest first. */
static const struct module modules[] = {
	{.name = "vfio_pci", .size = 16384},
	{.name = "vfio_pci_core", .size = 94208, .users = {"vfio_pci"}},
	{.name = "irqbypass", .size = 12288, .users = {"vfio_pci_core"}},
	{.name = "vfio_iommu_type1", .size = 49152, .version = "0.2", .of_type1 = true},
	{.name = "vfio",
	 .size = 77824,
	 .version = "0.3",
	 .users = {"vfio_pci_core", "vfio_iommu_type1", "vfio_pci"}},
	{.name = "iommufd", .size = 131072, .users = {"vfio"}, .of_iommufd = true},
};

enum {
	MODULES = sizeof(modules) / sizeof(modules[0]),
};

static bool is_there(const struct module *module, const struct machine *machine)
{
	return (!module->of_iommufd || machine_iommufd(machine)) &&
	       (!module->of_type1 || machine_container(machine) == CONTAINER_TYPE1);
}

static const struct module *find_module(const char *name)
{
	for (size_t i = 0; i < MODULES; i++) {
		if (strcmp(modules[i].name, name) == 0)
			return &modules[i];
	}
	return NULL;
}

/* The next user of @module from *@at on that is there; NULL: there are no more. */
static const char *next_user(const struct module *module, const struct machine *machine,
			     unsigned int *at)
{
	while (*at < sizeof(module->users) / sizeof(module->users[0]) && module->users[*at]) {
		const char *user = module->users[(*at)++];

		if (is_there(find_module(user), machine))
			return user;
	}
	return NULL;
}

static void add_file(struct tree *tree, const struct module *module, const char *name, mode_t mode,
		     const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/module/%s/%s", module->name, name);
	tree_text(tree, path, mode, "%s", text);
}

static void add_module(struct tree *tree, const struct module *module,
		       const struct machine *machine)
{
	char path[PATH_MAX], target[PATH_MAX], line[32];
	unsigned int users = 0, at = 0;
	const char *user;

	while ((user = next_user(module, machine, &at))) {
		snprintf(path, sizeof(path), "/sys/module/%s/holders/%s", module->name, user);
		snprintf(target, sizeof(target), "/sys/module/%s", user);
		tree_link(tree, path, target);
		users++;
	}
	snprintf(path, sizeof(path), "/sys/module/%s/holders", module->name);
	tree_dir(tree, path, 0755);
	snprintf(line, sizeof(line), "%u\n", users);
	add_file(tree, module, "refcnt", 0444, line);
	snprintf(line, sizeof(line), "%u\n", module->size);
	add_file(tree, module, "coresize", 0444, line);
	add_file(tree, module, "initsize", 0444, "0\n");
	add_file(tree, module, "initstate", 0444, "live\n");
	add_file(tree, module, "taint", 0444, "\n");
	add_file(tree, module, "uevent", 0200, "");
	if (module->version) {
		snprintf(line, sizeof(line), "%s\n", module->version);
		add_file(tree, module, "version", 0444, line);
	}
	snprintf(path, sizeof(path), "/sys/module/%s/sections", module->name);
	tree_dir(tree, path, 0755);
	snprintf(path, sizeof(path), "/sys/module/%s/notes", module->name);
	tree_dir(tree, path, 0755);
}

void shadow_add_modules(struct tree *tree, const struct machine *machine)
{
	for (size_t i = 0; i < MODULES; i++) {
		if (is_there(&modules[i], machine))
			add_module(tree, &modules[i], machine);
	}
	tree_link(tree, LAYOUT_SYS_VFIO_PCI "/drivers/pci:vfio-pci",
		  LAYOUT_SYS_PCI "/drivers/vfio-pci");
	tree_link(tree, LAYOUT_SYS_PCI "/drivers/vfio-pci/module", LAYOUT_SYS_VFIO_PCI);
}

/* ---- /proc ---- */

/*
 * Copies the lines of the real file @path, or the rest of @in, to @out, until one for which @stop
 * is true, which is not copied. Returns the file; NULL: there is none.
 */
static FILE *copy_until(const char *path, FILE *in, FILE *out, bool (*stop)(const char *line))
{
	char *line = NULL;
	size_t size = 0;

	if (!in)
		in = fopen(path, "re");
	while (in && getline(&line, &size, in) > 0) {
		if (stop && stop(line))
			break;
		fputs(line, out);
	}
	free(line);
	return in;
}

/* Ends @out, which has been written to *@text, as the file @path of the tree; closes @in. */
static void finish(struct tree *tree, const char *path, FILE *in, FILE *out, char **text,
		   const size_t *len)
{
	if (in)
		fclose(in);
	if (fclose(out))
		tree_fail(tree, -ENOMEM, path);
	else
		tree_bytes(tree, path, 0444, *text, *len);
	free(*text);
}

static FILE *start(struct tree *tree, const char *path, char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);

	if (!out)
		tree_fail(tree, -ENOMEM, path);
	return out;
}

static void add_proc_modules(struct tree *tree, const struct machine *machine)
{
	char *text = NULL;
	size_t len;
	FILE *out = start(tree, LAYOUT_PROC_MODULES, &text, &len);

	for (size_t i = 0; out && i < MODULES; i++) {
		unsigned int users = 0, at = 0;
		const char *user;

		if (!is_there(&modules[i], machine))
			continue;
		while (next_user(&modules[i], machine, &at))
			users++;
		fprintf(out, "%s %u %u ", modules[i].name, modules[i].size, users);
		at = 0;
		while ((user = next_user(&modules[i], machine, &at)))
			fprintf(out, "%s,", user);
		fprintf(out, "%s Live 0x0000000000000000\n", users ? "" : "-");
	}
	if (out)
		finish(tree, LAYOUT_PROC_MODULES, copy_until(LAYOUT_PROC_MODULES, NULL, out, NULL),
		       out, &text, &len);
}

static void add_proc_misc(struct tree *tree, const struct machine *machine)
{
	char *text = NULL;
	size_t len;
	FILE *out = start(tree, LAYOUT_PROC_MISC, &text, &len);

	if (!out)
		return;
	if (machine_container(machine) != CONTAINER_NONE)
		fprintf(out, "%3i vfio\n", LAYOUT_CONTAINER_MINOR);
	if (machine_iommufd(machine))
		fprintf(out, "%3i iommu\n", LAYOUT_IOMMU_MINOR);
	finish(tree, LAYOUT_PROC_MISC, copy_until(LAYOUT_PROC_MISC, NULL, out, NULL), out, &text,
	       &len);
}

/* The character devices end at an empty line; our numbers are higher than the real ones. */
static bool is_empty(const char *line)
{
	return line[0] == '\n';
}

static void add_proc_devices(struct tree *tree, const struct machine *machine)
{
	char *text = NULL;
	size_t len;
	FILE *out = start(tree, LAYOUT_PROC_DEVICES, &text, &len);
	FILE *in;

	if (!out)
		return;
	in = copy_until(LAYOUT_PROC_DEVICES, NULL, out, is_empty);
	if (!in)
		fprintf(out, "Character devices:\n%3d misc\n", LAYOUT_MISC_MAJOR);
	fprintf(out, "%3d vfio\n", LAYOUT_GROUP_MAJOR);
	if (machine_iommufd(machine))
		fprintf(out, "%3d vfio-dev\n", LAYOUT_CDEV_MAJOR);
	fprintf(out, "\n");
	if (in)
		(void)copy_until(LAYOUT_PROC_DEVICES, in, out, NULL);
	finish(tree, LAYOUT_PROC_DEVICES, in, out, &text, &len);
}

static unsigned int word(struct vfio_device *device, uint64_t off)
{
	uint8_t bytes[2] = {0};

	(void)vfio_device_config_read(device, off, bytes, sizeof(bytes));
	return bytes[0] | (unsigned int)bytes[1] << 8;
}

/* A line of /proc/bus/pci/devices: addresses with the low bits of BARs, then sizes. */
static void print_device(FILE *out, struct vfio_device *device)
{
	enum {
		RESOURCES = 7, /* 6 BARs and the ROM */
		LOW_BITS = 0xf,
	};
	const struct pci_bdf bdf = vfio_device_bdf(device);
	uint64_t start, end, flags;

	fprintf(out, "%02x%02x\t%04x%04x\t%x", bdf.bus, bdf.slot << 3 | bdf.function,
		word(device, 0), word(device, 2), vfio_device_irq_number(device));
	for (unsigned int i = 0; i < 2 * RESOURCES; i++) {
		start = end = flags = 0;
		vfio_device_resource(device, i % RESOURCES, &start, &end, &flags);
		if (i < RESOURCES)
			fprintf(out, "\t%16llx", (unsigned long long)(start | (flags & LOW_BITS)));
		else
			fprintf(out, "\t%16llx", (unsigned long long)(flags ? end - start + 1 : 0));
	}
	fprintf(out, "\tvfio-pci\n");
}

static void add_proc_pci(struct tree *tree, const struct machine *machine)
{
	char *text = NULL;
	size_t len;
	FILE *out = start(tree, LAYOUT_PROC_PCI, &text, &len);
	FILE *in;

	if (!out)
		return;
	in = copy_until(LAYOUT_PROC_PCI, NULL, out, NULL);
	for (size_t i = 0; machine_device(machine, i); i++)
		print_device(out, machine_device(machine, i));
	finish(tree, LAYOUT_PROC_PCI, in, out, &text, &len);
}

void shadow_add_proc(struct tree *tree, const struct machine *machine)
{
	add_proc_modules(tree, machine);
	add_proc_devices(tree, machine);
	add_proc_misc(tree, machine);
	add_proc_pci(tree, machine);
}
