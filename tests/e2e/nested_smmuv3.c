/* SPDX-License-Identifier: MIT */
/*
 * SMMUv3: a guest's stream table entry, context descriptor and AArch64 tables, its invalidation
 * commands, and its event queue (Arm IHI 0070, 4, 5 and 7.3). Run with --iommu smmuv3 --device edu.
 */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nested.h"

/* Descriptors of 4 KiB tables. */
#define TABLE 3
#define LEAF  3
#define USER  BIT(6)
#define RO    BIT(7)
#define AF    BIT(10)
#define NG    BIT(11)
#define DBM   BIT(51) /* the hardware clears RO when it writes */

/* The stream table entry: stage 1, with one descriptor. */
#define STE0_V	BIT(0)
#define STE0_S1 (UINT64_C(5) << 1)

/* The context descriptor: 48 bits in, 44 bits out, TTB0 only; faults are recorded. */
#define CD0_T0SZ(x) ((uint64_t)(x))
#define CD0_EPD1    BIT(30)
#define CD0_V	    BIT(31)
#define CD0_IPS_44  (UINT64_C(4) << 32)
#define CD0_AA64    BIT(41)
#define CD0_HD	    BIT(42)
#define CD0_HA	    BIT(43)
#define CD0_R	    BIT(45)
#define CD0_ASID(x) ((uint64_t)(x) << 48)
#define CD0_SIZES   (CD0_T0SZ(16) | CD0_EPD1 | CD0_IPS_44 | CD0_AA64)
#define CD0_BASE    (CD0_V | CD0_SIZES | CD0_R | CD0_ASID(ASID))

/* Events; records. */
#define EVT0_NUMBER BITS(7, 0)
#define EVT1_RNW    BIT(35)
#define EVT1_S2	    BIT(39)
#define EVT1_CLASS  BITS(41, 40)
#define CLASS_IN    (UINT64_C(2) << 40)

enum {
	STREAM = 0x1234, /* the device for the guest */
	ASID = 9,

	CMD_CFGI_CD = 0x05,
	CMD_TLBI_NH_VA = 0x12,

	C_BAD_CD = 0x0a,
	F_TRANSLATION = 0x10,
	F_ADDR_SIZE = 0x11,
	F_ACCESS = 0x12,
	F_PERMISSION = 0x13,

	DEPTH = 4,
	NO_EVENT_MS = 0,
	EVENT_MS = 10000,
};

static uint32_t viommu, hwpt, event_queue;
static int events; /* descriptor of event_queue */
static uint32_t sequence;

/* ---- what the guest commands ---- */

static void command(const struct rig *rig, uint64_t word0, uint64_t word1)
{
	const struct iommu_viommu_arm_smmuv3_invalidate cmd = {.cmd = {word0, word1}};

	rig_invalidate(rig, viommu, IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, &cmd, sizeof(cmd));
}

static void invalidate(const struct rig *rig, uint64_t iova)
{
	command(rig, CMD_TLBI_NH_VA | (uint64_t)ASID << 48, iova);
}

static void set_cd(const struct rig *rig, uint64_t cd, uint64_t word0)
{
	*guest_word(rig, cd) = word0;
	command(rig, CMD_CFGI_CD | (uint64_t)STREAM << 32, 1);
	invalidate(rig, IOVA_IN);
}

/* ---- objects ---- */

static void make_event_queue(const struct rig *rig)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3,
		.veventq_depth = DEPTH,
	};

	rig_call(rig, IOMMU_VEVENTQ_ALLOC, &cmd);
	event_queue = cmd.out_veventq_id;
	events = (int)cmd.out_veventq_fd;
}

static void make_stream(const struct rig *rig)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.dev_id = rig->dev_id,
		.virt_id = STREAM,
	};

	rig_call(rig, IOMMU_VDEVICE_ALLOC, &cmd);
}

static void attach(const struct rig *rig, uint64_t cd)
{
	const struct iommu_hwpt_arm_smmuv3 ste = {.ste = {STE0_V | STE0_S1 | cd, 0}};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	viommu = rig_viommu(rig, IOMMU_VIOMMU_TYPE_ARM_SMMUV3);
	attach.pt_id = rig_nested(rig, viommu, IOMMU_HWPT_DATA_ARM_SMMUV3, &ste, sizeof(ste));
	/* The guest's stream has to be known. */
	rig_expect_log("the device has no vDEVICE on the vIOMMU of this HWPT");
	CHECK(ioctl(rig->edu, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) && errno == ENOENT);
	make_stream(rig);
	make_event_queue(rig);
	hwpt = attach.pt_id;
	rig_attach(rig, hwpt);
}

/* ---- events ---- */

static bool has_event(int timeout_ms)
{
	struct pollfd pfd = {.fd = events, .events = POLLIN};
	int rc = poll(&pfd, 1, timeout_ms);

	CHECK(rc >= 0);
	return rc;
}

