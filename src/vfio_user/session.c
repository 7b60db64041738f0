/* SPDX-License-Identifier: MIT */
/* The life of a session; the table of commands; those about the connection, memory and reset. */
#include "vfio_user/session.h"

#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/sys.h"
#include "vfio_user/capabilities.h"

struct command {
	const char *name; /* NULL: the server does not have it */
	uint32_t least;	  /* bytes of payload */
	uint32_t most;
	unsigned int fds; /* the most that come with it */
	int (*handle)(struct vu_session *session, struct vu_message *request,
		      struct vu_reply *reply);
};

/* ---- replies ---- */

void *vu_reply_reserve(struct vu_reply *reply, uint32_t len)
{
	reply->bytes = alloc_zeroed(len);
	if (reply->bytes)
		reply->len = len;
	return reply->bytes;
}

/* The payload is a copy of @data. 0 or -ENOMEM. */
static int reply_with(struct vu_reply *reply, const void *data, uint32_t len)
{
	void *bytes = vu_reply_reserve(reply, len);

	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, data, len);
	return 0;
}

int vu_refuse(struct vu_session *session, const char *why)
{
	session->why = why;
	return -EINVAL;
}

/* ---- VERSION ---- */

static int handle_version(struct vu_session *session, struct vu_message *request,
			  struct vu_reply *reply)
{
	const char *text = (const char *)request->payload + sizeof(struct vu_version);
	const char *ours = vu_capabilities_of_server();
	struct vu_capabilities theirs;
	struct vu_version version;
	uint8_t *bytes;

	if (session->agreed)
		return vu_refuse(session, "the version is agreed on already");
	memcpy(&version, request->payload, sizeof(version));
	if (version.major != VU_MAJOR)
		return vu_refuse(session, "its major version is not 0");
	if (request->len == sizeof(version))
		text = "";
	else if (request->payload[request->len - 1])
		return vu_refuse(session, "its capabilities do not end with a 0");
	if (vu_capabilities_read(text, &theirs))
		return vu_refuse(session, "its capabilities are malformed");
	if (version.minor > VU_MINOR)
		version.minor = VU_MINOR;
	bytes = vu_reply_reserve(reply, (uint32_t)(sizeof(version) + strlen(ours) + 1));
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, &version, sizeof(version));
	memcpy(bytes + sizeof(version), ours, strlen(ours) + 1);
	session->dma.max_data = min_u64(theirs.max_data_xfer_size, VU_MAX_DATA);
	session->agreed = true;
	return 0;
}

/* ---- memory ---- */

static int handle_dma_map(struct vu_session *session, struct vu_message *request,
			  struct vu_reply *reply)
{
	struct vu_dma_map map;
	int rc;

	(void)reply;
	memcpy(&map, request->payload, sizeof(map));
	if (map.argsz < sizeof(map))
		return vu_refuse(session, "its argsz is too small");
	if (map.flags & ~(uint32_t)(VU_DMA_READABLE | VU_DMA_WRITABLE))
		return vu_refuse(session, "it has unknown flags");
	rc = vu_memory_map(&session->memory, &map, request->fd_count ? request->fds[0] : -1);
	if (rc && session->reported & 1u << VU_DMA_MAP)
		return rc;
	if (rc) {
		session->reported |= 1u << VU_DMA_MAP;
		log_fault("vfio-user: DMA_MAP of 0x%llx bytes at 0x%llx is refused: %s",
			  (unsigned long long)map.size, (unsigned long long)map.address,
			  strerror(-rc));
	}
	return rc;
}

static int handle_dma_unmap(struct vu_session *session, struct vu_message *request,
			    struct vu_reply *reply)
{
	struct vu_dma_unmap unmap;
	int rc;

	memcpy(&unmap, request->payload, sizeof(unmap));
	if (unmap.argsz < sizeof(unmap))
		return vu_refuse(session, "its argsz is too small");
	/* Dirty pages are reported by DEVICE_FEATURE. */
	if (unmap.flags & ~(uint32_t)VU_UNMAP_ALL)
		return vu_refuse(session, "it has unknown flags");
	if (unmap.flags & VU_UNMAP_ALL && (unmap.address || unmap.size))
		return vu_refuse(session, "it is for all memory and names a range");
	if (unmap.flags & VU_UNMAP_ALL)
		rc = vu_memory_unmap_all(&session->memory);
	else
		rc = vu_memory_unmap(&session->memory, unmap.address, unmap.size);
	if (rc)
		return rc;
	unmap.argsz = sizeof(unmap);
	return reply_with(reply, &unmap, sizeof(unmap));
}

/* ---- the device ---- */

static int handle_device_info(struct vu_session *session, struct vu_message *request,
			      struct vu_reply *reply)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	struct vu_device_info out;
	int rc;

	memcpy(&out, request->payload, sizeof(out));
	if (out.argsz < sizeof(out))
		return vu_refuse(session, "its argsz is too small");
	rc = engine_device_ioctl(session->caller, VFIO_DEVICE_GET_INFO, &info);
	if (rc)
		return rc;
	out = (struct vu_device_info){
		.argsz = sizeof(out),
		.flags = info.flags,
		.region_count = info.num_regions,
		.irq_count = info.num_irqs,
	};
	return reply_with(reply, &out, sizeof(out));
}

