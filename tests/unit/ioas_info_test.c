/* SPDX-License-Identifier: MIT */
/* IOMMU_IOAS_GET_INFO: what an address space says of itself on each kind [EXT-GET-INFO]. */
#include "kit.h"

enum {
	ALWAYS = IOMMU_IOAS_INFO_MAP | IOMMU_IOAS_INFO_SW_NESTING,
	ATTACHED = ALWAYS | IOMMU_IOAS_INFO_PGTABLE_BINDING | IOMMU_IOAS_INFO_PAGE_REQUESTS,
	TABLES = IOMMU_IOAS_INFO_HW_NESTING | IOMMU_IOAS_INFO_DIRTY_TRACKING |
		 IOMMU_IOAS_INFO_PASID,
	CONTEXTS = TABLES | IOMMU_IOAS_INFO_PASID_TABLE_BINDING,
	PAGES = 4,
	MAX_RANGES = 8,
};

static int get_info(struct fixture *f, struct iommu_ioas_get_info *cmd)
{
	cmd->size = sizeof(*cmd);
	return fixture_call(f, IOMMU_IOAS_GET_INFO, cmd);
}

static struct iommu_ioas_get_info info_of(struct fixture *f, uint32_t ioas)
{
	struct iommu_ioas_get_info cmd = {.ioas_id = ioas};

	assert_int_equal(get_info(f, &cmd), 0);
	return cmd;
}

static void attach(struct fixture *f, int index, uint32_t pasid, uint32_t pt_id)
{
	assert_int_equal(fixture_attach(f, index, pasid, &pt_id), 0);
}

