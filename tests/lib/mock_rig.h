/* SPDX-License-Identifier: MIT */
/*
 * A context with the test ABI. Its caller has descriptors for emulated files, which start at
 * MOCK_FD_BASE; those below are this process's own.
 */
#ifndef TESTS_LIB_MOCK_RIG_H
#define TESTS_LIB_MOCK_RIG_H

#include <stdint.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "base/file.h"
#include "mock/test_abi.h"

enum {
	MOCK_FD_BASE = 1000,
	MOCK_FDS = 16,
};

struct mock_rig {
	struct uiommufd_caller caller; /* must be first */
	struct uiommufd_caller_ops ops;
	struct uiommufd_file *files[MOCK_FDS];
	struct uiommufd *ctx;
};

void mock_rig_init(struct mock_rig *rig);

/* Closes the context, and the descriptors that are still open. */
void mock_rig_release(struct mock_rig *rig);

int mock_rig_ioctl(struct mock_rig *rig, unsigned int cmd, const void *arg);

/* The argument of one ioctl; of one operation of IOMMU_TEST_CMD. */
#define RIG_CMD(type, ...) (&(struct type){.size = sizeof(struct type), __VA_ARGS__})
#define RIG_TEST(name, of, ...) \
	RIG_CMD(iommu_test_cmd, .op = IOMMU_TEST_OP_##name, .id = (uint32_t)(of), ##__VA_ARGS__)

#endif
