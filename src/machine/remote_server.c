/* SPDX-License-Identifier: MIT */
/*
 * The models of devices of vfio-user servers: one for each device, made from what its server says.
 *
 * The command asks the server, before the program starts, and leaves the answer in a file for the
 * processes of the program: a server has one client at a time, and most processes never open the
 * device.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "devices/devices.h"
#include "machine/machine_internal.h"

enum {
	PATH_SIZE = 512
};

/* The value of option @name, or NULL; it stays among the options. */
static const char *option(const struct machine_text *parts, const char *name)
{
	for (unsigned int i = 0; i < parts->option_count; i++) {
		if (strcmp(parts->options[i].name, name) == 0)
			return parts->options[i].value;
	}
	return NULL;
}

/* Reads what the command has left for the device at @bdf. False: nothing, or something else. */
static bool read_identity(const struct machine *machine, const char *bdf,
			  struct vu_identity *identity)
{
	char path[PATH_SIZE];
	size_t have = 0;
	long got = 1;
	int fd;

	if (!machine->identities ||
	    snprintf(path, sizeof(path), "%s/%s", machine->identities, bdf) >= (int)sizeof(path))
		return false;
	fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (have < sizeof(*identity) && got > 0) {
		got = sys_call(SYS_read, fd, (long)((char *)identity + have),
			       (long)(sizeof(*identity) - have), 0, 0, 0);
		have += got > 0 ? (size_t)got : 0;
	}
	(void)sys_close(fd);
	return have == sizeof(*identity) && identity->magic == VU_IDENTITY_MAGIC &&
	       identity->size == sizeof(*identity);
}

/* *@asked: the server was asked, by the connection *@kept; else another process has done that. */
static int find_identity(const struct machine *machine, const struct machine_text *parts,
			 const char *bdf, struct vu_identity *identity, bool *asked,
			 struct vu_connection *kept, const struct machine_error *error)
{
	const char *path = option(parts, "socket");
	const struct vu_why why = {error->text, error->size};

	*asked = false;
	if (!path)
		return machine_fail(error, "vfio-user: socket=PATH says where the server listens");
	if (read_identity(machine, bdf, identity))
		return 0;
	*asked = !remote_probe(path, option(parts, "timeout"), identity, kept, &why);
	return *asked ? 0 : -EINVAL;
}

/* Where the command gives its connection away (cmd/offers.c); NULL: no memory. */
static char *handover_path(const struct machine *machine, const char *bdf)
{
	const size_t size = strlen(machine->identities) + strlen(bdf) + sizeof("/.socket");
	char *path = alloc_zeroed(size);

	if (path)
		snprintf(path, size, "%s/%s.socket", machine->identities, bdf);
	return path;
}

int machine_remote_model(struct machine *machine, const struct machine_text *parts, const char *bdf,
			 const struct uiommufd_model **model, const struct machine_error *error)
{
	const struct vu_why why = {error->text, error->size};
	struct vu_identity *identity = alloc_zeroed(sizeof(*identity));
	struct remote_model **remotes, *remote;
	struct vu_connection kept;
	bool asked;
	int rc;

	if (!identity)
		return machine_no_memory(error);
	rc = find_identity(machine, parts, bdf, identity, &asked, &kept, error);
	if (rc)
		goto out_free;
	remotes = alloc_resize(machine->remotes, machine->remote_count + 1, sizeof(*remotes));
	if (!remotes) {
		if (asked)
			vu_connection_close(&kept);
		rc = machine_no_memory(error);
		goto out_free;
	}
	machine->remotes = remotes;
	remote = remote_model_create(identity, asked ? &kept : NULL, &why);
	if (!remote) {
		rc = -EINVAL;
		goto out_free;
	}
	if (!asked)
		remote->handover = handover_path(machine, bdf);
	machine->remotes[machine->remote_count++] = remote;
	*model = &remote->model;
out_free:
	alloc_free(identity);
	return rc;
}

void machine_free_remotes(struct machine *machine)
{
	for (size_t i = 0; i < machine->remote_count; i++)
		remote_model_destroy(machine->remotes[i]);
	alloc_free(machine->remotes);
	alloc_free(machine->identities);
}

/* The model of the server of device @index, or NULL. */
static struct remote_model *remote_of(const struct machine *machine, size_t index)
{
	const struct uiommufd_model *model = vfio_device_model(machine->devices[index].device);

	for (size_t i = 0; i < machine->remote_count; i++) {
		if (&machine->remotes[i]->model == model)
			return machine->remotes[i];
	}
	return NULL;
}

bool machine_take_connection(const struct machine *machine, size_t index,
			     struct vu_connection *connection)
{
	struct remote_model *remote = remote_of(machine, index);

	return remote && remote_model_take(remote, connection);
}

const void *machine_device_identity(const struct machine *machine, size_t index, size_t *len)
{
	struct remote_model *remote = remote_of(machine, index);

	*len = sizeof(remote->identity);
	return remote ? &remote->identity : NULL;
}

int machine_set_identities(struct machine *machine, const char *directory)
{
	machine->identities = alloc_zeroed(strlen(directory) + 1);
	if (!machine->identities)
		return -ENOMEM;
	strcpy(machine->identities, directory);
	return 0;
}
