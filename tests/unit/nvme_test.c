/* SPDX-License-Identifier: MIT */
/* The registers of the NVMe controller, and how it is enabled, shut down and reset. */
#include <linux/pci_regs.h>

#include "devices/devices.h"
#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 22
};

static struct nvme_rig t;

static int setup_with(const struct option_value *options, unsigned int count)
{
	return nvme_open(&t, MEMORY_SIZE, options, count) ? -1 : 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_with(NULL, 0);
}

static int setup_stride(void **state)
{
	static const struct option_value options[] = {{"dstrd", "2"}, {"cmb", "64K"}};

	(void)state;
	return setup_with(options, 2);
}

static int teardown(void **state)
{
	(void)state;
	nvme_close(&t);
	return 0;
}

static uint16_t identify(void)
{
	const struct nvme_command command = {
		.opcode = ADMIN_IDENTIFY, .prp1 = nvme_data_iova(0), .cdw10 = CNS_CONTROLLER};

	return nvme_do(&t, &t.rings[0], &command);
}

/* ---- registers ---- */

static void it_says_what_it_can_do(void **state)
{
	const uint64_t cap = nvme_get(&t, NVME_CAP, 8);

	(void)state;
	assert_int_equal(cap & 0xffff, 1023);
	assert_true(cap & CAP_CQR);
	assert_int_equal(cap >> 32 & 0xf, 0);
	assert_true(cap & CAP_NSSRS);
	assert_true(cap & CAP_CSS_NVM);
	assert_false(cap & CAP_CMBS);
	assert_int_equal(nvme_get(&t, NVME_VS, 4), VS_1_4);
	/* Halves and parts. */
	assert_int_equal(nvme_get(&t, NVME_CAP + 4, 4), cap >> 32);
	assert_int_equal(nvme_get(&t, NVME_VS + 2, 2), 1);
	assert_int_equal(nvme_get(&t, NVME_CMBLOC, 8), 0);
}

static void reserved_bits_read_as_zero(void **state)
{
	(void)state;
	nvme_set(&t, NVME_AQA, 4, UINT32_MAX);
	assert_int_equal(nvme_get(&t, NVME_AQA, 4), 0x0fff0fff);
	nvme_set(&t, NVME_ASQ, 8, UINT64_MAX);
	assert_int_equal(nvme_get(&t, NVME_ASQ, 8), ~UINT64_C(0xfff));
	nvme_set(&t, NVME_ACQ, 4, 0x12345678);
	nvme_set(&t, NVME_ACQ + 4, 4, 0xabc);
	assert_int_equal(nvme_get(&t, NVME_ACQ, 8), UINT64_C(0xabc12345000));
	nvme_set(&t, NVME_INTMS, 4, 0xf0);
	nvme_set(&t, NVME_INTMC, 4, 0x10);
	assert_int_equal(nvme_get(&t, NVME_INTMS, 4), 0xe0);
	assert_int_equal(nvme_get(&t, NVME_INTMC, 4), 0xe0);
	nvme_set(&t, NVME_CMBMSC, 8, UINT64_MAX);
	assert_int_equal(nvme_get(&t, NVME_CMBMSC, 8), 0);
}

/* ---- enabling ---- */

static void enabling_makes_it_ready_and_disabling_ends_that(void **state)
{
	(void)state;
	assert_int_equal(nvme_get(&t, NVME_CSTS, 4), 0);
	assert_true(nvme_enable(&t));
	assert_int_equal(identify(), ST_SUCCESS);
	assert_true(nvme_disable(&t));
	/* These survive a controller reset. */
	assert_int_equal(nvme_get(&t, NVME_ASQ, 8), nvme_sq_iova(0));
	assert_int_equal(nvme_get(&t, NVME_ACQ, 8), nvme_cq_iova(0));
	assert_true(nvme_enable(&t));
	assert_int_equal(identify(), ST_SUCCESS);
}

static void a_configuration_that_it_does_not_have_is_fatal(void **state)
{
	static const uint32_t bad[] = {
		9 << CC_MPS_SHIFT, /* pages of 2 MiB */
		1 << CC_AMS_SHIFT,
		6 << CC_CSS_SHIFT,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		nvme_set_admin_queue(&t);
		nvme_set(&t, NVME_CC, 4, CC_EN | bad[i]);
		assert_true(nvme_await(&t, CSTS_CFS | CSTS_RDY, CSTS_CFS));
		assert_true(nvme_disable(&t));
	}
	assert_true(nvme_enable(&t));
	assert_int_equal(identify(), ST_SUCCESS);
}

static void an_admin_queue_of_one_entry_is_fatal(void **state)
{
	(void)state;
	assert_true(nvme_enable(&t));
	nvme_set(&t, NVME_AQA, 4, 0);
	nvme_set(&t, NVME_DOORBELLS, 4, 0);
	assert_true(nvme_await(&t, CSTS_CFS, CSTS_CFS));
	assert_true(nvme_disable(&t));
}

