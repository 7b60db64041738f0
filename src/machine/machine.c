/* SPDX-License-Identifier: MIT */
/* The life of the machine, its IOMMUs, and its description as text. Devices are added in add.c. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "iommu/shape.h"
#include "machine/machine_internal.h"
#include "vfio/presence.h"

enum {
	MAX_NAME = 31,
};

int machine_create(struct machine **out)
{
	struct machine *machine = alloc_zeroed(sizeof(*machine));

	if (!machine)
		return -ENOMEM;
	machine->sysfs = "/sys";
	*out = machine;
	return 0;
}

static void destroy_devices(struct machine_device *devices, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		vfio_device_destroy(devices[i].device);
		alloc_free(devices[i].options);
	}
	alloc_free(devices);
}

void machine_destroy(struct machine *machine)
{
	if (!machine)
		return;
	destroy_devices(machine->devices, machine->device_count);
	destroy_devices(machine->dropped, machine->dropped_count);
	for (size_t i = 0; i < machine->group_count; i++)
		iommufd_group_destroy(machine->groups[i].group);
	while (machine->iommu_count)
		machine_drop_iommu(machine);
	/* After the devices, which borrow their models. */
	machine_free_plugins(machine);
	machine_free_remotes(machine);
	alloc_free(machine->hostile_text);
	alloc_free(machine->groups);
	alloc_free(machine->iommu_options);
	alloc_free(machine->iommus);
	alloc_free(machine);
}

static const char *const container_words[] = {
	[CONTAINER_TYPE1] = "type1",
	[CONTAINER_IOMMUFD] = "iommufd",
	[CONTAINER_NONE] = "none",
};

bool machine_set_container(struct machine *machine, const char *word)
{
	for (unsigned int i = 0; i < sizeof(container_words) / sizeof(container_words[0]); i++) {
		if (strcmp(word, container_words[i]) == 0) {
			machine->container = (enum machine_container)i;
			return true;
		}
	}
	return false;
}

enum machine_container machine_container(const struct machine *machine)
{
	return machine->container;
}

void machine_set_iommufd(struct machine *machine, bool iommufd)
{
	machine->no_iommufd = !iommufd;
}

bool machine_iommufd(const struct machine *machine)
{
	return !machine->no_iommufd;
}

void machine_set_mock(struct machine *machine, bool mock)
{
	machine->mock = mock;
}

bool machine_mock(const struct machine *machine)
{
	return machine->mock;
}

int machine_set_hostile(struct machine *machine, const char *text, char *error, size_t error_size)
{
	const struct machine_error where = {error, error_size};
	const size_t size = strlen(text) + 1;
	struct hostile_settings settings;
	char *copy;
	int rc;

	rc = hostile_parse(text, &settings, error, error_size);
	if (rc)
		return rc;
	if (machine->hostile_text)
		return machine_fail(&where, "hostile is given twice");
	copy = alloc_zeroed(size);
	if (!copy)
		return machine_no_memory(&where);
	memcpy(copy, text, size);
	for (size_t i = 0; i < machine->device_count; i++) {
		if (vfio_device_set_hostile(machine->devices[i].device, &settings)) {
			alloc_free(copy);
			return machine_no_memory(&where);
		}
	}
	machine->hostile = settings;
	machine->hostile_text = copy;
	return 0;
}

/* ---- IOMMUs ---- */

static struct iommu *find_iommu(const struct machine *machine, const char *name)
{
	for (size_t i = 0; i < machine->iommu_count; i++)
		if (strcmp(iommu_name(machine->iommus[i]), name) == 0)
			return machine->iommus[i];
	return NULL;
}

/* Names become parts of texts and paths. */
static bool name_ok(const char *name)
{
	return *name && strlen(name) <= MAX_NAME &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "_-.")];
}

static int unknown_kind(const char *kind, const struct machine_error *error)
{
	char names[256] = "";

	for (size_t i = 0; iommu_kind_at(i); i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
			 iommu_kind_name(iommu_kind_at(i)));
	}
	return machine_fail(error, "no kind of IOMMU is called \"%s\"; there are: %s", kind, names);
}

void machine_drop_iommu(struct machine *machine)
{
	machine->iommu_count--;
	iommu_put(machine->iommus[machine->iommu_count]);
	alloc_free(machine->iommu_options[machine->iommu_count]);
}

/* Grows the arrays by an IOMMU. 0 or -ENOMEM; their elements do not change. */
static int grow(struct machine *machine)
{
	struct iommu **iommus =
		alloc_resize(machine->iommus, machine->iommu_count + 1, sizeof(*iommus));
	char **options;

	if (!iommus)
		return -ENOMEM;
	machine->iommus = iommus;
	options = alloc_resize(machine->iommu_options, machine->iommu_count + 1, sizeof(*options));
	if (!options)
		return -ENOMEM;
	machine->iommu_options = options;
	return 0;
}

