/* SPDX-License-Identifier: MIT */
/*
 * DEVICE_FEATURE, of VFIO's features: the log of the pages that the device writes, and migration.
 * What VFIO's structures reach by pointers is part of the message here, and of the reply; instead
 * of data_fd there are messages (session_migration.c).
 */
#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "vfio_user/session.h"

/* The head of a feature, and the data of any that there is. */
struct feature {
	struct vfio_device_feature head;
	union {
		struct vfio_device_feature_dma_logging_control control;
		struct vfio_device_feature_dma_logging_report report;
		struct vfio_device_feature_migration migration;
		struct vfio_device_feature_mig_state state;
		struct vfio_device_feature_mig_data_size data_size;
	} data;
};

static const uint32_t ops = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_PROBE;

static int ask(struct vu_session *session, struct feature *feature)
{
	_Static_assert(offsetof(struct feature, data) == sizeof(feature->head), "one structure");
	feature->head.argsz = sizeof(*feature);
	return engine_device_ioctl(session->caller, VFIO_DEVICE_FEATURE, feature);
}

/* @data: what is behind the head. */
static int start_log(struct vu_session *session, struct feature *feature, uint8_t *data,
		     uint32_t len)
{
	const uint32_t width = sizeof(struct vfio_device_feature_dma_logging_range);
	struct vfio_device_feature_dma_logging_range all = {0};
	struct vu_log_start start;

	if (len < sizeof(start))
		return vu_refuse(session, "it is too short");
	memcpy(&start, data, sizeof(start));
	if (start.range_count > (len - sizeof(start)) / width)
		return vu_refuse(session, "its count is not that of its ranges");
	feature->data.control = (struct vfio_device_feature_dma_logging_control){
		.page_size = start.page_size,
		.num_ranges = start.range_count,
		.ranges = (uint64_t)(uintptr_t)(data + sizeof(start)),
	};
	/* No ranges are all memory, for libvfio-user's clients. VFIO demands one. */
	if (!start.range_count) {
		all.length = UINT64_MAX & ~(start.page_size - 1);
		feature->data.control.num_ranges = 1;
		feature->data.control.ranges = (uint64_t)(uintptr_t)&all;
	}
	return ask(session, feature);
}

/* @most: how long the client wants the reply to be at most. */
static int report_log(struct vu_session *session, struct feature *feature, const uint8_t *data,
		      uint32_t len, uint32_t most, struct vu_reply *reply)
{
	const uint32_t head = sizeof(struct vu_feature) + sizeof(struct vu_log_report);
	struct vu_log_report report;
	uint64_t pages, bytes;
	uint8_t *out;

	if (len < sizeof(report))
		return vu_refuse(session, "it is too short");
	memcpy(&report, data, sizeof(report));
	if (!report.page_size || !is_power_of_two(report.page_size) || !report.length)
		return vu_refuse(session, "it is for no pages");
	pages = (report.length - 1) / report.page_size + 1;
	bytes = (pages - 1) / 64 * 8 + 8;
	if (bytes > VU_MAX_DATA || head + bytes > most)
		return vu_refuse(session, "its argsz is too small, or the bitmap too large");
	out = vu_reply_reserve(reply, (uint32_t)(head + bytes));
	if (!out)
		return -ENOMEM;
	memcpy(out + sizeof(struct vu_feature), &report, sizeof(report));
	feature->data.report = (struct vfio_device_feature_dma_logging_report){
		.iova = report.iova,
		.length = report.length,
		.page_size = report.page_size,
		.bitmap = (uint64_t)(uintptr_t)(out + head),
	};
	return ask(session, feature);
}

/* A feature whose data, of @size bytes, are VFIO's. */
static int pass(struct vu_session *session, struct feature *feature, const uint8_t *data,
		uint32_t len, uint32_t size, struct vu_reply *reply)
{
	const bool state = (feature->head.flags & VFIO_DEVICE_FEATURE_MASK) ==
			   VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	uint8_t *out;
	int rc;

	if (feature->head.flags & VFIO_DEVICE_FEATURE_SET && len < size)
		return vu_refuse(session, "it is too short");
	memcpy(&feature->data, data, len < size ? len : size);
	rc = ask(session, feature);
	if (rc)
		return rc;
	if (state)
		feature->data.state.data_fd = -1;
	out = vu_reply_reserve(reply, (uint32_t)sizeof(struct vu_feature) + size);
	if (!out)
		return -ENOMEM;
	memcpy(out + sizeof(struct vu_feature), &feature->data, size);
	return 0;
}

/* Carries out what the flags say. */
static int run(struct vu_session *session, struct feature *feature, struct vu_message *request,
	       const struct vu_feature *head, struct vu_reply *reply)
{
	uint8_t *data = request->payload + sizeof(*head);
	const uint32_t len = request->len - (uint32_t)sizeof(*head);

	if (head->flags & VFIO_DEVICE_FEATURE_PROBE)
		return ask(session, feature);
	switch (head->flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_START:
		return start_log(session, feature, data, len);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT:
		return report_log(session, feature, data, len, head->argsz, reply);
	case VFIO_DEVICE_FEATURE_MIGRATION:
		return pass(session, feature, data, len, sizeof(feature->data.migration), reply);
	case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
		return pass(session, feature, data, len, sizeof(feature->data.state), reply);
	case VFIO_DEVICE_FEATURE_MIG_DATA_SIZE:
		return pass(session, feature, data, len, sizeof(feature->data.data_size), reply);
	default:
		return ask(session, feature);
	}
}

static bool is_offered(uint32_t feature)
{
	return feature == VFIO_DEVICE_FEATURE_DMA_LOGGING_START ||
	       feature == VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP ||
	       feature == VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT ||
	       feature == VFIO_DEVICE_FEATURE_MIGRATION ||
	       feature == VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE ||
	       feature == VFIO_DEVICE_FEATURE_MIG_DATA_SIZE;
}

/* Without data of its own, a reply repeats the request: libvfio-user's client waits for it. */
static int complete(struct vu_reply *reply, struct vu_feature *head,
		    const struct vu_message *request)
{
	if (!reply->bytes) {
		if (!vu_reply_reserve(reply, request->len))
			return -ENOMEM;
		memcpy(reply->bytes, request->payload, request->len);
	}
	head->argsz = reply->len;
	memcpy(reply->bytes, head, sizeof(*head));
	return 0;
}

int vu_handle_feature(struct vu_session *session, struct vu_message *request,
		      struct vu_reply *reply)
{
	struct feature feature = {.head = {0}};
	struct vu_feature head;
	int rc;

	memcpy(&head, request->payload, sizeof(head));
	if (head.argsz < sizeof(head))
		return vu_refuse(session, "its argsz is too small");
	if (head.flags & ~(VFIO_DEVICE_FEATURE_MASK | ops))
		return vu_refuse(session, "it has unknown flags");
	if (!is_offered(head.flags & VFIO_DEVICE_FEATURE_MASK))
		return -ENOTTY;
	feature.head.flags = head.flags;
	rc = run(session, &feature, request, &head, reply);
	if (rc)
		return rc;
	return complete(reply, &head, request);
}
