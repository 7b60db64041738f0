/* SPDX-License-Identifier: MIT */
/* See bar_part.h. */
#include "vfio/bar_part.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/sys.h"
#include "vfio/vfio_internal.h"

enum {
	BUSY_NS = 200000, /* two traps within this time: the program is busy */
	REST_NS = 200000, /* the watcher looks for so long */
};

static const struct vfio_part_mapper *mapper;

void vfio_set_part_mapper(const struct vfio_part_mapper *with)
{
	mapper = with;
}

/* ---- memory ---- */

static bool is_memory_of(const struct bar_part *part, unsigned int bar)
{
	return part->model && part->model->kind == UIOMMUFD_PART_MEMORY && part->model->bar == bar;
}

/* From anonymous memory, or another file, to @fd. On failure nothing has changed. */
static int move_to_file(struct bar_part *part, int fd)
{
	const long size = (long)part->model->size, off = (long)part->model->off;
	long rc = sys_call(SYS_pwrite64, fd, (long)part->memory, size, off, 0, 0);

	if (rc != size)
		return rc < 0 ? (int)rc : -ENOMEM;
	rc = sys_call(SYS_mmap, (long)part->memory, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, fd, off);
	return rc < 0 && rc > -4096 ? (int)rc : 0;
}

int bar_parts_share(struct vfio_device *device, unsigned int bar, int *fd)
{
	const uint64_t size = device->model->bars[bar].size;
	long rc = 0, file = -1;

	for (unsigned int i = 0; !rc && i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		if (!is_memory_of(&device->bar_parts[i], bar))
			continue;
		if (file < 0) {
			file = sys_call(SYS_memfd_create, (long)"uiommufd-bar", MFD_CLOEXEC, 0, 0,
					0, 0);
			if (file < 0)
				return (int)file;
			rc = sys_call(SYS_ftruncate, file, (long)size, 0, 0, 0, 0);
		}
		if (!rc)
			rc = move_to_file(&device->bar_parts[i], (int)file);
	}
	if (rc) {
		(void)sys_call(SYS_close, file, 0, 0, 0, 0, 0);
		return (int)rc;
	}
	*fd = (int)file;
	return 0;
}

/* Shared, so that it can be mapped a second time; @at: in its place, or NULL. */
static void *map_memory(void *at, uint64_t size)
{
	long rc;

	if (!at && fail_inject())
		return NULL;
	rc = sys_call(SYS_mmap, (long)at, (long)size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
	return rc < 0 && rc > -4096 ? NULL : (void *)rc;
}

static bool is_doorbells(const struct bar_part *part)
{
	return part->model && part->model->kind == UIOMMUFD_PART_DOORBELLS;
}

static _Atomic uint32_t *words_of(const struct bar_part *part)
{
	return part->memory;
}

/* Without doorbells in it. */
static void clear(struct bar_part *part)
{
	const uint64_t count = part->model->size / sizeof(uint32_t);

	for (uint64_t i = 0; i < count; i++)
		atomic_store_explicit(&words_of(part)[i], part->model->empty, memory_order_relaxed);
}

int bar_parts_create(struct vfio_device *device)
{
	const struct uiommufd_bar_part *model = device->model->bar_parts;
	const bool trap = device->settings.trap_doorbells || device->hostile;

	for (unsigned int i = 0; model && model[i].size; i++) {
		struct bar_part *part = &device->bar_parts[i];

		if (model[i].kind == UIOMMUFD_PART_DOORBELLS && trap)
			continue;
		part->memory = map_memory(NULL, model[i].size);
		if (!part->memory) {
			bar_parts_destroy(device);
			return -ENOMEM;
		}
		part->model = &model[i];
		if (is_doorbells(part))
			clear(part);
	}
	return 0;
}

void bar_parts_destroy(struct vfio_device *device)
{
	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		struct bar_part *part = &device->bar_parts[i];

		if (part->memory)
			(void)sys_munmap(part->memory, part->model->size);
		part->memory = NULL;
	}
}

