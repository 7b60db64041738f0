/* SPDX-License-Identifier: MIT */
/*
 * edu-copy: copies a file through a PCI device, from userspace, with VFIO and iommufd.
 *
 * The device is QEMU's teaching device "edu" (qemu docs/specs/edu): it has a buffer of 4 KiB and
 * moves data between memory and that buffer by DMA. Each piece of the file goes RAM -> device ->
 * RAM; each transfer ends with an interrupt. At the end the copy is compared with the file.
 *
 * This is the whole life of a userspace driver, in the order in which main() does it: find the
 * device, open it, bind it to an iommufd, attach it to an IO address space, map memory into that,
 * let the device master the bus, take its interrupts, drive its registers. edu.c has what is
 * particular to the device, job.c the command line and the files. type1-copy does the same by
 * VFIO's older interface.
 *
 * It runs on a virtual machine with `-device intel-iommu,intremap=on -device edu` (or any other
 * IOMMU) and a kernel from 6.6 with CONFIG_VFIO_DEVICE_CDEV, the device bound to vfio-pci. There
 * each DMA takes 100 ms by design, so limit it: `edu-copy -n 65536`.
 */
#include "edu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "job.h"

struct space {
	int iommufd; /* the device is bound to it */
	uint32_t ioas_id;
};

/* ---- the device ---- */

/* Opens VFIO's character device of @bdf. */
static int open_vfio(const char *bdf)
{
	char path[SYSFS_PATH];
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		fail("%s: %s: is the device bound to vfio-pci, and the kernel built with "
		     "CONFIG_VFIO_DEVICE_CDEV?",
		     path, strerror(errno));
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, "vfio", 4) == 0)
			break;
	if (!entry)
		fail("%s is empty", path);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%.64s", entry->d_name);
	closedir(dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	printf("device    %s, %s\n", bdf, path);
	return fd;
}

/* ---- the IO address space ---- */

static void attach(struct space *space, const struct edu *edu)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	space->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (space->iommufd < 0)
		fail("/dev/iommu: %s", strerror(errno));
	bind.iommufd = space->iommufd;
	if (ioctl(edu->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		fail("binding the device to the iommufd: %s", strerror(errno));
	if (ioctl(space->iommufd, IOMMU_IOAS_ALLOC, &alloc))
		fail("IOMMU_IOAS_ALLOC: %s", strerror(errno));
	space->ioas_id = alloc.out_ioas_id;
	attach.pt_id = space->ioas_id;
	if (ioctl(edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		fail("attaching the device to the IO address space: %s", strerror(errno));
	printf("bound     device ID %u, IO address space %u, page table %u\n", bind.out_devid,
	       space->ioas_id, attach.pt_id);
}

/*
 * Has the kernel choose the IOVAs of mappings from those that both the IOMMU permits and the device
 * can drive.
 */
static void restrict_iovas(const struct space *space)
{
	struct iommu_iova_range ranges[MAX_WINDOWS];
	struct iommu_ioas_iova_ranges usable = {
		.size = sizeof(usable),
		.ioas_id = space->ioas_id,
		.num_iovas = MAX_WINDOWS,
		.allowed_iovas = (uintptr_t)ranges,
	};
	struct iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = space->ioas_id,
		.allowed_iovas = (uintptr_t)ranges,
	};

	if (ioctl(space->iommufd, IOMMU_IOAS_IOVA_RANGES, &usable))
		fail("IOMMU_IOAS_IOVA_RANGES: %s", strerror(errno));
	for (uint32_t i = 0; i < usable.num_iovas; i++) {
		printf("window    0x%llx..0x%llx\n", (unsigned long long)ranges[i].start,
		       (unsigned long long)ranges[i].last);
		if (ranges[i].start >= EDU_DMA_MASK)
			continue;
		ranges[allow.num_iovas] = ranges[i];
		if (ranges[i].last > EDU_DMA_MASK)
			ranges[allow.num_iovas].last = EDU_DMA_MASK;
		allow.num_iovas++;
	}
	if (!allow.num_iovas)
		fail("the IOMMU permits no IOVA of 28 bits, and the device drives no more");
	if (ioctl(space->iommufd, IOMMU_IOAS_ALLOW_IOVAS, &allow))
		fail("IOMMU_IOAS_ALLOW_IOVAS: %s", strerror(errno));
}

/* Maps the memory: the kernel pins it and chooses the IOVA. */
static void map(const struct space *space, struct mapping *mapping, bool device_writes)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = device_writes ? IOMMU_IOAS_MAP_WRITEABLE : IOMMU_IOAS_MAP_READABLE,
		.ioas_id = space->ioas_id,
		.user_va = (uintptr_t)mapping->memory,
		.length = mapping->size,
	};

	if (ioctl(space->iommufd, IOMMU_IOAS_MAP, &cmd))
		fail("mapping %zu bytes: %s%s", mapping->size, strerror(errno),
		     errno == ENOSPC   ? ": too much for 28 bits of IOVA, limit it with -n"
		     : errno == ENOMEM ? ": see ulimit -l, or limit it with -n"
				       : "");
	mapping->iova = cmd.iova;
	print_mapping(mapping, device_writes);
}

int main(int argc, char **argv)
{
	struct mapping from, to;
	struct space space;
	struct edu edu = {0};
	/* With "-x" first, the device may not write where it has to: README.md shows the report. */
	const bool wrong = argc > 1 && strcmp(argv[1], "-x") == 0;
	struct job job;

	job_parse(&job, argc - wrong, argv + wrong);
	edu.fd = open_vfio(job.bdf);
	attach(&space, &edu);
	restrict_iovas(&space);
	/* Filled before it is mapped: the device will see the pages that exist then. */
	from = allocate(job.len);
	job_read(&job, &from);
	to = allocate(job.len);
	map(&space, &from, false);
	map(&space, &to, !wrong);

	edu_start(&edu);
	job_begin(&job);
	edu_copy(&edu, &from, &to, job.len);
	job_end(&job, &edu, &from, &to);
	return 0;
}
