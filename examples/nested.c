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
 * vfio-pci. With --soft FORMAT the tables have another format, which uiommufd walks on any kind of
 * IOMMU, also on one that does not nest:
 *
 * 	uiommufd run --iommu riscv --device edu -- nested --soft amdv1
 *
 * With -p in front it waits at the end, for `uiommufd show` and `lookup`.
 */
/* In front of the system's header, which has no tables that uiommufd walks on any kind of IOMMU. */
#include <uiommufd/iommufd.h>

#include "edu.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	GUEST_PAGES = 16,
};

/* Guest-physical address of the guest's memory, and what the device is given: it drives 28 bits. */
#define GUEST_BASE UINT64_C(0x20000000)
#define IOVA_FROM  UINT64_C(0x5000000)
#define IOVA_TO	   UINT64_C(0x6001000)

#define BIT(n)	(UINT64_C(1) << (n))
#define ADDRESS UINT64_C(0xffffffffff000)

/* What entries of a format are made of. */
struct format {
	const char *name;
	uint32_t soft; /* enum iommu_soft_s1_format; 0: VT-d's hardware walks it */
	uint32_t width, levels;
	uint64_t table, leaf; /* bits of entries that lead to a table, to a page */
	uint64_t accessed, dirty;
	unsigned int shift;	 /* addresses are shifted right by this */
	unsigned int next_level; /* where the level of the next table stands; 0: nowhere */
};

#define X86(...)                                                                                  \
	{                                                                                         \
		__VA_ARGS__, .table = BIT(0) | BIT(1) | BIT(2), .leaf = BIT(0) | BIT(1) | BIT(2), \
			     .accessed = BIT(5), .dirty = BIT(6)                                  \
	}

#define RISCV(...)                                                                       \
	{                                                                                \
		__VA_ARGS__, .table = BIT(0), .leaf = BIT(0) | BIT(1) | BIT(2) | BIT(4), \
			     .accessed = BIT(6), .dirty = BIT(7), .shift = 2             \
	}

static const struct format formats[] = {
	X86("vtd", 0, 48, 4),
	X86("x86", IOMMU_SOFT_S1_X86_4, 48, 4),
	X86("x86-5", IOMMU_SOFT_S1_X86_5, 57, 5),
	RISCV("sv39", IOMMU_SOFT_S1_SV39, 39, 3),
	RISCV("sv48", IOMMU_SOFT_S1_SV48, 48, 4),
	RISCV("sv57", IOMMU_SOFT_S1_SV57, 57, 5),
	/* A page with AP[2] and DBM is clean: there is no dirty bit to show. */
	{"arm", IOMMU_SOFT_S1_ARM_4K, 48, 4, .table = 3, .leaf = 3 | BIT(6) | BIT(7) | BIT(51),
	 .accessed = BIT(10)},
	{"amdv1", IOMMU_SOFT_S1_AMDV1, 48, 4, .table = BIT(0) | BIT(61) | BIT(62),
	 .leaf = BIT(0) | BIT(61) | BIT(62), .accessed = BIT(5), .dirty = BIT(6), .next_level = 9},
	{"vtdss", IOMMU_SOFT_S1_VTDSS, 48, 4, .table = BIT(0) | BIT(1), .leaf = BIT(0) | BIT(1),
	 .accessed = BIT(8), .dirty = BIT(9)},
};

static const struct format *format = &formats[0];
static int iommufd;
static struct edu edu;
static struct mapping guest; /* .iova: GUEST_BASE */
static uint32_t dev_id, nested_id;

