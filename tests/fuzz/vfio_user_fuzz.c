/* SPDX-License-Identifier: MIT */
/*
 * A hostile client against a vfio-user server's sessions: any command with any payload and any
 * descriptors, and any answer to the DMA of the device, which it drives as well.
 *
 * What must hold: nothing crashes or waits for ever, every command that wants a reply gets one, and
 * at the end no descriptor is left. The device and the client's answers have threads of their own,
 * so an input does not run the same way each time.
 *
 * Input: a byte of options (bit 0: agree on a version first; bits 1-2: the model), then messages;
 * an input that ends early reads as zeros. A message is a command, a byte of how, a length, and the
 * payload, whose fields are made plausible where how says so.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "machine/machine.h"
#include "mem/guard.h"
#include "require.h"
#include "vfio_user/session.h"

enum {
	MAX_MESSAGES = 64,
	PAGE = 4096,
};

/* How the client answers DMA. */
enum answer {
	ANSWER_GOOD,
	ANSWER_ERROR,
	ANSWER_SHORT,
	ANSWER_LONG,
	ANSWER_OTHER_COMMAND,
	ANSWER_OTHER_ADDRESS,
	ANSWER_TWICE,
	ANSWER_END, /* it leaves */
	ANSWERS,
};

struct client {
	struct fuzz_input input;
	struct vu_channel ours, theirs;
	struct vu_session *session;
	_Atomic enum answer answer;
	_Atomic unsigned int replies; /* received from the server */
};

/* ---- DMA of the device ---- */

static void deliver(struct client *client, const struct vu_message *request, uint32_t len,
		    enum answer answer)
{
	struct vu_message *reply = vu_message_create(len);

	require(reply);
	reply->header = request->header;
	reply->header.flags = VU_TYPE_REPLY | (answer == ANSWER_ERROR ? VU_ERROR : 0);
	if (answer == ANSWER_OTHER_COMMAND)
		reply->header.command ^= VU_DMA_READ ^ VU_DMA_WRITE;
	memcpy(reply->payload, request->payload, len < request->len ? len : request->len);
	if (answer == ANSWER_OTHER_ADDRESS && len)
		reply->payload[0] ^= 1;
	(void)vu_session_deliver(client->session, reply);
}

static void answer_dma(struct client *client, const struct vu_message *request)
{
	const enum answer answer = atomic_load(&client->answer);
	struct vu_dma_access access;
	uint32_t len = sizeof(access);

	require(request->len >= sizeof(access));
	memcpy(&access, request->payload, sizeof(access));
	if (request->header.command == VU_DMA_READ)
		len += (uint32_t)access.count;
	if (answer == ANSWER_END) {
		vu_session_end(client->session);
		return;
	}
	len -= answer == ANSWER_SHORT;
	len += answer == ANSWER_LONG;
	deliver(client, request, len, answer);
	if (answer == ANSWER_TWICE)
		deliver(client, request, len, answer);
}

static void *run_client(void *arg)
{
	struct client *client = arg;
	struct vu_message *message;

	while (!vu_channel_receive(&client->theirs, -1, &message)) {
		require(!message->fd_count);
		if (message->header.flags & VU_TYPE_MASK)
			atomic_fetch_add(&client->replies, 1);
		else
			answer_dma(client, message);
		vu_message_free(message);
	}
	return NULL;
}

/* ---- messages ---- */

static int make_fd(unsigned int kind)
{
	int fd;

	switch (kind % 4) {
	case 0:
		return eventfd(0, EFD_CLOEXEC);
	case 1:
		return dup(STDERR_FILENO);
	default:
		fd = memfd_create("memory", MFD_CLOEXEC);
		if (kind % 4 == 2 && ftruncate(fd, 16 * PAGE))
			abort();
		return fd;
	}
}

static void put(struct vu_message *message, size_t off, const void *value, size_t size)
{
	if (off + size <= message->len)
		memcpy(message->payload + off, value, size);
}

