/* SPDX-License-Identifier: MIT */
/*
 * What `uiommufd run` costs a program. System calls on files that are not emulated: through the C
 * library's function, and through syscall(), which is the reference. MAP and UNMAP of one page:
 * through ioctl(), and through uiommufd_ioctl() of an embedding program in the same process, which
 * leaves out the interposer.
 *
 * Started without arguments, it starts itself under `uiommufd run` of the build that it belongs to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>
#include <uiommufd/vfio.h>

#include "../tests/lib/page.h"
#include "bench.h"

enum {
	OPERATIONS = 20000,
};

#define IOVA UINT64_C(0x100000)

struct vfio_rig {
	int zero;	      /* a file that is not emulated */
	int iommufd;	      /* as the program opens it */
	struct uiommufd *ctx; /* embedded */
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *endpoint;
	uint32_t ioas, embedded_ioas;
	char *page;
};

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "preload_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void read_by_library(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;
	char byte;

	while (ops--)
		check(read(rig->zero, &byte, 1) == 1, "read");
}

static void read_by_syscall(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;
	char byte;

	while (ops--)
		check(syscall(SYS_read, rig->zero, &byte, 1) == 1, "read");
}

static void ioctl_by_library(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--)
		check(ioctl(rig->zero, FIOCLEX) == 0, "ioctl");
}

static void ioctl_by_syscall(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--)
		check(syscall(SYS_ioctl, rig->zero, FIOCLEX) == 0, "ioctl");
}

static void map_unmap_by_ioctl(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--) {
		struct iommu_ioas_map map = {
			.size = sizeof(map),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
			.ioas_id = rig->ioas,
			.user_va = (uintptr_t)rig->page,
			.length = PAGE,
			.iova = IOVA,
		};
		struct iommu_ioas_unmap unmap = {
			.size = sizeof(unmap), .ioas_id = rig->ioas, .iova = IOVA, .length = PAGE};

		check(ioctl(rig->iommufd, IOMMU_IOAS_MAP, &map) == 0, "MAP");
		check(ioctl(rig->iommufd, IOMMU_IOAS_UNMAP, &unmap) == 0, "UNMAP");
	}
}

static void map_unmap_embedded(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--) {
		struct iommu_ioas_map map = {
			.size = sizeof(map),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
			.ioas_id = rig->embedded_ioas,
			.user_va = (uintptr_t)rig->page,
			.length = PAGE,
			.iova = IOVA,
		};
		struct iommu_ioas_unmap unmap = {.size = sizeof(unmap),
						 .ioas_id = rig->embedded_ioas,
						 .iova = IOVA,
						 .length = PAGE};

		check(!uiommufd_ioctl(rig->ctx, NULL, IOMMU_IOAS_MAP, (uintptr_t)&map), "MAP");
		check(!uiommufd_ioctl(rig->ctx, NULL, IOMMU_IOAS_UNMAP, (uintptr_t)&unmap),
		      "UNMAP");
	}
}

static void open_program(struct vfio_rig *rig)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	int device = open("/dev/vfio/devices/vfio0", O_RDWR);

	check(device >= 0, "vfio0");
	rig->iommufd = open("/dev/iommu", O_RDWR);
	check(rig->iommufd >= 0, "/dev/iommu");
	bind.iommufd = rig->iommufd;
	check(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind) == 0, "bind");
	check(ioctl(rig->iommufd, IOMMU_IOAS_ALLOC, &alloc) == 0, "IOAS_ALLOC");
	attach.pt_id = alloc.out_ioas_id;
	check(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) == 0, "attach");
	rig->ioas = alloc.out_ioas_id;
}

static void open_embedded(struct vfio_rig *rig)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	uint32_t id;

	check(!uiommufd_open(NULL, &rig->ctx), "open");
	check(!uiommufd_iommu_create("intel", "bench", &rig->iommu), "IOMMU");
	check(!uiommufd_endpoint_create(rig->iommu, "bench", &rig->endpoint), "endpoint");
	check(!uiommufd_endpoint_bind(rig->endpoint, rig->ctx, &id), "bind");
	check(!uiommufd_ioctl(rig->ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&alloc), "IOAS_ALLOC");
	rig->embedded_ioas = id = alloc.out_ioas_id;
	check(!uiommufd_endpoint_attach(rig->endpoint, UIOMMUFD_NO_PASID, &id), "attach");
}

/* Returns what the second costs more, in ns. */
static double compare(struct vfio_rig *rig, const char *without, void (*first)(void *, uint64_t),
		      const char *with, void (*second)(void *, uint64_t))
{
	const struct bench_case a = {.body = first, .arg = rig, .ops = OPERATIONS};
	const struct bench_case b = {.body = second, .arg = rig, .ops = OPERATIONS};
	struct bench_pair pair = bench_pair(&a, &b);

	bench_row(without, pair.first, pair.first);
	bench_row(with, pair.second, pair.first);
	return pair.second.min - pair.first.min;
}

/* The embedded library records nothing; under uiommufd run each call has its stack recorded. */
static void compare_mapping(struct vfio_rig *rig)
{
	const struct bench_case a = {.body = map_unmap_embedded, .arg = rig, .ops = OPERATIONS};
	const struct bench_case b = {.body = map_unmap_by_ioctl, .arg = rig, .ops = OPERATIONS};
	struct bench_pair pair = bench_pair(&a, &b);

	bench_row("MAP and UNMAP of a page, uiommufd_ioctl()", pair.first, pair.first);
	bench_row("the same, ioctl(), with stacks recorded", pair.second, pair.first);
	bench_at_most("MAP and UNMAP with reports and stacks over those without", pair.ratio, 3,
		      "");
}

static int measure(void)
{
	struct vfio_rig rig = {.zero = open("/dev/zero", O_RDONLY | O_CLOEXEC)};
	double extra;

	check(rig.zero >= 0, "/dev/zero");
	rig.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	check(rig.page != MAP_FAILED, "mmap");
	open_program(&rig);
	open_embedded(&rig);
	bench_table("a program under uiommufd run");
	extra = compare(&rig, "read of another file, syscall()", read_by_syscall,
			"the same, read()", read_by_library);
	bench_at_most("what a read() of another file costs more under uiommufd run", extra, 20,
		      " ns");
	extra = compare(&rig, "ioctl of another file, syscall()", ioctl_by_syscall,
			"the same, ioctl()", ioctl_by_library);
	bench_at_most("what an ioctl() of another file costs more under uiommufd run", extra, 20,
		      " ns");
	compare_mapping(&rig);
	return 0;
}

int main(int argc, char **argv)
{
	char self[PATH_MAX], command[PATH_MAX];
	ssize_t len;
	char *dir;

	if (argc > 1)
		return measure();
	(void)argv;
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	check(len > 0, "/proc/self/exe");
	self[len] = '\0';
	/* BUILD/bench/preload_bench beside BUILD/uiommufd */
	dir = strstr(self, "/bench/");
	check(dir, "where the build is");
	check((size_t)snprintf(command, sizeof(command), "%.*s/uiommufd", (int)(dir - self), self) <
		      sizeof(command),
	      "path");
	execl(command, command, "run", "--device", "edu", "--", self, "inside", (char *)NULL);
	check(false, command);
	return 1;
}
