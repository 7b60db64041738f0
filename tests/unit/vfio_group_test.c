/* SPDX-License-Identifier: MIT */
/*
 * Groups beyond what one program sees of them (tests/conformance): descriptors that go in any order
 * with DMA in flight, threads that open both ways at once, and DMA logging while the device writes.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "iommu/dma_log.h"
#include "kit.h"
#include "vfio/vfio_internal.h"

/* All that a program may have open. */
struct opened {
	int fds[4]; /* container, group, both devices */
	int event;
};

static void open_all(struct group_rig *rig, struct opened *opened, bool type1)
{
	const uint64_t one = 1;

	opened->fds[0] = type1 ? group_rig_type1(rig) : group_rig_container(rig);
	opened->fds[1] = group_rig_group(rig);
	assert_int_equal(group_rig_set_container(rig, opened->fds[1], opened->fds[0]), 0);
	assert_int_equal(group_rig_set_iommu(rig, opened->fds[0]), 0);
	for (unsigned int i = 0; i < GROUP_RIG_DEVICES; i++) {
		opened->fds[2 + i] = (int)group_rig_device(rig, opened->fds[1], i);
		assert_true(opened->fds[2 + i] >= 0);
	}
	assert_int_equal(group_rig_map(rig, opened->fds[0]), 0);
	opened->event = eventfd(0, 0);
	for (unsigned int i = 0; i < GROUP_RIG_DEVICES; i++) {
		assert_int_equal(group_rig_start_log(rig, opened->fds[2 + i]), 0);
		assert_int_equal(group_rig_ioeventfd(rig, opened->fds[2 + i], opened->event), 0);
		group_rig_start_dma(rig, opened->fds[2 + i]);
	}
	assert_int_equal(write(opened->event, &one, sizeof(one)), sizeof(one));
}

static void close_in_any_order(bool type1)
{
	static const uint8_t orders[][4] = {
		{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1},
		{2, 0, 1, 3}, {0, 2, 1, 3}, {1, 2, 3, 0}, {3, 0, 2, 1},
	};
	struct group_rig rig;
	struct opened opened;

	group_rig_open(&rig);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		open_all(&rig, &opened, type1);
		for (unsigned int k = 0; k < 4; k++) {
			/* All but the last keep the group from being opened again. */
			if (k == 3 && orders[i][k] != 0)
				assert_int_equal(group_rig_group(&rig), -EBUSY);
			group_rig_close_fd(&rig, opened.fds[orders[i][k]]);
		}
		close(opened.event);
	}
	group_rig_close(&rig);
}

static void descriptors_are_closed_in_any_order(void **state)
{
	(void)state;
	close_in_any_order(false);
	close_in_any_order(true);
}

static void change_owners(bool from_type1, bool to_type1)
{
	struct group_rig rig;
	struct opened opened;
	int device;

	group_rig_open(&rig);
	open_all(&rig, &opened, from_type1);
	for (unsigned int k = 0; k < 4; k++)
		group_rig_close_fd(&rig, opened.fds[k]);
	close(opened.event);
	opened.fds[0] = to_type1 ? group_rig_type1(&rig) : group_rig_container(&rig);
	opened.fds[1] = group_rig_group(&rig);
	assert_int_equal(group_rig_set_container(&rig, opened.fds[1], opened.fds[0]), 0);
	assert_int_equal(group_rig_set_iommu(&rig, opened.fds[0]), 0);
	device = (int)group_rig_device(&rig, opened.fds[1], 0);
	/* Neither a log is running nor an ioeventfd there. */
	assert_int_equal(group_rig_start_log(&rig, device), 0);
	assert_int_equal(group_rig_ioeventfd(&rig, device, -1), -ENODEV);
	group_rig_close(&rig);
}

static void a_new_owner_finds_nothing_of_the_old_one(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		change_owners(i & 1, i & 2);
}

/* In a container a device keeps its place when its last file is closed, and nothing else. */
static void a_device_that_is_opened_again_is_reset(void **state)
{
	struct group_rig rig;
	struct opened opened;
	int device;

	(void)state;
	group_rig_open(&rig);
	open_all(&rig, &opened, true);
	group_rig_close_fd(&rig, opened.fds[2]);
	device = (int)group_rig_device(&rig, opened.fds[1], 0);
	assert_int_equal(group_rig_start_log(&rig, device), 0);
	assert_int_equal(group_rig_ioeventfd(&rig, device, -1), -ENODEV);
	group_rig_start_dma(&rig, device);
	group_rig_close_fd(&rig, device);
	close(opened.event);
	group_rig_close(&rig);
}

/* ---- threads ---- */

enum {
	ROUNDS = 60
};

static void *use_group(void *arg)
{
	struct group_rig *rig = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int container = i & 1 ? group_rig_type1(rig) : group_rig_container(rig);
		int group = group_rig_group(rig);
		long device;

		if (group >= 0 && group_rig_set_container(rig, group, container) == 0 &&
		    group_rig_set_iommu(rig, container) == 0) {
			device = group_rig_device(rig, group, (unsigned int)i % GROUP_RIG_DEVICES);
			if (device >= 0) {
				(void)group_rig_map(rig, container);
				group_rig_start_dma(rig, (int)device);
				group_rig_close_fd(rig, (int)device);
			}
		}
		if (group >= 0)
			group_rig_close_fd(rig, group);
		group_rig_close_fd(rig, container);
	}
	return NULL;
}