static int handle_reset(struct vu_session *session, struct vu_message *request,
			struct vu_reply *reply)
{
	(void)request, (void)reply;
	return engine_device_ioctl(session->caller, VFIO_DEVICE_RESET, NULL);
}

/* ---- the table ---- */

static const struct command commands[] = {
	[VU_VERSION] = {"VERSION", sizeof(struct vu_version), VU_MAX_PAYLOAD, 0, handle_version},
	[VU_DMA_MAP] = {"DMA_MAP", sizeof(struct vu_dma_map), VU_MAX_PAYLOAD, 1, handle_dma_map},
	[VU_DMA_UNMAP] = {"DMA_UNMAP", sizeof(struct vu_dma_unmap), VU_MAX_PAYLOAD, 0,
			  handle_dma_unmap},
	[VU_DEVICE_GET_INFO] = {"DEVICE_GET_INFO", sizeof(struct vu_device_info), VU_MAX_PAYLOAD, 0,
				handle_device_info},
	[VU_DEVICE_GET_REGION_INFO] = {"DEVICE_GET_REGION_INFO", sizeof(struct vfio_region_info),
				       VU_MAX_PAYLOAD, 0, vu_handle_region_info},
	[VU_DEVICE_GET_REGION_IO_FDS] = {"DEVICE_GET_REGION_IO_FDS",
					 sizeof(struct vu_region_io_fds), VU_MAX_PAYLOAD, 0,
					 vu_handle_region_io_fds},
	[VU_DEVICE_GET_IRQ_INFO] = {"DEVICE_GET_IRQ_INFO", sizeof(struct vfio_irq_info),
				    VU_MAX_PAYLOAD, 0, vu_handle_irq_info},
	[VU_DEVICE_SET_IRQS] = {"DEVICE_SET_IRQS", sizeof(struct vfio_irq_set), VU_MAX_PAYLOAD,
				VU_MAX_FDS, vu_handle_set_irqs},
	[VU_REGION_READ] = {"REGION_READ", sizeof(struct vu_access), sizeof(struct vu_access), 0,
			    vu_handle_read},
	[VU_REGION_WRITE] = {"REGION_WRITE", sizeof(struct vu_access), VU_MAX_PAYLOAD, 0,
			     vu_handle_write},
	[VU_DEVICE_RESET] = {"DEVICE_RESET", 0, 0, 0, handle_reset},
	[VU_REGION_WRITE_MULTI] = {"REGION_WRITE_MULTI", sizeof(uint64_t), VU_MAX_PAYLOAD, 0,
				   vu_handle_write_multi},
	[VU_DEVICE_FEATURE] = {"DEVICE_FEATURE", sizeof(struct vu_feature), VU_MAX_PAYLOAD, 0,
			       vu_handle_feature},
	[VU_MIG_DATA_READ] = {"MIG_DATA_READ", sizeof(struct vu_mig_data), VU_MAX_PAYLOAD, 0,
			      vu_handle_mig_data_read},
	[VU_MIG_DATA_WRITE] = {"MIG_DATA_WRITE", sizeof(struct vu_mig_data), VU_MAX_PAYLOAD, 0,
			       vu_handle_mig_data_write},
};

static const struct command *find_command(uint16_t number)
{
	if (number >= sizeof(commands) / sizeof(commands[0]) || !commands[number].handle)
		return NULL;
	return &commands[number];
}

/* Checks what all commands have in common, and carries @request out. */
static int carry_out(struct vu_session *session, struct vu_message *request, struct vu_reply *reply)
{
	const struct command *command = find_command(request->header.command);

	if (!session->agreed && request->header.command != VU_VERSION)
		return vu_refuse(session, "it comes before VERSION");
	if (request->header.flags & ~(uint32_t)VU_NO_REPLY)
		return vu_refuse(session, "its header has unknown flags");
	if (!command) {
		session->why = "there is no such command";
		return -EOPNOTSUPP;
	}
	if (request->len < command->least)
		return vu_refuse(session, "it is too short");
	if (request->len > command->most)
		return vu_refuse(session, "it is too long");
	if (request->fd_count > command->fds || request->fds_lost)
		return vu_refuse(session, "it has too many descriptors");
	return command->handle(session, request, reply);
}

/* A client that is in the wrong again and again gets a line for each command once. */
static void report(struct vu_session *session, const struct vu_message *request)
{
	const uint16_t number = request->header.command;
	const struct command *command = find_command(number);
	const uint32_t bit = 1u << (number < 31 ? number : 31);

	if (session->reported & bit)
		return;
	session->reported |= bit;
	log_fault("vfio-user: command %u%s%s%s of the client is refused: %s", number,
		  command ? " (" : "", command ? command->name : "", command ? ")" : "",
		  session->why);
}

