/* SPDX-License-Identifier: MIT */
/*
 * Migration between two devices of one machine [VFIO-MIGRATION]: the states and the ways between
 * them, the data file, and what a stream is refused for. The devices are edus.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "base/last_error.h"
#include "kit.h"

enum {
	ERROR = VFIO_DEVICE_STATE_ERROR,
	STOP = VFIO_DEVICE_STATE_STOP,
	RUNNING = VFIO_DEVICE_STATE_RUNNING,
	STOP_COPY = VFIO_DEVICE_STATE_STOP_COPY,
	RESUMING = VFIO_DEVICE_STATE_RESUMING,
	RUNNING_P2P = VFIO_DEVICE_STATE_RUNNING_P2P,
	PRE_COPY = VFIO_DEVICE_STATE_PRE_COPY,
	PRE_COPY_P2P = VFIO_DEVICE_STATE_PRE_COPY_P2P,
	STATES = VFIO_DEVICE_STATE_NR,

	LIVENESS = 4,
	FACTORIAL = 8,
	STATUS = 0x20,
	BUFFER = 0x40000,
	SOURCE = 0x80,
	DESTINATION = 0x88,
	COUNT = 0x90,
	COMMAND = 0x98,
	START = 1,
	TO_RAM = 2,

	STREAM = 16384, /* more than an edu has */
	GET = VFIO_DEVICE_FEATURE_GET,
	SET = VFIO_DEVICE_FEATURE_SET,
};

static struct group_rig rig;
static int context, device[2];

static long feature(unsigned int index, uint32_t flags, void *data, size_t size)
{
	char cmd[sizeof(struct vfio_device_feature) + 64];
	const struct vfio_device_feature head = {
		.argsz = (uint32_t)(sizeof(head) + size),
		.flags = flags,
	};
	long rc;

	memcpy(cmd, &head, sizeof(head));
	memcpy(cmd + sizeof(head), data, size);
	rc = group_rig_ioctl(&rig, device[index], VFIO_DEVICE_FEATURE, (uintptr_t)cmd);
	memcpy(data, cmd + sizeof(head), size);
	return rc;
}

/* The result of SET, and in *@fd the descriptor. */
static long set_state(unsigned int index, uint32_t state, int *fd)
{
	struct vfio_device_feature_mig_state data = {.device_state = state, .data_fd = 99};
	const long rc =
		feature(index, SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &data, sizeof(data));

	*fd = data.data_fd;
	return rc;
}

/* Sets a state that is possible; the descriptor. */
static int to(unsigned int index, uint32_t state)
{
	int fd;

	assert_int_equal(set_state(index, state, &fd), 0);
	return fd;
}

static uint32_t state_of(unsigned int index)
{
	struct vfio_device_feature_mig_state data = {.device_state = 99, .data_fd = 99};

	assert_int_equal(
		feature(index, GET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &data, sizeof(data)), 0);
	assert_int_equal(data.data_fd, -1);
	return data.device_state;
}

static ssize_t read_fd(int fd, void *buf, size_t len)
{
	struct uiommufd_file *file = rig.files[fd - GROUP_RIG_FD];
	uint64_t pos = 0;

	return file->ops->read(file, &rig.caller, (uintptr_t)buf, len, &pos);
}

static ssize_t write_fd(int fd, const void *buf, size_t len)
{
	struct uiommufd_file *file = rig.files[fd - GROUP_RIG_FD];
	uint64_t pos = 0;

	last_error_clear();
	return file->ops->write(file, &rig.caller, (uintptr_t)buf, len, &pos);
}

static size_t read_all(int fd, uint8_t *bytes)
{
	size_t len = 0;
	ssize_t rc;

	do {
		rc = read_fd(fd, bytes + len, 100);
		assert_true(rc >= 0);
		len += (size_t)rc;
		assert_true(len < STREAM - 100);
	} while (rc);
	return len;
}

static uint32_t get(unsigned int index, uint64_t pos)
{
	struct uiommufd_file *file = rig.files[device[index] - GROUP_RIG_FD];
	uint32_t value = 0;

	assert_int_equal(file->ops->read(file, &rig.caller, (uintptr_t)&value, 4, &pos), 4);
	return value;
}

static void put(unsigned int index, uint64_t pos, uint32_t value)
{
	group_rig_write(&rig, device[index], pos, value);
}

static void command(unsigned int index, uint32_t value)
{
	put(index, (UINT64_C(7) << 40) + PCI_COMMAND, value);
}