static void call(unsigned int request, void *cmd, const char *what)
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
		.flags = format->soft ? 0 : IOMMU_HWPT_ALLOC_NEST_PARENT,
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
	const struct iommu_hwpt_vtd_s1 tables = {.pgtbl_addr = root, .addr_width = format->width};
	const struct iommu_hwpt_soft_s1 soft = {.format = format->soft,
						.flags = IOMMU_SOFT_S1_MARK,
						.root = root,
						.addr_width = format->width};
	struct iommu_hwpt_alloc nested = {
		.size = sizeof(nested),
		.dev_id = dev_id,
		.pt_id = parent,
		.data_type = format->soft ? IOMMU_HWPT_DATA_SOFT_S1 : IOMMU_HWPT_DATA_VTD_S1,
		.data_len = format->soft ? sizeof(soft) : sizeof(tables),
		.data_uptr = format->soft ? (uintptr_t)&soft : (uintptr_t)&tables,
	};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	call(IOMMU_HWPT_ALLOC, &nested,
	     "a nested page table (try --iommu intel, or --soft FORMAT)");
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
	const struct iommu_hwpt_soft_s1_invalidate soft = {.iova = iova, .npages = 1};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = nested_id,
		.data_uptr = format->soft ? (uintptr_t)&soft : (uintptr_t)&entry,
		.data_type = format->soft ? IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1
					  : IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.entry_len = format->soft ? sizeof(soft) : sizeof(entry),
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

static uint64_t table_entry(uint64_t address, unsigned int level)
{
	return address >> format->shift | format->table |
	       (format->next_level ? (uint64_t)level << format->next_level : 0);
}

static uint64_t page_entry(uint64_t address)
{
	return address >> format->shift | format->leaf;
}

static uint64_t address_of(uint64_t entry)
{
	return entry << format->shift & ADDRESS;
}

/* Returns the entry for the page at @iova; makes tables that are missing on the way to it. */
static uint64_t *entry_of(uint64_t root, uint64_t iova)
{
	uint64_t table = root;

	for (unsigned int level = format->levels - 1;; level--) {
		uint64_t *entry = (uint64_t *)at(table) + (iova >> (12 + 9 * level) & 511);

		if (!level)
			return entry;
		if (!*entry)
			*entry = table_entry(new_page(), level);
		table = address_of(*entry);
	}
}

static void show(const char *what, uint64_t iova, const uint64_t *entry)
{
	printf("%-9s 0x%llx -> 0x%llx%s%s\n", what, (unsigned long long)iova,
	       (unsigned long long)address_of(*entry),
	       *entry & format->accessed ? ", accessed" : "",
	       *entry & format->dirty ? ", dirty" : "");
}

/* Has the device copy from IOVA_FROM to IOVA_TO, which is @page, and returns what arrived. */
static const char *device_reads(uint64_t page)
{
	const struct mapping from = {.iova = IOVA_FROM}, to = {.iova = IOVA_TO};

	edu_copy(&edu, &from, &to, PAGE);
	return at(page);
}

static const struct format *find_format(const char *name)
{
	for (size_t i = 1; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	}
	fail("format %s: x86, x86-5, sv39, sv48, sv57, arm, amdv1 and vtdss are known", name);
}

int main(int argc, char **argv)
{
	const bool wait = argc > 1 && !strcmp(argv[1], "-p");
	uint64_t root, old_page, new, to, *entry_from, *entry_to;
	uint32_t parent;

	argc -= wait;
	argv += wait;
	if (argc == 3 && !strcmp(argv[1], "--soft"))
		format = find_format(argv[2]);
	else if (argc != 1)
		fail("usage: nested [-p] [--soft FORMAT]");
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
	*entry_from = page_entry(old_page);
	*entry_to = page_entry(to);
	show("entry", IOVA_FROM, entry_from);
	show("entry", IOVA_TO, entry_to);
	nest(parent, root);
	edu_start(&edu);
	printf("DMA       the device reads \"%s\"\n", device_reads(to));
	show("entry", IOVA_FROM, entry_from);
	show("entry", IOVA_TO, entry_to);

	*entry_from = page_entry(new);
	show("changed", IOVA_FROM, entry_from);
	printf("DMA       the device reads \"%s\"\n", device_reads(to));
	invalidate(IOVA_FROM);
	printf("invalid   0x%llx is forgotten\n", (unsigned long long)IOVA_FROM);
	if (strcmp(device_reads(to), "the new page"))
		fail("after the invalidation the device reads \"%s\"", (char *)at(to));
	printf("DMA       the device reads \"%s\"\n", (char *)at(to));
	if (wait) {
		fflush(stdout);
		pause();
	}
	return 0;
}
