/* SPDX-License-Identifier: MIT */
/* See nvme_io.h. */
#include "devices/nvme/nvme_io.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_data.h"
#include "devices/nvme/nvme_queue.h"

/* ---- extents ---- */

/* Blocks of a namespace that a command works on. */
struct extent {
	struct nvme_namespace *ns;
	unsigned int shift; /* of a block */
	uint64_t offset;    /* on the disk */
	uint64_t len;	    /* bytes */
};

static struct nvme *job_nvme(const struct nvme_job *job)
{
	return nvme_of(job->dev);
}

static struct nvme_thread *job_thread(const struct nvme_job *job)
{
	return &job_nvme(job)->threads[job->thread];
}

static uint16_t set_extent(struct extent *e, uint64_t lba, uint64_t count)
{
	const uint64_t blocks = nvme_blocks(e->ns, e->shift);

	if (count > blocks || lba > blocks - count)
		return ST_LBA_RANGE;
	e->offset = e->ns->offset + (lba << e->shift);
	e->len = count << e->shift;
	return ST_SUCCESS;
}

static uint16_t find_namespace(const struct nvme_job *job, struct extent *e)
{
	e->ns = nvme_namespace(job_nvme(job), job->command.nsid);
	if (!e->ns)
		return ST_INVALID_NAMESPACE;
	e->shift = atomic_load(&e->ns->block_shift);
	return ST_SUCCESS;
}

/* The blocks that CDW10 to CDW12 name. @limited: their data is transferred. */
static uint16_t find_extent(struct nvme_job *job, struct extent *e, bool limited)
{
	const struct nvme_command *c = &job->command;
	const uint64_t count = (c->cdw12 & 0xffff) + 1;
	const uint64_t max = nvme_max_transfer(job_nvme(job));
	uint16_t status = find_namespace(job, e);

	if (status)
		return status;
	job->lba = (uint64_t)c->cdw11 << 32 | c->cdw10;
	if (limited && max && count << e->shift > max)
		return ST_INVALID_FIELD;
	return set_extent(e, job->lba, count);
}

/* False: NVME_LATER. Also if the namespace has been formatted since the extent was computed. */
static bool claim(const struct nvme_job *job, const struct extent *e, bool write)
{
	struct nvme_disk *disk = &job_nvme(job)->disk;

	if (!nvme_disk_claim(disk, job->thread, e->offset, e->len, write))
		return false;
	if (atomic_load(&e->ns->block_shift) == e->shift)
		return true;
	nvme_disk_unclaim(disk, job->thread);
	return false;
}

static uint16_t unclaim(const struct nvme_job *job, uint16_t status)
{
	nvme_disk_unclaim(&job_nvme(job)->disk, job->thread);
	return status;
}

static uint16_t read_status(int error)
{
	return error ? ST_UNRECOVERED_READ : ST_SUCCESS;
}

static uint16_t write_status(int error)
{
	if (error == -ENOSPC || error == -EDQUOT || error == -EFBIG)
		return ST_CAPACITY;
	return error ? ST_WRITE_FAULT : ST_SUCCESS;
}

/* Finds the blocks and the memory of a command that transfers data, and claims the blocks. */
static uint16_t begin_transfer(struct nvme_job *job, struct extent *e, struct nvme_data *data,
			       bool write)
{
	uint16_t status = find_extent(job, e, true);

	if (status)
		return status;
	if (write && job_nvme(job)->disk.read_only)
		return ST_WRITE_PROTECTED;
	status = nvme_data_begin(data, job->dev, &job->command, e->len);
	if (status)
		return status;
	if (!claim(job, e, write))
		return NVME_LATER;
	job->bytes = e->len;
	return ST_SUCCESS;
}

/* ---- a hostile device ---- */

/* The blocks of which a transfer moves data, and how it ends if all else goes well. */
struct transfer_end {
	uint64_t wrong; /* bytes behind those of @e that are moved and are wrong */
	uint16_t status;
};

