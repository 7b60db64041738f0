/* SPDX-License-Identifier: MIT */
/* uiommufd_report_to() with each failure in turn: then the handler before it is told as before. */
#include <uiommufd/reports.h>

#include "kit.h"

enum {
	IOVA = 0x100000,
};

static struct fixture *machine;
static unsigned int first, second; /* reports that each handler was told */

static void hear(void *arg, const struct uiommufd_report *report)
{
	unsigned int *count = arg;

	(void)report;
	++*count;
}

static int tell(struct uiommufd_iommu *iommu, unsigned int *count)
{
	const struct uiommufd_report_options options = {
		.size = sizeof(options), .handler = hear, .arg = count};

	return uiommufd_report_to(iommu, &options);
}

/* tell() with each failure in turn, after each of which nobody else is told; returns how many. */
static uint64_t tell_in_spite_of_failures(struct uiommufd_iommu *iommu, unsigned int *count,
					  void (*unchanged)(void))
{
	uint64_t n, left = 0;
	int rc;

	for (n = 1; !left; n++) {
		failure_arm(n);
		rc = tell(iommu, count);
		left = failure_disarm();
		if (left) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, -ENOMEM);
		unchanged();
	}
	return n - 1;
}

/* A DMA that fails. */
static void fault(void)
{
	char bytes[8];

	assert_int_equal(uiommufd_dma_read(machine->devices[0], UIOMMUFD_NO_PASID, IOVA, bytes,
					   sizeof(bytes)),
			 -EFAULT);
}

static int setup(void **state)
{
	uint32_t ioas;

	(void)state;
	machine = fixture_create("amd", 1);
	ioas = fixture_ioas(machine);
	first = second = 0;
	return fixture_attach(machine, 0, UIOMMUFD_NO_PASID, &ioas);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(uiommufd_report_to(machine->iommu, NULL), 0);
	assert_int_equal(uiommufd_report_to(NULL, NULL), 0);
	fixture_destroy(machine);
	return 0;
}

static void nobody_is_told(void)
{
	fault();
	assert_int_equal(first + second, 0);
}

static void the_first_is_told(void)
{
	const unsigned int before = first;

	fault();
	assert_int_equal(first, before + 1);
	assert_int_equal(second, 0);
}

static void a_handler_that_there_is_no_memory_for_is_told_nothing(void **state)
{
	(void)state;
	assert_true(tell_in_spite_of_failures(machine->iommu, &first, nobody_is_told) > 0);
	the_first_is_told();
}

static void a_handler_stays_when_there_is_no_memory_for_the_next(void **state)
{
	(void)state;
	assert_int_equal(tell(machine->iommu, &first), 0);
	assert_true(tell_in_spite_of_failures(machine->iommu, &second, the_first_is_told) > 0);
	first = 0;
	fault();
	assert_int_equal(first, 0);
	assert_int_equal(second, 1);
}

static void the_handler_of_all_others_stays_too(void **state)
{
	(void)state;
	assert_int_equal(tell(NULL, &first), 0);
	assert_true(tell_in_spite_of_failures(machine->iommu, &second, the_first_is_told) > 0);
	assert_int_equal(uiommufd_report_to(machine->iommu, NULL), 0);
	assert_true(tell_in_spite_of_failures(NULL, &second, the_first_is_told) > 0);
	fault();
	assert_int_equal(second, 1);
}

static void handlers_are_removed_without_memory(void **state)
{
	(void)state;
	assert_int_equal(tell(machine->iommu, &first), 0);
	failure_arm(1);
	assert_int_equal(uiommufd_report_to(machine->iommu, NULL), 0);
	assert_true(failure_disarm() > 0);
	nobody_is_told();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_handler_that_there_is_no_memory_for_is_told_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_handler_stays_when_there_is_no_memory_for_the_next, setup, teardown),
		cmocka_unit_test_setup_teardown(the_handler_of_all_others_stays_too, setup,
						teardown),
		cmocka_unit_test_setup_teardown(handlers_are_removed_without_memory, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