static void *use_cdevs(void *arg)
{
	struct group_rig *rig = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct vfio_pci_hot_reset reset = {.argsz = sizeof(reset)};
		int context = group_rig_container(rig);
		int device = group_rig_cdev(rig, (unsigned int)i % GROUP_RIG_DEVICES);
		struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = context};
		long rc = group_rig_ioctl(rig, device, VFIO_DEVICE_BIND_IOMMUFD, (uintptr_t)&bind);

		if (!rc) {
			group_rig_start_dma(rig, device);
			(void)group_rig_ioctl(rig, device, VFIO_DEVICE_PCI_HOT_RESET,
					      (uintptr_t)&reset);
		} else {
			assert_true(rc == -EBUSY || rc == -EINVAL || rc == -EPERM);
		}
		group_rig_close_fd(rig, device);
		group_rig_close_fd(rig, context);
	}
	return NULL;
}

static void both_ways_exclude_each_other(void **state)
{
	void *(*const use[])(void *arg) = {use_group, use_group, use_cdevs, use_cdevs};
	pthread_t threads[4];
	struct group_rig rig;

	(void)state;
	group_rig_open(&rig);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use[i], &rig), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	/* The group is not left claimed. */
	assert_true(group_rig_group(&rig) >= 0);
	group_rig_close(&rig);
}

/* ---- the DMA log ---- */

static void find_page(struct iova_range written, void *arg)
{
	uint64_t *pages = arg;

	for (uint64_t iova = written.start; iova <= written.last; iova += PAGE)
		*pages |= UINT64_C(1) << (iova - GROUP_RIG_IOVA) / PAGE;
}

struct writer {
	struct uiommufd_device *dev;
	_Atomic uint64_t last; /* what was written, once it was */
	_Atomic uint64_t reports;
	atomic_bool stop;
};

/* So that no later write makes up for one that was forgotten. */
static void wait_for_reports(struct writer *writer)
{
	const uint64_t now = atomic_load(&writer->reports);

	while (atomic_load(&writer->reports) < now + 2 && !atomic_load(&writer->stop))
		;
}

static void *write_on(void *arg)
{
	struct writer *writer = arg;

	for (uint64_t i = writer->last + 1; !atomic_load(&writer->stop); i++) {
		assert_int_equal(
			uiommufd_device_dma_write(writer->dev, GROUP_RIG_IOVA, &i, sizeof(i)), 0);
		atomic_store_explicit(&writer->last, i, memory_order_release);
		if (i % 4 == 0)
			wait_for_reports(writer);
	}
	return NULL;
}

/*
 * The copy of a page that was made after each report that named it has all that was written before
 * the report, and is in the end the page.
 */
static void no_write_is_missing_from_all_reports(void **state)
{
	const struct iova_range range = {GROUP_RIG_IOVA, GROUP_RIG_IOVA + 2 * PAGE - 1};
	struct writer writer = {.last = 0};
	struct iommu_endpoint *endpoint;
	struct group_rig rig;
	uint64_t copy = 0, before, pages;
	struct opened opened;
	pthread_t thread;

	(void)state;
	group_rig_open(&rig);
	opened.fds[0] = group_rig_container(&rig);
	opened.fds[1] = group_rig_group(&rig);
	assert_int_equal(group_rig_set_container(&rig, opened.fds[1], opened.fds[0]), 0);
	opened.fds[2] = (int)group_rig_device(&rig, opened.fds[1], 0);
	assert_int_equal(group_rig_map(&rig, opened.fds[0]), 0);
	group_rig_write(&rig, opened.fds[2], (UINT64_C(7) << 40) + 4, 6);
	writer.dev = vfio_device_dev(rig.devices[0]);
	endpoint = rig.devices[0]->endpoint;
	for (int round = 0; round < 20; round++) {
		atomic_store(&writer.stop, false);
		assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
		assert_int_equal(iommu_dma_log_start(endpoint, PAGE, &range, 1), 0);
		copy = __atomic_load_n((uint64_t *)(void *)rig.memory, __ATOMIC_ACQUIRE);
		for (int i = 0; i < 2000; i++) {
			if (i == 1999) {
				atomic_store(&writer.stop, true);
				pthread_join(thread, NULL);
			}
			pages = 0;
			before = atomic_load_explicit(&writer.last, memory_order_acquire);
			assert_int_equal(iommu_dma_log_report(endpoint, range, find_page, &pages),
					 0);
			assert_true(!(pages & ~UINT64_C(1)));
			if (pages)
				copy = __atomic_load_n((uint64_t *)(void *)rig.memory,
						       __ATOMIC_ACQUIRE);
			assert_true(copy >= before);
			atomic_fetch_add(&writer.reports, 1);
		}
		assert_int_equal(copy, writer.last);
		iommu_dma_log_stop(endpoint);
	}
	group_rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_are_closed_in_any_order),
		cmocka_unit_test(a_new_owner_finds_nothing_of_the_old_one),
		cmocka_unit_test(a_device_that_is_opened_again_is_reset),
		cmocka_unit_test(both_ways_exclude_each_other),
		cmocka_unit_test(no_write_is_missing_from_all_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