/* "EXT-GET-INFO-LAYOUT.5..10" */
static void each_kind_has_its_capabilities(void **state)
{
	static const struct {
		const char *kind;
		uint64_t capabilities;
		uint64_t sizes;
	} cases[] = {
		{"intel", ATTACHED | TABLES, BIT(12) | BIT(21) | BIT(30)},
		{"smmuv3", ATTACHED | CONTEXTS, BIT(12) | BIT(21) | BIT(30)},
		{"amd", ATTACHED | CONTEXTS, BITS(51, 12) & ~BIT(39)},
		{"riscv", ATTACHED, BIT(12) | BIT(21) | BIT(30) | BIT(39)},
		{"power", ATTACHED, BITS(51, 12) & ~BIT(39)},
		{"x86", ATTACHED, BIT(12) | BIT(21) | BIT(30)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = fixture_create(cases[i].kind, PAGES);
		const uint32_t ioas = fixture_ioas(f);
		struct iommu_iova_range ranges[MAX_RANGES];
		struct iommu_ioas_get_info info = info_of(f, ioas);

		assert_int_equal(info.out_capabilities, ALWAYS);
		assert_int_equal(info.out_page_sizes, ~(uint64_t)(PAGE - 1));
		assert_int_equal(info.out_num_tables + info.out_num_devices, 0);
		assert_int_equal(info.out_num_permitted, 1);
		attach(f, 0, UIOMMUFD_NO_PASID, ioas);
		info = info_of(f, ioas);
		assert_int_equal(info.out_capabilities, cases[i].capabilities);
		assert_int_equal(info.out_page_sizes, cases[i].sizes);
		assert_int_equal(info.out_alignment, PAGE);
		assert_int_equal(info.out_num_permitted,
				 fixture_ranges(f, ioas, ranges, MAX_RANGES, NULL));
		assert_int_equal(info.out_num_tables, 1);
		assert_int_equal(info.out_num_devices, 1);
		uiommufd_endpoint_detach(f->devices[0], UIOMMUFD_NO_PASID);
		assert_int_equal(info_of(f, ioas).out_capabilities, ALWAYS);
		fixture_destroy(f);
	}
}

static void what_only_some_devices_can_is_not_reported(void **state)
{
	struct fixture *f = fixture_create("amd", PAGES);
	struct uiommufd_iommu *riscv;
	struct uiommufd_endpoint *device;
	const uint32_t ioas = fixture_ioas(f);
	struct iommu_ioas_get_info info;
	uint32_t dev_id, pt_id = ioas;

	(void)state;
	assert_int_equal(uiommufd_iommu_create("riscv", "riscv0", &riscv), 0);
	assert_int_equal(uiommufd_endpoint_create(riscv, "other", &device), 0);
	assert_int_equal(uiommufd_endpoint_bind(device, f->ctx, &dev_id), 0);
	attach(f, 0, UIOMMUFD_NO_PASID, ioas);
	assert_int_equal(uiommufd_endpoint_attach(device, UIOMMUFD_NO_PASID, &pt_id), 0);
	info = info_of(f, ioas);
	assert_int_equal(info.out_capabilities, ATTACHED);
	assert_int_equal(info.out_page_sizes, BIT(12) | BIT(21) | BIT(30));
	assert_int_equal(info.out_num_tables, 2);
	assert_int_equal(info.out_num_devices, 2);
	uiommufd_endpoint_destroy(device);
	uiommufd_iommu_put(riscv);
	fixture_destroy(f);
}

static void pasids_and_nested_tables_count_as_devices(void **state)
{
	struct fixture *f = fixture_create("intel", PAGES);
	const struct iommu_hwpt_soft_s1 data = {.format = IOMMU_SOFT_S1_SV39};
	const uint32_t ioas = fixture_ioas(f);
	struct iommu_hwpt_alloc nested = {
		.size = sizeof(nested),
		.dev_id = f->dev_ids[1],
		.data_type = IOMMU_HWPT_DATA_SOFT_S1,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};
	uint32_t wide;

	(void)state;
	assert_int_equal(fixture_hwpt(f, 0, ioas, IOMMU_HWPT_ALLOC_PASID, &wide), 0);
	attach(f, 0, UIOMMUFD_NO_PASID, wide);
	attach(f, 0, 5, wide);
	attach(f, 0, 6, wide);
	nested.pt_id = wide;
	assert_int_equal(fixture_call(f, IOMMU_HWPT_ALLOC, &nested), 0);
	attach(f, 1, UIOMMUFD_NO_PASID, nested.out_hwpt_id);
	assert_int_equal(info_of(f, ioas).out_num_devices, 4);
	assert_int_equal(info_of(f, ioas).out_num_tables, 1);
	/* Another address space of the same context has none of them. */
	assert_int_equal(info_of(f, fixture_ioas(f)).out_num_devices, 0);
	fixture_destroy(f);
}

static void bad_requests_are_refused_in_order(void **state)
{
	static const struct {
		const char *row;
		int error;
		struct iommu_ioas_get_info cmd;
	} cases[] = {
		{"EXT-GET-INFO.1, EXT-GET-INFO-LAYOUT.2", -EOPNOTSUPP, {.flags = 1}},
		{"EXT-GET-INFO.1, EXT-GET-INFO-LAYOUT.4", -EOPNOTSUPP, {.__reserved = 1}},
		{"EXT-GET-INFO.2, EXT-GET-INFO-LAYOUT.3", -ENOENT, {.ioas_id = 0}},
	};
	struct fixture *f = fixture_create("amd", PAGES);
	struct iommu_ioas_get_info small = {.size = 47};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct iommu_ioas_get_info cmd = cases[i].cmd;

		if (get_info(f, &cmd) != cases[i].error)
			fail_msg("%s", cases[i].row);
	}
	/* "EXT-GET-INFO-LAYOUT.1" */
	assert_int_equal(fixture_call(f, IOMMU_IOAS_GET_INFO, &small), -EINVAL);
	fixture_destroy(f);
}

static void without_extensions_there_is_no_such_command(void **state)
{
	const struct uiommufd_options options = {.size = sizeof(options),
						 .flags = UIOMMUFD_OPEN_NO_EXTENSIONS};
	struct iommu_ioas_get_info cmd = {.size = sizeof(cmd), .ioas_id = 1};
	struct uiommufd *ctx;

	(void)state;
	assert_int_equal(uiommufd_open(&options, &ctx), 0);
	assert_int_equal(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_GET_INFO, (uintptr_t)&cmd), -ENOTTY);
	uiommufd_close(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_capabilities),
		cmocka_unit_test(what_only_some_devices_can_is_not_reported),
		cmocka_unit_test(pasids_and_nested_tables_count_as_devices),
		cmocka_unit_test(bad_requests_are_refused_in_order),
		cmocka_unit_test(without_extensions_there_is_no_such_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