/* The part that the access is in, whole; NULL: none. */
static struct bar_part *find(const struct bar_access *access)
{
	struct vfio_device *device = access->device;

	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		struct bar_part *part = &device->bar_parts[i];
		const struct uiommufd_bar_part *model = part->model;

		if (model && model->bar == access->bar && access->off >= model->off &&
		    access->off < model->off + model->size)
			return part;
	}
	return NULL;
}

bool bar_parts_read(const struct bar_access *access, uint64_t *value)
{
	const struct bar_part *part = find(access);

	if (!part)
		return false;
	*value = 0;
	memcpy(value, (uint8_t *)part->memory + (access->off - part->model->off), access->size);
	return true;
}

bool bar_parts_write(const struct bar_access *access, uint64_t value)
{
	const struct bar_part *part = find(access);

	if (!part || is_doorbells(part))
		return false;
	memcpy((uint8_t *)part->memory + (access->off - part->model->off), &value, access->size);
	return true;
}

/* ---- doorbells ---- */

/* False: some mappings are what they were. */
static bool map(struct vfio_device *device, struct bar_part *part, bool memory)
{
	const struct uiommufd_bar_part *model = part->model;

	return !mapper || mapper->map(device, vfio_region_offset(model->bar) + model->off,
				      model->size, memory ? part->memory : NULL);
}

/* Takes what is in doorbell number @i and delivers it. Whether there was something. */
static bool take(struct vfio_device *device, struct bar_part *part, uint64_t i)
	REQUIRES(device->lock)
{
	const struct uiommufd_bar_part *model = part->model;
	uint32_t value;

	lock_assert_held(&device->lock);
	value = atomic_exchange_explicit(&words_of(part)[i], model->empty, memory_order_acq_rel);
	if (value == model->empty)
		return false;
	bar_ring(device, model->bar, model->off + i * sizeof(uint32_t), value);
	return true;
}

/* The first doorbell from @i on that has been written; the number of them all: none. */
static uint64_t next_rung(const struct bar_part *part, uint64_t i)
{
	const uint64_t count = part->model->size / sizeof(uint32_t);
	const uint32_t empty = part->model->empty;
	_Atomic uint32_t *words = words_of(part);

	while (i < count && atomic_load_explicit(&words[i], memory_order_relaxed) == empty)
		i++;
	return i;
}

/* Delivers all that is there. Whether there was something. */
static bool take_all(struct vfio_device *device, struct bar_part *part) REQUIRES(device->lock)
{
	const uint64_t count = part->model->size / sizeof(uint32_t);
	bool some = false;

	lock_assert_held(&device->lock);
	for (uint64_t i = next_rung(part, 0); i < count; i = next_rung(part, i + 1))
		some |= take(device, part, i);
	return some;
}

static void watch(struct uiommufd_device *dev);

static void begin(struct vfio_device *device, struct bar_part *part, uint64_t now)
	REQUIRES(device->lock)
{
	struct device_work *work = &device->work[part->model->thread];

	lock_assert_held(&device->lock);
	atomic_store(&part->rung, now);
	/*
	 * Without a thread nothing would be seen, and a program that confines itself may not be
	 * allowed what follows.
	 */
	if (sys_confined() || !look_pace_begin(&part->pace, now) || !vfio_work_queue(work, watch))
		return;
	part->busy = true;
	/* A mapping that is refused goes on to trap. */
	(void)map(device, part, true);
}

/*
 * False: it is, or has become, busy: one does not trap, or a store came before they did, and there
 * is no pause.
 */
static bool rest(struct vfio_device *device, struct bar_part *part) REQUIRES(device->lock)
{
	lock_assert_held(&device->lock);
	if (!map(device, part, false))
		return false;
	part->busy = false;
	if (!take_all(device, part))
		return true;
	begin(device, part, clock_ns());
	return !part->busy;
}

