/* SPDX-License-Identifier: MIT */
/*
 * See migration_stream.h. Numbers are little endian. Loading goes through the stream twice: what
 * the first pass has checked, the second one takes over, and only the model can refuse in between.
 */
#include "vfio/migration_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/crc32.h"
#include "base/last_error.h"

enum record_type {
	RECORD_IDENTITY = 1,
	RECORD_INTERRUPTS,
	RECORD_MEMORY,
	RECORD_STATE,
	RECORD_END,
	RECORD_TYPES,
};

struct record {
	uint32_t type; /* enum record_type */
	uint32_t part; /* MEMORY: the index in the model's bar_parts; else 0 */
	uint64_t len;  /* of what follows */
};

enum {
	STREAM_VERSION = 1,
	NAME_BYTES = 32,
	SMALLEST_ROOM = 4096,
	MAX_PENDING_WORDS = 2048 / 64, /* of MSI-X */
};
#define MAGIC UINT64_C(0x6466756d6d6f6975) /* "uiommufd" in memory */

struct identity {
	uint64_t magic;
	uint32_t version;	/* STREAM_VERSION */
	uint32_t saved_version; /* of the model's state */
	char model[NAME_BYTES]; /* its name, padded with zeros */
	uint16_t vendor, device;
	uint32_t revision;
	uint32_t vectors; /* of MSI-X */
	uint32_t zero;
	uint64_t bars[PCI_BARS]; /* their sizes */
};

/* ---- the buffer ---- */

void mig_buffer_free(struct mig_buffer *buffer)
{
	alloc_free(buffer->bytes);
	*buffer = (struct mig_buffer){.bytes = NULL};
}

int mig_buffer_append(struct mig_buffer *buffer, const void *bytes, size_t len)
{
	size_t room = buffer->room ? buffer->room : SMALLEST_ROOM;
	void *larger;

	if (len > SIZE_MAX / 4 - buffer->len)
		return -ENOMEM;
	while (room < buffer->len + len)
		room *= 2;
	if (room != buffer->room) {
		larger = buffer->bytes ? alloc_resize(buffer->bytes, room, 1)
				       : alloc_array(room, 1);
		if (!larger)
			return -ENOMEM;
		buffer->bytes = larger;
		buffer->room = room;
	}
	if (len)
		memcpy(buffer->bytes + buffer->len, bytes, len);
	buffer->len += len;
	return 0;
}

/* ---- writing ---- */

static int put_record(struct mig_buffer *buffer, enum record_type type, uint32_t part,
		      const void *bytes, uint64_t len)
{
	const struct record head = {.type = type, .part = part, .len = len};
	int rc = mig_buffer_append(buffer, &head, sizeof(head));

	return rc ? rc : mig_buffer_append(buffer, bytes, len);
}

static struct identity identity_of(const struct vfio_device *device)
{
	const struct uiommufd_model *model = device->model;
	struct identity id;

	memset(&id, 0, sizeof(id));
	id.magic = MAGIC;
	id.version = STREAM_VERSION;
	id.saved_version = model->saved_version;
	snprintf(id.model, sizeof(id.model), "%s", model->name);
	id.vendor = model->vendor;
	id.device = model->device;
	id.revision = model->revision;
	id.vectors = model->msix_vectors;
	for (unsigned int i = 0; i < PCI_BARS; i++)
		id.bars[i] = model->bars[i].size;
	return id;
}

/* The part of a BAR with index @i, if it is memory; else NULL. */
static const struct bar_part *memory_part(const struct vfio_device *device, unsigned int i)
{
	const struct bar_part *part = &device->bar_parts[i];

	return part->model && part->model->kind == UIOMMUFD_PART_MEMORY ? part : NULL;
}

static unsigned int pending_words(const struct vfio_device *device)
{
	return (device->model->msix_vectors + 63) / 64;
}

uint64_t mig_stream_estimate(const struct vfio_device *device)
{
	uint64_t bytes = 4 * sizeof(struct record) + sizeof(struct identity) + sizeof(uint32_t) +
			 sizeof(uint64_t) * (1 + pending_words(device)) +
			 device->model->saved_bytes;

	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		if (memory_part(device, i))
			bytes += sizeof(struct record) + memory_part(device, i)->model->size;
	}
	return bytes;
}

int mig_stream_put_identity(const struct vfio_device *device, struct mig_buffer *buffer)
{
	const struct identity id = identity_of(device);

	return put_record(buffer, RECORD_IDENTITY, 0, &id, sizeof(id));
}

static int put_interrupts(struct vfio_device *device, struct mig_buffer *buffer)
	REQUIRES(device->lock)
{
	const unsigned int words = pending_words(device);
	uint64_t state[1 + MAX_PENDING_WORDS];

	lock_assert_held(&device->lock);
	state[0] = vfio_irqs_status(&device->irqs).intx;
	for (unsigned int i = 0; i < words; i++)
		state[1 + i] = vfio_irqs_read_pending(&device->irqs, i * sizeof(state[0]),
						      sizeof(state[0]));
	return put_record(buffer, RECORD_INTERRUPTS, 0, state, (1 + words) * sizeof(state[0]));
}