/* There is exactly one record, and it is what the specification says. */
static void expect_event(unsigned int number, bool write)
{
	struct {
		struct iommufd_vevent_header header;
		struct iommu_vevent_arm_smmuv3 event;
	} record;

	CHECK(has_event(EVENT_MS));
	CHECK(read(events, &record, sizeof(record)) == sizeof(record));
	CHECK(!record.header.flags);
	CHECK(record.header.sequence == sequence++);
	CHECK((record.event.evt[0] & EVT0_NUMBER) == number);
	CHECK(record.event.evt[0] >> 32 == STREAM);
	CHECK(!has_event(NO_EVENT_MS));
	if (number < F_TRANSLATION)
		return;
	CHECK(!(record.event.evt[1] & EVT1_RNW) == write);
	CHECK(!(record.event.evt[1] & EVT1_S2));
	CHECK((record.event.evt[1] & EVT1_CLASS) == CLASS_IN);
	CHECK(record.event.evt[2] == IOVA_IN);
}

/* ---- the tests ---- */

/* With @clear and @set in the entry for IOVA_IN, DMA fails by event @number. */
static void fails(const struct rig *rig, const struct stage1 *stage1, uint64_t clear, uint64_t set,
		  bool write, unsigned int number)
{
	uint64_t *entry = stage1->entry_in[0];

	stage1_refuses(rig, stage1, entry, (*entry & ~clear) | set, write);
	expect_event(number, write);
}

/* The hardware sets the access flag, and makes clean pages dirty. */
static void access_flag_and_dirty_state_are_updated(struct rig *rig, const struct stage1 *stage1)
{
	const uint64_t clean_in = stage1->in[0] | LEAF | USER | NG | DBM | RO;
	const uint64_t clean_out = stage1->out[0] | LEAF | USER | NG | DBM | RO;

	stage1_set(rig, stage1, stage1->entry_in[0], clean_in, IOVA_IN);
	stage1_set(rig, stage1, stage1->entry_out[0], clean_out, IOVA_OUT);
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(*stage1->entry_in[0] == (clean_in | AF));
	CHECK(*stage1->entry_out[0] == ((clean_out | AF) & ~RO));
	stage1_set(rig, stage1, stage1->entry_in[0], stage1->in[0] | stage1->leaf, IOVA_IN);
	stage1_set(rig, stage1, stage1->entry_out[0], stage1->out[0] | stage1->leaf, IOVA_OUT);
}

/* A command of another ASID, or of another page, leaves a translation where it is. */
static void invalidation_is_of_what_it_names(struct rig *rig, const struct stage1 *stage1)
{
	const uint64_t good = *stage1->entry_in[0];

	guest_fill(rig, stage1->in[0], 7);
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	*stage1->entry_in[0] = 0;
	command(rig, CMD_TLBI_NH_VA | (uint64_t)(ASID + 1) << 48, IOVA_IN);
	invalidate(rig, IOVA_IN + PAGE);
	rig_expect_log("that page is in the IOTLB");
	edu_copy(rig, IOVA_OUT, IOVA_IN);
	CHECK(guest_has(rig, stage1->out[0], 7));
	CHECK(!has_event(NO_EVENT_MS));
	stage1_set(rig, stage1, stage1->entry_in[0], good, IOVA_IN);
}

static void wrong_bits_give_their_events(struct rig *rig, const struct stage1 *stage1)
{
	fails(rig, stage1, BIT(0), 0, false, F_TRANSLATION);
	fails(rig, stage1, BIT(0), 0, true, F_TRANSLATION);
	fails(rig, stage1, 0, BIT(45), false, F_ADDR_SIZE);
	fails(rig, stage1, 0, RO, true, F_PERMISSION);
	fails(rig, stage1, USER, 0, false, F_PERMISSION);
}

/* An error in the descriptor takes effect after CFGI_CD. */
static void descriptor_is_read_again_by_command(struct rig *rig, const struct stage1 *stage1,
						uint64_t cd)
{
	const uint64_t good = *guest_word(rig, cd);

	*guest_word(rig, cd) = 0;
	invalidate(rig, IOVA_IN);
	rig_expect_log("that page is in the IOTLB");
	edu_read(rig, IOVA_IN, PAGE);
	CHECK(!has_event(NO_EVENT_MS));
	set_cd(rig, cd, good & ~CD0_V);
	edu_read(rig, IOVA_IN, PAGE);
	expect_event(C_BAD_CD, false);

	/* Without updates by hardware the access flag is the guest's business. */
	set_cd(rig, cd, CD0_BASE);
	fails(rig, stage1, AF, 0, false, F_ACCESS);
	set_cd(rig, cd, good);
}

