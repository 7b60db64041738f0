/* SPDX-License-Identifier: MIT */
#include "liar.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uiommufd/vfio.h>

#include "require.h"
#include "vfio_user/channel.h"

enum {
	MSIX = 0x50,
	LONGEST = LIAR_MAX_REPLY - 64,
};

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static void fill_config(struct liar *liar)
{
	uint8_t *config = liar->config;

	put16(config + PCI_VENDOR_ID, 0x1234);
	put16(config + PCI_DEVICE_ID, 0x5678);
	put16(config + PCI_STATUS, PCI_STATUS_CAP_LIST);
	config[PCI_CLASS_DEVICE + 1] = 0xff;
	config[PCI_CAPABILITY_LIST] = MSIX;
	config[MSIX] = PCI_CAP_ID_MSIX;
	put16(config + MSIX + PCI_MSIX_FLAGS, LIAR_VECTORS - 1);
	config[MSIX + PCI_MSIX_TABLE] = 1;
	put16(config + MSIX + PCI_MSIX_PBA, 0x800 | 1);
}

/* ---- messages ---- */

static bool read_all(int fd, void *to, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t got = recv(fd, (char *)to + have, len - have, 0);

		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return true;
}

static bool send_answer(struct liar *liar, const struct liar_answer *answer)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov[2] = {{(void *)(uintptr_t)&answer->header, sizeof(answer->header)},
			       {(void *)(uintptr_t)answer->payload, answer->len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (answer->fd_count) {
		msg.msg_control = &control;
		msg.msg_controllen = (socklen_t)CMSG_SPACE(answer->fd_count * sizeof(int));
		control.align = (struct cmsghdr){
			.cmsg_len = (socklen_t)CMSG_LEN(answer->fd_count * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.align), answer->fds, answer->fd_count * sizeof(int));
	}
	return sendmsg(liar->client, &msg, MSG_NOSIGNAL) >= 0;
}

static void set_payload(struct liar_answer *answer, const void *data, uint32_t len)
{
	memcpy(answer->payload + answer->len, data, len);
	answer->len += len;
}

/* ---- DMA ---- */

/* One request to the client and its reply. */
static int do_dma(struct liar *liar, uint64_t address, bool write)
{
	struct liar_answer request = {.fd_count = 0};
	const struct vu_dma_access access = {.address = address, .count = LIAR_BYTES};
	struct vu_header reply;
	uint8_t payload[sizeof(access) + LIAR_BYTES];

	request.header.id = ++liar->next_id;
	request.header.command = write ? VU_DMA_WRITE : VU_DMA_READ;
	set_payload(&request, &access, sizeof(access));
	if (write)
		set_payload(&request, liar->registers + LIAR_DATA, LIAR_BYTES);
	request.header.size = (uint32_t)sizeof(request.header) + request.len;
	if (liar->spoil)
		liar->spoil(liar, request.header.command, &request);
	if (!send_answer(liar, &request) || !read_all(liar->client, &reply, sizeof(reply)))
		return EIO;
	if (reply.size - sizeof(reply) > sizeof(payload) ||
	    !read_all(liar->client, payload, reply.size - sizeof(reply)))
		return EIO;
	if (reply.flags & VU_ERROR)
		return (int)reply.error;
	if (!write)
		memcpy(liar->registers + LIAR_DATA, payload + sizeof(access), LIAR_BYTES);
	return 0;
}

static void register_written(struct liar *liar, uint64_t offset)
{
	uint64_t value;
	int rc;

	memcpy(&value, liar->registers + offset, sizeof(value));
	if (offset == LIAR_READ || offset == LIAR_WRITE) {
		rc = do_dma(liar, value, offset == LIAR_WRITE);
		memcpy(liar->registers + LIAR_RESULT, &rc, sizeof(rc));
	} else if (offset == LIAR_NOTIFY && value < LIAR_VECTORS && liar->vector_fds[value] >= 0) {
		require(!eventfd_write(liar->vector_fds[value], 1));
	}
}

/* ---- commands ---- */

static void region_info(struct liar *liar, const uint8_t *payload, struct liar_answer *answer)
{
	struct {
		struct vfio_region_info info;
		struct vfio_region_info_cap_sparse_mmap cap;
		struct vfio_region_sparse_mmap_area area;
	} out = {.info.argsz = sizeof(out.info)};
	static const uint64_t sizes[] = {LIAR_BAR, 4096, 0, 0, 0, 0, 0, 256};

	memcpy(&out.info.index, payload + 8, sizeof(out.info.index));
	out.info.size = out.info.index < 8 ? sizes[out.info.index] : 0;
	out.info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (out.info.index) {
		set_payload(answer, &out, sizeof(out.info));
		return;
	}
	out.info.flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	out.info.argsz = sizeof(out);
	out.info.cap_offset = sizeof(out.info);
	out.cap.header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	out.cap.header.version = 1;
	out.cap.nr_areas = 1;
	out.area.offset = LIAR_AREA;
	out.area.size = LIAR_BAR - LIAR_AREA;
	set_payload(answer, &out, sizeof(out));
	answer->fds[answer->fd_count++] = liar->memory;
}

static void irq_info(const uint8_t *payload, struct liar_answer *answer)
{
	static const uint32_t counts[] = {1, 0, LIAR_VECTORS, 1, 1};
	struct vfio_irq_info info = {.argsz = sizeof(info)};

	memcpy(&info.index, payload + 8, sizeof(info.index));
	info.count = info.index < 5 ? counts[info.index] : 0;
	set_payload(answer, &info, sizeof(info));
}

static void set_irqs(struct liar *liar, const uint8_t *payload, int *fds, unsigned int count)
{
	struct vfio_irq_set set;

	memcpy(&set, payload, sizeof(set));
	if (set.flags & VFIO_IRQ_SET_ACTION_UNMASK)
		atomic_fetch_add(&liar->unmasks, 1);
	if (set.index > VFIO_PCI_MSIX_IRQ_INDEX)
		return;
	for (unsigned int i = 0; i < count && set.start + i < LIAR_VECTORS; i++) {
		if (liar->vector_fds[set.start + i] >= 0)
			close(liar->vector_fds[set.start + i]);
		liar->vector_fds[set.start + i] = fds[i];
		fds[i] = -1;
	}
}

static void map(struct liar *liar, const uint8_t *payload, int *fds, unsigned int count)
{
	struct vu_dma_map in;

	memcpy(&in, payload, sizeof(in));
	pthread_mutex_lock(&liar->lock);
	require(liar->map_count < LIAR_MAX_MAPS);
	liar->maps[liar->map_count++] = (struct liar_map){
		.address = in.address,
		.size = in.size,
		.offset = in.offset,
		.flags = in.flags,
		.fd = count ? fds[0] : -1,
	};
	if (count)
		fds[0] = -1;
	pthread_mutex_unlock(&liar->lock);
}

static void unmap(struct liar *liar, const uint8_t *payload)
{
	struct vu_dma_unmap in;
	unsigned int left = 0;

	memcpy(&in, payload, sizeof(in));
	pthread_mutex_lock(&liar->lock);
	for (unsigned int i = 0; i < liar->map_count; i++) {
		const struct liar_map one = liar->maps[i];

		if (in.flags & VU_UNMAP_ALL || (one.address == in.address && one.size == in.size)) {
			if (one.fd >= 0)
				close(one.fd);
			continue;
		}
		liar->maps[left++] = one;
	}
	liar->map_count = left;
	pthread_mutex_unlock(&liar->lock);
}

bool liar_find_map(struct liar *liar, uint64_t address, struct liar_map *found)
{
	bool is = false;

	pthread_mutex_lock(&liar->lock);
	for (unsigned int i = 0; i < liar->map_count && !is; i++) {
		is = liar->maps[i].address == address;
		*found = liar->maps[i];
	}
	pthread_mutex_unlock(&liar->lock);
	return is;
}

static void access_region(struct liar *liar, uint16_t command, const uint8_t *payload,
			  struct liar_answer *answer)
{
	struct vu_access access;
	uint8_t *at = NULL;

	memcpy(&access, payload, sizeof(access));
	if (access.region == 7 && access.offset + access.count <= sizeof(liar->config))
		at = liar->config + access.offset;
	if (access.region == 0 && access.offset + access.count <= sizeof(liar->registers))
		at = liar->registers + access.offset;
	if (!at) {
		answer->header.flags |= VU_ERROR;
		answer->header.error = EINVAL;
		return;
	}
	set_payload(answer, &access, sizeof(access));
	if (command == VU_REGION_READ) {
		set_payload(answer, at, access.count);
		return;
	}
	memcpy(at, payload + sizeof(access), access.count);
	if (access.region == 0)
		register_written(liar, access.offset);
}

/* ---- migration ---- */

static void feature(struct liar *liar, const uint8_t *payload, struct liar_answer *answer)
{
	static const struct vfio_device_feature_migration migration = {
		.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P,
	};
	struct vfio_device_feature_mig_state state;
	struct vu_feature head;

	memcpy(&head, payload, sizeof(head));
	set_payload(answer, &head, sizeof(head));
	if (head.flags & VFIO_DEVICE_FEATURE_GET) {
		set_payload(answer, &migration, sizeof(migration));
		return;
	}
	memcpy(&state, payload + sizeof(head), sizeof(state));
	atomic_store(&liar->state, state.device_state);
	liar->sent = false;
}

static void read_state(struct liar *liar, struct liar_answer *answer)
{
	const uint32_t size = liar->sent ? 0 : LIAR_BYTES;
	const struct vu_mig_data head = {(uint32_t)sizeof(head) + size, size};

	set_payload(answer, &head, sizeof(head));
	set_payload(answer, liar->registers + LIAR_DATA, size);
	liar->sent = true;
}

static void carry_out(struct liar *liar, const struct vu_header *request, const uint8_t *payload,
		      int *fds, unsigned int count, struct liar_answer *answer)
{
	static const char capabilities[] = "{\"capabilities\":{\"max_msg_fds\":8}}";
	static const struct vu_version version = {VU_MAJOR, VU_MINOR};
	static const struct vu_device_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		.region_count = 9,
		.irq_count = 5,
	};

	switch (request->command) {
	case VU_VERSION:
		set_payload(answer, &version, sizeof(version));
		set_payload(answer, capabilities, sizeof(capabilities));
		break;
	case VU_DEVICE_GET_INFO:
		set_payload(answer, &info, sizeof(info));
		break;
	case VU_DEVICE_GET_REGION_INFO:
		region_info(liar, payload, answer);
		break;
	case VU_DEVICE_GET_IRQ_INFO:
		irq_info(payload, answer);
		break;
	case VU_DEVICE_SET_IRQS:
		set_irqs(liar, payload, fds, count);
		break;
	case VU_DMA_MAP:
		map(liar, payload, fds, count);
		break;
	case VU_DMA_UNMAP:
		unmap(liar, payload);
		break;
	case VU_DEVICE_RESET:
		atomic_fetch_add(&liar->resets, 1);
		atomic_store(&liar->state, VFIO_DEVICE_STATE_RUNNING);
		break;
	case VU_DEVICE_FEATURE:
		feature(liar, payload, answer);
		break;
	case VU_MIG_DATA_READ:
		read_state(liar, answer);
		break;
	case VU_MIG_DATA_WRITE:
		memcpy(liar->registers + LIAR_DATA, payload + sizeof(struct vu_mig_data),
		       LIAR_BYTES);
		break;
	default:
		access_region(liar, request->command, payload, answer);
	}
}