static int put_memory(struct vfio_device *device, struct mig_buffer *buffer) REQUIRES(device->lock)
{
	lock_assert_held(&device->lock);
	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		const struct bar_part *part = memory_part(device, i);
		int rc =
			part ? put_record(buffer, RECORD_MEMORY, i, part->memory, part->model->size)
			     : 0;

		if (rc)
			return rc;
	}
	return 0;
}

/* A saver whose bytes become those of the record STATE. */
struct state_saver {
	struct uiommufd_saver saver;
	struct mig_buffer *buffer;
};

static int append(struct uiommufd_saver *saver, const void *bytes, size_t len)
{
	return mig_buffer_append(((struct state_saver *)saver)->buffer, bytes, len);
}

static int put_model(struct vfio_device *device, struct mig_buffer *buffer) REQUIRES(device->lock)
{
	struct state_saver saver = {.saver.append = append, .buffer = buffer};
	const size_t at = buffer->len;
	struct record head = {.type = RECORD_STATE};
	int rc;

	lock_assert_held(&device->lock);
	rc = mig_buffer_append(buffer, &head, sizeof(head));
	if (!rc)
		rc = device->model->save(&device->dev, &saver.saver);
	if (rc)
		return refuse_unless_said(rc, "the model cannot save its state");
	head.len = buffer->len - at - sizeof(head);
	memcpy(buffer->bytes + at, &head, sizeof(head));
	return 0;
}

int mig_stream_put_state(struct vfio_device *device, struct mig_buffer *buffer)
{
	uint32_t crc;
	int rc;

	lock_assert_held(&device->lock);
	if ((rc = put_interrupts(device, buffer)) || (rc = put_memory(device, buffer)) ||
	    (rc = put_model(device, buffer)))
		return rc;
	crc = crc32_ieee(buffer->bytes, buffer->len);
	return put_record(buffer, RECORD_END, 0, &crc, sizeof(crc));
}

/* ---- reading ---- */

static int check_identity(const struct vfio_device *device, const struct identity *id)
{
	const struct identity own = identity_of(device);

	if (id->magic != MAGIC)
		return refuse(-EINVAL, "the stream is not the state of a device of uiommufd");
	if (id->version != STREAM_VERSION)
		return refuse(-EINVAL, "the stream has version %u of the format: %u is known",
			      id->version, (unsigned int)STREAM_VERSION);
	if (memcmp(id->model, own.model, sizeof(id->model)) != 0)
		return refuse(-EINVAL, "the stream is of the model \"%.*s\", the device is \"%s\"",
			      (int)sizeof(id->model), id->model, device->model->name);
	if (!id->saved_version || id->saved_version > own.saved_version)
		return refuse(
			-EINVAL,
			"the stream has version %u of the model's state: this one knows 1 to %u",
			id->saved_version, own.saved_version);
	if (id->vendor != own.vendor || id->device != own.device || id->revision != own.revision ||
	    id->vectors != own.vectors || memcmp(id->bars, own.bars, sizeof(own.bars)) != 0 ||
	    id->zero)
		return refuse(-EINVAL, "the stream is of a device with other IDs, BARs or vectors");
	return 0;
}

int mig_stream_check_identity(const struct vfio_device *device, const struct mig_buffer *buffer)
{
	const uint64_t magic = MAGIC;
	struct record head;
	struct identity id;

	if (buffer->len < sizeof(head) + sizeof(magic))
		return 0;
	memcpy(&head, buffer->bytes, sizeof(head));
	if (head.type != RECORD_IDENTITY || head.part || head.len != sizeof(id) ||
	    memcmp(buffer->bytes + sizeof(head), &magic, sizeof(magic)) != 0)
		return refuse(-EINVAL, "the stream is not the state of a device of uiommufd");
	if (buffer->len < sizeof(head) + sizeof(id))
		return 0;
	memcpy(&id, buffer->bytes + sizeof(head), sizeof(id));
	return check_identity(device, &id);
}

static int damaged(const char *what)
{
	return refuse(-EINVAL, "the stream is damaged: %s", what);
}

/* What the first pass finds. */
struct parts {
	uint32_t saved_version;
	const uint8_t *state;
	size_t state_len;
	const uint8_t *interrupts;
	const uint8_t *memory[UIOMMUFD_MAX_BAR_PARTS];
};

static int take_interrupts(const struct vfio_device *device, const struct record *head,
			   const uint8_t *bytes, struct parts *parts)
{
	if (parts->interrupts || head->part ||
	    head->len != (1 + pending_words(device)) * sizeof(uint64_t) || bytes[0] > 1)
		return damaged("the interrupts are not those that the device has");
	parts->interrupts = bytes;
	return 0;
}

static int take_memory(const struct vfio_device *device, const struct record *head,
		       const uint8_t *bytes, struct parts *parts)
{
	const struct bar_part *part =
		head->part < UIOMMUFD_MAX_BAR_PARTS ? memory_part(device, head->part) : NULL;

	if (!part || parts->memory[head->part] || head->len != part->model->size)
		return damaged("it has memory of a BAR that the device does not have");
	parts->memory[head->part] = bytes;
	return 0;
}