/* Cuts @e to what is transferred. @failure: the status that an error has. */
static struct transfer_end end_of_transfer(const struct nvme_job *job, struct extent *e,
					   uint16_t failure)
{
	const uint64_t half = e->len >> e->shift >> 1 << e->shift;
	struct transfer_end end = {.status = ST_SUCCESS};

	switch (uiommufd_device_fate(job->dev, UIOMMUFD_EVENT_TRANSFER, job->queue)) {
	case UIOMMUFD_FATE_WRONG:
		end.wrong = e->len - half;
		end.status = failure;
		break;
	case UIOMMUFD_FATE_SHORT:
		end.status = failure;
		break;
	default:
		return end;
	}
	e->len = half;
	return end;
}

static uint16_t wrong_to_host(const struct nvme_job *job, struct nvme_data *data, uint64_t len)
{
	uint8_t *piece = job_thread(job)->piece;
	uint16_t status = ST_SUCCESS;

	memset(piece, 0xa5, NVME_DISK_PIECE);
	for (uint64_t at = 0; at < len && !status; at += NVME_DISK_PIECE)
		status = nvme_data_to_host(data, piece, min_u64(len - at, NVME_DISK_PIECE));
	return status;
}

/* ---- what writes ---- */

/* Makes what was written durable if the command, or a disabled write cache, demands it. */
static uint16_t write_through(const struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);

	if (!(job->command.cdw12 & RW_FUA) && atomic_load(&n->write_cache))
		return ST_SUCCESS;
	return write_status(nvme_disk_flush(&n->disk));
}

static uint16_t pieces_from_host(const struct nvme_job *job, const struct extent *e,
				 struct nvme_data *data)
{
	struct nvme_disk *disk = &job_nvme(job)->disk;
	uint8_t *piece = job_thread(job)->piece;
	uint64_t part;
	uint16_t status;

	if (disk->memory)
		return nvme_data_from_host(data, disk->memory + e->offset, e->len);
	for (uint64_t at = 0; at < e->len; at += part) {
		part = min_u64(e->len - at, NVME_DISK_PIECE);
		status = nvme_data_from_host(data, piece, part);
		if (!status)
			status = write_status(nvme_disk_write(disk, e->offset + at, piece, part));
		if (status)
			return status;
	}
	return ST_SUCCESS;
}