static int set_up(void **state)
{
	(void)state;
	group_rig_open(&rig);
	context = group_rig_container(&rig);
	(void)group_rig_attach_all(&rig, context, device);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	group_rig_close(&rig);
	return 0;
}

/* ---- features ---- */

static void devices_tell_how_they_migrate(void **state)
{
	struct vfio_device_feature_migration flags = {.flags = 0};
	struct vfio_device_feature_mig_data_size size = {.stop_copy_length = 0};
	uint8_t bytes[STREAM];

	(void)state;
	assert_int_equal(feature(0, GET | VFIO_DEVICE_FEATURE_MIGRATION, &flags, sizeof(flags)), 0);
	assert_int_equal(flags.flags,
			 VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY);
	assert_int_equal(feature(0, GET | VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, &size, sizeof(size)),
			 0);
	assert_true(size.stop_copy_length >= read_all(to(0, STOP_COPY), bytes));
}

static void features_are_probed_by_what_can_be_done_with_them(void **state)
{
	static const struct {
		uint32_t feature, ops;
		size_t size;
	} cases[] = {
		{VFIO_DEVICE_FEATURE_MIGRATION, GET, 8},
		{VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, GET | SET, 8},
		{VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, GET, 8},
		{VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2, SET, 0},
	};
	uint8_t data[16] = {RUNNING};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint32_t ops = GET; ops <= (GET | SET); ops += GET) {
			const bool good = !(ops & ~cases[i].ops);
			const uint32_t probe = ops | VFIO_DEVICE_FEATURE_PROBE;

			assert_int_equal(feature(0, cases[i].feature | probe, data, 0),
					 good ? 0 : -EINVAL);
		}
		assert_int_equal(feature(0, cases[i].feature | VFIO_DEVICE_FEATURE_PROBE, data, 0),
				 0);
		assert_int_equal(feature(0, cases[i].feature, data, 8), -EINVAL);
		for (uint32_t op = GET; op <= SET; op += GET) {
			if (op & cases[i].ops && cases[i].size)
				assert_int_equal(
					feature(0, cases[i].feature | op, data, cases[i].size - 1),
					-EINVAL);
		}
	}
	assert_int_equal(state_of(0), RUNNING);
}

/* ---- states ---- */

