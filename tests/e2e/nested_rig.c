/* SPDX-License-Identifier: MIT */
/* See nested.h. */
#include "nested.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	EDU_DMA_SOURCE = 0x80,
	EDU_DMA_DESTINATION = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_COMMAND = 0x98,
	EDU_DMA_START = 1,
	EDU_DMA_TO_RAM = 2,
	EDU_BUFFER = 0x40000,

	TIMEOUT_MS = 10000,
};

/* Entries of both families of tables. */
#define ENTRY_ADDRESS BITS(47, 12)

void rig_check(bool condition, const char *what, const char *file, int line)
{
	if (condition)
		return;
	fprintf(stderr, "%s:%d: not so: %s (%s)\n", file, line, what, strerror(errno));
	exit(1);
}

/* ---- the IOMMU ---- */

static uint64_t region(const struct rig *rig, uint32_t index)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

	CHECK(!ioctl(rig->edu, VFIO_DEVICE_GET_REGION_INFO, &info));
	return info.offset;
}

void rig_open(struct rig *rig)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	off_t at;

	memset(rig, 0, sizeof(*rig));
	rig->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	CHECK(rig->iommufd >= 0);
	rig->edu = open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);
	CHECK(rig->edu >= 0);
	bind.iommufd = rig->iommufd;
	CHECK(!ioctl(rig->edu, VFIO_DEVICE_BIND_IOMMUFD, &bind));
	rig->dev_id = bind.out_devid;
	rig_call(rig, IOMMU_IOAS_ALLOC, &ioas);
	rig->ioas = ioas.out_ioas_id;
	rig->bar = region(rig, VFIO_PCI_BAR0_REGION_INDEX);
	at = (off_t)region(rig, VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND;
	CHECK(pwrite(rig->edu, &command, sizeof(command), at) == sizeof(command));
}

void rig_make_guest(struct rig *rig)
{
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt),
		.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
		.dev_id = rig->dev_id,
		.pt_id = rig->ioas,
	};

	rig->memory = mmap(NULL, RIG_PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(rig->memory != MAP_FAILED);
	for (uint64_t gpa = GUEST_BASE; gpa < GUEST_BASE + RIG_PAGES * PAGE; gpa += PAGE)
		rig_map(rig, guest_at(rig, gpa), PAGE, gpa);
	rig_call(rig, IOMMU_HWPT_ALLOC, &hwpt);
	rig->parent = hwpt.out_hwpt_id;
}

void rig_call(const struct rig *rig, unsigned int request, void *cmd)
{
	if (!ioctl(rig->iommufd, request, cmd))
		return;
	fprintf(stderr, "ioctl 0x%x: %s\n", request, strerror(errno));
	exit(1);
}

void rig_map(const struct rig *rig, void *memory, uint64_t len, uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = rig->ioas,
		.user_va = (uintptr_t)memory,
		.length = len,
		.iova = iova,
	};

	rig_call(rig, IOMMU_IOAS_MAP, &map);
}