static void count(_Atomic uint64_t *counter, uint64_t by)
{
	/* Only this thread writes it. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

static uint16_t io_write(struct nvme_job *job)
{
	struct transfer_end end;
	struct nvme_data data;
	struct extent e;
	uint16_t status = begin_transfer(job, &e, &data, true);

	if (status)
		return status;
	end = end_of_transfer(job, &e, ST_WRITE_FAULT);
	status = unclaim(job, pieces_from_host(job, &e, &data));
	count(&job_thread(job)->writes, 1);
	count(&job_thread(job)->bytes_written, e.len);
	status = status ? status : end.status;
	return status ? status : write_through(job);
}

static uint16_t zero(const struct nvme_job *job, const struct extent *e)
{
	struct nvme *n = job_nvme(job);

	if (!claim(job, e, true))
		return NVME_LATER;
	return unclaim(job, write_status(nvme_disk_zero(&n->disk, e->offset, e->len)));
}

static uint16_t io_write_zeroes(struct nvme_job *job)
{
	struct extent e;
	uint16_t status = find_extent(job, &e, false);

	if (status)
		return status;
	if (job_nvme(job)->disk.read_only)
		return ST_WRITE_PROTECTED;
	status = zero(job, &e);
	return status ? status : write_through(job);
}

static uint16_t io_flush(struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);

	if (job->command.nsid != (uint32_t)NSID_ALL && !nvme_namespace(n, job->command.nsid))
		return ST_INVALID_NAMESPACE;
	return write_status(nvme_disk_flush(&n->disk));
}

/* Deallocated blocks read as zeros. All ranges are checked before the first is deallocated. */
static uint16_t io_dsm(struct nvme_job *job)
{
	struct nvme_dsm_range ranges[256];
	const unsigned int range_count = (job->command.cdw10 & 0xff) + 1;
	struct nvme *n = job_nvme(job);
	struct extent e;
	uint16_t status = find_namespace(job, &e);

	if (status)
		return status;
	status = nvme_data_take(job->dev, &job->command, ranges, range_count * sizeof(ranges[0]));
	if (status || !(job->command.cdw11 & DSM_DEALLOCATE))
		return status;
	if (n->disk.read_only)
		return ST_WRITE_PROTECTED;
	for (unsigned int i = 0; i < range_count && !status; i++)
		status = set_extent(&e, ranges[i].lba, ranges[i].blocks);
	/* One that has to wait is done again, with those before it. */
	for (unsigned int i = 0; i < range_count && !status; i++) {
		status = set_extent(&e, ranges[i].lba, ranges[i].blocks);
		if (!status && e.len)
			status = zero(job, &e);
	}
	return status;
}

/* ---- what reads ---- */

static uint16_t pieces_to_host(const struct nvme_job *job, const struct extent *e,
			       struct nvme_data *data)
{
	struct nvme_disk *disk = &job_nvme(job)->disk;
	uint8_t *piece = job_thread(job)->piece;
	uint64_t part;
	uint16_t status;

	if (disk->memory)
		return nvme_data_to_host(data, disk->memory + e->offset, e->len);
	for (uint64_t at = 0; at < e->len; at += part) {
		part = min_u64(e->len - at, NVME_DISK_PIECE);
		status = read_status(nvme_disk_read(disk, e->offset + at, piece, part));
		if (!status)
			status = nvme_data_to_host(data, piece, part);
		if (status)
			return status;
	}
	return ST_SUCCESS;
}

static uint16_t io_read(struct nvme_job *job)
{
	struct transfer_end end;
	struct nvme_data data;
	struct extent e;
	uint16_t status = begin_transfer(job, &e, &data, false);

	if (status)
		return status;
	end = end_of_transfer(job, &e, ST_UNRECOVERED_READ);
	status = unclaim(job, pieces_to_host(job, &e, &data));
	count(&job_thread(job)->reads, 1);
	count(&job_thread(job)->bytes_read, e.len);
	if (!status && end.wrong)
		status = wrong_to_host(job, &data, end.wrong);
	return status ? status : end.status;
}

static uint16_t compare_pieces(const struct nvme_job *job, const struct extent *e,
			       struct nvme_data *data)
{
	uint8_t *theirs = job_thread(job)->piece, *own = theirs + NVME_DISK_PIECE / 2;
	uint64_t part;
	uint16_t status;

	for (uint64_t at = 0; at < e->len; at += part) {
		part = min_u64(e->len - at, NVME_DISK_PIECE / 2);
		status = nvme_data_from_host(data, theirs, part);
		if (!status)
			status = read_status(
				nvme_disk_read(&job_nvme(job)->disk, e->offset + at, own, part));
		if (status)
			return status;
		if (memcmp(theirs, own, part) != 0)
			return ST_COMPARE_FAILURE;
	}
	return ST_SUCCESS;
}

static uint16_t io_compare(struct nvme_job *job)
{
	struct nvme_data data;
	struct extent e;
	uint16_t status = begin_transfer(job, &e, &data, false);

	if (status)
		return status;
	return unclaim(job, compare_pieces(job, &e, &data));
}

/* Only a file can turn out not to be readable. */
static uint16_t io_verify(struct nvme_job *job)
{
	struct nvme_disk *disk = &job_nvme(job)->disk;
	struct extent e;
	uint64_t part;
	uint16_t status = find_extent(job, &e, false);

	if (status || disk->memory)
		return status;
	if (!claim(job, &e, false))
		return NVME_LATER;
	for (uint64_t at = 0; at < e.len && !status; at += part) {
		part = min_u64(e.len - at, NVME_DISK_PIECE);
		status = read_status(
			nvme_disk_read(disk, e.offset + at, job_thread(job)->piece, part));
	}
	job->bytes = e.len;
	return unclaim(job, status);
}

/* ---- copy ---- */

/* A Copy command: its ranges, and the smallest extent that holds them and the destination. */
struct copy {
	struct nvme_copy_range ranges[NVME_COPY_RANGES];
	unsigned int count;
	struct extent to, all;
};

static void extend(struct extent *all, const struct extent *e)
{
	const uint64_t end = max_u64(all->offset + all->len, e->offset + e->len);

	all->offset = min_u64(all->offset, e->offset);
	all->len = end - all->offset;
}

static uint16_t check_copy(struct nvme_job *job, struct copy *copy)
{
	struct extent e = copy->to;
	uint64_t blocks = 0;
	uint16_t status;

	for (unsigned int i = 0; i < copy->count; i++) {
		const uint64_t count = (uint64_t)copy->ranges[i].blocks + 1;

		blocks += count;
		if (count > NVME_COPY_RANGE_BLOCKS || blocks > NVME_COPY_BLOCKS)
			return ST_COMMAND_SIZE;
	}
	job->lba = (uint64_t)job->command.cdw11 << 32 | job->command.cdw10;
	status = set_extent(&copy->to, job->lba, blocks);
	copy->all = copy->to;
	for (unsigned int i = 0; i < copy->count && !status; i++) {
		status = set_extent(&e, copy->ranges[i].lba, (uint64_t)copy->ranges[i].blocks + 1);
		if (!status)
			extend(&copy->all, &e);
	}
	return status;
}

/* In the order of the ranges; where they overlap the destination, what is copied may be copied. */
static uint16_t copy_ranges(const struct nvme_job *job, const struct copy *copy)
{
	const struct nvme_disk *disk = &job_nvme(job)->disk;
	uint8_t *piece = job_thread(job)->piece;
	uint64_t to = copy->to.offset, part;
	struct extent e = copy->to;
	uint16_t status = ST_SUCCESS;

	for (unsigned int i = 0; i < copy->count && !status; i++) {
		(void)set_extent(&e, copy->ranges[i].lba, (uint64_t)copy->ranges[i].blocks + 1);
		for (uint64_t at = 0; at < e.len && !status; at += part, to += part) {
			part = min_u64(e.len - at, NVME_DISK_PIECE);
			status = read_status(nvme_disk_read(disk, e.offset + at, piece, part));
			if (!status)
				status = write_status(nvme_disk_write(disk, to, piece, part));
		}
	}
	return status;
}

static uint16_t io_copy(struct nvme_job *job)
{
	struct copy copy = {.count = (job->command.cdw12 & 0xff) + 1};
	uint16_t status = find_namespace(job, &copy.to);

	if (status)
		return status;
	/* The format of the descriptors: there is one. */
	if (job->command.cdw12 >> 8 & 0xf)
		return ST_INVALID_FIELD;
	if (copy.count > NVME_COPY_RANGES)
		return ST_COMMAND_SIZE;
	if (job_nvme(job)->disk.read_only)
		return ST_WRITE_PROTECTED;
	status = nvme_data_take(job->dev, &job->command, copy.ranges,
				copy.count * sizeof(copy.ranges[0]));
	if (!status)
		status = check_copy(job, &copy);
	if (status)
		return status;
	if (!claim(job, &copy.all, true))
		return NVME_LATER;
	status = unclaim(job, copy_ranges(job, &copy));
	job->bytes = copy.to.len;
	return status ? status : write_through(job);
}

/* ---- all ---- */

uint16_t nvme_io_execute(struct nvme_job *job)
{
	switch (job->command.opcode) {
	case IO_FLUSH:
		return io_flush(job);
	case IO_WRITE:
		return io_write(job);
	case IO_READ:
		return io_read(job);
	case IO_COMPARE:
		return io_compare(job);
	case IO_WRITE_ZEROES:
		return io_write_zeroes(job);
	case IO_DSM:
		return io_dsm(job);
	case IO_VERIFY:
		return io_verify(job);
	case IO_COPY:
		return io_copy(job);
	default:
		return ST_INVALID_OPCODE;
	}
}
