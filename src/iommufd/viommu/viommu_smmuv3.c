/* SPDX-License-Identifier: MIT */
/*
 * The SMMUv3 vIOMMU: nested HWPTs from a guest's Stream Table Entry [NESTED-DATA], the guest's
 * invalidation commands [HWPT-INVALIDATE], and its event records. References: Arm IHI 0070, 4
 * (commands), 5.2 (STE), 7.3 (events).
 */
#include "iommufd/viommu/viommu_smmuv3.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/last_error.h"
#include "iommu/nested_domain.h"
#include "iommu/smmuv3_tables.h"
#include "iommufd/device/group.h"
#include "iommufd/viommu/vdevice.h"
#include "iommufd/viommu/veventq.h"

/* The fields of a Stream Table Entry that the guest may set. */
static const uint64_t ste0_guest = STE0_V | STE0_CONFIG | STE0_S1FMT | STE0_S1CONTEXTPTR |
				   STE0_S1CDMAX;
static const uint64_t ste1_guest = STE1_S1DSS | STE1_S1CIR | STE1_S1COR | STE1_S1CSH |
				   STE1_S1STALLD | STE1_EATS;

/* Fields of a command, in word 0 (up to CMD_NUM) and in word 1. */
#define CMD_OPCODE   BITS(7, 0)
#define CMD_SSV	     BIT(11)
#define CMD_SSID     BITS(31, 12)
#define CMD_SID	     BITS(63, 32)
#define CMD_ASID     BITS(63, 48)
#define CMD_VMID     BITS(47, 32)
#define CMD_SCALE    BITS(24, 20)
#define CMD_NUM	     BITS(16, 12)
#define CMD_LEAF     BIT(0)
#define CMD_TTL	     BITS(9, 8)
#define CMD_TG	     BITS(11, 10)
#define CMD_ADDR     BITS(63, 12)
#define CMD_ATC_G    BIT(9)
#define CMD_ATC_SIZE BITS(5, 0)

/* The commands that a guest may give. */
enum {
	OP_CFGI_CD = 0x05,
	OP_CFGI_CD_ALL = 0x06,
	OP_TLBI_NH_ALL = 0x10,
	OP_TLBI_NH_ASID = 0x11,
	OP_TLBI_NH_VA = 0x12,
	OP_TLBI_NH_VAA = 0x13,
	OP_TLBI_NSNH_ALL = 0x30,
	OP_ATC_INV = 0x40,
};

struct opcode {
	uint8_t code;
	uint64_t bits[2]; /* what it uses of words 0 and 1, apart from CMD_OPCODE */
};

static const struct opcode opcodes[] = {
	{OP_TLBI_NSNH_ALL, {0, 0}},
	{OP_TLBI_NH_ALL, {CMD_VMID, 0}},
	{OP_TLBI_NH_ASID, {CMD_VMID | CMD_ASID, 0}},
	{OP_TLBI_NH_VA,
	 {CMD_NUM | CMD_SCALE | CMD_VMID | CMD_ASID, CMD_LEAF | CMD_TTL | CMD_TG | CMD_ADDR}},
	{OP_TLBI_NH_VAA, {CMD_NUM | CMD_SCALE | CMD_VMID, CMD_LEAF | CMD_TTL | CMD_TG | CMD_ADDR}},
	{OP_CFGI_CD, {CMD_SSID | CMD_SID, CMD_LEAF}},
	{OP_CFGI_CD_ALL, {CMD_SID, 0}},
	{OP_ATC_INV, {CMD_SSV | CMD_SSID | CMD_ATC_G | CMD_SID, CMD_ATC_SIZE | CMD_ADDR}},
};

static bool smmuv3_serves(const struct iommu_kind *kind, uint32_t type)
{
	return type == IOMMU_VIOMMU_TYPE_ARM_SMMUV3 && !strcmp(iommu_kind_name(kind), "smmuv3");
}

