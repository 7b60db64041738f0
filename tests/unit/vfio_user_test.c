/* SPDX-License-Identifier: MIT */
/*
 * The messages of vfio-user: framing, capabilities, and what a session answers to each command,
 * good or malformed. tests/e2e/vfio_user.py has a whole server and its clients.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit.h"

#include "devices/devices.h"
#include "vfio_user/capabilities.h"
#include "vfio_user/request_queue.h"
#include "vfio_user/server.h"
#include "vfio_user/session.h"

/* ---- framing ---- */

struct pair {
	struct vu_channel channel;
	int peer;
};

static int open_pair(void **state)
{
	static struct pair pair;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	vu_channel_init(&pair.channel, fds[0], 200);
	pair.peer = fds[1];
	*state = &pair;
	return 0;
}

static int close_pair(void **state)
{
	struct pair *pair = *state;

	vu_channel_destroy(&pair->channel);
	if (pair->peer >= 0)
		close(pair->peer);
	return 0;
}

/* Sends @len bytes and @count copies of @fd. */
static void send_raw(int to, const void *bytes, size_t len, int fd, unsigned int count)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {(void *)(uintptr_t)bytes, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
		for (unsigned int i = 0; i < count; i++)
			memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &fd, sizeof(int));
	}
	assert_int_equal(sendmsg(to, &msg, 0), len);
}