/* The guest suppresses events: the fault goes to the log. */
static void descriptor_may_want_no_events(struct rig *rig, const struct stage1 *stage1, uint64_t cd)
{
	const uint64_t good = *guest_word(rig, cd);

	set_cd(rig, cd, good & ~CD0_R);
	rig_expect_log("stage 1, F_TRANSLATION:");
	stage1_refuses(rig, stage1, stage1->entry_in[0], 0, false);
	CHECK(!has_event(NO_EVENT_MS));
	set_cd(rig, cd, good);
}

/* A page table like hwpt, with a queue; *@queue gets its descriptor. */
static uint32_t make_faulting(const struct rig *rig, uint64_t cd, int *queue)
{
	const struct iommu_hwpt_arm_smmuv3 ste = {.ste = {STE0_V | STE0_S1 | cd, 0}};
	struct iommu_fault_alloc fault = {.size = sizeof(fault)};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_FAULT_ID_VALID,
		.dev_id = rig->dev_id,
		.pt_id = viommu,
		.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
		.data_len = sizeof(ste),
		.data_uptr = (uintptr_t)&ste,
	};

	rig_call(rig, IOMMU_FAULT_QUEUE_ALLOC, &fault);
	cmd.fault_id = fault.out_fault_id;
	rig_call(rig, IOMMU_HWPT_ALLOC, &cmd);
	*queue = (int)fault.out_fault_fd;
	return cmd.out_hwpt_id;
}

static void await_request(int queue)
{
	struct pollfd pfd = {.fd = queue, .events = POLLIN};

	CHECK(poll(&pfd, 1, EVENT_MS) == 1);
}

/* Answers the one request for the page at IOVA_IN. */
static void answer_request(int queue, uint32_t code)
{
	struct iommu_hwpt_page_response response = {.code = code};
	struct iommu_hwpt_pgfault fault;

	CHECK(read(queue, &fault, sizeof(fault)) == sizeof(fault));
	CHECK(fault.addr == IOVA_IN && fault.perm == IOMMU_PGFAULT_PERM_READ);
	response.cookie = fault.cookie;
	CHECK(write(queue, &response, sizeof(response)) == sizeof(response));
}

/*
 * The same fault is told to the fault queue; where there is none, to the event queue; and where
 * there is none either, to the log.
 */
static void faults_go_to_the_first_that_is_there(struct rig *rig, const struct stage1 *stage1,
						 uint64_t cd)
{
	const uint64_t good = *stage1->entry_in[0];
	struct iommu_destroy destroy = {.size = sizeof(destroy), .id = event_queue};
	int queue;

	rig_attach(rig, make_faulting(rig, cd, &queue));
	*stage1->entry_in[0] = 0;
	edu_begin_read(rig, IOVA_IN, PAGE);
	await_request(queue);
	answer_request(queue, IOMMUFD_PAGE_RESP_INVALID);
	edu_end(rig);
	CHECK(!has_event(NO_EVENT_MS));
	/* The guest pages it in. */
	edu_begin_read(rig, IOVA_IN, PAGE);
	await_request(queue);
	*stage1->entry_in[0] = good;
	answer_request(queue, IOMMUFD_PAGE_RESP_SUCCESS);
	edu_end(rig);
	CHECK(!has_event(NO_EVENT_MS));

	rig_attach(rig, hwpt);
	fails(rig, stage1, BIT(0), 0, false, F_TRANSLATION);

	CHECK(!close(events));
	rig_call(rig, IOMMU_DESTROY, &destroy);
	rig_expect_log("stage 1, F_TRANSLATION:");
	stage1_refuses(rig, stage1, stage1->entry_in[0], 0, false);
}

int main(void)
{
	struct stage1 stage1 = {.leaf = LEAF | USER | AF | NG, .invalidate = invalidate};
	struct rig rig;
	uint64_t root, cd;

	rig_open(&rig);
	rig_make_guest(&rig);
	root = guest_page(&rig);
	cd = guest_page(&rig);
	stage1_map(&rig, &stage1, root, TABLE);
	guest_word(&rig, cd)[0] = CD0_BASE | CD0_HA | CD0_HD;
	guest_word(&rig, cd)[1] = root;
	attach(&rig, cd);

	stage1_translates(&rig, &stage1);
	stage1_caches(&rig, &stage1);
	access_flag_and_dirty_state_are_updated(&rig, &stage1);
	invalidation_is_of_what_it_names(&rig, &stage1);
	wrong_bits_give_their_events(&rig, &stage1);
	descriptor_is_read_again_by_command(&rig, &stage1, cd);

	/* A page that the guest does not have is the host's fault, not the guest's. */
	rig_expect_log("stage 2, F_TRANSLATION,");
	stage1_refuses(&rig, &stage1, stage1.entry_in[0], *stage1.entry_in[0] | BIT(40), false);
	CHECK(!has_event(NO_EVENT_MS));

	descriptor_may_want_no_events(&rig, &stage1, cd);
	faults_go_to_the_first_that_is_there(&rig, &stage1, cd);
	return 0;
}