void rig_attach(const struct rig *rig, uint32_t pt_id)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = pt_id};

	CHECK(!ioctl(rig->edu, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

void rig_detach(const struct rig *rig)
{
	struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};

	CHECK(!ioctl(rig->edu, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
}

uint32_t rig_nested(const struct rig *rig, uint32_t pt_id, uint32_t type, const void *data,
		    uint32_t len)
{
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt),
		.dev_id = rig->dev_id,
		.pt_id = pt_id,
		.data_type = type,
		.data_len = len,
		.data_uptr = (uintptr_t)data,
	};

	rig_call(rig, IOMMU_HWPT_ALLOC, &hwpt);
	return hwpt.out_hwpt_id;
}

uint32_t rig_viommu(const struct rig *rig, uint32_t type)
{
	struct iommu_viommu_alloc viommu = {
		.size = sizeof(viommu),
		.type = type,
		.dev_id = rig->dev_id,
		.hwpt_id = rig->parent,
	};

	rig_call(rig, IOMMU_VIOMMU_ALLOC, &viommu);
	return viommu.out_viommu_id;
}

void rig_invalidate(const struct rig *rig, uint32_t id, uint32_t type, const void *entry,
		    uint32_t len)
{
	struct iommu_hwpt_invalidate invalidate = {
		.size = sizeof(invalidate),
		.hwpt_id = id,
		.data_uptr = (uintptr_t)entry,
		.data_type = type,
		.entry_len = len,
		.entry_num = 1,
	};

	rig_call(rig, IOMMU_HWPT_INVALIDATE, &invalidate);
	CHECK(invalidate.entry_num == 1);
}

void rig_expect_log(const char *text)
{
	fprintf(stderr, "expect: %s\n", text);
}

/* ---- the guest's memory ---- */

uint64_t guest_page(struct rig *rig)
{
	CHECK(rig->used < RIG_PAGES);
	return GUEST_BASE + rig->used++ * PAGE;
}

/* The guest's first page is our last one. */
void *guest_at(const struct rig *rig, uint64_t gpa)
{
	uint64_t page = (gpa - GUEST_BASE) / PAGE;

	return rig->memory + (RIG_PAGES - 1 - page) * PAGE + gpa % PAGE;
}

uint64_t *guest_word(const struct rig *rig, uint64_t gpa)
{
	return guest_at(rig, gpa);
}

static uint8_t pattern(uint8_t seed, size_t i)
{
	return (uint8_t)(seed + i * 7 + (i >> 8));
}

void guest_fill(const struct rig *rig, uint64_t gpa, uint8_t seed)
{
	uint8_t *page = guest_at(rig, gpa);

	for (size_t i = 0; i < PAGE; i++)
		page[i] = pattern(seed, i);
}

bool guest_has(const struct rig *rig, uint64_t gpa, uint8_t seed)
{
	const uint8_t *page = guest_at(rig, gpa);

	for (size_t i = 0; i < PAGE; i++) {
		if (page[i] != pattern(seed, i))
			return false;
	}
	return true;
}

uint64_t *guest_entry(struct rig *rig, uint64_t root, uint64_t iova, unsigned int level,
		      uint64_t table)
{
	for (unsigned int at = 3;; at--) {
		uint64_t *entry = guest_word(rig, root + (iova >> (12 + 9 * at) & 511) * 8);

		if (at == level)
			return entry;
		if (!*entry)
			*entry = guest_page(rig) | table;
		root = *entry & ENTRY_ADDRESS;
	}
}

/* ---- the device ---- */

static void set(const struct rig *rig, unsigned int reg, uint32_t value)
{
	CHECK(pwrite(rig->edu, &value, sizeof(value), (off_t)(rig->bar + reg)) == sizeof(value));
}

static uint32_t get(const struct rig *rig, unsigned int reg)
{
	uint32_t value = 0;

	CHECK(pread(rig->edu, &value, sizeof(value), (off_t)(rig->bar + reg)) == sizeof(value));
	return value;
}

static void begin(const struct rig *rig, uint64_t source, uint64_t destination, uint32_t len,
		  uint32_t direction)
{
	/* 28 bits fit in the low halves. */
	set(rig, EDU_DMA_SOURCE, (uint32_t)source);
	set(rig, EDU_DMA_DESTINATION, (uint32_t)destination);
	set(rig, EDU_DMA_COUNT, len);
	set(rig, EDU_DMA_COMMAND, EDU_DMA_START | direction);
}

void edu_end(const struct rig *rig)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int ms = 0; get(rig, EDU_DMA_COMMAND) & EDU_DMA_START; ms++) {
		CHECK(ms < TIMEOUT_MS);
		nanosleep(&pause, NULL);
	}
}

void edu_begin_read(const struct rig *rig, uint64_t iova, uint32_t len)
{
	begin(rig, iova, EDU_BUFFER, len, 0);
}

void edu_read(const struct rig *rig, uint64_t iova, uint32_t len)
{
	edu_begin_read(rig, iova, len);
	edu_end(rig);
}

