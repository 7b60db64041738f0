/* SPDX-License-Identifier: MIT */
/*
 * How commands are found and how their structures grow [FRAMING]. Each rule is tried on each
 * command of [COMMANDS.1..22]: the command itself accepts or refuses an argument of zeros, and
 * must do the same for every size of the argument. What the framing refuses comes first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance.h"
#include "groups.h"

static const struct command {
	const char *name;
	unsigned int number;
	size_t known, least;
} commands[] = {
	{"IOMMU_DESTROY", IOMMU_DESTROY, 8, 8},
	{"IOMMU_IOAS_ALLOC", IOMMU_IOAS_ALLOC, 12, 12},
	{"IOMMU_IOAS_ALLOW_IOVAS", IOMMU_IOAS_ALLOW_IOVAS, 24, 24},
	{"IOMMU_IOAS_COPY", IOMMU_IOAS_COPY, 40, 40},
	{"IOMMU_IOAS_IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, 32, 32},
	{"IOMMU_IOAS_MAP", IOMMU_IOAS_MAP, 40, 40},
	{"IOMMU_IOAS_UNMAP", IOMMU_IOAS_UNMAP, 24, 24},
	{"IOMMU_OPTION", IOMMU_OPTION, 24, 24},
	{"IOMMU_VFIO_IOAS", IOMMU_VFIO_IOAS, 12, 12},
	{"IOMMU_HWPT_ALLOC", IOMMU_HWPT_ALLOC, 48, 24},
	{"IOMMU_GET_HW_INFO", IOMMU_GET_HW_INFO, 40, 32},
	{"IOMMU_HWPT_SET_DIRTY_TRACKING", IOMMU_HWPT_SET_DIRTY_TRACKING, 16, 16},
	{"IOMMU_HWPT_GET_DIRTY_BITMAP", IOMMU_HWPT_GET_DIRTY_BITMAP, 48, 48},
	{"IOMMU_HWPT_INVALIDATE", IOMMU_HWPT_INVALIDATE, 32, 32},
	{"IOMMU_FAULT_QUEUE_ALLOC", IOMMU_FAULT_QUEUE_ALLOC, 16, 16},
	{"IOMMU_IOAS_MAP_FILE", IOMMU_IOAS_MAP_FILE, 40, 40},
	{"IOMMU_VIOMMU_ALLOC", IOMMU_VIOMMU_ALLOC, 40, 24},
	{"IOMMU_VDEVICE_ALLOC", IOMMU_VDEVICE_ALLOC, 24, 24},
	{"IOMMU_IOAS_CHANGE_PROCESS", IOMMU_IOAS_CHANGE_PROCESS, 8, 8},
	{"IOMMU_VEVENTQ_ALLOC", IOMMU_VEVENTQ_ALLOC, 32, 28},
	{"IOMMU_HW_QUEUE_ALLOC", IOMMU_HW_QUEUE_ALLOC, 40, 40},
	{"IOMMU_IOAS_NOIOMMU_GET_PA", IOMMU_IOAS_NOIOMMU_GET_PA, 40, 40},
};

static const struct command *command;

/* Issues the command in a context of its own, so that one try does not change the next. */
static int try_argument(void *argument)
{
	int fd = open_context();
	int result = do_ioctl(fd, command->number, argument);

	if (!result && command->number == IOMMU_FAULT_QUEUE_ALLOC)
		close(((struct iommu_fault_alloc *)argument)->out_fault_fd);
	close(fd);
	return result;
}

/* Zeros, but for the size in front. */
static const void *zeros_of_size(uint32_t size)
{
	static uint32_t argument[2 * PAGE];

	memset(argument, 0, sizeof(argument));
	argument[0] = size;
	return argument;
}

/* An argument of @size that ends where memory does, so that any access behind it is seen. */
static void *exactly(size_t size)
{
	return before_hole(zeros_of_size((uint32_t)size), size);
}

/* What the command says to an argument of exactly the size that it knows. */
static int result_of_exact_size(void)
{
	return try_argument(exactly(command->known));
}

static void expect_result(int result, int expected)
{
	if (result != expected)
		conformance_fail(HERE, "%s: result %d, expected %d", command->name, result,
				 expected);
}

static void size_below_the_minimum_is_EINVAL(void)
{
	const size_t sizes[] = {0, 4, command->least - 4, command->least - 1};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		expect_result(try_argument(before_hole(zeros_of_size((uint32_t)sizes[i]),
						       sizes[i] < 4 ? 4 : sizes[i])),
			      -EINVAL);
}

static void minimum_size_is_the_same_as_a_zero_tail(void)
{
	expect_result(try_argument(exactly(command->least)), result_of_exact_size());
}

static void size_between_minimum_and_known_is_the_same_as_a_zero_tail(void)
{
	for (size_t size = command->least; size < command->known; size++)
		expect_result(try_argument(exactly(size)), result_of_exact_size());
}

