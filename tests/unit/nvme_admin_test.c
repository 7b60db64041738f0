/* SPDX-License-Identifier: MIT */
/* The admin commands of the NVMe controller, one by one, with the status codes of their errors. */
#include <unistd.h>

#include "devices/devices.h"
#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 22,
	SIZE = 1 << 20, /* of a namespace */
	QUEUES = 6,
};

static struct nvme_rig t;
static struct nvme_ring *admin;

static int setup(void **state)
{
	static const struct option_value options[] = {
		{"size", "1M"}, {"namespaces", "3"}, {"queues", "6"}, {"mdts", "5"}};

	(void)state;
	if (nvme_open(&t, MEMORY_SIZE, options, 4) || !nvme_enable(&t))
		return -1;
	admin = &t.rings[0];
	return 0;
}

static int setup_read_only(void **state)
{
	static const struct option_value options[] = {{"size", "1M"}, {"readonly", "on"}};

	(void)state;
	admin = &t.rings[0];
	return nvme_open(&t, MEMORY_SIZE, options, 2) || !nvme_enable(&t) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	nvme_close(&t);
	return 0;
}

static uint16_t run(struct nvme_command command)
{
	return nvme_do(&t, admin, &command);
}

#define RUN(...) run((struct nvme_command){__VA_ARGS__})

static uint64_t field(unsigned int off, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, nvme_data_at(&t, off), size);
	return value;
}

/* ---- identify ---- */

static uint16_t identify(unsigned int cns, uint32_t nsid)
{
	memset(nvme_data_at(&t, 0), 0xee, 4096);
	return RUN(.opcode = ADMIN_IDENTIFY, .nsid = nsid, .prp1 = nvme_data_iova(0), .cdw10 = cns);
}

static void identify_describes_the_controller(void **state)
{
	(void)state;
	assert_int_equal(identify(CNS_CONTROLLER, 0), ST_SUCCESS);
	assert_int_equal(field(ID_VID, 2), 0x1b36);
	assert_memory_equal(nvme_data_at(&t, ID_SN), "UIOMMUFD00000100    ", 20);
	assert_int_equal(field(ID_MDTS, 1), 5);
	assert_int_equal(field(ID_VER, 4), VS_1_4);
	assert_int_equal(field(ID_NN, 4), 3);
	assert_int_equal(field(ID_SQES, 1), 0x66);
	assert_int_equal(field(ID_CQES, 1), 0x44);
	assert_int_equal(field(ID_FUSES, 2), 0);
	assert_int_equal(field(ID_AERL, 1), 3);
	assert_int_equal(field(ID_VWC, 1), 7);
	assert_true(field(ID_OACS, 2) & OACS_DBBUF);
	assert_true(field(ID_ONCS, 2) & ONCS_COPY);
	assert_memory_equal(nvme_data_at(&t, ID_SUBNQN), "nqn.2014-08.org.nvmexpress:uuid:", 32);
}

static void identify_describes_namespaces(void **state)
{
	(void)state;
	for (uint32_t nsid = 1; nsid <= 3; nsid++) {
		assert_int_equal(identify(CNS_NAMESPACE, nsid), ST_SUCCESS);
		assert_int_equal(field(NS_NSZE, 8), SIZE / 512);
		assert_int_equal(field(NS_NCAP, 8), SIZE / 512);
		assert_int_equal(field(NS_FLBAS, 1), 0);
		assert_int_equal(field(NS_LBAF0, 4), 9 << LBAF_LBADS_SHIFT);
		assert_int_equal(field(NS_LBAF0 + 4, 4), 12 << LBAF_LBADS_SHIFT);
		assert_int_equal(field(NS_NGUID + 12, 4), nsid);
		assert_int_equal(identify(CNS_ALLOCATED_NAMESPACE, nsid), ST_SUCCESS);
		assert_int_equal(field(NS_NSZE, 8), SIZE / 512);
		assert_int_equal(identify(CNS_NVM_NAMESPACE, nsid), ST_SUCCESS);
		assert_int_equal(field(0, 8), 0);
		assert_int_equal(identify(CNS_INDEPENDENT, nsid), ST_SUCCESS);
		assert_int_equal(field(14, 1), 1);
	}
	assert_int_equal(identify(CNS_NAMESPACE, UINT32_MAX), ST_SUCCESS);
	assert_int_equal(field(NS_NSZE, 8), 0);
	assert_int_equal(field(NS_NLBAF, 1), 1);
	assert_int_equal(identify(CNS_NAMESPACE, 0), ST_INVALID_NAMESPACE);
	assert_int_equal(identify(CNS_NAMESPACE, 4), ST_INVALID_NAMESPACE);
	assert_int_equal(identify(CNS_DESCRIPTORS, 4), ST_INVALID_NAMESPACE);
	assert_int_equal(identify(CNS_INDEPENDENT, 4), ST_INVALID_NAMESPACE);
}

