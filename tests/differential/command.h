/* SPDX-License-Identifier: MIT */
/*
 * One ioctl of a sequence: it may be spoilt before it is made (its size, its pointer, a bit of its
 * fields), and is printed with everything that it changed.
 */
#ifndef DIFFERENTIAL_COMMAND_H
#define DIFFERENTIAL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/iommufd.h>

#include "mock/test_abi.h"

/* How many of a hundred commands are spoilt. */
extern uint32_t spoil_percent;

/*
 * Makes the ioctl. The structure at @argument, of @size bytes, is what came back afterwards. 0, or
 * -1 with errno.
 */
int command_run(const char *name, unsigned long number, void *argument, uint32_t size);

/* IOMMU_@name, which has its size in front. */
#define COMMAND(name, argument) command_run(#name, IOMMU_##name, &(argument), sizeof(argument))

/* One of the test driver's. */
int test_run(const char *name, struct iommu_test_cmd *cmd);

/* The same without a word: not part of what is compared. */
int quiet_test(struct iommu_test_cmd *cmd);

/*
 * Where to put @size bytes for the command to read or write: usually BUFFER + @offset. What the
 * command leaves in BUFFER is printed, if that is not what it found.
 */
uint64_t some_pointer(uint64_t offset, uint64_t size);

/* The same for read() and write(). */
uint64_t some_io_pointer(uint64_t size);

/* The next command is given BUFFER by other means. */
void buffer_used(void);
/* The buffer that some_pointer() chose has been used. */
void buffer_done(void);

#endif