static unsigned int open_fds(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void a_message_arrives_in_pieces_with_its_descriptors(void **state)
{
	struct pair *pair = *state;
	const struct vu_header header = {.id = 7, .command = VU_DMA_MAP, .size = 20};
	const unsigned int before = open_fds();
	struct vu_message *message;

	send_raw(pair->peer, &header, 5, pair->peer, 1);
	send_raw(pair->peer, (const char *)&header + 5, 11, -1, 0);
	send_raw(pair->peer, "data", 4, pair->peer, 2);
	assert_int_equal(vu_channel_receive(&pair->channel, -1, &message), 0);
	assert_memory_equal(&message->header, &header, sizeof(header));
	assert_int_equal(message->len, 4);
	assert_memory_equal(message->payload, "data", 4);
	assert_int_equal(message->fd_count, 3);
	assert_false(message->fds_lost);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(fcntl(message->fds[i], F_GETFD) & FD_CLOEXEC);
	vu_message_free(message);
	assert_int_equal(open_fds(), before);
}

/* Whether the system says that descriptors were lost: qemu's emulation of a process does not. */
static bool lost_ones_are_reported(void)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fds[2];
	bool reported;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	send_raw(fds[0], "x", 1, fds[0], 8);
	assert_int_equal(recvmsg(fds[1], &msg, 0), 1);
	reported = msg.msg_flags & MSG_CTRUNC;
	for (const struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = NULL) {
		for (size_t i = 0; i < (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			close(fd);
		}
	}
	close(fds[0]);
	close(fds[1]);
	return reported;
}

static void descriptors_beyond_the_limit_are_closed(void **state)
{
	struct pair *pair = *state;
	const struct vu_header header = {.size = sizeof(header)};
	const unsigned int before = open_fds();
	struct vu_message *message;

	if (!lost_ones_are_reported()) {
		print_message("skipped: MSG_CTRUNC is not reported here\n");
		skip();
	}
	send_raw(pair->peer, &header, 8, pair->peer, VU_MAX_FDS);
	send_raw(pair->peer, (const char *)&header + 8, 8, pair->peer, 2);
	assert_int_equal(vu_channel_receive(&pair->channel, -1, &message), 0);
	assert_int_equal(message->fd_count, VU_MAX_FDS);
	assert_true(message->fds_lost);
	vu_message_free(message);
	send_raw(pair->peer, &header, sizeof(header), pair->peer, VU_MAX_FDS + 1);
	assert_int_equal(vu_channel_receive(&pair->channel, -1, &message), 0);
	assert_true(message->fds_lost);
	vu_message_free(message);
	assert_int_equal(open_fds(), before);
}

static void bad_framing_ends_the_channel(void **state)
{
	static const struct {
		uint32_t size;
		size_t sent;
		int error;
		bool stay;
	} cases[] = {
		{0, 16, -EPROTO, true},
		{15, 16, -EPROTO, true},
		{16 + VU_MAX_PAYLOAD + 1, 16, -EMSGSIZE, true},
		{UINT32_MAX, 16, -EMSGSIZE, true},
		{20, 0, -ESHUTDOWN, false},
		{20, 1, -ECONNRESET, false},
		{20, 16, -ECONNRESET, false},
		{20, 16, -ETIMEDOUT, true},
		{20, 3, -ETIMEDOUT, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vu_header header = {.size = cases[i].size};
		const unsigned int before = open_fds();
		struct vu_message *message;
		struct pair *pair;

		open_pair(state);
		pair = *state;
		if (cases[i].sent)
			send_raw(pair->peer, &header, cases[i].sent, STDERR_FILENO, 1);
		if (!cases[i].stay) {
			close(pair->peer);
			pair->peer = -1;
		}
		assert_int_equal(vu_channel_receive(&pair->channel, -1, &message), cases[i].error);
		close_pair(state);
		assert_int_equal(open_fds(), before);
	}
	open_pair(state);
}

static void a_peer_that_does_not_read_is_an_error(void **state)
{
	static char data[VU_MAX_DATA];
	const struct vu_part parts[2] = {{data, sizeof(data)}, {NULL, 0}};
	struct vu_header header = {0};
	struct pair *pair = *state;

	assert_int_equal(vu_channel_send(&pair->channel, &header, parts), -ETIMEDOUT);
	close(pair->peer);
	pair->peer = -1;
	assert_int_equal(vu_channel_send(&pair->channel, &header, parts), -EPIPE);
}

static void waiting_for_a_message_can_be_stopped(void **state)
{
	struct pair *pair = *state;
	struct vu_message *message;
	int stop = eventfd(1, EFD_CLOEXEC);

	assert_int_equal(vu_channel_receive(&pair->channel, stop, &message), -ECANCELED);
	send_raw(pair->peer, "half", 4, -1, 0);
	assert_int_equal(vu_channel_receive(&pair->channel, stop, &message), -ECANCELED);
	close(stop);
}

/* ---- capabilities ---- */

static void capabilities_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t fds, data;
	} cases[] = {
		{"", 1, VU_MAX_DATA},
		{"{}", 1, VU_MAX_DATA},
		{" { \"capabilities\" : { } } ", 1, VU_MAX_DATA},
		{"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":4096}}", 8, 4096},
		{"{\"a\":[1,-2.5e3,{\"b\":null}],\"max_msg_fds\":\"\\\"\",\"capabilities\":"
		 "{\"twin_socket\":{\"supported\":true,\"max_msg_fds\":3},\"max_msg_fds\":2}}",
		 2, VU_MAX_DATA},
		{"{\"capabilities\":{\"max_data_xfer_size\":18446744073709551615}}", 1, UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vu_capabilities read;

		assert_int_equal(vu_capabilities_read(cases[i].text, &read), 0);
		assert_int_equal(read.max_msg_fds, cases[i].fds);
		assert_int_equal(read.max_data_xfer_size, cases[i].data);
	}
	assert_int_equal(
		vu_capabilities_read(vu_capabilities_of_server(), &(struct vu_capabilities){0}), 0);
}

