/* SPDX-License-Identifier: MIT */
#include "preload/calls/fdinfo.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/engine/call.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "vfio/vfio.h"

/* The N of "/proc/self/fdinfo/N", or of the same with our process ID; -1 for another path. */
static int descriptor_of(const char *path)
{
	static const char proc[] = "/proc/";
	int pid = 0;
	int used = 0;
	int fd;

	if (strncmp(path, proc, sizeof(proc) - 1) != 0 || !strstr(path, "/fdinfo/"))
		return -1;
	path += sizeof(proc) - 1;
	if (sscanf(path, "self/fdinfo/%d%n", &fd, &used) != 1 &&
	    (sscanf(path, "%d/fdinfo/%d%n", &pid, &fd, &used) != 2 || pid != getpid()))
		return -1;
	return path[used] == '\0' ? fd : -1;
}

/* The line for the device behind @fd. Its length, 0 if there is none. */
static size_t device_line(int fd, char *line, size_t size)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	struct vfio_device *device;
	struct pci_bdf bdf;
	int len = 0;

	if (!desc)
		return 0;
	device = vfio_device_from_file(desc->file);
	if (device) {
		bdf = vfio_device_bdf(device);
		len = snprintf(line, size,
			       "vfio-device-syspath: " LAYOUT_SYS_PCI_BUSES "%04x:%02x/%s\n",
			       bdf.domain, bdf.bus, vfio_device_name(device));
	}
	engine_leave_fd(&call, desc);
	return (size_t)len;
}

/* Copies what @path shows, and @line, to @to. */
static long fill(int to, const char *path, const char *line, size_t len)
{
	char text[1024];
	long n = SYS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	int from = (int)n;

	if (from < 0)
		return n;
	n = SYS(SYS_read, from, text, sizeof(text));
	SYS(SYS_close, from);
	if (n > 0)
		n = SYS(SYS_write, to, text, n);
	if (n > 0)
		n = SYS(SYS_write, to, line, len);
	if (n > 0)
		n = SYS(SYS_lseek, to, 0, SEEK_SET);
	return n;
}

int fdinfo_open(const char *path, int flags)
{
	char line[128];
	size_t len;
	int fd;

	if (!path || path[0] != '/' || path[1] != 'p' || (flags & O_ACCMODE) != O_RDONLY)
		return -1;
	fd = descriptor_of(path);
	len = fd >= 0 ? device_line(fd, line, sizeof(line)) : 0;
	if (!len)
		return -1;
	fd = (int)SYS(SYS_memfd_create, "fdinfo", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd < 0)
		return -1;
	if (fill(fd, path, line, len) < 0) {
		SYS(SYS_close, fd);
		return -1;
	}
	return fd;
}
