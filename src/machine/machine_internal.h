/* SPDX-License-Identifier: MIT */
/* The machine, as the files of this folder see it. */
#ifndef MACHINE_MACHINE_INTERNAL_H
#define MACHINE_MACHINE_INTERNAL_H

#include "devices/remote/remote.h"
#include "iommufd/device/group.h"
#include "machine/machine.h"

enum {
	MACHINE_MAX_OPTIONS = 16, /* in one text */
};

struct machine_group {
	struct iommufd_group *group;
	struct iommu *iommu; /* borrowed: all its devices are behind it */
};

/* A model from a shared object. */
struct machine_plugin {
	char *path; /* absolute */
	struct uiommufd_model *model;
};

struct machine_device {
	struct vfio_device *device;
	struct machine_group group;
	struct device_settings settings;
	char *options; /* of the model, as text: ",dma_mask=0xff" or "" */
};

struct machine {
	const char *sysfs;     /* where the system shows what it has: "/sys"; tests have another */
	const char *run_sysfs; /* where a run does, or NULL: machine_set_run() */
	struct iommu **iommus;
	char **iommu_options; /* of each, as text: ",hole=0x1000-0x1fff" or "" */
	size_t iommu_count;
	struct machine_group *groups;
	size_t group_count;
	struct machine_device *devices; /* ascending by index */
	size_t device_count;
	const struct plugin_linker *linker; /* NULL: no shared object can be loaded */
	struct machine_plugin *plugins;
	size_t plugin_count;
	struct remote_model **remotes; /* of devices of vfio-user servers */
	size_t remote_count;
	char *identities; /* the directory with what their servers say; NULL: they are asked */
	struct machine_device *dropped;
	size_t dropped_count;
	char *hostile_text; /* as it was given; NULL: no device is hostile */
	struct hostile_settings hostile;
	enum machine_container container;
	bool no_iommufd;
	bool mock;
};

/* Where the line about a mistake goes. */
struct machine_error {
	char *text;
	size_t size;
};

/* Writes the line and returns -EINVAL. */
int machine_fail(const struct machine_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes that line for, and returns, -ENOMEM. */
int machine_no_memory(const struct machine_error *error);

/* ---- texts (text.c) ---- */

/* A device text or IOMMU text, split. The strings are parts of @copy or in @absolute. */
struct machine_text {
	char *copy;
	const char *head;				  /* the model or kind */
	const char *bdf;				  /* NULL: not given */
	struct option_value options[MACHINE_MAX_OPTIONS]; /* a value is NULL if there is no "=" */
	unsigned int option_count;
	char *absolute[MACHINE_MAX_OPTIONS];
	unsigned int absolute_count;
};

/* 0; -ENOMEM; -EINVAL: malformed. */
int machine_text_split(const char *text, struct machine_text *parts,
		       const struct machine_error *error);
void machine_text_free(struct machine_text *parts);

/* 0; -EINVAL: an option has no value. */
int machine_text_need_values(const struct machine_text *parts, const struct machine_error *error);

/*
 * Puts the working directory before the value of option number @option, if it is a relative path.
 * 0; -ENOMEM; -EINVAL: the directory has no path that a text can hold. Once for each option.
 */
int machine_text_make_absolute(struct machine_text *parts, unsigned int option,
			       const struct machine_error *error);

/* Removes option @name from @parts. Returns its value, or NULL. */
const char *machine_text_take(struct machine_text *parts, const char *name);

/* "0000:01:00.0" or "01:00.0". */
bool machine_bdf_parse(const char *text, struct pci_bdf *bdf);

/* A decimal number up to @max. */
bool machine_number_parse(const char *text, unsigned int max, unsigned int *number);

/*
 * The remaining options as text, ",name=value..."; the caller frees it (alloc_free). NULL: no
 * memory.
 */
char *machine_text_join(const struct machine_text *parts);

/* ---- what the system and a run have (system.c) ---- */

bool system_has_device(const struct machine *machine, const char *bdf);
bool system_has_index(const struct machine *machine, unsigned int index);
bool system_has_group(const struct machine *machine, unsigned int group);

/* The same of the run that machine_set_run() names. */
bool run_has_device(const struct machine *machine, const char *bdf);
bool run_has_group(const struct machine *machine, unsigned int group);

/* One more than the highest number of its groups. */
unsigned int system_free_group(const struct machine *machine);

/* ---- models in shared objects (shared_model.c) ---- */

/*
 * *@model: the one that the shared object @path has, which is loaded unless it has been; borrowed.
 * 0, or a negative errno and @error.
 */
int machine_shared_model(struct machine *machine, const char *path,
			 const struct uiommufd_model **model, const struct machine_error *error);

/* The path that @model came from; NULL: it is not from a shared object. */
const char *machine_model_path(const struct machine *machine, const struct uiommufd_model *model);

void machine_free_plugins(struct machine *machine);

/* ---- devices of vfio-user servers (remote_server.c) ---- */

/*
 * *@model: of the device at @bdf, whose server the options of @parts name; borrowed. 0, or a
 * negative errno and @error.
 */
int machine_remote_model(struct machine *machine, const struct machine_text *parts, const char *bdf,
			 const struct uiommufd_model **model, const struct machine_error *error);

void machine_free_remotes(struct machine *machine);

/* ---- adding (machine.c) ---- */

/* Removes the IOMMU that was added last. */
void machine_drop_iommu(struct machine *machine);

/* @checked: the text was checked against the system before. */
int machine_add_device_text(struct machine *machine, const char *text, bool checked,
			    const struct machine_error *error);

#endif
