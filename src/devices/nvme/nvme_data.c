/* SPDX-License-Identifier: MIT */
/*
 * See nvme_data.h. A PRP points to a memory page (CC.MPS), the first one anywhere into it; a list
 * of them fills pages, too, and the last entry of a full one points to the next. An SGL is a chain
 * of segments of descriptors.
 */
#include "devices/nvme/nvme_data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "devices/nvme/nvme.h"

enum {
	MAX_STEPS = 1024, /* through an SGL without moving a byte: one that leads to itself ends */
};

/* ---- DMA ---- */

/*
 * The controller memory buffer at [@at, @at + @len), or NULL: that is an address on the bus. So is
 * a range that leaves the buffer, and nothing is mapped there.
 */
static uint8_t *in_cmb(struct nvme *n, uint64_t at, size_t len)
{
	uint64_t base = n->cmbmsc & CMBMSC_CBA;

	if (!(n->cmbmsc & CMBMSC_CMSE) || at < base || at - base >= n->cmb_size ||
	    len > n->cmb_size - (at - base))
		return NULL;
	return n->cmb + (at - base);
}

/* True: it was in the controller memory buffer, and is done. */
static bool cmb_access(struct uiommufd_device *dev, uint64_t at, void *buf, size_t len, bool write)
{
	struct nvme *n = nvme_of(dev);
	uint8_t *cmb;

	if (!n->cmb_size)
		return false;
	uiommufd_device_lock(dev);
	cmb = in_cmb(n, at, len);
	if (cmb)
		memcpy(write ? cmb : buf, write ? buf : cmb, len);
	uiommufd_device_unlock(dev);
	return cmb;
}

int nvme_dma_read(struct uiommufd_device *dev, uint64_t at, void *buf, size_t len)
{
	return cmb_access(dev, at, buf, len, false) ? 0
						    : uiommufd_device_dma_read(dev, at, buf, len);
}

int nvme_dma_write(struct uiommufd_device *dev, uint64_t at, const void *buf, size_t len)
{
	return cmb_access(dev, at, (void *)buf, len, true)
		       ? 0
		       : uiommufd_device_dma_write(dev, at, buf, len);
}

/* Reports entry @index of a PRP list (0: PRP 1 or 2), which is @value. Returns @status. */
static uint16_t refuse_prp(const struct nvme_data *data, uint16_t status, unsigned int index,
			   uint64_t value, const char *why)
{
	char entry[32] = "PRP";

	if (index)
		snprintf(entry, sizeof(entry), "PRP list entry %u", index);
	uiommufd_device_report(data->dev,
			       "nvme: %s, 0x%llx, %s; 0x%llx bytes of the command are left", entry,
			       (unsigned long long)value, why, (unsigned long long)data->left);
	return status;
}

