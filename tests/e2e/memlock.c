/* SPDX-License-Identifier: MIT */
/*
 * Locks memory without the right to lock as much as it likes, for memlock.sh:
 *
 *	memlock PAGES...	pins so many pages for a device, prints "ok" or what failed, and
 *				repeats that with the next number
 *	memlock -f PAGES...	the same, the numbers after the first in the child of a fork
 *	memlock -h PAGES...	afterwards, waits for the end of its input
 *	memlock -c PAGES...	the same by a container; the number behind an 'l' by mlock()
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/page.h"
#include "check.h"

struct bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct attach {
	uint32_t argsz, flags, pt_id;
};

#define DEVICE_BIND   0x3b76
#define DEVICE_ATTACH 0x3b77

static int iommufd, ioas, container;

int capset(void *header, const void *data);

static void drop_rights(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	if (syscall(SYS_capget, &header, data))
		exit(3);
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	if (capset(&header, data))
		exit(3);
}

static void open_device(void)
{
	struct bind bind = {.argsz = sizeof(bind)};
	struct attach attach = {.argsz = sizeof(attach)};
	int fd = open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);

	iommufd = bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	ioas = new_ioas(iommufd);
	attach.pt_id = (uint32_t)ioas;
	if (ioctl(fd, DEVICE_BIND, &bind) || ioctl(fd, DEVICE_ATTACH, &attach))
		exit(3);
}

static void open_container(void)
{
	const char *const link = "/sys/class/vfio-dev/vfio0/device/iommu_group";
	char target[256] = "", path[300];
	int group;

	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (readlink(link, target, sizeof(target) - 1) < 0)
		exit(3);
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	group = open(path, O_RDWR | O_CLOEXEC);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		exit(3);
}

static void print_result(int rc)
{
	puts(rc == 0 ? "ok" : errno == ENOMEM ? "ENOMEM" : strerror(errno));
	fflush(stdout);
}

static void *new_pages(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* By the container, or by mlock(). */
static void lock(const char *pages)
{
	static uint64_t next;
	const bool by_program = pages[0] == 'l';
	const size_t len = strtoull(pages + by_program, NULL, 0) * PAGE;
	struct vfio_iommu_type1_dma_map cmd = {.argsz = sizeof(cmd),
					       .flags = VFIO_DMA_MAP_FLAG_READ,
					       .vaddr = (uintptr_t)new_pages(len),
					       .iova = next,
					       .size = len};

	next += len;
	print_result(by_program ? mlock((void *)(uintptr_t)cmd.vaddr, len)
				: ioctl(container, VFIO_IOMMU_MAP_DMA, &cmd));
}

static void pin(const char *pages)
{
	struct ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = 6, /* readable and writable, at an IOVA that is chosen */
		.ioas_id = (uint32_t)ioas,
		.length = strtoull(pages, NULL, 0) * PAGE,
	};

	cmd.user_va = (uintptr_t)new_pages(cmd.length);
	print_result(ioctl(iommufd, IOMMU_IOAS_MAP, &cmd));
}

int main(int argc, char **argv)
{
	const char *option = argc > 1 && argv[1][0] == '-' ? argv[1] + 1 : "";
	int next = *option ? 2 : 1, status;

	drop_rights();
	if (*option == 'c') {
		open_container();
		while (argv[next])
			lock(argv[next++]);
		return 0;
	}
	open_device();
	if (argv[next])
		pin(argv[next++]);
	if (*option == 'f' && fork()) {
		wait(&status);
		return 0;
	}
	while (argv[next])
		pin(argv[next++]);
	while (*option == 'h' && getchar() != EOF)
		;
	return 0;
}
