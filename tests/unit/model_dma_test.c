/* SPDX-License-Identifier: MIT */
/*
 * DMA of models beyond reads and writes: AtomicOps, and translations that a device keeps. The test
 * calls the services itself, in place of a work function.
 */
#include <linux/pci_regs.h>
#include <pthread.h>

#include <uiommufd/devices.h>
#include <uiommufd/vfio.h>

#include "base/log.h"
#include "kit.h"

enum {
	IOVA = 0x100000,
	PASID = 7,
	RIGHTS = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
	ROUNDS = 100000,
};

/* ---- a model that does nothing on its own ---- */

static struct uiommufd_device *dev;

/* Its ATC, of one entry; guarded by the device lock. */
static struct uiommufd_translation kept;
static bool is_kept;
static unsigned int invalidations;

static void idle_invalidated(struct uiommufd_device *device, uint32_t pasid, uint64_t iova,
			     uint64_t last)
{
	(void)device;
	invalidations++;
	if ((pasid == UIOMMUFD_ALL_PASIDS || pasid == kept.pasid) && last >= kept.iova &&
	    iova <= kept.iova + (kept.len - 1))
		is_kept = false;
}

static int idle_init(struct uiommufd_device *device)
{
	dev = device;
	return 0;
}

static const struct uiommufd_model idle = {
	.name = "idle",
	.summary = "does nothing",
	.vendor = 0x1234,
	.device = 2,
	.init = idle_init,
	.invalidated = idle_invalidated,
};

UIOMMUFD_MODEL(idle);

/* ---- the program ---- */

static struct uiommufd *ctx;
static struct uiommufd_iommu *iommu;
static struct uiommufd_vfio *vfio;
static uint32_t dev_id, ioas;
static uint64_t memory[2 * PAGE / 8] __attribute__((aligned(4096)));

static void must_ioctl(unsigned int request, void *arg)
{
	assert_int_equal(uiommufd_ioctl(ctx, NULL, request, (uintptr_t)arg), 0);
}

static void set_master(bool on)
{
	const uint16_t command = PCI_COMMAND_MEMORY | (on ? PCI_COMMAND_MASTER : 0);

	assert_int_equal(
		uiommufd_vfio_write(vfio, &command, 2,
				    (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40 | PCI_COMMAND),
		2);
}

static void map(uint64_t iova, void *page, uint32_t rights)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | rights,
		.ioas_id = ioas,
		.user_va = (uintptr_t)page,
		.length = PAGE,
		.iova = iova,
	};

	must_ioctl(IOMMU_IOAS_MAP, &map);
}

static void unmap(uint64_t iova)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas, .iova = iova, .length = PAGE};

	must_ioctl(IOMMU_IOAS_UNMAP, &unmap);
}

static void attach(uint32_t pasid)
{
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
					.flags = IOMMU_HWPT_ALLOC_PASID,
					.dev_id = dev_id,
					.pt_id = ioas};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.flags = pasid ? VFIO_DEVICE_ATTACH_PASID : 0,
		.pasid = pasid,
	};

	must_ioctl(IOMMU_HWPT_ALLOC, &hwpt);
	attach.pt_id = hwpt.out_hwpt_id;
	assert_int_equal(
		uiommufd_vfio_ioctl(vfio, NULL, VFIO_DEVICE_ATTACH_IOMMUFD_PT, (uintptr_t)&attach),
		0);
}

static void detach(uint32_t pasid)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach),
		.flags = pasid ? VFIO_DEVICE_DETACH_PASID : 0,
		.pasid = pasid,
	};

	assert_int_equal(
		uiommufd_vfio_ioctl(vfio, NULL, VFIO_DEVICE_DETACH_IOMMUFD_PT, (uintptr_t)&detach),
		0);
}

/* A device that may do DMA, attached for PASID only, with memory[] at IOVA. */
static int open_all(void **state)
{
	static bool registered;
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	(void)state;
	if (!registered)
		assert_int_equal(uiommufd_model_register(&uiommufd_plugin, NULL, 0), 0);
	registered = true;
	assert_int_equal(uiommufd_open(NULL, &ctx), 0);
	assert_int_equal(uiommufd_iommu_create("intel", "dmar0", &iommu), 0);
	assert_int_equal(uiommufd_vfio_create(iommu, "idle", NULL, 0, &vfio), 0);
	assert_int_equal(uiommufd_vfio_bind(vfio, ctx, &dev_id), 0);
	set_master(true);
	must_ioctl(IOMMU_IOAS_ALLOC, &alloc);
	ioas = alloc.out_ioas_id;
	attach(PASID);
	is_kept = false;
	memset(memory, 0, sizeof(memory));
	map(IOVA, memory, RIGHTS);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	uiommufd_vfio_destroy(vfio);
	uiommufd_iommu_put(iommu);
	uiommufd_close(ctx);
	return 0;
}