/* False: the client is gone. */
static bool answer(struct vu_session *session, const struct vu_message *request, int rc,
		   const struct vu_reply *reply)
{
	const struct vu_part parts[2] = {{reply->bytes, rc ? 0 : reply->len}, {NULL, 0}};
	struct vu_header header = {
		.id = request->header.id,
		.command = request->header.command,
		.flags = VU_TYPE_REPLY | (rc ? VU_ERROR : 0),
		.error = (uint32_t)-rc,
	};

	if (request->header.flags & VU_NO_REPLY)
		return true;
	rc = vu_channel_send_with(session->channel, &header, parts, &reply->fd,
				  !rc && reply->fd >= 0);
	if (rc == -ETIMEDOUT)
		log_fault("vfio-user: the client does not read what it is answered; its connection "
			  "is closed");
	return !rc;
}

bool vu_session_handle(struct vu_session *session, struct vu_message *request)
{
	struct vu_reply reply = {.fd = -1};
	bool there;
	int rc;

	session->why = NULL;
	session->caller->message = request;
	rc = carry_out(session, request, &reply);
	session->caller->message = NULL;
	if (session->why)
		report(session, request);
	there = answer(session, request, rc, &reply);
	alloc_free(reply.bytes);
	/* Without a version there is nothing to go on with. */
	return there && session->agreed;
}

int vu_session_deliver(struct vu_session *session, struct vu_message *reply)
{
	return vu_dma_deliver(&session->dma, reply);
}

void vu_session_end(struct vu_session *session)
{
	vu_dma_end(&session->dma);
}

/* ---- life ---- */

/* Opens the device, binds it to the context, and attaches it to the client's memory. */
static int take_device(struct vu_session *session, struct vfio_device *device)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = ENGINE_FD_CONTEXT,
	};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = session->memory.ioas,
	};
	int rc = vfio_device_open(device, &session->caller->device);

	if (rc)
		return rc;
	rc = engine_device_ioctl(session->caller, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (rc)
		return rc == -EINVAL ? -EBUSY : rc;
	return engine_device_ioctl(session->caller, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

static void close_memory(struct vu_session *session)
{
	for (unsigned int i = 0; i < VU_REGIONS; i++) {
		if (session->regions[i].memory >= 0)
			sys_close(session->regions[i].memory);
	}
}

/* The memory of the device's BARs, for one client: the one before keeps what it has mapped. */
static int share_memory(struct vu_session *session, struct vfio_device *device)
{
	int rc = 0;

	for (unsigned int i = 0; i < VU_REGIONS; i++)
		session->regions[i].memory = -1;
	for (unsigned int i = 0; !rc && i <= VFIO_PCI_BAR5_REGION_INDEX; i++)
		rc = vfio_device_share_memory(device, i, &session->regions[i].memory);
	return rc;
}

/* Asks once what does not change. */
static int learn_device(struct vu_session *session)
{
	int rc;

	for (uint32_t i = 0; i < VU_REGIONS; i++) {
		struct vfio_region_info info = {.argsz = sizeof(info), .index = i};

		rc = engine_device_ioctl(session->caller, VFIO_DEVICE_GET_REGION_INFO, &info);
		if (rc == -EINVAL) /* VGA */
			continue;
		if (rc)
			return rc;
		session->regions[i].size = info.size;
		session->regions[i].pos = info.offset;
		session->regions[i].flags = info.flags;
	}
	for (uint32_t i = 0; i < VU_IRQS; i++) {
		struct vfio_irq_info info = {.argsz = sizeof(info), .index = i};

		rc = engine_device_ioctl(session->caller, VFIO_DEVICE_GET_IRQ_INFO, &info);
		if (rc)
			return rc;
		session->irq_counts[i] = info.count;
	}
	return 0;
}

int vu_session_create(struct vfio_device *device, struct vu_channel *channel,
		      struct vu_session **out)
{
	struct vu_session *session = alloc_zeroed(sizeof(*session));
	int rc;

	if (!session)
		return -ENOMEM;
	session->channel = channel;
	vu_dma_init(&session->dma, channel);
	rc = engine_caller_create(&session->caller);
	if (rc)
		goto out_session;
	rc = vu_memory_init(&session->memory, session->caller, &session->dma);
	if (rc)
		goto out_caller;
	session->model = vfio_device_model(device);
	rc = share_memory(session, device);
	if (!rc)
		rc = take_device(session, device);
	if (!rc)
		rc = learn_device(session);
	if (rc)
		goto out_memory;
	*out = session;
	return 0;

out_memory:
	close_memory(session);
out_caller:
	engine_caller_destroy(session->caller);
out_session:
	vu_dma_destroy(&session->dma);
	alloc_free(session);
	return rc;
}

void vu_session_destroy(struct vu_session *session)
{
	/* DMA that waits for the client would keep the device. */
	vu_session_end(session);
	engine_close_device(session->caller);
	close_memory(session);
	vu_memory_destroy(&session->memory);
	engine_caller_destroy(session->caller);
	vu_dma_destroy(&session->dma);
	alloc_free(session);
}
