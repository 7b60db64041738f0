/* SPDX-License-Identifier: MIT */
/* Adding a device: parse its text, choose what it leaves open, create it. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "devices/devices.h"
#include "machine/machine_internal.h"
#include "vfio/rom.h"

enum {
	MAX_INDEX = 4095,
	MAX_GROUP = 1 << 20,
	FIRST_BUS = 1,
	LAST_BUS = 255,
};

/* The device that is to be created. */
struct plan {
	const struct uiommufd_model *model;
	struct pci_bdf bdf;
	unsigned int index;
	unsigned int number; /* of the group */
	struct iommu *iommu;
	struct machine_group *group; /* NULL: a new one */
	struct device_settings settings;
	bool checked; /* the text was checked against the system before */
};

static int unknown_model(const char *name, const struct machine_error *error)
{
	const struct uiommufd_model *model;
	char names[256] = "";

	for (size_t i = 0; (model = device_model_at(i)); i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", model->name);
	}
	return machine_fail(error, "no device model is called \"%s\"; there are: %s", name, names);
}

static int choose_model(struct machine *machine, const char *head, struct plan *plan,
			const struct machine_error *error)
{
	if (strchr(head, '/'))
		return machine_shared_model(machine, head, &plan->model, error);
	plan->model = device_model_find(head);
	return plan->model ? 0 : unknown_model(head, error);
}

/* ---- the PCI address ---- */

static void bdf_text(struct pci_bdf bdf, char text[16])
{
	snprintf(text, 16, "%04x:%02x:%02x.%x", bdf.domain, bdf.bus, bdf.slot & 0x1f,
		 bdf.function & 7);
}

static int choose_bdf(const struct machine *machine, const char *given, struct plan *plan,
		      const struct machine_error *error)
{
	char text[16];

	if (given) {
		if (!machine_bdf_parse(given, &plan->bdf))
			return machine_fail(error, "\"%s\" is no PCI address: write 0000:01:00.0",
					    given);
		bdf_text(plan->bdf, text);
		if (machine_find_device(machine, text))
			return machine_fail(error, "two devices are at %s", text);
		if (!plan->checked && system_has_device(machine, text))
			return machine_fail(error, "%s is taken: this system has a device there",
					    text);
		if (!plan->checked && run_has_device(machine, text))
			return machine_fail(error, "%s is taken: what was there is still open",
					    text);
		return 0;
	}
	for (unsigned int bus = FIRST_BUS; bus <= LAST_BUS; bus++) {
		plan->bdf = (struct pci_bdf){.bus = (uint8_t)bus};
		bdf_text(plan->bdf, text);
		if (!machine_find_device(machine, text) && !system_has_device(machine, text) &&
		    !run_has_device(machine, text))
			return 0;
	}
	return machine_fail(error, "no bus is free: give addresses, MODEL@0000:01:01.0");
}

/* ---- the number of vfioN ---- */

static int choose_index(const struct machine *machine, const char *given, struct plan *plan,
			const struct machine_error *error)
{
	if (given) {
		if (!machine_number_parse(given, MAX_INDEX, &plan->index))
			return machine_fail(error, "index=%s: not a number from 0 to %d", given,
					    MAX_INDEX);
		if (machine_find_cdev(machine, plan->index))
			return machine_fail(error, "two devices have index=%u", plan->index);
		if (!plan->checked && system_has_index(machine, plan->index))
			return machine_fail(error, "index=%u is taken: this system has a vfio%u",
					    plan->index, plan->index);
		return 0;
	}
	for (plan->index = 0; plan->index <= MAX_INDEX; plan->index++)
		if (!machine_find_cdev(machine, plan->index) &&
		    !system_has_index(machine, plan->index))
			return 0;
	return machine_fail(error, "more than %d devices", MAX_INDEX + 1);
}

/* ---- IOMMU and group ---- */

static int choose_iommu(const struct machine *machine, const char *given, struct plan *plan,
			const struct machine_error *error)
{
	char names[256] = "";

	if (!given) {
		plan->iommu = machine->iommus[0];
		return 0;
	}
	for (size_t i = 0; i < machine->iommu_count; i++) {
		size_t used = strlen(names);

		if (strcmp(iommu_name(machine->iommus[i]), given) == 0) {
			plan->iommu = machine->iommus[i];
			return 0;
		}
		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
			 iommu_name(machine->iommus[i]));
	}
	return machine_fail(error, "no IOMMU is called \"%s\"; there are: %s", given, names);
}

static struct machine_group *find_group(const struct machine *machine, unsigned int number)
{
	for (size_t i = 0; i < machine->group_count; i++)
		if (iommufd_group_number(machine->groups[i].group) == number)
			return &machine->groups[i];
	return NULL;
}