/* Makes the sizes and places in the payload such that it may be accepted. */
static void make_plausible(struct vu_message *message, struct fuzz_input *input)
{
	const uint64_t page = fuzz_byte(input) % 32 * (uint64_t)PAGE;
	const uint64_t pages = (fuzz_byte(input) % 8 + 1) * (uint64_t)PAGE;
	const uint32_t data = message->len - (uint32_t)sizeof(struct vu_access);
	const uint64_t writes = (message->len - sizeof(uint64_t)) / sizeof(struct vu_write);
	const uint32_t rights = fuzz_byte(input) % 4;
	const uint64_t register_off = fuzz_byte(input) * UINT64_C(8);
	static const uint64_t none;

	switch (message->header.command) {
	case VU_DMA_MAP:
		put(message, 4, &rights, sizeof(rights));
		put(message, 8, &none, sizeof(none));
		put(message, 16, &page, sizeof(page));
		put(message, 24, &pages, sizeof(pages));
		break;
	case VU_DMA_UNMAP:
		put(message, 8, &page, sizeof(page));
		put(message, 16, &pages, sizeof(pages));
		break;
	case VU_REGION_WRITE:
		put(message, 12, &data, sizeof(data));
		/* fall through */
	case VU_REGION_READ:
		put(message, 0, &register_off, sizeof(register_off));
		break;
	case VU_REGION_WRITE_MULTI:
		put(message, 0, &writes, sizeof(writes));
		break;
	default:
		break;
	}
}

/* Bits of @how: 0: plausible; 1: no reply; 2: argsz is right; 3-7: how many descriptors. */
static struct vu_message *next_message(struct fuzz_input *input)
{
	const uint8_t command = fuzz_byte(input), how = fuzz_byte(input);
	const unsigned int fds = (how >> 3) % (VU_MAX_FDS + 1);
	const uint32_t len = fuzz_byte(input), argsz = len;
	const unsigned int kind = fds ? fuzz_byte(input) : 0;
	struct vu_message *message = vu_message_create(len);

	require(message);
	message->header = (struct vu_header){
		.id = 1,
		.command = command % 20,
		.size = (uint32_t)sizeof(struct vu_header) + len,
		.flags = how & 2 ? VU_NO_REPLY : 0,
	};
	for (uint32_t i = 0; i < len; i++)
		message->payload[i] = fuzz_byte(input);
	if (how & 4)
		put(message, 0, &argsz, sizeof(argsz));
	if (how & 1)
		make_plausible(message, input);
	message->fd_count = fds;
	for (unsigned int i = 0; i < fds; i++)
		message->fds[i] = make_fd(kind);
	message->fds_lost = kind & 128;
	return message;
}

static bool step(struct client *client, unsigned int *expected)
{
	struct vu_message *message;
	bool open;

	if (fuzz_byte(&client->input) % 8 == 0) {
		atomic_store(&client->answer, (enum answer)(fuzz_byte(&client->input) % ANSWERS));
		return true;
	}
	message = next_message(&client->input);
	*expected += !(message->header.flags & VU_NO_REPLY);
	open = vu_session_handle(client->session, message);
	vu_message_free(message);
	return open;
}

static void agree(struct client *client)
{
	struct vu_message *message = vu_message_create(sizeof(struct vu_version));

	require(message);
	message->header.command = VU_VERSION;
	message->header.flags = VU_NO_REPLY;
	if (!vu_session_handle(client->session, message))
		abort();
	vu_message_free(message);
}

static void run(struct client *client, struct vfio_device *device, bool agreed)
{
	unsigned int expected = 0;
	pthread_t thread;

	if (vu_session_create(device, &client->ours, &client->session) ||
	    pthread_create(&thread, NULL, run_client, client))
		abort();
	if (agreed)
		agree(client);
	for (int i = 0; i < MAX_MESSAGES && client->input.left && step(client, &expected); i++)
		;
	vu_session_end(client->session);
	vu_channel_shut(&client->ours);
	pthread_join(thread, NULL);
	vu_session_destroy(client->session);
	/* A client that is given up gets none any more. */
	require(atomic_load(&client->replies) <= expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const models[] = {"edu", "ioat", "edu,iommu=two", "ioat"};
	struct client client = {.input = {.data = data, .left = size}};
	const uint8_t options = fuzz_byte(&client.input);
	struct machine *machine;
	int fds[2], lowest, after;
	char error[256];

	log_set_level(LOG_LEVEL_ERROR);
	if (guard_install() || machine_create(&machine) ||
	    machine_add_iommu(machine, "amd,name=one", error, sizeof(error)) ||
	    machine_add_iommu(machine, "smmuv3,name=two", error, sizeof(error)) ||
	    machine_add_device(machine, models[(options >> 1) % 4], error, sizeof(error)) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		abort();
	vu_channel_init(&client.ours, fds[0], -1);
	vu_channel_init(&client.theirs, fds[1], -1);
	lowest = dup(STDERR_FILENO);
	close(lowest);
	run(&client, machine_device(machine, 0), options & 1);
	after = dup(STDERR_FILENO);
	close(after);
	require(after == lowest);
	vu_channel_destroy(&client.ours);
	vu_channel_destroy(&client.theirs);
	machine_destroy(machine);
	return 0;
}