/* Brings device 0 to @state from wherever it is. */
static void bring_to(uint32_t state)
{
	assert_int_equal(group_rig_ioctl(&rig, device[0], VFIO_DEVICE_RESET, 0), 0);
	command(0, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (state == PRE_COPY_P2P)
		group_rig_close_fd(&rig, to(0, PRE_COPY));
	if (state != RUNNING) {
		const int fd = to(0, state);

		if (fd >= 0)
			group_rig_close_fd(&rig, fd);
	}
	assert_int_equal(state_of(0), state);
}

/* Which states have a new data file when they are reached from @from. */
static bool gets_file(uint32_t from, uint32_t state)
{
	if (from == state)
		return false;
	if (state == STOP_COPY)
		return from != PRE_COPY && from != PRE_COPY_P2P;
	if (state == PRE_COPY || state == PRE_COPY_P2P)
		return from != PRE_COPY && from != PRE_COPY_P2P;
	return state == RESUMING;
}

/* From RESUMING nothing can be left without a stream; to PRE_COPY nothing leads from STOP_COPY. */
static bool is_possible(uint32_t from, uint32_t state)
{
	if (state == ERROR || from == ERROR)
		return false;
	if (from == RESUMING)
		return state == RESUMING;
	return from != STOP_COPY || (state != PRE_COPY && state != PRE_COPY_P2P);
}

static void each_state_is_reached_from_each_that_may(void **state)
{
	(void)state;
	for (uint32_t from = STOP; from < STATES; from++) {
		for (uint32_t next = ERROR; next < STATES; next++) {
			const bool possible = is_possible(from, next);
			int fd;

			bring_to(from);
			assert_int_equal(set_state(0, next, &fd), possible ? 0 : -EINVAL);
			if (possible)
				assert_int_equal(state_of(0), next);
			else
				assert_int_equal(state_of(0),
						 from == RESUMING && next ? ERROR : from);
			assert_int_equal(fd >= 0, possible && gets_file(from, next));
			if (fd >= 0)
				group_rig_close_fd(&rig, fd);
			else
				assert_int_equal(fd, -1);
		}
	}
}

static void there_are_no_other_states(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(set_state(0, STATES, &fd), -EINVAL);
	assert_int_equal(fd, -1);
	assert_int_equal(set_state(0, UINT32_MAX, &fd), -EINVAL);
	assert_int_equal(state_of(0), RUNNING);
}

static void only_a_reset_leads_out_of_error(void **state)
{
	int fd;

	(void)state;
	to(0, RESUMING);
	assert_int_equal(set_state(0, RUNNING, &fd), -EINVAL);
	assert_int_equal(state_of(0), ERROR);
	for (uint32_t next = ERROR; next < STATES; next++)
		assert_int_equal(set_state(0, next, &fd), -EINVAL);
	assert_int_equal(group_rig_ioctl(&rig, device[0], VFIO_DEVICE_RESET, 0), 0);
	assert_int_equal(state_of(0), RUNNING);
}

/* ---- what stops ---- */

static void a_stopped_device_ignores_registers_and_goes_on_afterwards(void **state)
{
	(void)state;
	put(0, LIVENESS, 1);
	to(0, STOP);
	put(0, LIVENESS, 2);
	assert_int_equal(get(0, LIVENESS), ~UINT32_C(1));
	to(0, RUNNING);
	put(0, LIVENESS, 3);
	assert_int_equal(get(0, LIVENESS), ~UINT32_C(3));
}

static void work_that_is_started_in_p2p_begins_when_the_device_runs(void **state)
{
	(void)state;
	to(0, RUNNING_P2P);
	put(0, FACTORIAL, 5);
	assert_int_equal(get(0, STATUS), 1);
	to(0, STOP);
	assert_int_equal(get(0, STATUS), 1);
	to(0, RUNNING);
	while (get(0, STATUS))
		sched_yield();
	assert_int_equal(get(0, FACTORIAL), 120);
}

static void start_dma(unsigned int index, uint32_t from, uint32_t dest, uint32_t how)
{
	put(index, SOURCE, from);
	put(index, DESTINATION, dest);
	put(index, COUNT, PAGE);
	put(index, COMMAND, START | how);
}

static void wait_dma(unsigned int index)
{
	while (get(index, COMMAND) & START)
		sched_yield();
}

/* Everything of device 0 goes to device 1. */
static size_t migrate(uint8_t *bytes)
{
	const int from = to(0, STOP_COPY), dest = to(1, RESUMING);
	const size_t len = read_all(from, bytes);

	assert_int_equal(write_fd(dest, bytes, len), len);
	assert_int_equal(to(1, RUNNING), -1);
	group_rig_close_fd(&rig, from);
	group_rig_close_fd(&rig, dest);
	return len;
}

static void what_has_not_begun_goes_on_in_the_other_device(void **state)
{
	uint8_t bytes[STREAM];

	(void)state;
	memset(rig.memory, 0x5a, PAGE);
	start_dma(0, (uint32_t)GROUP_RIG_IOVA, BUFFER, 0);
	wait_dma(0);
	put(0, LIVENESS, 7);
	to(0, RUNNING_P2P);
	put(0, FACTORIAL, 6);
	start_dma(0, BUFFER, (uint32_t)GROUP_RIG_IOVA + PAGE, TO_RAM);
	migrate(bytes);
	wait_dma(1);
	while (get(1, STATUS))
		sched_yield();
	assert_int_equal(get(1, FACTORIAL), 720);
	assert_int_equal(get(1, LIVENESS), ~UINT32_C(7));
	assert_memory_equal(rig.memory, rig.memory + PAGE, PAGE);
	/* The source is stopped: it has not done it as well. */
	assert_int_equal(get(0, STATUS), 1);
}

/* ---- the data file ---- */

static void a_saved_stream_has_an_end_and_is_read_only(void **state)
{
	uint8_t bytes[STREAM], again[STREAM];
	int fd = to(0, STOP_COPY);
	size_t len;

	(void)state;
	assert_int_equal(read_fd(fd, bytes, 0), 0);
	assert_int_equal(write_fd(fd, bytes, 1), -EBADF);
	len = read_all(fd, bytes);
	assert_int_equal(read_fd(fd, bytes, 1), 0);
	/* The same state gives the same stream. */
	to(0, STOP);
	assert_int_equal(read_fd(fd, bytes, 1), -ENODEV);
	group_rig_close_fd(&rig, fd);
	fd = to(0, STOP_COPY);
	assert_int_equal(read_all(fd, again), len);
	assert_memory_equal(bytes, again, len);
	fd = to(1, RESUMING);
	assert_int_equal(read_fd(fd, again, 1), -EBADF);
	assert_int_equal(group_rig_ioctl(&rig, device[1], VFIO_DEVICE_RESET, 0), 0);
	assert_int_equal(write_fd(fd, bytes, len), -ENODEV);
}

static long precopy_info(int fd, struct vfio_precopy_info *info)
{
	info->argsz = sizeof(*info);
	return group_rig_ioctl(&rig, fd, VFIO_MIG_GET_PRECOPY_INFO, (uintptr_t)info);
}

static void pre_copy_has_initial_bytes_and_then_no_message(void **state)
{
	struct vfio_precopy_info info = {.flags = 0xff};
	uint8_t bytes[STREAM];
	const int fd = to(0, PRE_COPY);
	uint64_t initial, dummy = 0;
	size_t len;

	(void)state;
	assert_int_equal(precopy_info(fd, &info), 0);
	initial = info.initial_bytes;
	assert_true(initial > 8 && initial < STREAM);
	assert_int_equal(info.dirty_bytes, 0);
	assert_int_equal(info.flags, 0xff); /* of a program that does not know them */
	assert_int_equal(feature(0, SET | VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2, &dummy, 0), 0);
	assert_int_equal(read_fd(fd, bytes, 8), 8);
	assert_int_equal(precopy_info(fd, &info), 0);
	assert_int_equal(info.flags, 0);
	assert_int_equal(info.initial_bytes, initial - 8);
	assert_int_equal(read_fd(fd, bytes + 8, STREAM), initial - 8);
	assert_int_equal(read_fd(fd, bytes, 1), -ENOMSG);
	put(0, LIVENESS, 4); /* it runs */
	assert_int_equal(get(0, LIVENESS), ~UINT32_C(4));
	assert_int_equal(to(0, PRE_COPY_P2P), -1);
	assert_int_equal(read_fd(fd, bytes, 1), -ENOMSG);
	assert_int_equal(to(0, STOP_COPY), -1); /* the same file goes on */
	assert_int_equal(precopy_info(fd, &info), -EINVAL);
	len = initial + read_all(fd, bytes + initial);
	group_rig_close_fd(&rig, fd);
	assert_int_equal(write_fd(to(1, RESUMING), bytes, len), len);
	to(1, RUNNING);
	assert_int_equal(get(1, LIVENESS), ~UINT32_C(4));
}

static void the_info_ioctl_checks_its_argument(void **state)
{
	struct vfio_precopy_info info = {.argsz = sizeof(info) - 1};
	const int fd = to(0, PRE_COPY);

	(void)state;
	assert_int_equal(group_rig_ioctl(&rig, fd, VFIO_DEVICE_RESET, 0), -ENOTTY);
	assert_int_equal(group_rig_ioctl(&rig, fd, VFIO_MIG_GET_PRECOPY_INFO, (uintptr_t)&info),
			 -EINVAL);
	assert_int_equal(group_rig_ioctl(&rig, fd, VFIO_MIG_GET_PRECOPY_INFO, 8), -EFAULT);
	to(0, RUNNING);
	assert_int_equal(precopy_info(fd, &info), -EINVAL);
	to(0, PRE_COPY);
	assert_int_equal(precopy_info(fd, &info), -ENODEV);
}

/* ---- streams that are refused ---- */

/* Gives @len bytes to device 1: the result of leaving RESUMING, or of a write that fails. */
static long offer(const uint8_t *bytes, size_t len)
{
	int fd;
	ssize_t rc;
	long left;

	assert_int_equal(group_rig_ioctl(&rig, device[1], VFIO_DEVICE_RESET, 0), 0);
	fd = to(1, RESUMING);
	rc = write_fd(fd, bytes, len);
	group_rig_close_fd(&rig, fd);
	assert_true(rc == (ssize_t)len || rc == -EINVAL);
	left = set_state(1, STOP, &fd);
	assert_true(rc >= 0 || left == -EINVAL);
	assert_int_equal(state_of(1), left ? ERROR : STOP);
	return left;
}

static void a_stream_that_ends_early_is_refused(void **state)
{
	uint8_t bytes[STREAM];
	size_t len;

	(void)state;
	put(0, LIVENESS, 9);
	len = migrate(bytes);
	for (size_t cut = 0; cut < len; cut += cut < 200 || cut > len - 40 ? 1 : 97) {
		assert_int_equal(offer(bytes, cut), -EINVAL);
		assert_int_equal(get(1, LIVENESS), 0); /* as the reset has left it */
	}
	assert_int_equal(offer(bytes, len), 0);
	assert_int_equal(get(1, LIVENESS), ~UINT32_C(9));
	bytes[len] = 0;
	assert_int_equal(offer(bytes, len + 1), -EINVAL);
}

static void a_stream_with_any_bit_wrong_is_refused(void **state)
{
	uint8_t bytes[STREAM];
	size_t len;

	(void)state;
	len = migrate(bytes);
	for (size_t at = 0; at < len; at += at < 400 || at > len - 40 ? 1 : 61) {
		bytes[at] ^= (uint8_t)(1u << (at % 8));
		assert_int_equal(offer(bytes, len), -EINVAL);
		bytes[at] ^= (uint8_t)(1u << (at % 8));
	}
	assert_int_equal(offer(bytes, len), 0);
}

static void a_stream_of_something_else_is_refused_while_it_is_written(void **state)
{
	uint8_t bytes[STREAM];
	int fd;

	(void)state;
	migrate(bytes);
	fd = to(1, RESUMING);
	bytes[16] ^= 1;
	assert_int_equal(write_fd(fd, bytes, 24), -EINVAL);
	assert_non_null(strstr(last_error_text(), "not the state of a device"));
	bytes[16] ^= 1;
	assert_int_equal(write_fd(fd, bytes, 24), -EINVAL);
	assert_int_equal(set_state(1, RUNNING, &fd), -EINVAL);
	assert_int_equal(state_of(1), ERROR);
}

/* A VMM leaves RESUMING when it has told the source that all is well: too late for a refusal. */
static void the_last_byte_of_a_damaged_stream_is_refused(void **state)
{
	uint8_t bytes[STREAM];
	size_t len;
	int fd;

	(void)state;
	put(0, LIVENESS, 9);
	len = migrate(bytes);
	fd = to(1, RESUMING);
	bytes[len / 2] ^= 1;
	assert_int_equal(write_fd(fd, bytes, len - 1), (ssize_t)len - 1);
	assert_int_equal(write_fd(fd, bytes + len - 1, 1), -EINVAL);
	assert_int_equal(set_state(1, RUNNING, &fd), -EINVAL);
	assert_non_null(strstr(last_error_text(), "damaged"));
}

static void nothing_may_follow_the_end_of_a_stream(void **state)
{
	uint8_t bytes[STREAM];
	size_t len;
	int fd;

	(void)state;
	len = migrate(bytes);
	fd = to(1, RESUMING);
	assert_int_equal(write_fd(fd, bytes, len), (ssize_t)len);
	assert_int_equal(write_fd(fd, bytes, 1), -EINVAL);
	assert_int_equal(set_state(1, RUNNING, &fd), -EINVAL);
}

static void the_source_lives_on_after_a_refusal(void **state)
{
	uint8_t bytes[STREAM];

	(void)state;
	put(0, LIVENESS, 11);
	migrate(bytes);
	assert_int_equal(offer(bytes, 100), -EINVAL);
	to(0, RUNNING);
	assert_int_equal(get(0, LIVENESS), ~UINT32_C(11));
	put(0, FACTORIAL, 4);
	while (get(0, STATUS))
		sched_yield();
	assert_int_equal(get(0, FACTORIAL), 24);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(devices_tell_how_they_migrate),
		TEST(features_are_probed_by_what_can_be_done_with_them),
		TEST(each_state_is_reached_from_each_that_may),
		TEST(there_are_no_other_states),
		TEST(only_a_reset_leads_out_of_error),
		TEST(a_stopped_device_ignores_registers_and_goes_on_afterwards),
		TEST(work_that_is_started_in_p2p_begins_when_the_device_runs),
		TEST(what_has_not_begun_goes_on_in_the_other_device),
		TEST(a_saved_stream_has_an_end_and_is_read_only),
		TEST(pre_copy_has_initial_bytes_and_then_no_message),
		TEST(the_info_ioctl_checks_its_argument),
		TEST(a_stream_that_ends_early_is_refused),
		TEST(a_stream_with_any_bit_wrong_is_refused),
		TEST(a_stream_of_something_else_is_refused_while_it_is_written),
		TEST(the_last_byte_of_a_damaged_stream_is_refused),
		TEST(nothing_may_follow_the_end_of_a_stream),
		TEST(the_source_lives_on_after_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
