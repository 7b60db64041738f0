/* SPDX-License-Identifier: MIT */
#include "mock_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct uiommufd_file **mock_rig_slot(struct uiommufd_caller *caller, int fd)
{
	struct mock_rig *rig = (struct mock_rig *)caller;

	if (fd < MOCK_FD_BASE || fd >= MOCK_FD_BASE + MOCK_FDS)
		return NULL;
	return &rig->files[fd - MOCK_FD_BASE];
}

static struct uiommufd_file *mock_rig_get_file(struct uiommufd_caller *caller, int fd)
{
	struct uiommufd_file **slot = mock_rig_slot(caller, fd);

	return slot && *slot ? file_get(*slot) : NULL;
}

static int mock_rig_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file,
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

static void mock_rig_close(struct uiommufd_caller *caller, int fd)
{
	struct uiommufd_file **slot = mock_rig_slot(caller, fd), *file = *slot;

	*slot = NULL;
	file_put(file);
}

void mock_rig_init(struct mock_rig *rig)
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

void mock_rig_release(struct mock_rig *rig)
{
	for (int i = 0; i < MOCK_FDS; i++) {
		if (rig->files[i])
			mock_rig_close(&rig->caller, MOCK_FD_BASE + i);
	}
	uiommufd_close(rig->ctx);
}

int mock_rig_ioctl(struct mock_rig *rig, unsigned int cmd, const void *arg)
{
	return uiommufd_ioctl(rig->ctx, &rig->caller, cmd, (uintptr_t)arg);
}