static void identify_lists_what_there_is(void **state)
{
	static const unsigned int lists[] = {CNS_ACTIVE, CNS_ALLOCATED, CNS_NVM_ACTIVE};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_int_equal(identify(lists[i], 0), ST_SUCCESS);
		assert_int_equal(field(0, 8), UINT64_C(0x200000001));
		assert_int_equal(field(8, 8), 3);
		assert_int_equal(identify(lists[i], 2), ST_SUCCESS);
		assert_int_equal(field(0, 8), 3);
		assert_int_equal(identify(lists[i], 3), ST_SUCCESS);
		assert_int_equal(field(0, 8), 0);
		assert_int_equal(identify(lists[i], UINT32_MAX - 1), ST_INVALID_NAMESPACE);
		assert_int_equal(identify(lists[i], UINT32_MAX), ST_INVALID_NAMESPACE);
	}
	assert_int_equal(identify(CNS_DESCRIPTORS, 2), ST_SUCCESS);
	assert_int_equal(field(0, 2), NIDT_NGUID | 16 << 8);
	assert_int_equal(field(20, 2), NIDT_EUI64 | 8 << 8);
	assert_int_equal(field(32, 2), NIDT_CSI | 1 << 8);
	assert_int_equal(field(37, 8), 0);
	assert_int_equal(identify(CNS_CONTROLLERS, 0), ST_SUCCESS);
	assert_int_equal(field(0, 4), 1 | 1 << 16);
	assert_int_equal(identify(CNS_CONTROLLERS | 2 << 16, 0), ST_SUCCESS);
	assert_int_equal(field(0, 4), 0);
	assert_int_equal(identify(CNS_ATTACHED_CONTROLLERS, 1), ST_SUCCESS);
	assert_int_equal(field(0, 4), 1 | 1 << 16);
	assert_int_equal(identify(CNS_COMMAND_SETS, 0), ST_SUCCESS);
	assert_int_equal(field(0, 8), 1);
	assert_int_equal(identify(CNS_NVM_CONTROLLER, 0), ST_SUCCESS);
	assert_int_equal(identify(0x04, 0), ST_INVALID_FIELD);
	assert_int_equal(identify(0xff, 0), ST_INVALID_FIELD);
	assert_int_equal(RUN(.opcode = ADMIN_IDENTIFY, .prp1 = nvme_data_iova(0),
			     .cdw10 = CNS_NVM_CONTROLLER, .cdw11 = 2u << 24),
			 ST_INVALID_FIELD);
}

/* ---- queues ---- */

static uint16_t create_cq(unsigned int id, unsigned int entries, uint32_t cdw11)
{
	return RUN(.opcode = ADMIN_CREATE_CQ, .prp1 = nvme_cq_iova(1),
		   .cdw10 = id | (entries - 1) << 16, .cdw11 = cdw11);
}

static uint16_t create_sq(unsigned int id, unsigned int entries, unsigned int cq)
{
	return RUN(.opcode = ADMIN_CREATE_SQ, .prp1 = nvme_sq_iova(1),
		   .cdw10 = id | (entries - 1) << 16, .cdw11 = QUEUE_CONTIGUOUS | cq << 16);
}

static void completion_queues_are_created_if_all_is_right(void **state)
{
	(void)state;
	assert_int_equal(create_cq(0, 16, QUEUE_CONTIGUOUS), ST_INVALID_QID);
	assert_int_equal(create_cq(QUEUES + 1, 16, QUEUE_CONTIGUOUS), ST_INVALID_QID);
	assert_int_equal(create_cq(1, 1, QUEUE_CONTIGUOUS), ST_INVALID_QUEUE_SIZE);
	assert_int_equal(create_cq(1, 1025, QUEUE_CONTIGUOUS), ST_INVALID_QUEUE_SIZE);
	assert_int_equal(create_cq(1, 16, 0), ST_INVALID_FIELD);
	assert_int_equal(create_cq(1, 16, QUEUE_CONTIGUOUS | 65u << 16), ST_INVALID_VECTOR);
	assert_int_equal(RUN(.opcode = ADMIN_CREATE_CQ, .prp1 = nvme_cq_iova(1) + 64,
			     .cdw10 = 1 | 15 << 16, .cdw11 = QUEUE_CONTIGUOUS),
			 ST_PRP_OFFSET);
	assert_int_equal(create_cq(1, 1024, QUEUE_CONTIGUOUS | 64u << 16), ST_SUCCESS);
	assert_int_equal(create_cq(1, 16, QUEUE_CONTIGUOUS), ST_INVALID_QID);
}

