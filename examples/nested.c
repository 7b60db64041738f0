/* SPDX-License-Identifier: MIT */
/*
 * nested: a device's DMA through two stages of translation, as in a virtual machine whose guest has
 * an IOMMU.
 *
 * The program plays both parts. As the VMM it maps the guest's memory into an IO address space,
 * whose IOVAs are the guest's physical addresses (stage 2). As the guest it builds page tables in
 * that memory (stage 1: x86-64 tables, as VT-d has them). The device gets guest-virtual addresses;
 * the IOMMU walks the guest's tables, and translates each step by stage 2.
 *
 * Then it changes an entry. The device continues to use the old page until the entry that the IOMMU
 * has cached is invalidated. To forget that is a mistake that is hard to find without the hardware.
 *
 * 	uiommufd run --iommu intel --device edu -- nested
 *
 * On real hardware it needs a VT-d IOMMU in scalable mode with nesting, and the edu device bound to
 * vfio-pci.
 */
#include "edu.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
	PAGE = 4096,
	GUEST_PAGES = 16,
	LEVELS = 4,
};

/* Guest-physical address of the guest's memory, and what the device is given: it drives 28 bits. */
#define GUEST_BASE UINT64_C(0x40000000)
#define IOVA_FROM  UINT64_C(0x5000000)
#define IOVA_TO	   UINT64_C(0x6001000)

/* Bits of an entry. */
#define P	   UINT64_C(0x1)
#define RW	   UINT64_C(0x2)
#define US	   UINT64_C(0x4)
#define A	   UINT64_C(0x20)
#define D	   UINT64_C(0x40)
#define ADDRESS	   UINT64_C(0xffffffffff000)
#define ENTRY_BITS (P | RW | US)

static int iommufd;
static struct edu edu;
static struct mapping guest; /* .iova: GUEST_BASE */
static uint32_t dev_id, nested_id;

static void call(unsigned long request, void *cmd, const char *what)
{
	if (ioctl(iommufd, request, cmd))
		fail("%s: %s", what, strerror(errno));
}

/* ---- as the VMM ---- */

static void open_device(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	char bdf[64], pattern[SYSFS_PATH];
	const char *name;
	glob_t found;

	find_edu(bdf, sizeof(bdf));
	snprintf(pattern, sizeof(pattern), "/sys/bus/pci/devices/%s/vfio-dev/vfio*", bdf);
	if (glob(pattern, 0, NULL, &found))
		fail("%s: is the device bound to vfio-pci?", pattern);
	name = strrchr(found.gl_pathv[0], '/');
	snprintf(pattern, sizeof(pattern), "/dev/vfio/devices%.64s", name);
	globfree(&found);
	edu.fd = open(pattern, O_RDWR | O_CLOEXEC);
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (edu.fd < 0 || iommufd < 0)
		fail("%s and /dev/iommu: %s", pattern, strerror(errno));
	bind.iommufd = iommufd;
	if (ioctl(edu.fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		fail("binding the device to the iommufd: %s", strerror(errno));
	dev_id = bind.out_devid;
	printf("device    %s, %s\n", bdf, pattern);
}

/* Makes the guest's memory and a nesting parent that maps it, and returns the parent's ID. */
static uint32_t make_guest(void)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.iova = GUEST_BASE,
	};
	struct iommu_hwpt_alloc parent = {
		.size = sizeof(parent),
		.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
		.dev_id = dev_id,
	};

	guest = allocate((size_t)GUEST_PAGES * PAGE);
	guest.iova = GUEST_BASE;
	call(IOMMU_IOAS_ALLOC, &ioas, "IOMMU_IOAS_ALLOC");
	map.ioas_id = ioas.out_ioas_id;
	map.user_va = (uintptr_t)guest.memory;
	map.length = guest.size;
	call(IOMMU_IOAS_MAP, &map, "mapping the guest's memory");
	parent.pt_id = ioas.out_ioas_id;
	call(IOMMU_HWPT_ALLOC, &parent,
	     "a nesting parent (can this IOMMU nest? try --iommu intel)");
	printf("guest     %d pages at 0x%llx, page table %u\n", GUEST_PAGES,
	       (unsigned long long)GUEST_BASE, parent.out_hwpt_id);
	return parent.out_hwpt_id;
}