/* The parent must be a table of the SMMU that the vIOMMU is a slice of. */
static int smmuv3_init(struct viommu *viommu, struct user_data *data)
{
	(void)data;
	if (iommu_domain_iommu(viommu->parent->base.domain) != viommu->iommu)
		return refuse_mistake(-EINVAL,
				      "hwpt_id: the nesting parent is a table of %s, and the "
				      "device is behind %s",
				      iommu_name(iommu_domain_iommu(viommu->parent->base.domain)),
				      iommu_name(viommu->iommu));
	return 0;
}

/* ---- nested tables ---- */

static int check_ste(const uint64_t *ste, struct nested_config *config)
{
	const uint64_t cfg = bits_get(ste[0], STE0_CONFIG), eats = bits_get(ste[1], STE1_EATS);

	config->format = NESTED_ABORT;
	if (!(ste[0] & STE0_V))
		return 0;
	if ((ste[0] & ~ste0_guest) || (ste[1] & ~ste1_guest))
		return refuse_mistake(-EIO,
				      "the STE sets fields that are the host's: 0x%016" PRIx64
				      " of word 0, 0x%016" PRIx64 " of word 1",
				      ste[0] & ~ste0_guest, ste[1] & ~ste1_guest);
	if (cfg != CONFIG_ABORT && cfg != CONFIG_BYPASS && cfg != CONFIG_S1)
		return refuse_mistake(-EIO,
				      "the STE's Config is %" PRIu64
				      ": abort, bypass and stage 1 are "
				      "possible",
				      cfg);
	if (eats > 1)
		return refuse_mistake(-EIO, "the STE's EATS is %" PRIu64 ", and must be 0 or 1",
				      eats);
	if (cfg == CONFIG_BYPASS)
		config->format = NESTED_IDENTITY;
	else if (cfg == CONFIG_S1)
		config->format = NESTED_SMMUV3;
	memcpy(config->ste, ste, sizeof(config->ste));
	return 0;
}

/* The driver's state of a nested HWPT. */
struct smmuv3_nested {
	bool translates; /* it has stage-1 tables: its devices must have vDEVICEs */
};

static void nested_release(struct hwpt_nested *hwpt)
{
	alloc_free(hwpt->state);
}

static const struct nested_ops smmuv3_nested_ops = {.release = nested_release};

static int smmuv3_nested(struct hwpt_nested *hwpt, uint32_t flags, const struct user_data *data)
{
	struct nested_config config = {.format = NESTED_ABORT};
	struct iommu_hwpt_arm_smmuv3 ste;
	struct smmuv3_nested *nested;
	int rc;

	if (flags)
		return refuse_flags(-EOPNOTSUPP, "flags", flags, 0);
	rc = user_data_read(data, IOMMU_HWPT_DATA_ARM_SMMUV3, &ste, sizeof(ste), sizeof(ste));
	if (rc)
		return rc;
	rc = check_ste((const uint64_t *)ste.ste, &config);
	if (rc)
		return rc;
	nested = alloc_zeroed(sizeof(*nested));
	if (!nested)
		return -ENOMEM;
	nested->translates = config.format == NESTED_SMMUV3;
	rc = iommu_nested_create(hwpt->parent->base.domain, &config, &hwpt->base.domain);
	if (rc) {
		alloc_free(nested);
		return rc;
	}
	hwpt->nested_ops = &smmuv3_nested_ops;
	hwpt->state = nested;
	return 0;
}

