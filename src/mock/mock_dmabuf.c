/* SPDX-License-Identifier: MIT */
/* The exporter of dma-bufs [TEST-DMABUF]. */
#include <fcntl.h>
#include <sys/vfs.h>

#include "base/caller.h"
#include "base/file.h"
#include "base/sys.h"
#include "mem/dmabuf.h"
#include "mock/mock_internal.h"

enum {
	MAX_PAGES = 512
};

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif

static int check_open_flags(uint32_t flags)
{
	if (flags & ~(uint32_t)(O_ACCMODE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	return (flags & O_ACCMODE) == O_ACCMODE ? -EINVAL : 0;
}

static int install(struct uiommufd_caller *caller, struct dmabuf *dmabuf, uint32_t flags)
{
	int fd;

	fd = caller_install_file(caller, dmabuf_file(dmabuf), (int)(flags & O_CLOEXEC));
	if (fd < 0)
		file_put(dmabuf_file(dmabuf));
	return fd;
}

int mock_dmabuf_get(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	const uint64_t pages = ((uint64_t)cmd->dmabuf_get.length + PAGE_MASK) >> PAGE_SHIFT;
	struct dmabuf *dmabuf;
	int rc;

	if (!pages || pages > MAX_PAGES || check_open_flags(cmd->dmabuf_get.open_flags))
		return -EINVAL;
	rc = dmabuf_create(pages << PAGE_SHIFT, &dmabuf);
	if (rc)
		return rc;
	return install(ucmd->caller, dmabuf, cmd->dmabuf_get.open_flags);
}

/* The error for a descriptor @fd of another file. */
static int refuse(struct uiommufd_caller *caller, int fd)
{
	int copy = caller_dup_fd(caller, fd);
	struct statfs fs;
	int rc = -EINVAL;

	if (copy < 0)
		return -EBADF;
	if (!sys_call(SYS_fstatfs, copy, (long)&fs, 0, 0, 0, 0) &&
	    (uint64_t)fs.f_type == DMA_BUF_MAGIC)
		rc = -EOPNOTSUPP;
	(void)sys_close(copy);
	return rc;
}

int mock_dmabuf_revoke(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct uiommufd_caller *caller = ucmd->caller;
	const int fd = cmd->dmabuf_revoke.dmabuf_fd;
	struct uiommufd_file *file = caller_get_file(caller, fd);
	struct dmabuf *dmabuf;

	if (!file)
		return refuse(caller, fd);
	dmabuf = dmabuf_from_file(file);
	if (dmabuf)
		dmabuf_set_revoked(dmabuf, cmd->dmabuf_revoke.revoked);
	file_put(file);
	return dmabuf ? 0 : -EINVAL;
}