/* Reports an SGL that fails with @status, and returns it. */
static uint16_t refuse_sgl(const struct nvme_data *data, uint16_t status)
{
	static const struct {
		uint16_t status;
		const char *text;
	} texts[] = {
		{ST_SGL_SEGMENT,
		 "a segment descriptor is not the last of its segment, or has no length"},
		{ST_SGL_COUNT, "it leads to itself, or has too many descriptors without data"},
		{ST_SGL_LENGTH, "it ends before the command's data does"},
		{ST_SGL_TYPE, "a descriptor has a type that is not known"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (status == texts[i].status)
			uiommufd_device_report(data->dev, "nvme: SGL: %s; 0x%llx bytes are left",
					       texts[i].text, (unsigned long long)data->left);
	return status;
}

/* ---- PRPs ---- */

/* Reads the next entries of the list, which begins in PRP 2. */
static uint16_t read_prps(struct nvme_data *data, uint64_t rest)
{
	const uint64_t need = (rest + data->page - 1) / data->page;
	uint64_t slots = (data->page - (data->list & (data->page - 1))) / sizeof(uint64_t);

	if (slots == 1 && need > 1) {
		if (nvme_dma_read(data->dev, data->list, &data->list, sizeof(data->list)))
			return refuse_prp(data, ST_DATA_TRANSFER, data->entries + 1, data->list,
					  "cannot be read");
		/* A page of the list, so it cannot be its own last entry again. */
		if (!is_aligned(data->list, data->page))
			return refuse_prp(data, ST_PRP_OFFSET, data->entries + 1, data->list,
					  "is the last of its page, and leads to no further page "
					  "of the list");
		data->entries++;
		slots = data->page / sizeof(uint64_t);
	}
	data->next = 0;
	data->count = (unsigned int)min_u64(min_u64(need, need > slots ? slots - 1 : slots),
					    NVME_LIST_ENTRIES);
	if (nvme_dma_read(data->dev, data->list, data->prps, data->count * sizeof(uint64_t)))
		return refuse_prp(data, ST_DATA_TRANSFER, data->entries + 1, data->list,
				  "is where the list goes on, and cannot be read");
	data->entries += data->count;
	data->list += data->count * sizeof(uint64_t);
	return ST_SUCCESS;
}

/* The first part, and how the others are found. */
static uint16_t begin_prps(struct nvme_data *data)
{
	uint64_t rest;

	data->begun = true;
	if (data->prp1 & 3)
		return refuse_prp(data, ST_PRP_OFFSET, 0, data->prp1, "is not at a multiple of 4");
	data->at = data->prp1;
	data->len = min_u64(data->page - (data->prp1 & (data->page - 1)), data->left);
	rest = data->left - data->len;
	if (!rest)
		return ST_SUCCESS;
	if (rest <= data->page) {
		data->prps[0] = data->prp2;
		data->count = 1;
		return ST_SUCCESS;
	}
	data->list = data->prp2;
	return is_aligned(data->list, sizeof(uint64_t)) ? ST_SUCCESS : ST_PRP_OFFSET;
}

/* The number of the entry @next of data->prps in the whole list, from 1; 0: there is no list. */
static unsigned int entry_at(const struct nvme_data *data, unsigned int next)
{
	return data->entries ? data->entries - data->count + next + 1 : 0;
}

/* Adds pages to the part as long as they are adjacent. */
static uint16_t merge_prps(struct nvme_data *data)
{
	while (data->len < data->left) {
		if (data->next == data->count) {
			uint16_t status = read_prps(data, data->left - data->len);

			if (status)
				return status;
		}
		if (!is_aligned(data->prps[data->next], data->page))
			return refuse_prp(data, ST_PRP_OFFSET, entry_at(data, data->next),
					  data->prps[data->next], "is not the address of a page");
		if (data->len && data->prps[data->next] != data->at + data->len)
			return ST_SUCCESS;
		if (!data->len)
			data->at = data->prps[data->next];
		data->next++;
		data->len += min_u64(data->page, data->left - data->len);
	}
	return ST_SUCCESS;
}

static uint16_t next_prps(struct nvme_data *data)
{
	uint16_t status = data->begun ? ST_SUCCESS : begin_prps(data);

	return status ? status : merge_prps(data);
}

/* ---- SGLs ---- */

static uint16_t read_sgls(struct nvme_data *data)
{
	const uint64_t bytes = min_u64(data->list_len, sizeof(data->sgls));

	if (!bytes)
		return data->last ? ST_SGL_LENGTH : ST_SGL_SEGMENT;
	if (nvme_dma_read(data->dev, data->list, data->sgls, bytes))
		return ST_DATA_TRANSFER;
	data->list += bytes;
	data->list_len -= bytes;
	data->next = 0;
	data->count = (unsigned int)(bytes / sizeof(data->sgls[0]));
	return ST_SUCCESS;
}

/* A descriptor of another segment: it has to be the last one of its own. */
static uint16_t enter_segment(struct nvme_data *data, const struct nvme_sgl *sgl)
{
	if (data->last || data->next != data->count || data->list_len)
		return ST_SGL_SEGMENT;
	if (!sgl->len || sgl->len % sizeof(*sgl))
		return ST_SGL_SEGMENT;
	data->list = sgl->address;
	data->list_len = sgl->len;
	data->last = sgl->type >> 4 == SGL_LAST_SEGMENT;
	return ST_SUCCESS;
}

/* The next descriptor; one of length 0 gives a part without bytes. */
static uint16_t next_sgl(struct nvme_data *data)
{
	const struct nvme_sgl *sgl;
	uint16_t status;

	if (data->next == data->count) {
		status = read_sgls(data);
		if (status)
			return status;
	}
	sgl = &data->sgls[data->next++];
	if (sgl->type & 0xf)
		return ST_SGL_TYPE;
	switch (sgl->type >> 4) {
	case SGL_DATA_BLOCK:
	case SGL_BIT_BUCKET:
		data->at = sgl->address;
		data->len = min_u64(sgl->len, data->left);
		data->bucket = sgl->type >> 4 == SGL_BIT_BUCKET;
		return ST_SUCCESS;
	case SGL_SEGMENT:
	case SGL_LAST_SEGMENT: {
		const struct nvme_sgl segment = *sgl;

		return enter_segment(data, &segment);
	}
	default:
		return ST_SGL_TYPE;
	}
}

/* The descriptor in the command is a segment of its own. */
static void begin_sgl(struct nvme_data *data, const struct nvme_command *command)
{
	memcpy(&data->sgls[0], command->sgl1, sizeof(data->sgls[0]));
	data->count = 1;
	data->last = data->sgls[0].type >> 4 == SGL_DATA_BLOCK ||
		     data->sgls[0].type >> 4 == SGL_BIT_BUCKET;
}

/* ---- moving ---- */

uint16_t nvme_data_begin(struct nvme_data *data, struct uiommufd_device *dev,
			 const struct nvme_command *command, uint64_t len)
{
	/* Not the arrays, which are large and filled before they are read. */
	memset(data, 0, offsetof(struct nvme_data, prps));
	data->dev = dev;
	data->left = len;
	data->page = atomic_load_explicit(&nvme_of(dev)->page, memory_order_relaxed);
	data->sgl = command->flags >> COMMAND_PSDT_SHIFT != PSDT_PRP;
	if (data->sgl) {
		begin_sgl(data, command);
		return ST_SUCCESS;
	}
	data->prp1 = command->prp1;
	data->prp2 = command->prp2;
	return ST_SUCCESS;
}

/* Makes sure that there is a part with bytes. */
static uint16_t next_part(struct nvme_data *data, bool to_host)
{
	uint16_t status = ST_SUCCESS;

	while (!data->len && !status) {
		if (++data->steps > MAX_STEPS)
			return refuse_sgl(data, ST_SGL_COUNT);
		status = data->sgl ? next_sgl(data) : next_prps(data);
		if (status && data->sgl)
			(void)refuse_sgl(data, status);
		/* In a source a bit bucket has no bytes. */
		if (data->bucket && !to_host)
			data->len = 0;
	}
	return status;
}

/* Data cannot be moved: the DMA has its report, and a PRP list adds where the address is from. */
static uint16_t refuse_part(const struct nvme_data *data)
{
	if (data->sgl || !data->entries || !data->next)
		return ST_DATA_TRANSFER;
	return refuse_prp(data, ST_DATA_TRANSFER, entry_at(data, data->next - 1),
			  data->prps[data->next - 1],
			  "or one before it, is not in the memory of the command");
}

static uint16_t move(struct nvme_data *data, void *buf, uint64_t len, bool to_host)
{
	uint64_t part;
	uint16_t status;
	int rc;

	for (; len; len -= part) {
		status = next_part(data, to_host);
		if (status)
			return status;
		part = min_u64(len, data->len);
		if (data->bucket)
			rc = 0;
		else if (to_host)
			rc = nvme_dma_write(data->dev, data->at, buf, part);
		else
			rc = nvme_dma_read(data->dev, data->at, buf, part);
		if (rc)
			return refuse_part(data);
		buf = (char *)buf + part;
		data->at += part;
		data->len -= part;
		data->left -= part;
		data->steps = 0;
	}
	return ST_SUCCESS;
}

uint16_t nvme_data_to_host(struct nvme_data *data, const void *buf, uint64_t len)
{
	return move(data, (void *)buf, len, true);
}

uint16_t nvme_data_from_host(struct nvme_data *data, void *buf, uint64_t len)
{
	return move(data, buf, len, false);
}

uint16_t nvme_data_give(struct uiommufd_device *dev, const struct nvme_command *command,
			const void *buf, uint64_t len)
{
	struct nvme_data data;
	uint16_t status = nvme_data_begin(&data, dev, command, len);

	return status ? status : nvme_data_to_host(&data, buf, len);
}

uint16_t nvme_data_take(struct uiommufd_device *dev, const struct nvme_command *command, void *buf,
			uint64_t len)
{
	struct nvme_data data;
	uint16_t status = nvme_data_begin(&data, dev, command, len);

	return status ? status : nvme_data_from_host(&data, buf, len);
}