/* ---- the thread ---- */

static bool receive(int from, struct vu_header *header, uint8_t payload[LIAR_MAX_REPLY], int *fds,
		    unsigned int *count)
{
	struct vu_channel channel = {.fd = from, .timeout_ms = -1};
	struct vu_message *message;

	if (vu_channel_receive(&channel, -1, &message))
		return false;
	require(message->len <= LONGEST);
	*header = message->header;
	memcpy(payload, message->payload, message->len);
	*count = message->fd_count;
	memcpy(fds, message->fds, message->fd_count * sizeof(*fds));
	message->fd_count = 0;
	vu_message_free(message);
	return true;
}

/* False: the client is gone. */
static bool serve_one(struct liar *liar)
{
	struct liar_answer answer = {.fd_count = 0};
	uint8_t payload[LIAR_MAX_REPLY];
	struct vu_header request;
	unsigned int count;
	int fds[16];
	bool there;

	if (!receive(liar->client, &request, payload, fds, &count))
		return false;
	answer.header = (struct vu_header){
		.id = request.id,
		.command = request.command,
		.flags = VU_TYPE_REPLY,
	};
	carry_out(liar, &request, payload, fds, count, &answer);
	for (unsigned int i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	answer.header.size = (uint32_t)sizeof(answer.header) + answer.len;
	if (liar->spoil)
		liar->spoil(liar, request.command, &answer);
	there = !answer.leave;
	if (there && !answer.silent && !(request.flags & VU_NO_REPLY))
		there = send_answer(liar, &answer);
	return there;
}

static void forget_client(struct liar *liar)
{
	static const uint8_t all[] = {
		24, 0, 0, 0, VU_UNMAP_ALL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

	unmap(liar, all);
	for (unsigned int i = 0; i < LIAR_VECTORS; i++) {
		if (liar->vector_fds[i] >= 0)
			close(liar->vector_fds[i]);
		liar->vector_fds[i] = -1;
	}
	close(liar->client);
}

static void *run(void *arg)
{
	struct liar *liar = arg;

	while ((liar->client = accept4(liar->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		atomic_fetch_add(&liar->clients, 1);
		while (!atomic_load(&liar->end) && serve_one(liar))
			;
		forget_client(liar);
		if (atomic_load(&liar->end))
			break;
	}
	return NULL;
}

void liar_start(struct liar *liar)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static unsigned int number;

	pthread_mutex_init(&liar->lock, NULL);
	fill_config(liar);
	for (unsigned int i = 0; i < LIAR_VECTORS; i++)
		liar->vector_fds[i] = -1;
	liar->memory = memfd_create("area", MFD_CLOEXEC);
	require(liar->memory >= 0 && !ftruncate(liar->memory, LIAR_BAR));
	snprintf(liar->path, sizeof(liar->path), "/tmp/liar-%d-%u.socket", getpid(), number++);
	strcpy(address.sun_path, liar->path);
	liar->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(!bind(liar->listener, (const struct sockaddr *)&address, sizeof(address)));
	require(!listen(liar->listener, 4));
	require(!pthread_create(&liar->thread, NULL, run, liar));
}

void liar_stop(struct liar *liar)
{
	atomic_store(&liar->end, true);
	shutdown(liar->listener, SHUT_RDWR);
	pthread_join(liar->thread, NULL);
	close(liar->listener);
	close(liar->memory);
	unlink(liar->path);
	pthread_mutex_destroy(&liar->lock);
}