/* The guest gives its tables to its IOMMU; the VMM passes them on. */
static void nest(uint32_t parent, uint64_t root)
{
	const struct iommu_hwpt_vtd_s1 tables = {.pgtbl_addr = root, .addr_width = 48};
	struct iommu_hwpt_alloc nested = {
		.size = sizeof(nested),
		.dev_id = dev_id,
		.pt_id = parent,
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = sizeof(tables),
		.data_uptr = (uintptr_t)&tables,
	};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	call(IOMMU_HWPT_ALLOC, &nested, "a nested page table of VT-d's type (try --iommu intel)");
	nested_id = nested.out_hwpt_id;
	attach.pt_id = nested_id;
	if (ioctl(edu.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		fail("attaching the device to the nested page table: %s", strerror(errno));
	printf("nested    page table %u: the guest's at 0x%llx, on page table %u\n", nested_id,
	       (unsigned long long)root, parent);
}

/* The guest invalidates an entry; the VMM passes that on. */
static void invalidate(uint64_t iova)
{
	const struct iommu_hwpt_vtd_s1_invalidate entry = {.addr = iova, .npages = 1};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = nested_id,
		.data_uptr = (uintptr_t)&entry,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.entry_len = sizeof(entry),
		.entry_num = 1,
	};

	call(IOMMU_HWPT_INVALIDATE, &cmd, "IOMMU_HWPT_INVALIDATE");
}

/* ---- as the guest ---- */

/* Returns the guest-physical address of an unused page. */
static uint64_t new_page(void)
{
	static uint64_t used;

	if (used == GUEST_PAGES)
		fail("the guest has %d pages", GUEST_PAGES);
	return GUEST_BASE + used++ * PAGE;
}

static void *at(uint64_t address)
{
	return guest.memory + (address - GUEST_BASE);
}

/* Returns the entry for the page at @iova; makes tables that are missing on the way to it. */
static uint64_t *entry_of(uint64_t root, uint64_t iova)
{
	uint64_t table = root;

	for (unsigned int level = LEVELS - 1;; level--) {
		uint64_t *entry = (uint64_t *)at(table) + (iova >> (12 + 9 * level) & 511);

		if (!level)
			return entry;
		if (!*entry)
			*entry = new_page() | ENTRY_BITS;
		table = *entry & ADDRESS;
	}
}

static void show(const char *what, uint64_t iova, const uint64_t *entry)
{
	printf("%-9s 0x%llx -> 0x%llx%s%s\n", what, (unsigned long long)iova,
	       (unsigned long long)(*entry & ADDRESS), *entry & A ? ", accessed" : "",
	       *entry & D ? ", dirty" : "");
}

/* Has the device copy from IOVA_FROM to IOVA_TO, which is @page, and returns what arrived. */
static const char *device_reads(uint64_t page)
{
	const struct mapping from = {.iova = IOVA_FROM}, to = {.iova = IOVA_TO};

	edu_copy(&edu, &from, &to, PAGE);
	return at(page);
}

int main(void)
{
	uint64_t root, old_page, new, to, *entry_from, *entry_to;
	uint32_t parent;

	open_device();
	parent = make_guest();
	root = new_page();
	old_page = new_page();
	new = new_page();
	to = new_page();
	strcpy(at(old_page), "the old page");
	strcpy(at(new), "the new page");

	entry_from = entry_of(root, IOVA_FROM);
	entry_to = entry_of(root, IOVA_TO);
	*entry_from = old_page | ENTRY_BITS;
	*entry_to = to | ENTRY_BITS;
	show("entry", IOVA_FROM, entry_from);
	show("entry", IOVA_TO, entry_to);
	nest(parent, root);
	edu_start(&edu);
	printf("DMA       the device reads \"%s\"\n", device_reads(to));
	show("entry", IOVA_FROM, entry_from);
	show("entry", IOVA_TO, entry_to);

	*entry_from = new | ENTRY_BITS;
	show("changed", IOVA_FROM, entry_from);
	printf("DMA       the device reads \"%s\"\n", device_reads(to));
	invalidate(IOVA_FROM);
	printf("invalid   0x%llx is forgotten\n", (unsigned long long)IOVA_FROM);
	if (strcmp(device_reads(to), "the new page"))
		fail("after the invalidation the device reads \"%s\"", (char *)at(to));
	printf("DMA       the device reads \"%s\"\n", (char *)at(to));
	return 0;
}