int machine_create_around(struct iommu *iommu, struct machine **out)
{
	struct machine *machine;
	char *options;
	int rc = machine_create(&machine);

	if (rc)
		return rc;
	options = alloc_zeroed(1);
	if (!options || grow(machine)) {
		alloc_free(options);
		machine_destroy(machine);
		return -ENOMEM;
	}
	machine->sysfs = ""; /* where nothing is */
	machine->iommus[machine->iommu_count] = iommu_get(iommu);
	machine->iommu_options[machine->iommu_count++] = options;
	*out = machine;
	return 0;
}

/* Reads the options that change the properties of the kind. */
static int read_shape(const struct machine_text *parts, struct kind_shape *shape,
		      const struct machine_error *error)
{
	*shape = (struct kind_shape){.window_count = 0};
	for (unsigned int i = 0; i < parts->option_count; i++) {
		const struct option_value *option = &parts->options[i];
		int rc = iommu_shape_set(shape, option->name, option->value);

		if (rc == -ENOENT)
			return machine_fail(error,
					    "IOMMUs have no option \"%s\"; there are: name, "
					    "aperture, hole, iotlb",
					    option->name);
		if (rc && !strcmp(option->name, "iotlb"))
			return machine_fail(error, "iotlb=%s: write on or off", option->value);
		if (rc)
			return machine_fail(error,
					    "%s=%s: write START-LAST, up to %d of them with '+' "
					    "between",
					    option->name, option->value, KIND_MAX_RESV);
	}
	return 0;
}

static int create_iommu(struct machine *machine, const struct iommu_kind *kind, const char *name,
			const struct machine_text *parts, const struct machine_error *error)
{
	struct kind_shape shape;
	char *options;
	int rc;

	rc = read_shape(parts, &shape, error);
	if (rc)
		return rc;
	options = machine_text_join(parts);
	if (!options || grow(machine)) {
		alloc_free(options);
		return machine_no_memory(error);
	}
	rc = iommu_create_shaped(kind, &shape, name, &machine->iommus[machine->iommu_count]);
	if (rc) {
		alloc_free(options);
		return rc == -ENOMEM ? machine_no_memory(error)
				     : machine_fail(error,
						    "IOMMU %s: its aperture does not fit into what "
						    "%s translates, or there are too many ranges",
						    name, iommu_kind_name(kind));
	}
	machine->iommu_options[machine->iommu_count++] = options;
	return 0;
}

static int add_iommu(struct machine *machine, struct machine_text *parts,
		     const struct machine_error *error)
{
	const struct iommu_kind *kind = iommu_kind_find(parts->head);
	const char *name = machine_text_take(parts, "name");
	char fallback[MAX_NAME + 1];

	if (!kind)
		return unknown_kind(parts->head, error);
	if (parts->bdf)
		return machine_fail(error, "an IOMMU has no address: \"@%s\"", parts->bdf);
	if (!name) {
		unsigned int number = 0;

		do
			snprintf(fallback, sizeof(fallback), "%.20s%u", parts->head, number++);
		while (find_iommu(machine, fallback));
		name = fallback;
	}
	if (!name_ok(name))
		return machine_fail(error,
				    "\"%s\" is no name for an IOMMU: letters, digits, '_', "
				    "'-' and '.', at most %d",
				    name, MAX_NAME);
	if (find_iommu(machine, name))
		return machine_fail(error, "two IOMMUs are called \"%s\"", name);

	return create_iommu(machine, kind, name, parts, error);
}

int machine_add_iommu(struct machine *machine, const char *text, char *error, size_t error_size)
{
	const struct machine_error where = {error, error_size};
	struct machine_text parts;
	int rc = machine_text_split(text, &parts, &where);

	if (rc)
		return rc;
	rc = machine_text_need_values(&parts, &where);
	if (!rc)
		rc = add_iommu(machine, &parts, &where);
	machine_text_free(&parts);
	return rc;
}

struct iommu *machine_iommu(const struct machine *machine, size_t index)
{
	return index < machine->iommu_count ? machine->iommus[index] : NULL;
}

/* ---- devices ---- */

int machine_add_device(struct machine *machine, const char *text, char *error, size_t error_size)
{
	const struct machine_error where = {error, error_size};

	return machine_add_device_text(machine, text, false, &where);
}

void machine_set_run(struct machine *machine, const char *sysfs)
{
	machine->run_sysfs = sysfs;
}

int machine_drop_device(struct machine *machine, struct vfio_device *device)
{
	struct machine_device *dropped = alloc_resize(machine->dropped, machine->dropped_count + 1,
						      sizeof(*machine->dropped));
	size_t index = 0;

	if (!dropped)
		return -ENOMEM;
	machine->dropped = dropped;
	while (machine->devices[index].device != device)
		index++;
	dropped[machine->dropped_count++] = machine->devices[index];
	machine->device_count--;
	memmove(machine->devices + index, machine->devices + index + 1,
		(machine->device_count - index) * sizeof(machine->devices[0]));
	return 0;
}

