/* SPDX-License-Identifier: MIT */
/*
 * A context with the test ABI inside the test's own process, and a caller that has descriptors from
 * MOCK_FD_BASE on for emulated files and its process's own below.
 */
#ifndef TESTS_LIB_MOCK_RIG_H
#define TESTS_LIB_MOCK_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "base/file.h"
#include "mock/test_abi.h"

enum {
	MOCK_FD_BASE = 1000,
	MOCK_FDS = 16,
	MOCK_RIG_PAGE = 4096,
};

struct mock_rig {
	struct uiommufd_caller caller; /* first */
	struct uiommufd_caller_ops ops;
	struct uiommufd_file *files[MOCK_FDS];
	struct uiommufd *ctx;
};

static inline struct uiommufd_file **mock_rig_slot(struct uiommufd_caller *caller, int fd)
{
	struct mock_rig *rig = (struct mock_rig *)caller;

	if (fd < MOCK_FD_BASE || fd >= MOCK_FD_BASE + MOCK_FDS)
		return NULL;
	return &rig->files[fd - MOCK_FD_BASE];
}

static inline struct uiommufd_file *mock_rig_get_file(struct uiommufd_caller *caller, int fd)
{
	struct uiommufd_file **slot = mock_rig_slot(caller, fd);

	return slot && *slot ? file_get(*slot) : NULL;
}

static inline int mock_rig_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file,
					int flags)
{
	(void)flags;
	for (int fd = MOCK_FD_BASE; fd < MOCK_FD_BASE + MOCK_FDS; fd++) {
		struct uiommufd_file **slot = mock_rig_slot(caller, fd);

		if (!*slot) {
			*slot = file;
			return fd;
		}
	}
	return -EMFILE;
}

static inline void mock_rig_close(struct uiommufd_caller *caller, int fd)
{
	struct uiommufd_file **slot = mock_rig_slot(caller, fd), *file = *slot;

	*slot = NULL;
	file_put(file);
}

static inline void mock_rig_init(struct mock_rig *rig)
{
	const struct uiommufd_options options = {
		.size = sizeof(options),
		.flags = UIOMMUFD_OPEN_TEST_ABI,
	};

	memset(rig, 0, sizeof(*rig));
	rig->ops = *uiommufd_caller_self()->ops;
	rig->ops.get_file = mock_rig_get_file;
	rig->ops.install_file = mock_rig_install_file;
	rig->ops.uninstall_file = mock_rig_close;
	uiommufd_caller_init(&rig->caller, &rig->ops, 1, 1000);
	assert_int_equal(uiommufd_open(&options, &rig->ctx), 0);
}

/* Closes the descriptors that are open, and the context. */
static inline void mock_rig_release(struct mock_rig *rig)
{
	for (int i = 0; i < MOCK_FDS; i++) {
		if (rig->files[i])
			mock_rig_close(&rig->caller, MOCK_FD_BASE + i);
	}
	uiommufd_close(rig->ctx);
}

static inline int mock_rig_ioctl(struct mock_rig *rig, unsigned int cmd, const void *arg)
{
	return uiommufd_ioctl(rig->ctx, &rig->caller, cmd, (uintptr_t)arg);
}

/* An argument for one call. */
#define RIG_CMD(type, ...) (&(struct type){.size = sizeof(struct type), __VA_ARGS__})
#define RIG_TEST(name, of, ...)                             \
	RIG_CMD(iommu_test_cmd, .op = IOMMU_TEST_OP_##name, \
		.id = (uint32_t)(of)__VA_OPT__(, ) __VA_ARGS__)

#endif