static int choose_group(const struct machine *machine, const char *given, struct plan *plan,
			const struct machine_error *error)
{
	if (!given) {
		plan->number = system_free_group(machine);
		while (find_group(machine, plan->number) || run_has_group(machine, plan->number))
			plan->number++;
		return 0;
	}
	if (!machine_number_parse(given, MAX_GROUP, &plan->number))
		return machine_fail(error, "group=%s: not a number from 0 to %d", given, MAX_GROUP);
	plan->group = find_group(machine, plan->number);
	if (plan->group && plan->group->iommu != plan->iommu)
		return machine_fail(error, "group=%u is behind IOMMU \"%s\", not \"%s\"",
				    plan->number, iommu_name(plan->group->iommu),
				    iommu_name(plan->iommu));
	if (!plan->group && !plan->checked && system_has_group(machine, plan->number))
		return machine_fail(error, "group=%u is taken: this system has one", plan->number);
	if (!plan->group && !plan->checked && run_has_group(machine, plan->number))
		return machine_fail(error, "group=%u is taken: a device of it is still open",
				    plan->number);
	return 0;
}

/* ---- what every device has ---- */

/* Takes option @name, which is @usual or @other. *@is_other: it is the latter. */
static int take_switch(struct machine_text *parts, const char *name, const char *usual,
		       const char *other, bool *is_other, const struct machine_error *error)
{
	const char *value = machine_text_take(parts, name);

	*is_other = value && strcmp(value, other) == 0;
	if (!value || *is_other || strcmp(value, usual) == 0)
		return 0;
	return machine_fail(error, "%s=%s: write %s or %s", name, value, usual, other);
}

static int take_settings(struct machine *machine, struct machine_text *parts,
			 struct device_settings *settings, const struct machine_error *error)
{
	int rc;

	settings->hostile = machine->hostile;
	rc = take_switch(parts, "mmap", "on", "off", &settings->no_mmap, error);
	if (rc)
		return rc;
	rc = take_switch(parts, "doorbells", "shared", "trap", &settings->trap_doorbells, error);
	if (rc)
		return rc;
	return take_switch(parts, "hostile", "on", "off", &settings->not_hostile, error);
}

/* ---- the model's options ---- */

static const struct uiommufd_option *find_option(const struct uiommufd_model *model,
						 const char *name)
{
	for (const struct uiommufd_option *o = model->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return strcmp(name, rom_option.name) == 0 ? &rom_option : NULL;
}

/* Gives options that are written without a value the one that they stand for. */
static int complete_flags(const struct uiommufd_model *model, struct machine_text *parts,
			  const struct machine_error *error)
{
	for (unsigned int i = 0; i < parts->option_count; i++) {
		const struct uiommufd_option *known = find_option(model, parts->options[i].name);

		if (known && known->kind == UIOMMUFD_OPTION_FLAG && !parts->options[i].value)
			parts->options[i].value = "on";
	}
	return machine_text_need_values(parts, error);
}

/* What is relative to the working directory of the command is not so in the program. */
static int complete_paths(const struct uiommufd_model *model, struct machine_text *parts,
			  const struct machine_error *error)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < parts->option_count; i++) {
		const struct uiommufd_option *known = find_option(model, parts->options[i].name);

		if (known->kind == UIOMMUFD_OPTION_PATH)
			rc = machine_text_make_absolute(parts, i, error);
	}
	return rc;
}

static int check_options(const struct uiommufd_model *model, const struct machine_text *parts,
			 const struct machine_error *error)
{
	for (unsigned int i = 0; i < parts->option_count; i++) {
		char names[256] = "iommu, group, index, mmap, doorbells, hostile, romfile";

		if (find_option(model, parts->options[i].name))
			continue;
		for (const struct uiommufd_option *o = model->options; o && o->name; o++) {
			size_t used = strlen(names);

			snprintf(names + used, sizeof(names) - used, ", %s", o->name);
		}
		return machine_fail(error, "%s has no option \"%s\"; there are: %s", model->name,
				    parts->options[i].name, names);
	}
	return 0;
}

/* The error of a model's init that does not say which option it refused. */
static int refused_options(const struct uiommufd_model *model, const struct machine_text *parts,
			   const struct machine_error *error)
{
	char list[384] = "";

	for (unsigned int i = 0; i < parts->option_count; i++) {
		const struct uiommufd_option *known = find_option(model, parts->options[i].name);
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s=%s (%s)", used ? ", " : "",
			 known->name, parts->options[i].value, known->help);
	}
	return machine_fail(error, "%s does not take these options: %s", model->name, list);
}

static int refused(const struct uiommufd_model *model, const struct machine_text *parts,
		   const struct machine_error *error)
{
	if (error->size && error->text[0])
		return -EINVAL; /* the model has said why */
	return refused_options(model, parts, error);
}

