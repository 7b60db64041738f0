/* SPDX-License-Identifier: MIT */
/* The command of the test ABI [TEST-CMD]. */
#include <errno.h>
#include <string.h>

#include "mock.h"

static void an_unknown_test_operation_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ops[] = {0, 24, 1000, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_TEST_CMD,
			     CMD(iommu_test_cmd, .op = ops[i]));
}

static void the_test_structure_has_at_least_68_bytes(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_test_cmd cmd = {
		.size = 68,
		.op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		.set_temp_memory_limit.limit = 65536,
	};

	expect_ok(t->iommu, IOMMU_TEST_CMD, &cmd);
	cmd.size = 67;
	expect_errno(EINVAL, t->iommu, IOMMU_TEST_CMD, &cmd);
}

static void a_longer_test_structure_needs_a_tail_of_zeros(void **state)
{
	struct fixture *t = fixture(state);
	struct {
		struct iommu_test_cmd cmd;
		uint64_t tail[4];
	} longer = {
		.cmd = {.size = sizeof(longer),
			.op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
			.set_temp_memory_limit.limit = 65536},
	};

	expect_ok(t->iommu, IOMMU_TEST_CMD, &longer);
	longer.tail[3] = 1;
	expect_errno(E2BIG, t->iommu, IOMMU_TEST_CMD, &longer);
}

static void the_test_command_does_not_check_reserved(void **state)
{
	struct fixture *t = fixture(state);

	expect_ok(t->iommu, IOMMU_TEST_CMD,
		  TEST_CMD(SET_TEMP_MEMORY_LIMIT, 0, .__reserved = 7, .last = 7,
			   .set_temp_memory_limit.limit = 65536));
}

static void test_operations_without_outputs_write_nothing(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_test_cmd *cmd =
		TEST_CMD(ADD_RESERVED, t->ioas, .add_reserved = {.start = IOVA, .length = PAGE});

	expect_ok(t->iommu, IOMMU_TEST_CMD, read_only(cmd, sizeof(*cmd)));
}

static void a_memory_limit_below_12_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	test_errno(EINVAL, t->iommu, SET_TEMP_MEMORY_LIMIT, 0, .set_temp_memory_limit.limit = 11);
	test_errno(EINVAL, t->iommu, SET_TEMP_MEMORY_LIMIT, 0, .set_temp_memory_limit.limit = 0);
	test_ok(t->iommu, SET_TEMP_MEMORY_LIMIT, 0, .set_temp_memory_limit.limit = 12);
	test_ok(t->iommu, SET_TEMP_MEMORY_LIMIT, 0, .set_temp_memory_limit.limit = 65536);
}

static void the_memory_limit_changes_no_result(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(64 * PAGE);

	test_ok(t->iommu, SET_TEMP_MEMORY_LIMIT, 0, .set_temp_memory_limit.limit = 12);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, 64 * PAGE);
	check_map(t->iommu, t->hwpt, IOVA, memory, 64 * PAGE);
	test_ok(t->iommu, SET_TEMP_MEMORY_LIMIT, 0, .set_temp_memory_limit.limit = 65536);
}

static void copy_has_no_flag_of_the_test_abi(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_IOAS_COPY,
		     CMD(iommu_ioas_copy, .flags = RW | FIXED | MOCK_ACCESS_SYZ,
			 .dst_ioas_id = t->ioas, .src_ioas_id = t->ioas, .length = PAGE,
			 .dst_iova = 2 * IOVA));
}

int mock_command(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, an_unknown_test_operation_is_EOPNOTSUPP, "TEST-CMD.1..7"),
		CASE(context, the_test_structure_has_at_least_68_bytes,
		     "TEST-CMD.1..7, COMMANDS.23"),
		CASE(context, a_longer_test_structure_needs_a_tail_of_zeros,
		     "TEST-CMD.1..7, COMMANDS.23"),
		CASE(context, the_test_command_does_not_check_reserved, "TEST-CMD.1..7"),
		CASE(ioas, test_operations_without_outputs_write_nothing, "TEST-CMD.1..7"),
		CASE(context, a_memory_limit_below_12_is_EINVAL, "TEST-CHECK"),
		CASE(ioas, copy_has_no_flag_of_the_test_abi, "IOAS-COPY.1"),
		CASE(mock, the_memory_limit_changes_no_result, "TEST-CHECK"),
	};

	return cmocka_run_group_tests_name("the command", tests, NULL, NULL);
}