/* ---- AtomicOps ---- */

static int add(uint32_t pasid, uint64_t iova, uint64_t *old)
{
	return uiommufd_device_atomic(dev, pasid, iova, UIOMMUFD_ATOMIC_FETCH_ADD, 8, 1, 0, old);
}

static void an_atomic_changes_one_word(void **state)
{
	uint64_t old;

	(void)state;
	memory[1] = UINT64_MAX;
	assert_int_equal(add(PASID, IOVA + 8, &old), 0);
	assert_true(old == UINT64_MAX && memory[1] == 0);
	assert_int_equal(uiommufd_device_atomic(dev, PASID, IOVA + 12, UIOMMUFD_ATOMIC_SWAP, 4,
						0x55, 0, &old),
			 0);
	assert_true(old == 0 && memory[1] == UINT64_C(0x5500000000));
	assert_int_equal(uiommufd_device_atomic(dev, PASID, IOVA + 8, UIOMMUFD_ATOMIC_COMPARE_SWAP,
						8, 9, 8, &old),
			 0);
	assert_true(old == UINT64_C(0x5500000000) && memory[1] == old);
	assert_int_equal(uiommufd_device_atomic(dev, PASID, IOVA + 8, UIOMMUFD_ATOMIC_COMPARE_SWAP,
						8, 9, memory[1], &old),
			 0);
	assert_true(old == UINT64_C(0x5500000000) && memory[1] == 9);
	assert_true(memory[0] == 0 && memory[2] == 0);
}

static void an_atomic_needs_the_right_to_read_and_to_write(void **state)
{
	uint64_t old = 77;

	(void)state;
	map(IOVA + PAGE, memory + PAGE / 8, IOMMU_IOAS_MAP_READABLE);
	assert_int_equal(add(PASID, IOVA + PAGE, &old), -EFAULT);
	unmap(IOVA + PAGE);
	assert_int_equal(add(PASID, IOVA + PAGE, &old), -EFAULT);
	set_master(false);
	assert_int_equal(add(PASID, IOVA, &old), -EFAULT);
	set_master(true);
	assert_int_equal(add(0, IOVA, &old), -EFAULT);
	assert_int_equal(old, 77);
	assert_true(memory[0] == 0 && memory[PAGE / 8] == 0);
	assert_int_equal(add(PASID, IOVA, &old), 0);
	assert_true(memory[0] == 1);
}

static void an_atomic_that_no_device_does_is_refused(void **state)
{
	static const struct {
		uint64_t iova;
		unsigned int op, size;
	} bad[] = {{IOVA, 0, 1},     {IOVA, 0, 16}, {IOVA + 4, 0, 8},
		   {IOVA + 2, 0, 4}, {IOVA, 3, 8},  {IOVA, 0, 0}};
	uint64_t old = 77;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(uiommufd_device_atomic(dev, PASID, bad[i].iova,
							(enum uiommufd_atomic)bad[i].op,
							bad[i].size, 1, 0, &old),
				 -EINVAL);
	assert_true(old == 77 && memory[0] == 0);
}

static void *add_too(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < ROUNDS; i++)
		__atomic_fetch_add(&memory[0], 1, __ATOMIC_RELAXED);
	return NULL;
}

static void a_program_and_a_device_count_together(void **state)
{
	pthread_t thread;
	uint64_t old;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, add_too, NULL), 0);
	for (unsigned int i = 0; i < ROUNDS; i++)
		assert_int_equal(add(PASID, IOVA, &old), 0);
	pthread_join(thread, NULL);
	assert_int_equal(memory[0], 2 * ROUNDS);
}

/* ---- translations ---- */

/* Requests one, and keeps it. */
static int keep(uint32_t pasid, uint64_t iova, unsigned int rights)
{
	int rc;

	uiommufd_device_lock(dev);
	rc = uiommufd_device_translate(dev, pasid, iova, rights, &kept);
	is_kept = !rc;
	uiommufd_device_unlock(dev);
	return rc;
}

static int write_kept(uint64_t iova, uint64_t value)
{
	int rc;

	uiommufd_device_lock(dev);
	rc = uiommufd_device_translated_write(dev, &kept, iova, &value, sizeof(value));
	uiommufd_device_unlock(dev);
	return rc;
}

static int read_kept(uint64_t iova, uint64_t *value)
{
	int rc;

	uiommufd_device_lock(dev);
	rc = uiommufd_device_translated_read(dev, &kept, iova, value, sizeof(*value));
	uiommufd_device_unlock(dev);
	return rc;
}