/* QEMU 11 does that. */
static void the_admin_completion_queue_may_be_set_after_enabling(void **state)
{
	(void)state;
	nvme_set_admin_queue(&t);
	nvme_set(&t, NVME_ACQ, 8, 0);
	nvme_set(&t, NVME_CC, 4, CC_EN);
	assert_true(nvme_await(&t, CSTS_RDY, CSTS_RDY));
	nvme_set(&t, NVME_ACQ, 8, nvme_cq_iova(0));
	assert_int_equal(identify(), ST_SUCCESS);
	/* In use, it stays where it is. */
	nvme_set(&t, NVME_ACQ, 8, 0);
	assert_int_equal(identify(), ST_SUCCESS);
}

static void doorbells_before_it_is_ready_do_nothing(void **state)
{
	(void)state;
	nvme_set_admin_queue(&t);
	nvme_set(&t, NVME_DOORBELLS, 4, 1);
	assert_true(nvme_enable(&t));
	assert_int_equal(identify(), ST_SUCCESS);
}

static void a_queue_that_cannot_be_read_is_fatal(void **state)
{
	(void)state;
	nvme_set_admin_queue(&t);
	nvme_set(&t, NVME_ASQ, 8, NVME_IOVA + MEMORY_SIZE);
	nvme_set(&t, NVME_CC, 4, CC_EN);
	assert_true(nvme_await(&t, CSTS_RDY, CSTS_RDY));
	nvme_set(&t, NVME_DOORBELLS, 4, 1);
	assert_true(nvme_await(&t, CSTS_CFS, CSTS_CFS));
	assert_true(nvme_disable(&t));
	assert_true(nvme_enable(&t));
	assert_int_equal(identify(), ST_SUCCESS);
}

static void a_completion_queue_that_cannot_be_written_is_fatal(void **state)
{
	(void)state;
	nvme_set_admin_queue(&t);
	nvme_set(&t, NVME_ACQ, 8, NVME_IOVA + MEMORY_SIZE);
	nvme_set(&t, NVME_CC, 4, CC_EN);
	assert_true(nvme_await(&t, CSTS_RDY, CSTS_RDY));
	nvme_set(&t, NVME_DOORBELLS, 4, 1);
	assert_true(nvme_await(&t, CSTS_CFS, CSTS_CFS));
	assert_true(nvme_disable(&t));
}

/* ---- shutdown and resets ---- */

static void shutdown_completes_and_ends_commands(void **state)
{
	const uint32_t cc = CC_EN | NVME_SQES << CC_IOSQES_SHIFT | NVME_CQES << CC_IOCQES_SHIFT;

	(void)state;
	assert_true(nvme_enable(&t));
	for (uint32_t kind = 1; kind <= 2; kind++) {
		nvme_set(&t, NVME_CC, 4, cc | kind << CC_SHN_SHIFT);
		assert_true(nvme_await(&t, CSTS_SHST, CSTS_SHST_COMPLETE));
		assert_int_equal(nvme_get(&t, NVME_CSTS, 4) & CSTS_RDY, CSTS_RDY);
		nvme_set(&t, NVME_DOORBELLS, 4, 1);
		assert_true(nvme_disable(&t));
		assert_int_equal(nvme_get(&t, NVME_CSTS, 4), 0);
		assert_true(nvme_enable(&t));
		assert_int_equal(identify(), ST_SUCCESS);
	}
}

static void a_subsystem_reset_clears_all_registers_and_is_noted(void **state)
{
	(void)state;
	assert_true(nvme_enable(&t));
	nvme_set(&t, NVME_NSSR, 4, 0x12345678);
	assert_int_equal(identify(), ST_SUCCESS);
	nvme_set(&t, NVME_NSSR, 4, NSSR_RESET);
	assert_true(nvme_await(&t, CSTS_RDY | CSTS_NSSRO, CSTS_NSSRO));
	assert_int_equal(nvme_get(&t, NVME_CC, 4), 0);
	assert_int_equal(nvme_get(&t, NVME_ASQ, 8), 0);
	assert_true(nvme_enable(&t));
	assert_int_equal(nvme_get(&t, NVME_CSTS, 4), CSTS_RDY | CSTS_NSSRO);
	nvme_set(&t, NVME_CSTS, 4, CSTS_NSSRO);
	assert_int_equal(nvme_get(&t, NVME_CSTS, 4), CSTS_RDY);
}

static void a_function_level_reset_forgets_everything(void **state)
{
	(void)state;
	assert_true(nvme_enable(&t));
	assert_int_equal(identify(), ST_SUCCESS);
	assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(nvme_get(&t, NVME_CC, 4), 0);
	assert_int_equal(nvme_get(&t, NVME_CSTS, 4), 0);
	assert_int_equal(nvme_get(&t, NVME_AQA, 4), 0);
	assert_int_equal(nvme_get(&t, NVME_ASQ, 8), 0);
	assert_true(nvme_enable(&t));
	assert_int_equal(identify(), ST_SUCCESS);
}