static int smmuv3_check_attach(const struct hwpt_nested *hwpt, struct iommufd_device *device,
			       uint32_t pasid) REQUIRES(device->group->lock)
{
	struct viommu *viommu = hwpt->viommu;
	const struct smmuv3_nested *nested = hwpt->state;

	lock_assert_held(&device->group->lock);
	if (pasid != NO_PASID || iommu_endpoint_iommu(device->endpoint) != viommu->iommu)
		return refuse(-EINVAL,
			      "a nested HWPT of an SMMUv3 is for the RID of a device behind %s",
			      iommu_name(viommu->iommu));
	if (group_has_pasids(device->group))
		return refuse(-EBUSY, "a PASID of the device is attached: it goes first");
	if (nested->translates && (!device->vdevice || device->vdevice->viommu != viommu))
		return refuse_mistake(-ENOENT,
				      "the device has no vDEVICE on the vIOMMU of this HWPT: "
				      "IOMMU_VDEVICE_ALLOC comes first");
	return 0;
}

/* ---- invalidation ---- */

static const struct opcode *find_opcode(const uint64_t *cmd)
{
	for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
		if (bits_get(cmd[0], CMD_OPCODE) == opcodes[i].code)
			return &opcodes[i];
	}
	return NULL;
}

/*
 * The range of a TLBI by address: 2^SCALE * (NUM + 1) granules of the size that TG gives, whose low
 * address bits do not count; or one page if TG is 0.
 */
static struct iova_range tlbi_range(const uint64_t *cmd)
{
	const uint64_t tg = bits_get(cmd[1], CMD_TG);
	const unsigned int shift = tg ? 10 + 2 * (unsigned int)tg : 12;
	struct iova_range range = {.start = align_down(cmd[1] & CMD_ADDR, BIT(shift))};
	uint64_t pages = 1;

	if (tg)
		pages = (bits_get(cmd[0], CMD_NUM) + 1) << bits_get(cmd[0], CMD_SCALE);
	if (pages > UINT64_MAX >> shift || check_last(range.start, pages << shift, &range.last))
		range.last = UINT64_MAX;
	return range;
}

/* The range of an ATC_INV: 4K << Size bytes, aligned; from Size 52 on the whole address space. */
static struct iova_range atc_range(const uint64_t *cmd)
{
	const unsigned int size = (unsigned int)bits_get(cmd[1], CMD_ATC_SIZE);
	struct iova_range range = IOVA_RANGE_ALL;

	if (size < 52) {
		uint64_t len = PAGE_SIZE << size;

		range.start = align_down(cmd[1] & CMD_ADDR, len);
		range.last = range.start + (len - 1);
	}
	return range;
}

static void match_address(const uint64_t *cmd, struct tlb_match *match)
{
	match->by_range = true;
	match->range = tlbi_range(cmd);
	match->leaf_only = cmd[1] & CMD_LEAF;
}

/* A command on translations: it affects all streams of the VM. */
static void execute_tlbi(struct viommu *viommu, const uint64_t *cmd)
{
	struct tlb_match match = {.domain = NULL};

	switch (bits_get(cmd[0], CMD_OPCODE)) {
	case OP_TLBI_NH_VA:
		match_address(cmd, &match);
		match.by_asid = true;
		match.asid = (uint32_t)bits_get(cmd[0], CMD_ASID);
		break;
	case OP_TLBI_NH_VAA:
		match_address(cmd, &match);
		break;
	case OP_TLBI_NH_ASID:
		match.by_asid = true;
		match.asid = (uint32_t)bits_get(cmd[0], CMD_ASID);
		break;
	default:
		break;
	}
	iommu_tlb_invalidate_parent(viommu->parent->base.domain, &match);
}

