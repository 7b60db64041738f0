/* SPDX-License-Identifier: MIT */
/*
 * What an embedding program is told of: reports as structures, lines of the log; and several
 * machines in one program that know nothing of each other.
 */
#include <pthread.h>

#include <uiommufd/reports.h>

#include "kit.h"

enum {
	IOVA = 0x100000,
	AFTER = IOVA + PAGE,
};

/* What a handler was told last. */
struct heard {
	unsigned int count;
	struct uiommufd_report report;
	struct uiommufd_report_dma dma;
	char kind[64], device[64], headline[512], text[4096];
};

static struct fixture *machine, *other;
static struct heard ours, theirs, rest;
static uint32_t ioas;
static char line[512];
static unsigned int line_level, lines;

static void hear(void *arg, const struct uiommufd_report *report)
{
	struct heard *heard = arg;

	assert_int_equal(report->size, sizeof(*report));
	heard->count++;
	heard->report = *report;
	if (report->dma)
		heard->dma = *report->dma;
	snprintf(heard->kind, sizeof(heard->kind), "%s", report->kind);
	snprintf(heard->device, sizeof(heard->device), "%s", report->device);
	snprintf(heard->headline, sizeof(heard->headline), "%s", report->headline);
	snprintf(heard->text, sizeof(heard->text), "%s", report->text);
}

static void hear_line(void *arg, unsigned int level, const char *text)
{
	assert_ptr_equal(arg, line);
	line_level = level;
	lines++;
	snprintf(line, sizeof(line), "%s", text);
}

static int tell(struct fixture *f, struct heard *heard)
{
	const struct uiommufd_report_options options = {
		.size = sizeof(options), .handler = hear, .arg = heard};

	return uiommufd_report_to(f ? f->iommu : NULL, heard ? &options : NULL);
}

static int setup(void **state)
{
	(void)state;
	machine = fixture_create("amd", 2);
	other = fixture_create("amd", 2);
	ioas = fixture_ioas(machine);
	memset(&ours, 0, sizeof(ours));
	memset(&theirs, 0, sizeof(theirs));
	memset(&rest, 0, sizeof(rest));
	lines = 0;
	assert_int_equal(tell(machine, &ours), 0);
	return uiommufd_log_to(UIOMMUFD_LOG_FAULT, hear_line, line);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(tell(machine, NULL), 0);
	assert_int_equal(tell(other, NULL), 0);
	assert_int_equal(tell(NULL, NULL), 0);
	fixture_destroy(machine);
	fixture_destroy(other);
	return uiommufd_log_to(UIOMMUFD_LOG_FAULT, NULL, NULL);
}

static void attach_with_a_page(struct fixture *f, uint32_t rights)
{
	uint32_t pt_id = f == machine ? ioas : fixture_ioas(f);
	const uint32_t space = pt_id;

	assert_int_equal(fixture_attach(f, 0, UIOMMUFD_NO_PASID, &pt_id), 0);
	assert_int_equal(fixture_map(f, space, IOVA, 0, PAGE, rights), 0);
}

static int dma(struct fixture *f, uint64_t iova, uint64_t len)
{
	static char bytes[2 * PAGE];

	return uiommufd_dma_write(f->devices[0], UIOMMUFD_NO_PASID, iova, bytes, len);
}

static void a_fault_is_a_structure(void **state)
{
	(void)state;
	attach_with_a_page(machine, FIXTURE_RW);
	assert_int_equal(dma(machine, IOVA + 8, PAGE), -EFAULT);
	assert_int_equal(ours.count, 1);
	assert_string_equal(ours.kind, "dma-past-end");
	assert_non_null(strstr(ours.headline, "failed at 0x101000"));
	assert_non_null(strstr(ours.text, ours.headline));
	assert_non_null(strstr(ours.text, "nearest mapping below: 0x100000-0x100fff"));
	assert_ptr_equal(ours.dma.iommu, machine->iommu);
	assert_int_equal(ours.dma.pasid, UIOMMUFD_NO_PASID);
	assert_int_equal(ours.dma.direction, UIOMMUFD_PROT_WRITE);
	assert_int_equal(ours.dma.iova, AFTER);
	assert_int_equal(ours.dma.request_iova, IOVA + 8);
	assert_int_equal(ours.dma.request_length, PAGE);
	assert_int_equal(ours.dma.ioas_id, ioas);
	assert_int_equal(ours.dma.mapping_iova, IOVA);
	assert_int_equal(ours.dma.mapping_length, PAGE);
	assert_int_equal(ours.dma.mapping_prot, UIOMMUFD_PROT_READ | UIOMMUFD_PROT_WRITE);
	assert_int_equal(ours.report.repeated, 0);
	assert_true(ours.report.time != 0);
	assert_int_equal(lines, 0);
}

static void each_fault_is_told_and_says_how_often_it_came(void **state)
{
	(void)state;
	attach_with_a_page(machine, IOMMU_IOAS_MAP_READABLE);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(dma(machine, IOVA, 8), -EFAULT);
		assert_int_equal(ours.count, i + 1);
		assert_int_equal(ours.report.repeated, i);
	}
	assert_string_equal(ours.kind, "dma-without-right");
	assert_int_equal(ours.dma.mapping_prot, UIOMMUFD_PROT_READ);
}

static void dma_after_an_unmap_names_the_mapping_that_was_there(void **state)
{
	(void)state;
	attach_with_a_page(machine, FIXTURE_RW);
	assert_int_equal(fixture_unmap(machine, ioas, IOVA, PAGE), 0);
	assert_int_equal(dma(machine, IOVA + 16, 8), -EFAULT);
	assert_string_equal(ours.kind, "dma-after-unmap");
	assert_int_equal(ours.dma.iova, IOVA + 16);
	assert_int_equal(ours.dma.mapping_iova, IOVA);
	assert_int_equal(ours.dma.mapping_length, PAGE);
	assert_int_equal(ours.dma.mapping_prot, 0);
}