static void malformed_capabilities_are_refused(void **state)
{
	static const char *const cases[] = {
		" ",
		"[]",
		"1",
		"{",
		"{}x",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{\"a\":[1}",
		"{\"a\":tru}",
		"{\"a",
		"{\"a\\",
		"{\"a\":\"\n\"}",
		"{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}",
		"{\"capabilities\":{\"max_msg_fds\":0}}",
		"{\"capabilities\":{\"max_msg_fds\":-1}}",
		"{\"capabilities\":{\"max_msg_fds\":\"1\"}}",
		"{\"capabilities\":{\"max_msg_fds\":1.5}}",
		"{\"capabilities\":{\"max_data_xfer_size\":18446744073709551616}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vu_capabilities read;

		if (vu_capabilities_read(cases[i], &read) != -EINVAL)
			fail_msg("%s is read", cases[i]);
	}
}

/* ---- the queue ---- */

static void a_full_queue_waits_for_room_or_the_end(void **state)
{
	struct request_queue queue;
	struct vu_message *message;
	int stop = eventfd(0, EFD_CLOEXEC);
	unsigned int added = 0;

	(void)state;
	assert_int_equal(request_queue_init(&queue), 0);
	assert_int_equal(request_queue_add(&queue, vu_message_create(1), stop), 0);
	assert_non_null(message = request_queue_take(&queue));
	vu_message_free(message);
	/* With @stop set, only a full queue is an error. */
	assert_int_equal(eventfd_write(stop, 1), 0);
	while (!request_queue_add(&queue, vu_message_create(VU_MAX_DATA), stop))
		added++;
	assert_true(added >= 2 && added < 16);
	vu_message_free(request_queue_take(&queue));
	message = vu_message_create(1);
	message->fd_count = VU_MAX_FDS; /* which cost as well; the numbers are none's */
	memset(message->fds, -1, sizeof(message->fds));
	assert_int_equal(request_queue_add(&queue, message, stop), 0);
	request_queue_close(&queue);
	assert_null(request_queue_take(&queue));
	assert_int_equal(request_queue_add(&queue, vu_message_create(1), stop), -ECANCELED);
	request_queue_destroy(&queue);
	close(stop);
}

/* ---- sessions ---- */

struct rig {
	struct vfio_rig vfio;
	struct pair pair;
	struct vu_session *session;
	uint8_t reply[4096];
	uint32_t reply_len;
};

/* Handles one message, and returns the reply's errno; -1: there is no reply. */
static int ask(struct rig *rig, uint16_t command, const void *payload, uint32_t len, int fd,
	       unsigned int fds)
{
	struct vu_message *message = vu_message_create(len);
	struct vu_header header;
	ssize_t got;

	message->header = (struct vu_header){.id = 9, .command = command};
	if (len)
		memcpy(message->payload, payload, len);
	message->fd_count = fds;
	for (unsigned int i = 0; i < fds; i++)
		message->fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	(void)vu_session_handle(rig->session, message);
	vu_message_free(message);
	got = recv(rig->pair.peer, &header, sizeof(header), MSG_DONTWAIT);
	if (got < 0)
		return -1;
	assert_int_equal(got, sizeof(header));
	assert_int_equal(header.id, 9);
	assert_int_equal(header.command, command);
	rig->reply_len = header.size - (uint32_t)sizeof(header);
	assert_true(rig->reply_len <= sizeof(rig->reply));
	if (rig->reply_len)
		assert_int_equal(recv(rig->pair.peer, rig->reply, rig->reply_len, MSG_WAITALL),
				 rig->reply_len);
	assert_int_equal(header.flags, VU_TYPE_REPLY | (header.error ? VU_ERROR : 0));
	assert_false(header.error && rig->reply_len);
	return (int)header.error;
}

static int open_session(void **state)
{
	static const struct vu_version version = {0, 1};
	static struct rig rig;
	struct pair *pair;

	open_pair((void **)&pair);
	rig.pair = *pair;
	rig_open(&rig.vfio, &device_edu, NULL);
	assert_int_equal(vu_session_create(rig.vfio.device, &rig.pair.channel, &rig.session), 0);
	assert_int_equal(ask(&rig, VU_VERSION, &version, sizeof(version), -1, 0), 0);
	*state = &rig;
	return 0;
}

static int close_session(void **state)
{
	struct rig *rig = *state;
	void *pair = &rig->pair;

	vu_session_destroy(rig->session);
	rig_close(&rig->vfio);
	return close_pair(&pair);
}

static void each_command_refuses_each_wrong_length(void **state)
{
	static const uint8_t zeros[128];
	static const struct {
		uint16_t command;
		uint32_t least, most;
	} cases[] = {
		{VU_DMA_MAP, 32, UINT32_MAX},
		{VU_DMA_UNMAP, 24, UINT32_MAX},
		{VU_DEVICE_GET_INFO, 16, UINT32_MAX},
		{VU_DEVICE_GET_REGION_INFO, 32, UINT32_MAX},
		{VU_DEVICE_GET_REGION_IO_FDS, 16, UINT32_MAX},
		{VU_DEVICE_GET_IRQ_INFO, 16, UINT32_MAX},
		{VU_DEVICE_SET_IRQS, 20, UINT32_MAX},
		{VU_REGION_READ, 16, 16},
		{VU_REGION_WRITE, 16, 16},
		{VU_DEVICE_RESET, 0, 0},
		{VU_REGION_WRITE_MULTI, 8, 8},
		{VU_DEVICE_FEATURE, 8, UINT32_MAX},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint32_t len = 0; len < sizeof(zeros); len++) {
			int error = ask(rig, cases[i].command, zeros, len, -1, 0);

			/* argsz is 0, which is wrong whatever the length is. */
			if (len < cases[i].least || len > cases[i].most ||
			    cases[i].most == UINT32_MAX)
				assert_int_equal(error, EINVAL);
			else
				assert_int_equal(error, 0);
		}
	}
}