struct vfio_device *machine_device(const struct machine *machine, size_t index)
{
	return index < machine->device_count ? machine->devices[index].device : NULL;
}

struct vfio_device *machine_find_device(const struct machine *machine, const char *text)
{
	struct pci_bdf wanted;

	if (!machine_bdf_parse(text, &wanted))
		return NULL;
	for (size_t i = 0; i < machine->device_count; i++) {
		struct pci_bdf bdf = vfio_device_bdf(machine->devices[i].device);

		if (bdf.domain == wanted.domain && bdf.bus == wanted.bus &&
		    bdf.slot == wanted.slot && bdf.function == wanted.function)
			return machine->devices[i].device;
	}
	return NULL;
}

struct vfio_device *machine_find_cdev(const struct machine *machine, unsigned int number)
{
	for (size_t i = 0; i < machine->device_count; i++) {
		struct vfio_device *device = machine->devices[i].device;

		if (vfio_device_index(device) == number && !vfio_device_is_gone(device))
			return device;
	}
	return NULL;
}

unsigned int machine_device_group(const struct machine *machine, size_t index)
{
	return iommufd_group_number(machine->devices[index].group.group);
}

struct iommu *machine_device_iommu(const struct machine *machine, size_t index)
{
	return machine->devices[index].group.iommu;
}

/* ---- as lines of text ---- */

int machine_format(const struct machine *machine, FILE *out)
{
	for (size_t i = 0; i < machine->iommu_count; i++)
		fprintf(out, "iommu %s,name=%s%s\n",
			iommu_kind_name(iommu_kind_of(machine->iommus[i])),
			iommu_name(machine->iommus[i]), machine->iommu_options[i]);
	if (machine->hostile_text)
		fprintf(out, "hostile %s\n", machine->hostile_text);
	for (size_t i = 0; i < machine->device_count; i++) {
		const struct machine_device *device = &machine->devices[i];
		const struct uiommufd_model *model = vfio_device_model(device->device);
		const char *path = machine_model_path(machine, model);

		fprintf(out, "device %s@%s,iommu=%s,group=%u,index=%u%s%s%s%s\n",
			path ? path : model->name, vfio_device_name(device->device),
			iommu_name(device->group.iommu), machine_device_group(machine, i),
			vfio_device_index(device->device),
			device->settings.no_mmap ? ",mmap=off" : "",
			device->settings.trap_doorbells ? ",doorbells=trap" : "",
			device->settings.not_hostile ? ",hostile=off" : "", device->options);
	}
	if (machine->container != CONTAINER_TYPE1)
		fprintf(out, "container %s\n", container_words[machine->container]);
	if (machine->no_iommufd)
		fprintf(out, "no-iommufd\n");
	if (machine->mock)
		fprintf(out, "mock\n");
	return ferror(out) ? -EIO : 0;
}

static int parse_line(struct machine *machine, const char *line, const struct machine_error *error)
{
	static const char iommu[] = "iommu ", device[] = "device ", container[] = "container ";
	static const char hostile[] = "hostile ";

	if (!*line)
		return 0;
	if (strncmp(line, container, strlen(container)) == 0 &&
	    machine_set_container(machine, line + strlen(container)))
		return 0;
	if (strcmp(line, "no-iommufd") == 0) {
		machine->no_iommufd = true;
		return 0;
	}
	if (strcmp(line, "mock") == 0) {
		machine->mock = true;
		return 0;
	}
	if (strncmp(line, iommu, strlen(iommu)) == 0)
		return machine_add_iommu(machine, line + strlen(iommu), error->text, error->size);
	if (strncmp(line, device, strlen(device)) == 0)
		return machine_add_device_text(machine, line + strlen(device), true, error);
	if (strncmp(line, hostile, strlen(hostile)) == 0)
		return machine_set_hostile(machine, line + strlen(hostile), error->text,
					   error->size);
	return machine_fail(
		error, "\"%s\" is neither iommu, hostile, device, container, no-iommufd nor mock",
		line);
}

int machine_parse(struct machine *machine, FILE *in, char *error, size_t error_size)
{
	char line[1024], text[512] = "";
	const struct machine_error where = {text, sizeof(text)};
	unsigned int number = 0;
	int rc = 0;

	while (!rc && fgets(line, sizeof(line), in)) {
		size_t len = strlen(line);

		number++;
		if (len == sizeof(line) - 1 && line[len - 1] != '\n')
			rc = machine_fail(&where, "too long");
		line[strcspn(line, "\n")] = '\0';
		if (!rc)
			rc = parse_line(machine, line, &where);
	}
	if (rc && error_size)
		snprintf(error, error_size, "line %u: %s", number, text);
	return rc;
}