static void each_iommu_has_its_own_handler_and_the_rest_goes_to_the_general_one(void **state)
{
	(void)state;
	assert_int_equal(tell(NULL, &rest), 0);
	assert_int_equal(dma(other, IOVA, 8), -EFAULT);
	assert_int_equal(rest.count, 1);
	assert_ptr_equal(rest.dma.iommu, other->iommu);
	assert_int_equal(tell(other, &theirs), 0);
	assert_int_equal(dma(other, IOVA, 8), -EFAULT);
	assert_int_equal(theirs.count, 1);
	assert_int_equal(dma(machine, IOVA, 8), -EFAULT);
	assert_int_equal(ours.count, 1);
	assert_string_equal(ours.kind, "dma-before-attach");
	assert_int_equal(ours.dma.ioas_id, 0);
	assert_int_equal(tell(other, NULL), 0);
	assert_int_equal(dma(other, IOVA, 8), -EFAULT);
	assert_int_equal(rest.count, 2);
	assert_int_equal(theirs.count, 1);
	assert_int_equal(ours.count, 1);
}

static void without_a_handler_a_fault_is_a_line_of_the_log(void **state)
{
	(void)state;
	assert_int_equal(dma(other, IOVA, 8), -EFAULT);
	assert_int_equal(ours.count, 0);
	assert_int_equal(lines, 1);
	assert_int_equal(line_level, UIOMMUFD_LOG_FAULT);
	assert_non_null(strstr(line, "write of 8 bytes"));
	assert_null(strchr(line, '\n'));
	assert_null(strstr(line, "uiommufd: "));
}

static void a_handler_is_replaced(void **state)
{
	(void)state;
	assert_int_equal(tell(machine, &theirs), 0);
	assert_int_equal(dma(machine, IOVA, 8), -EFAULT);
	assert_int_equal(theirs.count, 1);
	assert_int_equal(ours.count, 0);
}

static void wrong_options_are_refused(void **state)
{
	struct uiommufd_report_options options = {.size = sizeof(options), .handler = hear};

	(void)state;
	options.size--;
	assert_int_equal(uiommufd_report_to(NULL, &options), -EINVAL);
	options.size++;
	options.flags = 2;
	assert_int_equal(uiommufd_report_to(NULL, &options), -EINVAL);
	options.flags = 0;
	options.handler = NULL;
	assert_int_equal(uiommufd_report_to(NULL, &options), -EINVAL);
	assert_int_equal(uiommufd_log_to(UIOMMUFD_LOG_DEBUG + 1, NULL, NULL), -EINVAL);
}

static void too_many_iommus_with_handlers_are_refused(void **state)
{
	struct uiommufd_iommu *iommus[64];
	const struct uiommufd_report_options options = {
		.size = sizeof(options), .handler = hear, .arg = &rest};
	int rc = 0;
	size_t made = 0;

	(void)state;
	while (!rc && made < 64) {
		assert_int_equal(uiommufd_iommu_create("amd", "more", &iommus[made]), 0);
		rc = uiommufd_report_to(iommus[made++], &options);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(made, 64); /* and that of the fixture */
	while (made--) {
		(void)uiommufd_report_to(iommus[made], NULL);
		uiommufd_iommu_put(iommus[made]);
	}
}

/* ---- several machines ---- */

enum {
	ROUNDS = 2000
};

/* Makes a fault in each round, and what is in order. */
static void *use_machine(void *arg)
{
	struct fixture *f = arg;

	for (int i = 0; i < ROUNDS; i++)
		if (dma(f, IOVA, 64) || dma(f, AFTER, 64) != -EFAULT)
			return "a DMA went wrong";
	return NULL;
}

static void machines_in_one_program_know_nothing_of_each_other(void **state)
{
	pthread_t threads[2];
	char *json;
	void *why;

	(void)state;
	assert_int_equal(tell(other, &theirs), 0);
	attach_with_a_page(machine, FIXTURE_RW);
	attach_with_a_page(other, FIXTURE_RW);
	pthread_create(&threads[0], NULL, use_machine, machine);
	pthread_create(&threads[1], NULL, use_machine, other);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &why);
		assert_null(why);
	}
	assert_int_equal(ours.count, ROUNDS);
	assert_int_equal(theirs.count, ROUNDS);
	assert_ptr_equal(ours.dma.iommu, machine->iommu);
	assert_ptr_equal(theirs.dma.iommu, other->iommu);
	assert_int_equal(uiommufd_show_context(machine->ctx, 10, &json), 0);
	assert_non_null(strstr(json, "\"context\":0"));
	assert_null(strstr(json, "\"context\":1"));
	uiommufd_free(json);
	assert_int_equal(uiommufd_show(10, &json), 0);
	assert_non_null(strstr(json, "\"context\":1"));
	uiommufd_free(json);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_fault_is_a_structure),
		TEST(each_fault_is_told_and_says_how_often_it_came),
		TEST(dma_after_an_unmap_names_the_mapping_that_was_there),
		TEST(each_iommu_has_its_own_handler_and_the_rest_goes_to_the_general_one),
		TEST(without_a_handler_a_fault_is_a_line_of_the_log),
		TEST(a_handler_is_replaced),
		TEST(wrong_options_are_refused),
		TEST(too_many_iommus_with_handlers_are_refused),
		TEST(machines_in_one_program_know_nothing_of_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