/* A command on one stream. -EIO: the VM has no such stream. */
static int execute_stream(struct viommu *viommu, const uint64_t *cmd)
{
	struct tlb_match match = {.domain = NULL};
	struct vdevice *vdevice;

	switch (bits_get(cmd[0], CMD_OPCODE)) {
	case OP_CFGI_CD:
		match.by_pasid = true;
		match.pasid = (uint32_t)bits_get(cmd[0], CMD_SSID);
		match.config = true;
		break;
	case OP_CFGI_CD_ALL:
		match.config = true;
		break;
	default:
		match.by_range = true;
		match.range = atc_range(cmd);
		match.by_pasid = (cmd[0] & CMD_SSV) && !(cmd[0] & CMD_ATC_G);
		match.pasid = (uint32_t)bits_get(cmd[0], CMD_SSID);
		break;
	}
	/* Unbinding the device unlinks its vDEVICE first, which takes this lock. */
	lock_acquire(&viommu->lock);
	vdevice = vdevice_find(viommu, bits_get(cmd[0], CMD_SID));
	if (vdevice)
		iommu_tlb_invalidate(vdevice->device->endpoint, &match);
	lock_release(&viommu->lock);
	return vdevice ? 0
		       : refuse_mistake(-EIO,
					"command 0x%016" PRIx64 ": no vDEVICE has its StreamID",
					cmd[0]);
}

static int execute(struct viommu *viommu, const uint64_t *cmd)
{
	const struct opcode *opcode = find_opcode(cmd);

	if (!opcode || (cmd[0] & ~(opcode->bits[0] | CMD_OPCODE)) || (cmd[1] & ~opcode->bits[1]))
		return refuse_mistake(-EIO,
				      "command 0x%016" PRIx64 " 0x%016" PRIx64
				      " is not known, or sets bits that it does not have",
				      cmd[0], cmd[1]);
	switch (opcode->code) {
	case OP_CFGI_CD:
	case OP_CFGI_CD_ALL:
	case OP_ATC_INV:
		return execute_stream(viommu, cmd);
	default:
		execute_tlbi(viommu, cmd);
		return 0;
	}
}

/* Reads all commands before it executes the first one. */
static int smmuv3_invalidate(struct viommu *viommu, struct invalidation *invalidation)
{
	struct iommu_viommu_arm_smmuv3_invalidate *cmds;
	int rc = 0;

	/* Linux' driver refuses an empty array even if it has the right type. */
	if (invalidation->type != IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 || !invalidation->entries)
		return refuse(
			-EINVAL,
			"data_type %" PRIu32 " with %" PRIu32
			" entries: it must be IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, of one "
			"at least",
			invalidation->type, invalidation->entries);
	cmds = alloc_array(invalidation->entries, sizeof(*cmds));
	if (!cmds)
		return -ENOMEM;
	for (uint32_t i = 0; i < invalidation->entries; i++) {
		rc = invalidation_read(invalidation, i, &cmds[i], sizeof(cmds[i]));
		if (rc)
			goto out_free;
	}
	for (uint32_t i = 0; i < invalidation->entries; i++) {
		rc = execute(viommu, (const uint64_t *)cmds[i].cmd);
		if (rc)
			goto out_free;
		invalidation->handled++;
	}
out_free:
	alloc_free(cmds);
	return rc;
}

/* ---- events ---- */

#define EVT0_SID BITS(63, 32)

/* Passes on the hardware's record with the stream ID that the guest knows. */
static bool smmuv3_report_fault(struct viommu *viommu, const struct vdevice *vdevice,
				const struct dma_fault *fault) REQUIRES(vdevice->group->lock)
{
	struct iommu_vevent_arm_smmuv3 event;

	lock_assert_held(&vdevice->group->lock);
	/*
	 * No record: the configuration aborts without one, or the context descriptor disables them.
	 */
	if (!fault->event[0])
		return false;
	for (size_t i = 0; i < sizeof(event.evt) / sizeof(event.evt[0]); i++)
		event.evt[i] = fault->event[i];
	event.evt[0] = (event.evt[0] & ~EVT0_SID) | vdevice->virt_id << 32;
	return !viommu_report_event(viommu, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, &event, sizeof(event));
}

const struct viommu_driver viommu_smmuv3_driver = {
	.serves = smmuv3_serves,
	.init = smmuv3_init,
	.nested = smmuv3_nested,
	.check_attach = smmuv3_check_attach,
	.invalidate = smmuv3_invalidate,
	.report_fault = smmuv3_report_fault,
};