/* ---- other doorbells, and the memory buffer ---- */

static void doorbells_may_be_farther_apart(void **state)
{
	const struct nvme_command flush = {.opcode = IO_FLUSH, .nsid = 1};

	(void)state;
	assert_int_equal(t.stride, 2);
	assert_true(nvme_enable(&t));
	assert_int_equal(nvme_create_ring(&t, 3, 0), ST_SUCCESS);
	assert_int_equal(nvme_do(&t, &t.rings[3], &flush), ST_SUCCESS);
}

static void the_memory_buffer_appears_when_it_is_asked_for(void **state)
{
	const uint64_t base = UINT64_C(0x100000000000);
	const struct nvme_command identify_into = {
		.opcode = ADMIN_IDENTIFY, .prp1 = base + 4096, .cdw10 = CNS_CONTROLLER};
	unsigned int at;

	(void)state;
	assert_true(nvme_get(&t, NVME_CAP, 8) & CAP_CMBS);
	assert_int_equal(nvme_get(&t, NVME_CMBSZ, 4), 0);
	nvme_set(&t, NVME_CMBMSC, 8, base | CMBMSC_CRE | CMBMSC_CMSE);
	assert_int_equal(nvme_get(&t, NVME_CMBSZ, 4) >> CMBSZ_SZ_SHIFT, 16);
	assert_int_equal(nvme_get(&t, NVME_CMBLOC, 4) & 7, 0);
	at = (unsigned int)(nvme_get(&t, NVME_CMBLOC, 4) >> 12) * 4096;
	nvme_set(&t, at + 65528, 8, UINT64_C(0x1122334455667788));
	assert_int_equal(nvme_get(&t, at + 65528, 8), UINT64_C(0x1122334455667788));
	assert_int_equal(nvme_get(&t, at + 65530, 1), 0x66);
	assert_int_equal(nvme_get(&t, at + 65536, 8), 0);
	assert_true(nvme_enable(&t));
	assert_int_equal(nvme_do(&t, &t.rings[0], &identify_into), ST_SUCCESS);
	assert_int_equal(nvme_get(&t, at + 4096, 2), 0x1b36);
	/* The identify data would leave the buffer. */
	nvme_set(&t, NVME_CMBMSC, 8, (base + 0x1000) | CMBMSC_CRE);
	assert_int_equal(nvme_do(&t, &t.rings[0], &identify_into), ST_DATA_TRANSFER);
}

static void bad_options_are_refused(void **state)
{
	static const struct option_value bad[] = {
		{"size", "0"},	     {"size", "4095"},	   {"size", "5000"},
		{"size", "1Q"},	     {"size", "-1"},	   {"size", "16777216T"},
		{"namespaces", "0"}, {"namespaces", "33"}, {"lba", "1024"},
		{"readonly", "yes"}, {"mdts", "17"},	   {"mdts", "x"},
		{"cmb", "100"},	     {"cmb", "1M"},	   {"queues", "0"},
		{"queues", "65"},    {"dstrd", "5"},	   {"file", "/nonexistent/disk"},
	};
	struct device_spec config = {.model = &device_nvme, .option_count = 1};
	struct vfio_device *device;

	(void)state;
	assert_int_equal(iommu_create(iommu_kind_find("amd"), "amd0", &config.iommu), 0);
	assert_int_equal(iommufd_group_create(0, &config.group), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		config.options = &bad[i];
		assert_true(vfio_device_create(&config, &device) < 0);
	}
	iommufd_group_destroy(config.group);
	iommu_put(config.iommu);
}

int main(void)
{
#define TEST(name)	  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_STRIDE(name) cmocka_unit_test_setup_teardown(name, setup_stride, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_says_what_it_can_do),
		TEST(reserved_bits_read_as_zero),
		TEST(enabling_makes_it_ready_and_disabling_ends_that),
		TEST(a_configuration_that_it_does_not_have_is_fatal),
		TEST(an_admin_queue_of_one_entry_is_fatal),
		TEST(the_admin_completion_queue_may_be_set_after_enabling),
		TEST(doorbells_before_it_is_ready_do_nothing),
		TEST(a_queue_that_cannot_be_read_is_fatal),
		TEST(a_completion_queue_that_cannot_be_written_is_fatal),
		TEST(shutdown_completes_and_ends_commands),
		TEST(a_subsystem_reset_clears_all_registers_and_is_noted),
		TEST(a_function_level_reset_forgets_everything),
		TEST_STRIDE(doorbells_may_be_farther_apart),
		TEST_STRIDE(the_memory_buffer_appears_when_it_is_asked_for),
		cmocka_unit_test(bad_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
