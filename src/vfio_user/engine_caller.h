/* SPDX-License-Identifier: MIT */
/*
 * How a session calls the engine: as a program in this process that has one context, one device,
 * and the descriptors of the message that is being handled.
 *
 * Everything in a structure that the engine gets was put there by us, so addresses are used as they
 * are. Numbers of descriptors are those of the message and no others: nothing that a client sends
 * names a descriptor of ours. Memory is neither populated nor charged: a client's guest may use
 * very little of the memory that it maps.
 *
 * Context: one thread at a time.
 */
#ifndef VFIO_USER_ENGINE_CALLER_H
#define VFIO_USER_ENGINE_CALLER_H

#include <stdint.h>
#include <sys/types.h>

#include <uiommufd/caller.h>

#include "iommufd/object/ctx.h"
#include "vfio_user/channel.h"

/* Numbers that stand for emulated files. */
enum {
	ENGINE_FD_MIGRATION = INT32_MAX - 2,
	ENGINE_FD_CONTEXT = INT32_MAX - 1,
	ENGINE_FD_MEMORY = INT32_MAX,
};

struct engine_caller {
	struct uiommufd_caller caller; /* each mapping holds a reference */
	struct iommufd_ctx *ctx;
	struct uiommufd_file *device;	  /* NULL: not opened */
	struct uiommufd_file *memory;	  /* what is being mapped; NULL: nothing */
	struct uiommufd_file *migration;  /* the device's data file, the latest; NULL: none */
	const struct vu_message *message; /* being handled; NULL: none */
};

/* With a new context. 0 or -ENOMEM. */
int engine_caller_create(struct engine_caller **out);

/* Closes the device, if it is open: no DMA, no interrupt of it is left. */
void engine_close_device(struct engine_caller *caller);

/* Closes the device and the context. */
void engine_caller_destroy(struct engine_caller *caller);

/* A command of the context. 0 or a negative errno. */
int engine_ioctl(struct engine_caller *caller, unsigned int cmd, void *arg);

/* What a program does with its descriptor of the device. */
int engine_device_ioctl(struct engine_caller *caller, unsigned int cmd, void *arg);
ssize_t engine_device_read(struct engine_caller *caller, void *buf, size_t len, uint64_t pos);
ssize_t engine_device_write(struct engine_caller *caller, const void *buf, size_t len,
			    uint64_t pos);

/* The same with the data file of its migration. -EINVAL: there is none. */
ssize_t engine_migration_read(struct engine_caller *caller, void *buf, size_t len);
ssize_t engine_migration_write(struct engine_caller *caller, const void *buf, size_t len);

#endif
