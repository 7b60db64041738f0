/* SPDX-License-Identifier: MIT */
/*
 * Closing and taking away while the ioat device does DMA: in any order, at any time, with no
 * thread, no mapping and (under AddressSanitizer) no memory left behind.
 */
#include <dirent.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/sanitized_build.h"
#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 22,
	FROM = DATA_OFFSET,
	TO = 1 << 21,
	ROUNDS = 60,
};

/* PF_EXITING in the flags of proc(5)'s stat: a thread that was joined is listed for a while. */
#define EXITING 0x4

static bool is_exiting(const char *task)
{
	unsigned int flags = 0;
	char path[64];
	FILE *stat;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", task);
	stat = fopen(path, "re");
	if (!stat)
		return true;
	if (fscanf(stat, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
		flags = 0;
	(void)fclose(stat);
	return flags & EXITING;
}

static unsigned int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *task;
	unsigned int count = 0;

	while (dir && (task = readdir(dir)))
		count += task->d_name[0] != '.' && !is_exiting(task->d_name);
	if (dir)
		closedir(dir);
	return count;
}

/* Mappings of a sanitizer come and go, so its builds do not check this. */
static unsigned int count_mappings(void)
{
#ifdef BASE_SANITIZER
	return 0;
#else
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int count = 0;
	int c;

	while (maps && (c = getc(maps)) != EOF)
		count += c == '\n';
	if (maps)
		fclose(maps);
	return count;
#endif
}

/* An endless ring: each descriptor copies, and may interrupt. */
static void start_dma(struct ioat_rig *t)
{
	ioat_start_ring(t);
	ioat_set(t, IOAT_CHANCTRL, 2, CHANCTRL_ERR_COMP_EN | CHANCTRL_ERR_INT_EN);
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		ioat_prepare(t, TO, FROM, (uint32_t)(64 << random_below(14)),
			     DESCRIPTOR_COMPLETION | DESCRIPTOR_INTERRUPT);
	ioat_set(t, IOAT_DMACOUNT, 2, 0xffff);
}

static void rest(void)
{
	struct timespec time = {.tv_nsec = (long)random_below(300000)};

	nanosleep(&time, NULL);
}

/* ---- what may happen meanwhile ---- */

static void close_device(struct ioat_rig *t)
{
	if (t->rig.file)
		file_put(t->rig.file);
	t->rig.file = NULL;
}

static void close_context(struct ioat_rig *t)
{
	if (t->rig.context)
		file_put(t->rig.context);
	t->rig.context = NULL;
}

static void unmap(struct ioat_rig *t)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = t->ioas_id, .iova = RING_IOVA, .length = t->size};

	if (t->rig.context && !rig_iommu(&t->rig, IOMMU_IOAS_UNMAP, &unmap)) {
		/* From here on no DMA reaches it: it can be anything. */
		memset(t->memory, 0x5a, t->size);
		rest();
		for (uint64_t i = 0; i < t->size; i += 509)
			assert_int_equal(t->memory[i], 0x5a);
	}
}

static void detach(struct ioat_rig *t)
{
	struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};

	if (t->rig.file)
		(void)rig_ioctl(&t->rig, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

static void reset(struct ioat_rig *t)
{
	if (t->rig.file)
		(void)rig_ioctl(&t->rig, VFIO_DEVICE_RESET, NULL);
}

static void channel_reset(struct ioat_rig *t)
{
	if (t->rig.file)
		ioat_set(t, IOAT_CHANCMD, 1, CHANCMD_RESET);
}

static void master_off(struct ioat_rig *t)
{
	if (t->rig.file)
		rig_set_pci_command(&t->rig, PCI_COMMAND_MEMORY);
}

static void interrupts_off(struct ioat_rig *t)
{
	struct vfio_irq_set none = {.argsz = sizeof(none),
				    .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
				    .index = VFIO_PCI_MSIX_IRQ_INDEX};

	if (t->rig.file)
		(void)rig_ioctl(&t->rig, VFIO_DEVICE_SET_IRQS, &none);
}

typedef void (*event)(struct ioat_rig *t);

static void one_round(void)
{
	event events[] = {close_device, close_context, unmap,	   detach,
			  reset,	channel_reset, master_off, interrupts_off};
	const size_t count = sizeof(events) / sizeof(events[0]);
	struct ioat_rig t;
	int fd;

	assert_int_equal(ioat_open(&t, MEMORY_SIZE), 0);
	fd = ioat_take_interrupts(&t, VFIO_PCI_MSIX_IRQ_INDEX);
	start_dma(&t);
	for (size_t left = count; left; left--) {
		size_t chosen = random_below(left);
		event happens = events[chosen];

		events[chosen] = events[left - 1];
		rest();
		happens(&t);
		/* Before the end something must be running. */
		if (t.rig.file && random_below(2))
			ioat_set(&t, IOAT_DMACOUNT, 2, random_below(0x10000));
	}
	close(fd);
	vfio_device_destroy(t.rig.device);
	iommufd_group_destroy(t.rig.group);
	iommu_put(t.rig.iommu);
	munmap(t.memory, t.size);
}

static void closing_in_any_order_leaves_nothing_behind(void **state)
{
	unsigned int threads, mappings;

	(void)state;
	/* Singletons are created in the first rounds. */
	for (unsigned int i = 0; i < 5; i++)
		one_round();
	threads = count_threads();
	mappings = count_mappings();
	for (unsigned int i = 0; i < ROUNDS; i++)
		one_round();
	assert_int_equal(count_threads(), threads);
	assert_in_range(count_mappings(), 0, mappings + 4);
}

/* ---- with threads ---- */

static struct ioat_rig shared;
static _Atomic bool stop;

static void *writer(void *arg)
{
	(void)arg;
	while (!stop) {
		ioat_set(&shared, IOAT_DMACOUNT, 2, ioat_get(&shared, IOAT_DMACOUNT, 2) + 7);
		(void)ioat_get(&shared, IOAT_CHANSTS, 8);
		ioat_set(&shared, IOAT_CHANCTRL, 2, CHANCTRL_INT_DISABLE);
	}
	return NULL;
}

static void *resetter(void *arg)
{
	(void)arg;
	while (!stop) {
		reset(&shared);
		ioat_start_ring(&shared);
		ioat_set(&shared, IOAT_CHANCMD, 1, CHANCMD_SUSPEND);
		ioat_set(&shared, IOAT_CHANCMD, 1, CHANCMD_RESET);
	}
	return NULL;
}

static void *attacher(void *arg)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	(void)arg;
	while (!stop) {
		detach(&shared);
		attach.pt_id = shared.ioas_id;
		assert_int_equal(rig_ioctl(&shared.rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), 0);
	}
	return NULL;
}

static void threads_use_and_reset_the_device_at_once(void **state)
{
	void *(*const bodies[])(void *arg) = {writer, resetter, attacher};
	pthread_t threads[3];
	int fd;

	(void)state;
	assert_int_equal(ioat_open(&shared, MEMORY_SIZE), 0);
	fd = ioat_take_interrupts(&shared, VFIO_PCI_MSIX_IRQ_INDEX);
	start_dma(&shared);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], NULL), 0);
	usleep(300000);
	stop = true;
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close(fd);
	ioat_close(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_in_any_order_leaves_nothing_behind),
		cmocka_unit_test(threads_use_and_reset_the_device_at_once),
	};

	/* DMA fails on purpose here: its messages are not worth reading. */
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