static void submission_queues_need_a_completion_queue(void **state)
{
	(void)state;
	assert_int_equal(create_sq(1, 16, 1), ST_INVALID_CQ);
	assert_int_equal(create_sq(1, 16, 0), ST_INVALID_CQ);
	assert_int_equal(create_sq(1, 16, QUEUES + 1), ST_INVALID_CQ);
	assert_int_equal(create_cq(2, 16, QUEUE_CONTIGUOUS), ST_SUCCESS);
	assert_int_equal(create_sq(0, 16, 2), ST_INVALID_QID);
	assert_int_equal(create_sq(QUEUES + 1, 16, 2), ST_INVALID_QID);
	assert_int_equal(create_sq(1, 1, 2), ST_INVALID_QUEUE_SIZE);
	assert_int_equal(create_sq(1, 16, 2), ST_SUCCESS);
	assert_int_equal(create_sq(1, 16, 2), ST_INVALID_QID);
	assert_int_equal(create_sq(3, 16, 2), ST_SUCCESS);
}

static void queues_are_deleted_in_the_right_order(void **state)
{
	(void)state;
	assert_int_equal(create_cq(2, 16, QUEUE_CONTIGUOUS), ST_SUCCESS);
	assert_int_equal(create_sq(1, 16, 2), ST_SUCCESS);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_CQ, .cdw10 = 2), ST_INVALID_QUEUE_DELETION);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_CQ, .cdw10 = 1), ST_INVALID_QID);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_CQ, .cdw10 = 0), ST_INVALID_QID);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_SQ, .cdw10 = 0), ST_INVALID_QID);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_SQ, .cdw10 = 2), ST_INVALID_QID);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_SQ, .cdw10 = 0xffff), ST_INVALID_QID);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_CQ, .cdw10 = 0xffff), ST_INVALID_QID);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_SQ, .cdw10 = 1), ST_SUCCESS);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_SQ, .cdw10 = 1), ST_INVALID_QID);
	assert_int_equal(RUN(.opcode = ADMIN_DELETE_CQ, .cdw10 = 2), ST_SUCCESS);
}

/* ---- features ---- */

static uint16_t set_feature(unsigned int id, uint32_t value)
{
	return RUN(.opcode = ADMIN_SET_FEATURES, .prp1 = nvme_data_iova(0), .cdw10 = id,
		   .cdw11 = value);
}

static uint32_t get_feature(unsigned int id, unsigned int select, uint32_t cdw11)
{
	assert_int_equal(RUN(.opcode = ADMIN_GET_FEATURES, .nsid = 1, .prp1 = nvme_data_iova(0),
			     .cdw10 = id | select << FEATURE_SELECT_SHIFT, .cdw11 = cdw11),
			 ST_SUCCESS);
	return t.result;
}

static void features_keep_their_value_until_a_reset(void **state)
{
	static const struct {
		unsigned int id;
		uint32_t initial, set, then;
	} cases[] = {
		{FEATURE_ARBITRATION, 0, 0x01020304, 0x01020304},
		{FEATURE_POWER, 0, 0x20, 0x20},
		{FEATURE_TEMPERATURE, 343, 350, 350},
		{FEATURE_WRITE_CACHE, 1, 0, 0},
		{FEATURE_COALESCING, 0, 0xffff0102, 0x0102},
		{FEATURE_VECTOR, 0, VECTOR_NOT_COALESCED, VECTOR_NOT_COALESCED},
		{FEATURE_WRITE_ATOMICITY, 0, 1, 1},
		{FEATURE_ASYNC_EVENTS, 0, 0x11f, 0x11f},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(get_feature(cases[i].id, SELECT_CURRENT, 0), cases[i].initial);
		assert_int_equal(set_feature(cases[i].id, cases[i].set), ST_SUCCESS);
		assert_int_equal(get_feature(cases[i].id, SELECT_CURRENT, 0), cases[i].then);
		assert_int_equal(get_feature(cases[i].id, SELECT_DEFAULT, 0), cases[i].initial);
		assert_int_equal(get_feature(cases[i].id, SELECT_SAVED, 0), cases[i].initial);
		assert_int_equal(get_feature(cases[i].id, SELECT_CAPABILITIES, 0),
				 CAPABILITY_CHANGEABLE);
	}
	assert_true(nvme_disable(&t));
	assert_true(nvme_enable(&t));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(get_feature(cases[i].id, SELECT_CURRENT, 0), cases[i].initial);
}