static int take_state(const struct record *head, const uint8_t *bytes, struct parts *parts)
{
	if (parts->state || head->part)
		return damaged("it has two states");
	parts->state = bytes;
	parts->state_len = head->len;
	return 0;
}

/* @at: how many bytes are before the record. */
static int take_end(const struct mig_buffer *buffer, size_t at, const struct record *head,
		    const uint8_t *bytes)
{
	uint32_t crc;

	if (head->part || head->len != sizeof(crc) ||
	    at + sizeof(*head) + sizeof(crc) != buffer->len)
		return damaged("something follows its end");
	memcpy(&crc, bytes, sizeof(crc));
	return crc == crc32_ieee(buffer->bytes, at) ? 0 : damaged("its checksum differs");
}

/* Looks at the record at @*at and goes on to the next. 1: it was the last one. */
static int take_record(const struct vfio_device *device, const struct mig_buffer *buffer,
		       size_t *at, struct parts *parts)
{
	const size_t begin = *at;
	const uint8_t *bytes;
	struct record head;

	if (buffer->len - begin < sizeof(head))
		return refuse(-EINVAL, "the stream is not complete: it ends after %zu bytes",
			      buffer->len);
	memcpy(&head, buffer->bytes + begin, sizeof(head));
	if (head.len > buffer->len - begin - sizeof(head))
		return refuse(-EINVAL, "the stream is not complete: it ends after %zu bytes",
			      buffer->len);
	bytes = buffer->bytes + begin + sizeof(head);
	*at = begin + sizeof(head) + head.len;
	switch (head.type) {
	case RECORD_INTERRUPTS:
		return take_interrupts(device, &head, bytes, parts);
	case RECORD_MEMORY:
		return take_memory(device, &head, bytes, parts);
	case RECORD_STATE:
		return take_state(&head, bytes, parts);
	case RECORD_END:
		return take_end(buffer, begin, &head, bytes) ? -EINVAL : 1;
	default:
		return damaged("a record is of no type that is known");
	}
}

/* The first pass. */
static int check_all(const struct vfio_device *device, const struct mig_buffer *buffer,
		     struct parts *parts)
{
	size_t at = sizeof(struct record) + sizeof(struct identity);
	struct identity id;
	int rc;

	if (buffer->len < at)
		return refuse(-EINVAL, "the stream is not complete: it ends after %zu bytes",
			      buffer->len);
	rc = mig_stream_check_identity(device, buffer);
	if (rc)
		return rc;
	memcpy(&id, buffer->bytes + sizeof(struct record), sizeof(id));
	parts->saved_version = id.saved_version;
	while (!(rc = take_record(device, buffer, &at, parts)))
		;
	if (rc < 0)
		return rc;
	if (!parts->state || !parts->interrupts)
		return damaged("it has no state");
	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		if (memory_part(device, i) && !parts->memory[i])
			return damaged("memory of a BAR is missing");
	}
	return 0;
}

/* What follows the head of the first record of @type, or NULL if it is not there as a whole. */
static const uint8_t *find_record(const struct mig_buffer *buffer, enum record_type type)
{
	struct record head;

	for (size_t at = 0; buffer->len - at >= sizeof(head); at += head.len) {
		memcpy(&head, buffer->bytes + at, sizeof(head));
		at += sizeof(head);
		if (head.len > buffer->len - at)
			break;
		if (head.type == type)
			return buffer->bytes + at;
	}
	return NULL;
}

bool mig_stream_is_complete(const struct mig_buffer *buffer)
{
	return find_record(buffer, RECORD_END);
}

/* A message that is masked becomes pending again; another one is sent. */
void mig_stream_load_interrupts(struct vfio_device *device, const struct mig_buffer *buffer)
{
	const uint8_t *interrupts = find_record(buffer, RECORD_INTERRUPTS);
	const uint8_t *pending = interrupts + sizeof(uint64_t);

	lock_assert_held(&device->lock);
	assert(interrupts);
	vfio_irqs_load_level(&device->irqs, interrupts[0]);
	for (unsigned int i = 0; i < device->model->msix_vectors; i++) {
		if (pending[i / 8] >> (i % 8) & 1)
			(void)vfio_irqs_send(&device->irqs, i);
	}
}

int mig_stream_load(struct vfio_device *device, const struct mig_buffer *buffer)
{
	struct parts parts = {.state = NULL};
	int rc;

	lock_assert_held(&device->lock);
	rc = check_all(device, buffer, &parts);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < device->work_count; i++)
		vfio_work_forget(&device->work[i]);
	rc = device->model->load(&device->dev, parts.saved_version, parts.state, parts.state_len);
	if (rc)
		return refuse_unless_said(rc, "the model refuses the state");
	for (unsigned int i = 0; i < UIOMMUFD_MAX_BAR_PARTS; i++) {
		if (parts.memory[i])
			memcpy(device->bar_parts[i].memory, parts.memory[i],
			       device->bar_parts[i].model->size);
	}
	return 0;
}