/* conformance/hw_info.c tests that the bit is set of others. */
static void a_device_that_keeps_translations_can_use_ats(void **state)
{
	struct iommu_hw_info info = {.size = sizeof(info), .dev_id = dev_id};

	(void)state;
	must_ioctl(IOMMU_GET_HW_INFO, &info);
	assert_false(info.out_capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
}

static void a_translation_leads_to_the_memory(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(keep(PASID, IOVA, 3), 0);
	assert_true(kept.iova == IOVA && kept.len >= PAGE && kept.pasid == PASID);
	assert_int_equal(write_kept(IOVA + 8, 0x77), 0);
	assert_true(memory[1] == 0x77);
	assert_int_equal(read_kept(IOVA + 8, &value), 0);
	assert_true(value == 0x77);
	assert_int_equal(write_kept(IOVA - 8, 0), -EINVAL);
	assert_int_equal(write_kept(IOVA + kept.len - 4, 0), -EINVAL);
	set_master(false);
	assert_int_equal(write_kept(IOVA, 1), -EAGAIN);
	assert_int_equal(keep(PASID, IOVA, 3), -EPERM);
	assert_true(memory[0] == 0);
}

static void a_translation_has_the_rights_that_it_was_requested_for(void **state)
{
	(void)state;
	map(IOVA + PAGE, memory + PAGE / 8, IOMMU_IOAS_MAP_READABLE);
	assert_int_equal(keep(PASID, IOVA + PAGE, UIOMMUFD_RIGHT_WRITE), -EPERM);
	assert_int_equal(keep(PASID, IOVA + PAGE, 3), -EPERM);
	assert_int_equal(keep(PASID, IOVA + PAGE, 0), -EPERM);
	assert_int_equal(keep(PASID, IOVA + PAGE, UIOMMUFD_RIGHT_READ), 0);
	assert_int_equal(write_kept(IOVA + PAGE, 1), -EINVAL);
	assert_int_equal(keep(PASID, IOVA + 2 * PAGE, 3), -ENOENT);
	assert_int_equal(keep(0, IOVA, 3), -ENOENT);
	assert_int_equal(keep(PASID + 1, IOVA, 3), -ENOENT);
}

static void an_unmap_takes_the_translation_back_before_it_returns(void **state)
{
	(void)state;
	map(IOVA + PAGE, memory + PAGE / 8, RIGHTS);
	assert_int_equal(keep(PASID, IOVA + PAGE, 3), 0);
	unmap(IOVA);
	assert_true(is_kept);
	unmap(IOVA + PAGE);
	assert_false(is_kept);
	assert_int_equal(keep(PASID, IOVA + PAGE, 3), -ENOENT);
}

static void a_detachment_takes_all_of_its_pasid_back(void **state)
{
	(void)state;
	attach(0);
	attach(PASID + 1);
	assert_int_equal(keep(PASID, IOVA, 3), 0);
	detach(0);
	detach(PASID + 1);
	assert_true(is_kept);
	detach(PASID);
	assert_false(is_kept);
}

static void the_rid_and_each_pasid_are_told(void **state)
{
	(void)state;
	attach(0);
	attach(PASID + 1);
	assert_int_equal(keep(0, IOVA, 3), 0);
	invalidations = 0;
	unmap(IOVA);
	assert_false(is_kept);
	assert_int_equal(invalidations, 3);
}

/* Each round maps other memory; what is written through the old translation would show there. */
static void *remap(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < 2000; i++) {
		unmap(IOVA);
		__atomic_store_n(&memory[0], 0, __ATOMIC_RELAXED);
		for (unsigned int look = 0; look < 100; look++)
			if (__atomic_load_n(&memory[0], __ATOMIC_RELAXED))
				return memory;
		map(IOVA, memory, RIGHTS);
	}
	return NULL;
}

static void nothing_is_written_after_an_unmap(void **state)
{
	const uint64_t value = 1;
	pthread_t thread;
	void *written;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, remap, NULL), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uiommufd_device_lock(dev);
		if (!is_kept)
			is_kept = !uiommufd_device_translate(dev, PASID, IOVA, 3, &kept);
		if (is_kept)
			(void)uiommufd_device_translated_write(dev, &kept, IOVA, &value,
							       sizeof(value));
		uiommufd_device_unlock(dev);
	}
	pthread_join(thread, &written);
	assert_null(written);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(an_atomic_changes_one_word),
		TEST(an_atomic_needs_the_right_to_read_and_to_write),
		TEST(an_atomic_that_no_device_does_is_refused),
		TEST(a_program_and_a_device_count_together),
		TEST(a_device_that_keeps_translations_can_use_ats),
		TEST(a_translation_leads_to_the_memory),
		TEST(a_translation_has_the_rights_that_it_was_requested_for),
		TEST(an_unmap_takes_the_translation_back_before_it_returns),
		TEST(a_detachment_takes_all_of_its_pasid_back),
		TEST(the_rid_and_each_pasid_are_told),
		TEST(nothing_is_written_after_an_unmap),
	};

	/* DMA fails on purpose. */
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