static void each_command_refuses_too_many_descriptors(void **state)
{
	struct rig *rig = *state;
	const unsigned int before = open_fds();
	uint32_t payload[16] = {64};

	for (uint16_t command = VU_VERSION; command <= VU_DEVICE_FEATURE; command++) {
		if (command == VU_DMA_READ || command == VU_DMA_WRITE || command == 14)
			continue;
		assert_int_equal(ask(rig, command, payload, command == VU_DEVICE_RESET ? 0 : 64,
				     rig->pair.peer, 2),
				 EINVAL);
		assert_int_equal(open_fds(), before);
	}
}

static void what_is_no_command_is_refused(void **state)
{
	static const uint16_t commands[] = {0, VU_DMA_READ, VU_DMA_WRITE, 14, 19, UINT16_MAX};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		assert_int_equal(ask(rig, commands[i], NULL, 0, -1, 0), EOPNOTSUPP);
}

static void migration_data_without_a_message_is_too_short(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(ask(rig, VU_MIG_DATA_READ, NULL, 0, -1, 0), EINVAL);
	assert_int_equal(ask(rig, VU_MIG_DATA_WRITE, NULL, 0, -1, 0), EINVAL);
}

/* A client cannot name descriptors of the server. */
static void eventfds_come_beside_the_message_only(void **state)
{
	struct {
		struct vfio_irq_set head;
		int32_t fd;
	} set = {.head = {.argsz = 24,
			  .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			  .index = VFIO_PCI_MSI_IRQ_INDEX,
			  .count = 1}};
	struct rig *rig = *state;
	int event = eventfd(0, EFD_CLOEXEC);
	const unsigned int before = open_fds();

	assert_int_equal(ask(rig, VU_DEVICE_SET_IRQS, &set, sizeof(set), event, 1), 0);
	assert_int_equal(open_fds(), before + 1);
	set.fd = event;
	assert_int_equal(ask(rig, VU_DEVICE_SET_IRQS, &set, sizeof(set), -1, 0), 0);
	assert_int_equal(open_fds(), before); /* none, instead of @event */
	assert_int_equal(ask(rig, VU_DEVICE_SET_IRQS, &set, sizeof(set), rig->pair.peer, 1),
			 EINVAL);
	close(event);
}