/* ---- together ---- */

static int make_plan(struct machine *machine, struct machine_text *parts, struct plan *plan,
		     const struct machine_error *error)
{
	const char *iommu, *group, *index;
	int rc;

	rc = choose_model(machine, parts->head, plan, error);
	if (rc)
		return rc;
	rc = complete_flags(plan->model, parts, error);
	if (rc)
		return rc;
	iommu = machine_text_take(parts, "iommu");
	group = machine_text_take(parts, "group");
	index = machine_text_take(parts, "index");
	rc = take_settings(machine, parts, &plan->settings, error);
	if (rc)
		return rc;
	rc = choose_bdf(machine, parts->bdf, plan, error);
	if (rc)
		return rc;
	rc = choose_index(machine, index, plan, error);
	if (rc)
		return rc;
	rc = choose_iommu(machine, iommu, plan, error);
	if (rc)
		return rc;
	rc = choose_group(machine, group, plan, error);
	if (rc)
		return rc;
	rc = check_options(plan->model, parts, error);
	if (rc)
		return rc;
	return plan->checked ? 0 : complete_paths(plan->model, parts, error);
}

/* Grows the arrays by a device and a group. 0 or -ENOMEM; their elements do not change. */
static int grow(struct machine *machine, struct plan *plan)
{
	struct machine_device *devices = alloc_resize(machine->devices, machine->device_count + 1,
						      sizeof(*machine->devices));
	struct machine_group *groups;

	if (!devices)
		return -ENOMEM;
	machine->devices = devices;
	groups = alloc_resize(machine->groups, machine->group_count + 1, sizeof(*machine->groups));
	if (!groups)
		return -ENOMEM;
	machine->groups = groups;
	/* The array may have moved. */
	if (plan->group)
		plan->group = find_group(machine, plan->number);
	return 0;
}

static void insert_device(struct machine *machine, const struct machine_device *device)
{
	size_t at = machine->device_count++;

	while (at && vfio_device_index(machine->devices[at - 1].device) >
			     vfio_device_index(device->device)) {
		machine->devices[at] = machine->devices[at - 1];
		at--;
	}
	machine->devices[at] = *device;
}

static int carry_out(struct machine *machine, const struct machine_text *parts, struct plan *plan,
		     const struct machine_error *error)
{
	struct machine_device device = {
		.settings = plan->settings,
		.options = machine_text_join(parts),
	};
	struct device_spec config = {
		.model = plan->model,
		.bdf = plan->bdf,
		.iommu = plan->iommu,
		.index = plan->index,
		.options = parts->options,
		.option_count = parts->option_count,
		.settings = plan->settings,
		.claimed = plan->checked,
		.why = error->text,
		.why_size = error->size,
	};
	int rc;

	/* For the model's own words. */
	if (error->size)
		error->text[0] = '\0';

	if (!device.options || grow(machine, plan)) {
		rc = machine_no_memory(error);
		goto out_options;
	}
	device.group.iommu = plan->iommu;
	if (plan->group) {
		device.group = *plan->group;
	} else if (iommufd_group_create(plan->number, &device.group.group)) {
		rc = machine_no_memory(error);
		goto out_options;
	}
	config.group = device.group.group;
	rc = vfio_device_create(&config, &device.device);
	if (rc) {
		rc = rc == -ENOMEM ? machine_no_memory(error) : refused(plan->model, parts, error);
		goto out_group;
	}
	if (!plan->group)
		machine->groups[machine->group_count++] = device.group;
	insert_device(machine, &device);
	return 0;

out_group:
	if (!plan->group)
		iommufd_group_destroy(device.group.group);
out_options:
	alloc_free(device.options);
	return rc;
}

static int add_device(struct machine *machine, struct machine_text *parts, bool checked,
		      const struct machine_error *error)
{
	struct plan plan = {.checked = checked};
	char bdf[16];
	int rc = make_plan(machine, parts, &plan, error);

	if (rc)
		return rc;
	if (plan.model == &device_vfio_user) {
		bdf_text(plan.bdf, bdf);
		rc = machine_remote_model(machine, parts, bdf, &plan.model, error);
		if (rc)
			return rc;
	}
	return carry_out(machine, parts, &plan, error);
}

int machine_add_device_text(struct machine *machine, const char *text, bool checked,
			    const struct machine_error *error)
{
	bool added = !machine->iommu_count;
	struct machine_text parts;
	int rc = machine_text_split(text, &parts, error);

	if (rc)
		return rc;
	if (added) {
		rc = machine_add_iommu(machine, "amd", error->text, error->size);
		if (rc)
			goto out;
	}
	rc = add_device(machine, &parts, checked, error);
	if (rc && added)
		machine_drop_iommu(machine);
out:
	machine_text_free(&parts);
	return rc;
}
