/* SPDX-License-Identifier: MIT */
/*
 * Driver data: a structure in the program's memory that some commands hand to the driver of a kind
 * of hardware. Its type says what it is.
 */
#ifndef IOMMU_USER_DATA_H
#define IOMMU_USER_DATA_H

#include <stddef.h>
#include <stdint.h>

#include <uiommufd/caller.h>

struct user_data {
	struct uiommufd_caller *caller;
	uint32_t type;
	uint32_t len; /* bytes; 0: there is no data */
	uint64_t uptr;
};

/*
 * Reads the structure of @type, of @size bytes. At least @min of them must be there; the rest is
 * filled with zeroes [NESTED-DATA]. 0; -EINVAL: another type, too short, or too long; -EFAULT.
 */
int user_data_read(const struct user_data *data, uint32_t type, void *to, size_t size, size_t min);

/* Writes back @size bytes, or as many as fit. 0 or -EFAULT. */
int user_data_write(const struct user_data *data, const void *from, size_t size);

#endif