static void zero_tail_changes_nothing(void)
{
	const size_t longer[] = {1, 3, 8, 100, PAGE, 2 * PAGE};
	int expected = result_of_exact_size();

	for (size_t i = 0; i < ARRAY_SIZE(longer); i++) {
		size_t size = command->known + longer[i];
		char *argument = mem_pages(4 * PAGE);

		memcpy(argument, zeros_of_size((uint32_t)size), size);
		expect_result(try_argument(argument), expected);
	}
}

static void tail_that_is_not_zero_is_E2BIG(void)
{
	const size_t longer[] = {1, 2, 8, 257, PAGE, 2 * PAGE};

	for (size_t i = 0; i < ARRAY_SIZE(longer); i++) {
		size_t size = command->known + longer[i];
		char *argument = mem_pages(4 * PAGE);

		memcpy(argument, zeros_of_size((uint32_t)size), size);
		argument[size - 1] = 1;
		expect_result(try_argument(argument), -E2BIG);
		argument[size - 1] = 0;
		argument[command->known] = (char)0x80;
		expect_result(try_argument(argument), -E2BIG);
	}
}

static void tail_is_checked_before_what_is_in_front_of_it(void)
{
	char argument[128];

	/* Flags, IDs and reserved members that no command likes. */
	memset(argument, 0xff, sizeof(argument));
	*(uint32_t *)argument = (uint32_t)command->known + 1;
	expect_result(try_argument(argument), -E2BIG);
}

static void unreadable_tail_is_EFAULT(void)
{
	const void *argument = zeros_of_size((uint32_t)command->known + 1);

	expect_result(try_argument(before_hole(argument, command->known)), -EFAULT);
}

static void tail_that_is_not_zero_is_found_before_an_unreadable_page(void)
{
	const size_t size = command->known + 20;
	char *argument = before_hole(zeros_of_size((uint32_t)size), command->known + 8);

	expect_result(try_argument(argument), -EFAULT);
	argument[command->known + 7] = 1;
	expect_result(try_argument(argument), -E2BIG);
}

static void unreadable_size_is_EFAULT(void)
{
	expect_result(try_argument(NULL), -EFAULT);
	expect_result(try_argument(mem_of_kind(PAGE, MEM_HOLE)), -EFAULT);
	expect_result(try_argument(mem_of_kind(PAGE, MEM_NONE)), -EFAULT);
	expect_result(try_argument((void *)(uintptr_t)-8), -EFAULT);
	expect_result(try_argument((void *)(UINT64_C(1) << 63)), -EFAULT);
	expect_result(try_argument(before_hole(zeros_of_size(0), 3)), -EFAULT);
}

static void unreadable_known_part_is_EFAULT(void)
{
	const void *argument = zeros_of_size((uint32_t)command->known);

	expect_result(try_argument(before_hole(argument, 4)), -EFAULT);
	expect_result(try_argument(before_hole(argument, command->known - 1)), -EFAULT);
}

static void size_too_small_is_EINVAL_even_if_the_rest_is_unreadable(void)
{
	expect_result(try_argument(before_hole(zeros_of_size((uint32_t)command->least - 1), 4)),
		      -EINVAL);
}

/* Numbers that differ from the command's in type, direction or size. */
static void other_bits_of_the_number_are_ENOTTY(void)
{
	const unsigned int flips[] = {0x100,	  0x4000,     0x80000,	 0x280000,
				      0x40000000, 0x80000000, 0xc0000000};

	for (size_t i = 0; i < ARRAY_SIZE(flips); i++) {
		int fd = open_context();

		expect_result(do_ioctl(fd, command->number ^ flips[i], exactly(command->known)),
			      -ENOTTY);
		expect_result(do_ioctl(fd, command->number ^ flips[i], NULL), -EFAULT);
		close(fd);
	}
}

static const struct rule {
	const char *name, *rows;
	void (*check)(void);
} rules[] = {
	{"size_below_the_minimum_is_EINVAL", "FRAMING.4", size_below_the_minimum_is_EINVAL},
	{"minimum_size_is_the_same_as_a_zero_tail", "FRAMING.6..7",
	 minimum_size_is_the_same_as_a_zero_tail},
	{"size_between_minimum_and_known_is_the_same_as_a_zero_tail", "FRAMING.6",
	 size_between_minimum_and_known_is_the_same_as_a_zero_tail},
	{"zero_tail_changes_nothing", "FRAMING.5", zero_tail_changes_nothing},
	{"tail_that_is_not_zero_is_E2BIG", "FRAMING.5", tail_that_is_not_zero_is_E2BIG},
	{"tail_is_checked_before_what_is_in_front_of_it", "FRAMING.5",
	 tail_is_checked_before_what_is_in_front_of_it},
	{"unreadable_tail_is_EFAULT", "FRAMING.5", unreadable_tail_is_EFAULT},
	{"tail_that_is_not_zero_is_found_before_an_unreadable_page", "FRAMING.5",
	 tail_that_is_not_zero_is_found_before_an_unreadable_page},
	{"unreadable_size_is_EFAULT", "FRAMING.2", unreadable_size_is_EFAULT},
	{"unreadable_known_part_is_EFAULT", "FRAMING.6", unreadable_known_part_is_EFAULT},
	{"size_too_small_is_EINVAL_even_if_the_rest_is_unreadable", "FRAMING.4",
	 size_too_small_is_EINVAL_even_if_the_rest_is_unreadable},
	{"other_bits_of_the_number_are_ENOTTY", "FRAMING.3", other_bits_of_the_number_are_ENOTTY},
};

