/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "places.h"
#include "steps.h"

void step_add_reserved(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(ADD_RESERVED);

	cmd.id = some_id(KIND_IOAS);
	cmd.add_reserved.start = percent(90) ? 0x1000000 + PAGE * below(64) : some_iova();
	cmd.add_reserved.length = percent(90) ? PAGE * (1 + below(4))
					      : ONE_OF(0, 1, UINT64_MAX, 2048, 1ull << 63, 100);
	test_run("ADD_RESERVED", &cmd);
}

void step_mock_domain(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(MOCK_DOMAIN);
	uint32_t given;

	cmd.id = given = some_id_or(KIND_IOAS, KIND_HWPT, 25);
	if (percent(45)) {
		cmd.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS;
		cmd.mock_domain_flags.dev_flags = ONE_OF32(0, 1, 4, 4, 4, 5, 2, 8);
	}
	if (known.ids[KIND_MOCK].count > 4 || test_run("MOCK_DOMAIN", &cmd))
		return;
	id_add(KIND_MOCK, cmd.mock_domain.out_stdev_id);
	id_add(KIND_DEVICE, cmd.mock_domain.out_idev_id);
	id_add_attached(cmd.mock_domain.out_hwpt_id, given);
}

/* What a device may be attached to, or not. */
static uint32_t some_target(void)
{
	const uint32_t target = below(10);

	if (target < 4)
		return some_id(KIND_IOAS);
	if (target < 7)
		return some_id(KIND_HWPT);
	return target < 9 ? some_id(KIND_NESTED) : any_id();
}

void step_replace(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(MOCK_DOMAIN_REPLACE);
	uint32_t given;

	cmd.id = some_id(KIND_MOCK);
	cmd.mock_domain_replace.pt_id = given = some_target();
	if (!test_run("REPLACE", &cmd))
		id_add_attached(cmd.mock_domain_replace.pt_id, given);
}

void step_check_map(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(MD_CHECK_MAP);
	const struct mapping *mapping = some_mapping();
	struct part part;

	cmd.id = some_id_or(KIND_HWPT, KIND_NESTED, 5);
	part = some_part(mapping);
	cmd.md_check_map.iova = part.iova;
	cmd.md_check_map.length = part.length > 1 << 20 ? PAGE : part.length;
	cmd.md_check_map.uptr = mapping ? mapping->va + (part.iova - mapping->iova) : ANON;
	if (mapping && mapping->file && percent(90))
		return;
	test_run("CHECK_MAP", &cmd);
}

void step_check_refs(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(MD_CHECK_REFS);

	cmd.md_check_refs.uptr = ANON + PAGE * below(ANON_PAGES);
	cmd.md_check_refs.length = PAGE;
	cmd.md_check_refs.refs = below(4);
	test_run("CHECK_REFS", &cmd);
}

void step_check_iotlb(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(MD_CHECK_IOTLB);

	cmd.id = some_id(KIND_NESTED);
	cmd.md_check_iotlb.id = percent(92) ? below(4) : below(8);
	cmd.md_check_iotlb.iotlb = percent(50) ? MOCK_IOTLB_INITIAL : below(4);
	test_run("CHECK_IOTLB", &cmd);
}

void step_iopf(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(TRIGGER_IOPF);
	uint32_t pasid;

	cmd.trigger_iopf.dev_id = some_id(KIND_DEVICE);
	pasid = percent(70) ? 0xffffffff : ONE_OF32(0, 1, 2, 1024, 0xfffff);
	cmd.trigger_iopf.pasid = percent(60) ? 0 : pasid;
	cmd.trigger_iopf.grpid = below(4);
	cmd.trigger_iopf.perm = below(16);
	cmd.trigger_iopf.addr = draw_magnitude();
	test_run("IOPF", &cmd);
}

void step_device_cache(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(DEV_CHECK_CACHE);

	cmd.id = some_id(KIND_DEVICE);
	cmd.dev_check_cache.id = percent(92) ? below(4) : below(8);
	cmd.dev_check_cache.cache = percent(60) ? MOCK_DEV_CACHE_INITIAL : 0;
	test_run("DEV_CACHE", &cmd);
}

void step_vevent(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(TRIGGER_VEVENT);

	cmd.trigger_vevent.dev_id = some_id(KIND_DEVICE);
	test_run("VEVENT", &cmd);
}

/* ---- PASIDs ---- */

void pasid_run(struct iommu_test_cmd *cmd, uint32_t pasid, uint32_t pt_id)
{
	bool attach;

	cmd->pasid_attach.pasid = pasid;
	cmd->pasid_attach.pt_id = pt_id;
	attach = cmd->op == IOMMU_TEST_OP_PASID_ATTACH || cmd->op == IOMMU_TEST_OP_PASID_REPLACE;
	if (test_run("PASID", cmd) || !attach)
		return;
	id_add_attached(cmd->pasid_attach.pt_id, pt_id);
	if (known.pasid_count < MOST_PASIDS)
		known.pasids[known.pasid_count++] =
			(struct known_pasid){.mock = cmd->id, .pasid = cmd->pasid_attach.pasid};
}

void step_pasid(void)
{
	struct iommu_test_cmd cmd = {0};
	uint32_t pasid, pt_id;

	cmd.op = ONE_OF32(IOMMU_TEST_OP_PASID_ATTACH, IOMMU_TEST_OP_PASID_ATTACH,
			  IOMMU_TEST_OP_PASID_REPLACE, IOMMU_TEST_OP_PASID_DETACH,
			  IOMMU_TEST_OP_PASID_CHECK_HWPT);
	cmd.id = some_id(KIND_MOCK);
	pasid = percent(90) ? ONE_OF32(1, 1, 2, 100, 1024)
			    : ONE_OF32(0xfffff, 0x100000, 0xffffffff);
	pt_id = some_target();
	if (cmd.op == IOMMU_TEST_OP_PASID_CHECK_HWPT && percent(30))
		pt_id = 0;
	pasid_run(&cmd, pasid, pt_id);
}

void pasids_detach(uint32_t mock)
{
	for (uint32_t i = 0; i < known.pasid_count;) {
		const struct known_pasid *pasid = &known.pasids[i];
		struct iommu_test_cmd cmd = TEST_CMD(PASID_DETACH);

		if (mock && pasid->mock != mock) {
			i++;
			continue;
		}
		cmd.id = pasid->mock;
		cmd.pasid_detach.pasid = pasid->pasid;
		(void)quiet_test(&cmd);
		known.pasids[i] = known.pasids[--known.pasid_count];
	}
}
