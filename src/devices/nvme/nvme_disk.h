/* SPDX-License-Identifier: MIT */
/*
 * What an NVMe controller stores: bytes in memory, which end with the device, or in a file, which
 * is written through.
 *
 * Commands of several queues work on it at the same time, without a lock. A command that writes
 * must not overlap one that reads or writes: each *claims* its bytes before it touches them, and
 * gives them back. So each command is atomic to the others, as the specification demands of a
 * block. A claim never waits: if it fails, the command is tried again later, and nothing is held
 * meanwhile.
 * A claim costs one fence and a look at the claims of the other threads.
 */
#ifndef DEVICES_NVME_NVME_DISK_H
#define DEVICES_NVME_NVME_DISK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/device.h>

/* Of one thread: the bytes from @first to @end, which is 0 without a claim. */
struct nvme_claim {
	_Atomic uint64_t first; /* with CLAIM_WRITE in it */
	_Atomic uint64_t end;
	uint64_t apart[6]; /* threads do not write to the same cache line */
};

struct nvme_disk {
	uint8_t *memory; /* NULL: a file */
	int fd;		 /* -1: memory */
	uint64_t size;	 /* bytes */
	bool read_only;
	struct nvme_claim claims[UIOMMUFD_MAX_WORK_THREADS];
};

enum {
	NVME_DISK_PIECE = 1 << 16 /* bytes that are moved to or from a file at once */
};

/* @size bytes of zeros, a multiple of the page. 0 or -ENOMEM. */
int nvme_disk_create(struct nvme_disk *disk, uint64_t size);

/*
 * Opens the file at @path; its size becomes the disk's. 0, or a negative errno that has been
 * explained to @dev (uiommufd_device_refuse()): there is none, it cannot be written, it is no file,
 * another run uses it.
 */
int nvme_disk_open(struct nvme_disk *disk, struct uiommufd_device *dev, const char *path,
		   bool read_only);

void nvme_disk_destroy(struct nvme_disk *disk);

/*
 * Claims @len bytes at @offset for thread @thread, which has no claim, to write or only to read
 * them. False: another claim is in the way.
 */
bool nvme_disk_claim(struct nvme_disk *disk, unsigned int thread, uint64_t offset, uint64_t len,
		     bool write);
void nvme_disk_unclaim(struct nvme_disk *disk, unsigned int thread);

/* Forgets all claims. Context: no thread works on the disk. */
void nvme_disk_forget_claims(struct nvme_disk *disk);

/*
 * Reads, writes, and fills with zeros, what is claimed. 0 or a negative errno of the file.
 */
int nvme_disk_read(const struct nvme_disk *disk, uint64_t offset, void *buf, size_t len);
int nvme_disk_write(const struct nvme_disk *disk, uint64_t offset, const void *buf, size_t len);
int nvme_disk_zero(const struct nvme_disk *disk, uint64_t offset, uint64_t len);

/* What has been written is on stable storage, as far as there is one. 0 or a negative errno. */
int nvme_disk_flush(const struct nvme_disk *disk);

#endif