static void features_refuse_what_they_cannot_be(void **state)
{
	static const struct {
		unsigned int id;
		uint32_t value;
		uint16_t status;
	} cases[] = {
		{0x00, 0, ST_INVALID_FIELD},
		{0x0c, 0, ST_INVALID_FIELD}, /* autonomous power states */
		{0x0d, 0, ST_INVALID_FIELD}, /* host memory buffer */
		{0x0f, 0, ST_INVALID_FIELD}, /* keep alive timer */
		{FEATURE_POWER, 1, ST_INVALID_FIELD},
		{FEATURE_TEMPERATURE, 1 << 16 | 300, ST_INVALID_FIELD},
		{FEATURE_TEMPERATURE, 2 << 20 | 300, ST_INVALID_FIELD},
		{FEATURE_QUEUES, 0xffff, ST_INVALID_FIELD},
		{FEATURE_QUEUES, 0xffff0000, ST_INVALID_FIELD},
		{FEATURE_VECTOR, 65, ST_INVALID_FIELD},
		{FEATURE_WRITE_CACHE | (uint32_t)FEATURE_SAVE, 0, ST_NOT_SAVEABLE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(set_feature(cases[i].id, cases[i].value), cases[i].status);
	assert_int_equal(RUN(.opcode = ADMIN_SET_FEATURES, .nsid = 1, .cdw10 = FEATURE_POWER),
			 ST_NOT_OF_NAMESPACE);
	assert_int_equal(RUN(.opcode = ADMIN_SET_FEATURES, .nsid = 4, .cdw10 = FEATURE_POWER),
			 ST_INVALID_NAMESPACE);
	assert_int_equal(RUN(.opcode = ADMIN_GET_FEATURES, .cdw10 = 0x0f), ST_INVALID_FIELD);
	assert_int_equal(RUN(.opcode = ADMIN_GET_FEATURES, .cdw10 = FEATURE_POWER | 4 << 8),
			 ST_INVALID_FIELD);
}

static void error_recovery_is_set_for_each_namespace(void **state)
{
	(void)state;
	assert_int_equal(RUN(.opcode = ADMIN_SET_FEATURES, .nsid = 1,
			     .cdw10 = FEATURE_ERROR_RECOVERY, .cdw11 = 7),
			 ST_SUCCESS);
	assert_int_equal(get_feature(FEATURE_ERROR_RECOVERY, SELECT_CURRENT, 0), 7);
	assert_int_equal(get_feature(FEATURE_ERROR_RECOVERY, SELECT_CAPABILITIES, 0),
			 CAPABILITY_CHANGEABLE | CAPABILITY_NAMESPACE);
	assert_int_equal(
		RUN(.opcode = ADMIN_GET_FEATURES, .nsid = 2, .cdw10 = FEATURE_ERROR_RECOVERY),
		ST_SUCCESS);
	assert_int_equal(t.result, 0);
	assert_int_equal(
		RUN(.opcode = ADMIN_GET_FEATURES, .nsid = 0, .cdw10 = FEATURE_ERROR_RECOVERY),
		ST_INVALID_NAMESPACE);
	assert_int_equal(RUN(.opcode = ADMIN_GET_FEATURES, .nsid = UINT32_MAX,
			     .cdw10 = FEATURE_ERROR_RECOVERY),
			 ST_INVALID_NAMESPACE);
	assert_int_equal(RUN(.opcode = ADMIN_SET_FEATURES, .nsid = 1,
			     .cdw10 = FEATURE_ERROR_RECOVERY, .cdw11 = 1 << 16),
			 ST_INVALID_FIELD);
	/* Of no namespace; of all. */
	assert_int_equal(set_feature(FEATURE_ERROR_RECOVERY, 8), ST_INVALID_NAMESPACE);
	assert_int_equal(get_feature(FEATURE_ERROR_RECOVERY, SELECT_CURRENT, 0), 7);
	assert_int_equal(RUN(.opcode = ADMIN_SET_FEATURES, .nsid = UINT32_MAX,
			     .cdw10 = FEATURE_ERROR_RECOVERY, .cdw11 = 9),
			 ST_SUCCESS);
	assert_int_equal(get_feature(FEATURE_ERROR_RECOVERY, SELECT_CURRENT, 0), 9);
}

static void the_number_of_queues_is_agreed_on_before_there_are_any(void **state)
{
	(void)state;
	assert_int_equal(set_feature(FEATURE_QUEUES, 1 | 1 << 16), ST_SUCCESS);
	assert_int_equal(t.result, (QUEUES - 1) | (QUEUES - 1) << 16);
	assert_int_equal(get_feature(FEATURE_QUEUES, SELECT_CURRENT, 0),
			 (QUEUES - 1) | (QUEUES - 1) << 16);
	assert_int_equal(create_cq(1, 16, QUEUE_CONTIGUOUS), ST_SUCCESS);
	assert_int_equal(set_feature(FEATURE_QUEUES, 1 | 1 << 16), ST_SEQUENCE);
}

static void the_timestamp_counts_from_what_was_set(void **state)
{
	const uint64_t start = UINT64_C(0x123456789a);

	(void)state;
	(void)get_feature(FEATURE_TIMESTAMP, SELECT_CURRENT, 0);
	assert_int_equal(field(6, 1), 0);
	memcpy(nvme_data_at(&t, 0), &start, sizeof(start));
	assert_int_equal(set_feature(FEATURE_TIMESTAMP, 0), ST_SUCCESS);
	(void)get_feature(FEATURE_TIMESTAMP, SELECT_CURRENT, 0);
	assert_int_equal(field(6, 1), 2);
	assert_in_range(field(0, 6), start, start + 3600000);
}

static void the_host_has_an_identifier(void **state)
{
	(void)state;
	memset(nvme_data_at(&t, 0), 0x5c, 16);
	assert_int_equal(set_feature(FEATURE_HOST_ID, 1), ST_SUCCESS);
	memset(nvme_data_at(&t, 0), 0, 16);
	(void)get_feature(FEATURE_HOST_ID, SELECT_CURRENT, 1);
	assert_int_equal(field(8, 8), UINT64_C(0x5c5c5c5c5c5c5c5c));
	memset(nvme_data_at(&t, 0), 0, 16);
	(void)get_feature(FEATURE_HOST_ID, SELECT_CURRENT, 0);
	assert_int_equal(field(0, 8), UINT64_C(0x5c5c5c5c5c5c5c5c));
	assert_int_equal(field(8, 8), 0);
}

/* ---- log pages ---- */

static uint16_t get_log(unsigned int log, uint32_t bytes, uint64_t off)
{
	memset(nvme_data_at(&t, 0), 0xee, 8192);
	return RUN(.opcode = ADMIN_GET_LOG_PAGE, .nsid = UINT32_MAX, .prp1 = nvme_data_iova(0),
		   .prp2 = nvme_data_iova(4096), .cdw10 = log | (bytes / 4 - 1) << 16,
		   .cdw12 = (uint32_t)off, .cdw13 = (uint32_t)(off >> 32));
}

static void the_error_log_has_the_newest_first(void **state)
{
	(void)state;
	assert_int_equal(get_log(LOG_ERROR, 64, 0), ST_SUCCESS);
	assert_int_equal(field(0, 8), 0);
	assert_int_equal(RUN(.opcode = 0x7f, .nsid = 2), ST_INVALID_OPCODE);
	assert_int_equal(identify(CNS_NAMESPACE, 9), ST_INVALID_NAMESPACE);
	assert_int_equal(get_log(LOG_ERROR, 128, 0), ST_SUCCESS);
	assert_int_equal(field(0, 8), 2);
	assert_int_equal(field(12, 2) >> 1, ST_INVALID_NAMESPACE | ST_DNR);
	assert_int_equal(field(24, 4), 9);
	assert_int_equal(field(64, 8), 1);
	assert_int_equal(field(64 + 12, 2) >> 1, ST_INVALID_OPCODE | ST_DNR);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(RUN(.opcode = 0x7f), ST_INVALID_OPCODE);
	assert_int_equal(get_log(LOG_ERROR, 1024, 0), ST_SUCCESS);
	assert_int_equal(field(0, 8), 22);
	assert_int_equal(field(15 * 64, 8), 7);
}

static void the_health_log_counts(void **state)
{
	const struct nvme_command read = nvme_rw(IO_READ, 0, 8, 0);
	const struct nvme_command write = nvme_rw(IO_WRITE, 0, 16, 0);

	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(nvme_do(&t, &t.rings[1], &read), ST_SUCCESS);
	assert_int_equal(nvme_do(&t, &t.rings[1], &write), ST_SUCCESS);
	assert_int_equal(get_log(LOG_SMART, 512, 0), ST_SUCCESS);
	assert_int_equal(field(0, 1), 0);
	assert_int_equal(field(1, 2), 313);
	assert_int_equal(field(32, 8), 1);
	assert_int_equal(field(64, 8), 3);
	assert_int_equal(field(80, 8), 1);
	assert_int_equal(set_feature(FEATURE_TEMPERATURE, 300), ST_SUCCESS);
	assert_int_equal(get_log(LOG_SMART, 512, 0), ST_SUCCESS);
	assert_int_equal(field(0, 1), SMART_TEMPERATURE);
}

static void other_log_pages_say_what_is_supported(void **state)
{
	(void)state;
	assert_int_equal(get_log(LOG_FIRMWARE, 512, 0), ST_SUCCESS);
	assert_int_equal(field(0, 1), 1);
	assert_memory_equal(nvme_data_at(&t, 8), "1       ", 8);
	assert_int_equal(get_log(LOG_EFFECTS, 4096, 0), ST_SUCCESS);
	assert_int_equal(field(ADMIN_IDENTIFY * 4, 4), 1);
	assert_int_equal(field(0x18 * 4, 4), 0);
	assert_int_equal(field(1024 + IO_READ * 4, 4), 1);
	assert_int_equal(field(1024 + IO_WRITE * 4, 4), 3);
	assert_int_equal(field(1024 + 4 * 4, 4), 0);
	assert_int_equal(get_log(LOG_SUPPORTED, 1024, 0), ST_SUCCESS);
	assert_int_equal(field(LOG_SMART * 4, 4), 1);
	assert_int_equal(field(0x80 * 4, 4), 0);
	assert_int_equal(get_log(LOG_CHANGED_NAMESPACES, 4096, 0), ST_SUCCESS);
	assert_int_equal(field(0, 4), 0);
	assert_int_equal(get_log(0x06, 512, 0), ST_INVALID_LOG_PAGE);
	assert_int_equal(get_log(0xff, 512, 0), ST_INVALID_LOG_PAGE);
}

static void log_pages_are_of_the_controller(void **state)
{
	static const unsigned int logs[] = {LOG_SUPPORTED, LOG_ERROR,	LOG_SMART,
					    LOG_FIRMWARE,  LOG_EFFECTS, LOG_CHANGED_NAMESPACES};
	static const struct {
		uint32_t nsid;
		uint16_t status;
	} cases[] = {
		{0, ST_SUCCESS},
		{UINT32_MAX, ST_SUCCESS},
		{1, ST_INVALID_FIELD},
		{4, ST_INVALID_NAMESPACE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
		for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
			assert_int_equal(RUN(.opcode = ADMIN_GET_LOG_PAGE, .nsid = cases[k].nsid,
					     .prp1 = nvme_data_iova(0),
					     .cdw10 = logs[i] | 15 << 16),
					 cases[k].status);
}

static void a_log_page_can_be_read_in_parts(void **state)
{
	(void)state;
	assert_int_equal(get_log(LOG_FIRMWARE, 4, 8), ST_SUCCESS);
	assert_memory_equal(nvme_data_at(&t, 0), "1   ", 4);
	assert_int_equal(field(4, 1), 0xee);
	/* Past the end there is nothing. */
	assert_int_equal(get_log(LOG_FIRMWARE, 4096, 0), ST_SUCCESS);
	assert_int_equal(field(4088, 8), 0);
	assert_int_equal(get_log(LOG_FIRMWARE, 4, 512), ST_SUCCESS);
	assert_int_equal(get_log(LOG_FIRMWARE, 4, 516), ST_INVALID_FIELD);
	assert_int_equal(get_log(LOG_FIRMWARE, 4, 2), ST_INVALID_FIELD);
	assert_int_equal(get_log(LOG_FIRMWARE, 4, UINT64_C(1) << 32), ST_INVALID_FIELD);
	/* More than MDTS. */
	assert_int_equal(get_log(LOG_FIRMWARE, (128 << 10) + 4, 0), ST_INVALID_FIELD);
}

/* ---- events ---- */

static uint16_t ask_for_event(void)
{
	const struct nvme_command request = {.opcode = ADMIN_ASYNC_EVENT};
	uint16_t cid = nvme_submit(&t, admin, &request);

	nvme_ring_tail(&t, admin);
	return cid;
}

static void a_bad_doorbell_is_an_event(void **state)
{
	struct nvme_completion completion;
	uint16_t first = ask_for_event(), second = ask_for_event();

	(void)state;
	nvme_set(&t, NVME_DOORBELLS + 8, 4, 1); /* queue 1, which does not exist */
	completion = nvme_wait(&t, admin);
	assert_int_equal(completion.cid, first);
	assert_int_equal(completion.dw0,
			 EVENT_ERROR | EVENT_INVALID_DOORBELL << 8 | LOG_ERROR << 16);
	/* The next one comes only when the log page has been read. */
	nvme_set(&t, NVME_DOORBELLS, 4, 99);
	assert_int_equal(RUN(.opcode = ADMIN_GET_LOG_PAGE, .prp1 = nvme_data_iova(0),
			     .cdw10 = LOG_ERROR | LOG_RAE | 15 << 16),
			 ST_SUCCESS);
	assert_int_equal(identify(CNS_CONTROLLER, 0), ST_SUCCESS);
	assert_int_equal(get_log(LOG_ERROR, 64, 0), ST_SUCCESS);
	completion = nvme_wait(&t, admin);
	assert_int_equal(completion.cid, second);
	assert_int_equal(completion.dw0,
			 EVENT_ERROR | EVENT_INVALID_DOORBELL_VALUE << 8 | LOG_ERROR << 16);
}

static void a_temperature_threshold_is_an_event_if_that_is_enabled(void **state)
{
	struct nvme_completion completion;

	(void)state;
	(void)ask_for_event();
	assert_int_equal(set_feature(FEATURE_TEMPERATURE, 300), ST_SUCCESS);
	assert_int_equal(set_feature(FEATURE_ASYNC_EVENTS, SMART_TEMPERATURE), ST_SUCCESS);
	completion = nvme_wait(&t, admin);
	assert_int_equal(completion.dw0, EVENT_SMART | EVENT_TEMPERATURE << 8 | LOG_SMART << 16);
}

static void requests_for_events_are_limited(void **state)
{
	uint16_t cids[4];
	struct nvme_completion completion;

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		cids[i] = ask_for_event();
	assert_int_equal(RUN(.opcode = ADMIN_ASYNC_EVENT), ST_ASYNC_LIMIT);
	/* A second command with the ID of one that is outstanding. */
	admin->sq[admin->tail] = (struct nvme_command){.opcode = ADMIN_IDENTIFY, .cid = cids[1]};
	admin->tail = (admin->tail + 1) % admin->entries;
	nvme_ring_tail(&t, admin);
	completion = nvme_wait(&t, admin);
	assert_int_equal(nvme_status_of(&completion), ST_CID_CONFLICT);
}

static void a_request_for_events_can_be_aborted(void **state)
{
	uint16_t cid = ask_for_event();
	struct nvme_completion completion;

	(void)state;
	assert_int_equal(RUN(.opcode = ADMIN_ABORT, .cdw10 = (uint32_t)(cid + 1) << 16),
			 ST_SUCCESS);
	assert_int_equal(t.result, 1);
	assert_int_equal(RUN(.opcode = ADMIN_ABORT, .cdw10 = (uint32_t)cid << 16), ST_SUCCESS);
	assert_int_equal(t.result, 0);
	completion = nvme_wait(&t, admin);
	assert_int_equal(completion.cid, cid);
	assert_int_equal(nvme_status_of(&completion), ST_ABORTED);
	assert_int_equal(RUN(.opcode = ADMIN_ABORT, .cdw10 = 5), ST_INVALID_FIELD);
	assert_int_equal(RUN(.opcode = ADMIN_ABORT, .cdw10 = QUEUES + 1), ST_INVALID_FIELD);
}

/* ---- format, firmware, the rest ---- */

static uint16_t format(uint32_t nsid, uint32_t cdw10)
{
	return RUN(.opcode = ADMIN_FORMAT, .nsid = nsid, .cdw10 = cdw10);
}

static void formatting_changes_the_block_size_and_erases(void **state)
{
	struct nvme_command command = nvme_rw(IO_WRITE, 8, 8, 0);
	struct nvme_completion completion;

	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	memset(nvme_data_at(&t, 0), 0x77, 4096);
	assert_int_equal(nvme_do(&t, &t.rings[1], &command), ST_SUCCESS);
	assert_int_equal(set_feature(FEATURE_ASYNC_EVENTS, ASYNC_NAMESPACE_ATTRIBUTE), ST_SUCCESS);
	(void)ask_for_event();
	assert_int_equal(format(1, 1), ST_SUCCESS);
	completion = nvme_wait(&t, admin);
	assert_int_equal(completion.dw0,
			 EVENT_NOTICE | EVENT_NAMESPACE << 8 | LOG_CHANGED_NAMESPACES << 16);
	assert_int_equal(get_log(LOG_CHANGED_NAMESPACES, 4096, 0), ST_SUCCESS);
	assert_int_equal(field(0, 8), 1);
	assert_int_equal(get_log(LOG_CHANGED_NAMESPACES, 4096, 0), ST_SUCCESS);
	assert_int_equal(field(0, 8), 0);
	assert_int_equal(identify(CNS_NAMESPACE, 1), ST_SUCCESS);
	assert_int_equal(field(NS_NSZE, 8), SIZE / 4096);
	assert_int_equal(field(NS_FLBAS, 1), 1);
	command = nvme_rw(IO_READ, 1, 1, 0);
	memset(nvme_data_at(&t, 0), 0x77, 4096);
	assert_int_equal(nvme_do(&t, &t.rings[1], &command), ST_SUCCESS);
	assert_int_equal(field(0, 8), 0);
	assert_int_equal(field(4088, 8), 0);
	command = nvme_rw(IO_READ, SIZE / 4096, 1, 0);
	assert_int_equal(nvme_do(&t, &t.rings[1], &command), ST_LBA_RANGE);
	/* The others are as they were; all can be formatted at once. */
	assert_int_equal(identify(CNS_NAMESPACE, 2), ST_SUCCESS);
	assert_int_equal(field(NS_FLBAS, 1), 0);
	assert_int_equal(format(UINT32_MAX, 1 | 1 << 9), ST_SUCCESS);
	assert_int_equal(identify(CNS_NAMESPACE, 3), ST_SUCCESS);
	assert_int_equal(field(NS_FLBAS, 1), 1);
}

static void formatting_refuses_what_there_is_not(void **state)
{
	(void)state;
	assert_int_equal(format(0, 0), ST_INVALID_NAMESPACE);
	assert_int_equal(format(4, 0), ST_INVALID_NAMESPACE);
	assert_int_equal(format(1, 2), ST_INVALID_FORMAT);
	assert_int_equal(format(1, 1 << 5), ST_INVALID_FORMAT);
	assert_int_equal(format(1, 2 << 9), ST_INVALID_FIELD); /* cryptographic erase */
}

static void the_firmware_slot_is_read_only(void **state)
{
	(void)state;
	assert_int_equal(
		RUN(.opcode = ADMIN_FIRMWARE_DOWNLOAD, .prp1 = nvme_data_iova(0), .cdw10 = 1023),
		ST_SUCCESS);
	assert_int_equal(RUN(.opcode = ADMIN_FIRMWARE_COMMIT, .cdw10 = 1), ST_FIRMWARE_SLOT);
	assert_int_equal(RUN(.opcode = ADMIN_FIRMWARE_COMMIT, .cdw10 = 1 | 1 << 3),
			 ST_FIRMWARE_SLOT);
	assert_int_equal(RUN(.opcode = ADMIN_FIRMWARE_COMMIT, .cdw10 = 1 | 2 << 3), ST_SUCCESS);
	assert_int_equal(RUN(.opcode = ADMIN_FIRMWARE_COMMIT, .cdw10 = 2 | 2 << 3),
			 ST_FIRMWARE_SLOT);
	assert_int_equal(RUN(.opcode = ADMIN_FIRMWARE_COMMIT, .cdw10 = 1 | 5 << 3),
			 ST_INVALID_FIELD);
	assert_int_equal(RUN(.opcode = ADMIN_FIRMWARE_DOWNLOAD, .prp1 = nvme_data_iova(0),
			     .cdw10 = UINT32_MAX),
			 ST_INVALID_FIELD);
}

static void what_is_not_there_is_an_invalid_opcode(void **state)
{
	/* Namespace management, self-test, keep alive, directives, security, sanitize, vendor's. */
	static const uint8_t opcodes[] = {0x0d, 0x14, 0x15, 0x18, 0x19, 0x81, 0x82, 0x84, 0xc0};

	(void)state;
	for (size_t i = 0; i < sizeof(opcodes); i++)
		assert_int_equal(RUN(.opcode = opcodes[i]), ST_INVALID_OPCODE);
}

static void admin_commands_are_not_fused_and_have_no_sgl(void **state)
{
	(void)state;
	assert_int_equal(RUN(.opcode = ADMIN_IDENTIFY, .flags = 1, .cdw10 = 1), ST_INVALID_FIELD);
	assert_int_equal(
		RUN(.opcode = ADMIN_IDENTIFY, .flags = 1 << COMMAND_PSDT_SHIFT, .cdw10 = 1),
		ST_INVALID_FIELD);
}

static void data_goes_nowhere_else(void **state)
{
	const uint64_t end = NVME_IOVA + MEMORY_SIZE;

	(void)state;
	assert_int_equal(RUN(.opcode = ADMIN_IDENTIFY, .prp1 = end, .cdw10 = 1), ST_DATA_TRANSFER);
	assert_int_equal(RUN(.opcode = ADMIN_IDENTIFY, .prp1 = end - 2048, .prp2 = end, .cdw10 = 1),
			 ST_DATA_TRANSFER);
	assert_int_equal(RUN(.opcode = ADMIN_IDENTIFY, .prp1 = nvme_data_iova(2048),
			     .prp2 = nvme_data_iova(8192 + 4), .cdw10 = 1),
			 ST_PRP_OFFSET);
	assert_int_equal(RUN(.opcode = ADMIN_IDENTIFY, .prp1 = nvme_data_iova(1), .cdw10 = 1),
			 ST_PRP_OFFSET);
	assert_int_equal(RUN(.opcode = ADMIN_IDENTIFY, .prp1 = nvme_data_iova(2048),
			     .prp2 = nvme_data_iova(8192), .cdw10 = 1),
			 ST_SUCCESS);
	assert_int_equal(field(2048 + ID_VID, 2), 0x1b36);
	assert_int_equal(field(8192 + ID_PSD0 - 2048, 2), 2500);
}

static void a_read_only_disk_is_not_formatted(void **state)
{
	(void)state;
	assert_int_equal(identify(CNS_NAMESPACE, 1), ST_SUCCESS);
	assert_int_equal(field(NS_NSATTR, 1), NSATTR_WRITE_PROTECTED);
	assert_int_equal(format(1, 0), ST_WRITE_PROTECTED);
	assert_int_equal(get_log(LOG_SMART, 512, 0), ST_SUCCESS);
	assert_int_equal(field(0, 1), 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(identify_describes_the_controller),
		TEST(identify_describes_namespaces),
		TEST(identify_lists_what_there_is),
		TEST(completion_queues_are_created_if_all_is_right),
		TEST(submission_queues_need_a_completion_queue),
		TEST(queues_are_deleted_in_the_right_order),
		TEST(features_keep_their_value_until_a_reset),
		TEST(features_refuse_what_they_cannot_be),
		TEST(error_recovery_is_set_for_each_namespace),
		TEST(the_number_of_queues_is_agreed_on_before_there_are_any),
		TEST(the_timestamp_counts_from_what_was_set),
		TEST(the_host_has_an_identifier),
		TEST(the_error_log_has_the_newest_first),
		TEST(the_health_log_counts),
		TEST(other_log_pages_say_what_is_supported),
		TEST(log_pages_are_of_the_controller),
		TEST(a_log_page_can_be_read_in_parts),
		TEST(a_bad_doorbell_is_an_event),
		TEST(a_temperature_threshold_is_an_event_if_that_is_enabled),
		TEST(requests_for_events_are_limited),
		TEST(a_request_for_events_can_be_aborted),
		TEST(formatting_changes_the_block_size_and_erases),
		TEST(formatting_refuses_what_there_is_not),
		TEST(the_firmware_slot_is_read_only),
		TEST(what_is_not_there_is_an_invalid_opcode),
		TEST(admin_commands_are_not_fused_and_have_no_sgl),
		TEST(data_goes_nowhere_else),
		cmocka_unit_test_setup_teardown(a_read_only_disk_is_not_formatted, setup_read_only,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