/* Looks at one page. Whether it is to be looked at again soon. */
static bool look(struct vfio_device *device, struct bar_part *part)
{
	const uint64_t count = part->model->size / sizeof(uint32_t);
	const uint64_t now = clock_ns();
	const bool late = look_pace_is_late(&part->pace, now);
	bool again;

	if (!late && next_rung(part, 0) == count && now - atomic_load(&part->rung) < REST_NS) {
		/* The program may need this processor to write. */
		(void)sys_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		return true;
	}
	lock_acquire(&device->lock);
	again = part->busy;
	if (again && late)
		look_pace_pause(&part->pace, now);
	if (again && !late && take_all(device, part))
		atomic_store(&part->rung, clock_ns());
	else if (again)
		again = !rest(device, part);
	lock_release(&device->lock);
	return again;
}

static void watch(struct uiommufd_device *dev)
{
	struct vfio_device *device = vfio_device_of(dev);
	const struct device_work *current = vfio_work_current();
	bool again = false;

	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		struct bar_part *part = &device->bar_parts[i];

		if (is_doorbells(part) && current == &device->work[part->model->thread])
			again |= look(device, part);
	}
	if (again)
		(void)vfio_work_queue(&device->work[current - device->work], watch);
}

void bar_parts_before_read(const struct bar_access *access)
{
	const struct bar_part *part = find(access);

	lock_assert_held(&access->device->lock);
	if (!part || !is_doorbells(part))
		bar_parts_collect(access->device);
}

void bar_parts_before_write(const struct bar_access *access)
{
	struct bar_part *part = find(access);

	lock_assert_held(&access->device->lock);
	if (!part || !is_doorbells(part)) {
		bar_parts_collect(access->device);
		return;
	}
	for (uint64_t at = access->off & ~UINT64_C(3); at < access->off + access->size; at += 4)
		(void)take(access->device, part, (at - part->model->off) / sizeof(uint32_t));
}

void bar_parts_after_write(const struct bar_access *access)
{
	struct bar_part *part = find(access);
	uint64_t now, before;

	lock_assert_held(&access->device->lock);
	if (!part || !is_doorbells(part) || !access->mapped || !mapper)
		return;
	now = clock_ns();
	before = atomic_exchange(&part->trapped, now);
	/* Of a busy page it is a mapping that is new. */
	if (part->busy)
		(void)map(access->device, part, true);
	else if (now - before < BUSY_NS)
		begin(access->device, part, now);
}

void bar_parts_rest(struct vfio_device *device, bool deliver)
{
	lock_assert_held(&device->lock);
	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		struct bar_part *part = &device->bar_parts[i];

		if (!is_doorbells(part) || !part->busy)
			continue;
		part->busy = !map(device, part, false);
		if (part->busy)
			(void)vfio_work_queue(&device->work[part->model->thread], watch);
		if (deliver)
			(void)take_all(device, part);
		else
			clear(part);
	}
}

void bar_parts_collect(struct vfio_device *device)
{
	lock_assert_held(&device->lock);
	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		if (is_doorbells(&device->bar_parts[i]) && device->bar_parts[i].busy)
			(void)take_all(device, &device->bar_parts[i]);
	}
}

/* ---- mappings ---- */

void bar_parts_placed(void *cookie, uint64_t offset, uint64_t len)
{
	struct vfio_device *device = cookie;

	(void)offset, (void)len;
	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		struct bar_part *part = &device->bar_parts[i];

		if (part->model && !is_doorbells(part))
			(void)map(device, part, true);
	}
}

void bar_parts_fork_child(struct vfio_device *device)
{
	lock_assert_held(&device->lock);
	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		struct bar_part *part = &device->bar_parts[i];

		if (!is_doorbells(part))
			continue;
		/* The parent's watcher takes what is in the old memory. */
		if (part->busy)
			(void)map(device, part, false);
		part->busy = false;
		if (map_memory(part->memory, part->model->size))
			clear(part);
		else
			*part = (struct bar_part){.model = NULL}; /* it always traps */
	}
}