void edu_write(const struct rig *rig, uint64_t iova, uint32_t len)
{
	begin(rig, EDU_BUFFER, iova, len, EDU_DMA_TO_RAM);
	edu_end(rig);
}

void edu_copy(const struct rig *rig, uint64_t to, uint64_t from)
{
	edu_read(rig, from, PAGE);
	edu_write(rig, to, PAGE);
}

/* ---- the story that all kinds have in common ---- */

void stage1_map(struct rig *rig, struct stage1 *stage1, uint64_t root, uint64_t table)
{
	for (unsigned int i = 0; i < 2; i++) {
		const uint64_t offset = i * (uint64_t)PAGE;

		stage1->in[i] = guest_page(rig);
		stage1->out[i] = guest_page(rig);
		stage1->entry_in[i] = guest_entry(rig, root, IOVA_IN + offset, 0, table);
		stage1->entry_out[i] = guest_entry(rig, root, IOVA_OUT + offset, 0, table);
		*stage1->entry_in[i] = stage1->in[i] | stage1->leaf;
		*stage1->entry_out[i] = stage1->out[i] | stage1->leaf;
	}
}

void stage1_translates(struct rig *rig, const struct stage1 *stage1)
{
	const uint32_t half = PAGE / 2;

	guest_fill(rig, stage1->in[0], 1);
	guest_fill(rig, stage1->in[1], 2);
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(guest_has(rig, stage1->out[0], 1));
	CHECK(!guest_has(rig, stage1->out[1], 2));
	CHECK(guest_has(rig, stage1->in[0], 1));

	/*
	 * The second half of one page and the first of the next, which are no neighbours in the
	 * guest.
	 */
	CHECK(stage1->in[1] != stage1->in[0] + PAGE);
	edu_copy(rig, IOVA_OUT + half, IOVA_IN + half);
	CHECK(!memcmp(guest_at(rig, stage1->out[0] + half), guest_at(rig, stage1->in[0] + half),
		      half));
	CHECK(!memcmp(guest_at(rig, stage1->out[1]), guest_at(rig, stage1->in[1]), half));
	CHECK(!guest_word(rig, stage1->out[1] + half)[0]);
}

void stage1_set(const struct rig *rig, const struct stage1 *stage1, uint64_t *entry, uint64_t value,
		uint64_t iova)
{
	*entry = value;
	stage1->invalidate(rig, iova);
}

void stage1_caches(struct rig *rig, const struct stage1 *stage1)
{
	const uint64_t other = guest_page(rig);

	guest_fill(rig, stage1->in[0], 3);
	guest_fill(rig, other, 4);
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(guest_has(rig, stage1->out[0], 3));

	*stage1->entry_in[0] = other | stage1->leaf;
	rig_expect_log("that page is in the IOTLB, but not in the guest's tables any more");
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(guest_has(rig, stage1->out[0], 3));

	stage1->invalidate(rig, IOVA_IN);
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(guest_has(rig, stage1->out[0], 4));
	stage1_set(rig, stage1, stage1->entry_in[0], stage1->in[0] | stage1->leaf, IOVA_IN);
}

void stage1_refuses(const struct rig *rig, const struct stage1 *stage1, uint64_t *entry,
		    uint64_t bad, bool write)
{
	const uint64_t good = *entry;

	/* The device's buffer gets a pattern of its own, and keeps it. */
	guest_fill(rig, stage1->out[1], 6);
	edu_read(rig, IOVA_OUT + PAGE, PAGE);
	guest_fill(rig, stage1->in[0], 5);
	stage1_set(rig, stage1, entry, bad, IOVA_IN);
	if (write)
		edu_write(rig, IOVA_IN, PAGE);
	else
		edu_read(rig, IOVA_IN, PAGE);
	stage1_set(rig, stage1, entry, good, IOVA_IN);
	CHECK(guest_has(rig, stage1->in[0], 5));
	edu_write(rig, IOVA_OUT, PAGE);
	CHECK(guest_has(rig, stage1->out[0], 6));

	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(guest_has(rig, stage1->out[0], 5));
}
