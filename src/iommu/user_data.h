/* SPDX-License-Identifier: MIT */
/*
 * What a user hands to the driver of a kind of hardware with some commands: a structure of a type
 * that both know.
 */
#ifndef IOMMU_USER_DATA_H
#define IOMMU_USER_DATA_H

#include <stddef.h>
#include <stdint.h>

#include <uiommufd/caller.h>

struct user_data {
	struct uiommufd_caller *caller;
	uint32_t type;
	uint32_t len; /* 0: there is none */
	uint64_t uptr;
};

/*
 * Reads the structure of @type, of @size bytes of which @min must be there, the rest zero
 * [NESTED-DATA]. -EINVAL: another type, too short, too long; -EFAULT.
 */
int user_data_read(const struct user_data *data, uint32_t type, void *to, size_t size, size_t min);

/* Writes back what fits of @size bytes. 0 or -EFAULT. */
int user_data_write(const struct user_data *data, const void *from, size_t size);

#endif