static void a_device_has_one_client(void **state)
{
	struct rig *rig = *state;
	struct vu_session *second;

	assert_int_equal(vu_session_create(rig->vfio.device, &rig->pair.channel, &second), -EBUSY);
}

/* Maps and unmaps with the @n-th step failing. Returns whether there were as many. */
static bool map_with_failure(struct rig *rig, int fd, uint64_t n)
{
	const struct vu_dma_map map = {.argsz = 32, .flags = 3, .size = 4 * PAGE};
	const struct vu_dma_unmap unmap = {.argsz = 24, .size = 4 * PAGE};
	uint64_t left;
	int rc;

	failure_arm(n);
	rc = vu_memory_map(&rig->session->memory, &map, fd);
	left = failure_disarm();
	if (left)
		assert_int_equal(rc, 0);
	assert_int_equal(ask(rig, VU_DMA_UNMAP, &unmap, sizeof(unmap), -1, 0), rc ? ENOENT : 0);
	return !left;
}

static void a_map_that_fails_maps_nothing(void **state)
{
	struct rig *rig = *state;
	int fd = memfd_create("memory", MFD_CLOEXEC);
	const unsigned int before = open_fds();

	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	for (uint64_t n = 1; map_with_failure(rig, fd, n); n++)
		assert_int_equal(open_fds(), before);
	for (uint64_t n = 1; map_with_failure(rig, -1, n); n++)
		assert_int_equal(open_fds(), before);
	close(fd);
}

static void a_session_that_cannot_begin_leaves_the_device(void **state)
{
	struct rig *rig = *state;
	const unsigned int before = open_fds();

	vu_session_destroy(rig->session);
	for (uint64_t n = 1, left = 0; !left; n++) {
		int rc;

		failure_arm(n);
		rc = vu_session_create(rig->vfio.device, &rig->pair.channel, &rig->session);
		left = failure_disarm();
		if (rc) {
			assert_int_equal(left, 0);
			assert_int_equal(open_fds(), before);
		} else if (!left) {
			vu_session_destroy(rig->session);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_arrives_in_pieces_with_its_descriptors,
						open_pair, close_pair),
		cmocka_unit_test_setup_teardown(descriptors_beyond_the_limit_are_closed, open_pair,
						close_pair),
		cmocka_unit_test_setup_teardown(bad_framing_ends_the_channel, NULL, close_pair),
		cmocka_unit_test_setup_teardown(a_peer_that_does_not_read_is_an_error, open_pair,
						close_pair),
		cmocka_unit_test_setup_teardown(waiting_for_a_message_can_be_stopped, open_pair,
						close_pair),
		cmocka_unit_test(capabilities_are_read),
		cmocka_unit_test(malformed_capabilities_are_refused),
		cmocka_unit_test(a_full_queue_waits_for_room_or_the_end),
		cmocka_unit_test_setup_teardown(each_command_refuses_each_wrong_length,
						open_session, close_session),
		cmocka_unit_test_setup_teardown(each_command_refuses_too_many_descriptors,
						open_session, close_session),
		cmocka_unit_test_setup_teardown(what_is_no_command_is_refused, open_session,
						close_session),
		cmocka_unit_test_setup_teardown(migration_data_without_a_message_is_too_short,
						open_session, close_session),
		cmocka_unit_test_setup_teardown(eventfds_come_beside_the_message_only, open_session,
						close_session),
		cmocka_unit_test_setup_teardown(a_device_has_one_client, open_session,
						close_session),
		cmocka_unit_test_setup_teardown(a_map_that_fails_maps_nothing, open_session,
						close_session),
		cmocka_unit_test_setup_teardown(a_session_that_cannot_begin_leaves_the_device,
						open_session, close_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