/* One test: a rule on a command. */
struct pair {
	const struct command *command;
	const struct rule *rule;
};

static void rule_holds_for_command(void **state)
{
	const struct pair *pair = *state;

	command = pair->command;
	if (result_of_exact_size() == -ENOTTY)
		skip_test("this system does not have the command");
	pair->rule->check();
}

static int release(void **state)
{
	(void)state;
	mem_release();
	return 0;
}

static int framing_of_each_command(void)
{
	static struct pair pairs[ARRAY_SIZE(commands) * ARRAY_SIZE(rules)];
	static struct CMUnitTest tests[ARRAY_SIZE(pairs)];
	static char names[ARRAY_SIZE(pairs)][128];

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		pairs[i].command = &commands[i / ARRAY_SIZE(rules)];
		pairs[i].rule = &rules[i % ARRAY_SIZE(rules)];
		snprintf(names[i], sizeof(names[i]), "%s_%s [%s]", pairs[i].command->name,
			 pairs[i].rule->name, pairs[i].rule->rows);
		tests[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = rule_holds_for_command,
			.teardown_func = release,
			.initial_state = &pairs[i],
		};
	}
	return cmocka_run_group_tests_name("framing of each command", tests, NULL, NULL);
}

/* ---- numbers without a command ---- */

static void ioctl_numbers_below_0x80_other_than_those_of_vfio_are_ENOTTY(void **state)
{
	struct fixture *t = fixture(state);
	/* 0x67 to 0x6f are commands of VFIO groups and devices, not of an iommufd. */
	const unsigned int numbers[] = {0x3b00, 0x3b01, 0x3b63, 0x3b67, 0x3b6a, 0x3b6b,
					0x3b6f, 0x3b76, 0x3b77, 0x3b7a, 0x3b7f};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		expect_errno(ENOTTY, t->iommu, numbers[i], NULL);
}

static void ioctl_numbers_below_0x80_count_with_their_type(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(ENOTTY, t->iommu, VFIO_GET_API_VERSION ^ 0x100, NULL);
	expect_errno(ENOTTY, t->iommu, VFIO_GET_API_VERSION | 0x40080000, NULL);
}

static void ioctl_numbers_above_the_last_do_not_touch_the_argument(void **state)
{
	struct fixture *t = fixture(state);

	for (unsigned int nr = 0xd0; nr <= 0xff; nr++)
		expect_errno(ENOTTY, t->iommu, 0x3b00 | nr, NULL);
}

static void holes_in_the_ioctl_numbers_are_ENOTTY(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t argument[32] = {sizeof(argument)};

	for (unsigned int nr = 0x96; nr <= 0x9f; nr++)
		expect_errno(ENOTTY, t->iommu, 0x3b00 | nr, argument);
	for (unsigned int nr = 0xa1; nr <= 0xbf; nr++)
		expect_errno(ENOTTY, t->iommu, 0x3b00 | nr, argument);
}

static void other_types_of_ioctl_are_ENOTTY(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(ENOTTY, t->iommu, 0x5401, mem_pages(PAGE)); /* TCGETS */
}

static void a_longer_argument_is_not_written_past_its_known_size(void **state)
{
	struct fixture *t = fixture(state);
	struct {
		struct iommu_ioas_alloc alloc;
		char tail[20];
	} argument = {.alloc = {.size = sizeof(argument)}};

	/* The tail is read-only: writing it would be EFAULT. */
	expect_ok(t->iommu, IOMMU_IOAS_ALLOC,
		  at_border(&argument, sizeof(argument), sizeof(argument.alloc), MEM_RW, MEM_RO));
}

int model_framing(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, ioctl_numbers_below_0x80_other_than_those_of_vfio_are_ENOTTY,
		     "FRAMING.1"),
		CASE(context, ioctl_numbers_below_0x80_count_with_their_type, "FRAMING.1"),
		CASE(context, ioctl_numbers_above_the_last_do_not_touch_the_argument, "FRAMING.1"),
		CASE(context, holes_in_the_ioctl_numbers_are_ENOTTY, "FRAMING.3"),
		CASE(context, other_types_of_ioctl_are_ENOTTY, "FRAMING"),
		CASE(context, a_longer_argument_is_not_written_past_its_known_size, "FRAMING"),
	};

	return framing_of_each_command() +
	       cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
