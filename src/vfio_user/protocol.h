/* SPDX-License-Identifier: MIT */
/*
 * The vfio-user protocol, version 0.1, as its messages are on the socket (libvfio-user's
 * docs/vfio-user.rst). Numbers are those of the host, little endian on the machines that we run on.
 *
 * A message is a header and a payload, with descriptors beside it. Each side sends commands; the
 * other side answers each with a reply of the same ID, unless the command wants none. What is asked
 * about the device has the layout of VFIO's structures (<uiommufd/vfio.h>): vfio_region_info,
 * vfio_irq_info, vfio_irq_set, and the first 16 bytes of vfio_device_info.
 */
#ifndef VFIO_USER_PROTOCOL_H
#define VFIO_USER_PROTOCOL_H

#include <stdint.h>

enum {
	VU_MAJOR = 0,
	VU_MINOR = 1,
};

enum vu_command {
	VU_VERSION = 1,
	VU_DMA_MAP,
	VU_DMA_UNMAP,
	VU_DEVICE_GET_INFO,
	VU_DEVICE_GET_REGION_INFO,
	VU_DEVICE_GET_REGION_IO_FDS,
	VU_DEVICE_GET_IRQ_INFO,
	VU_DEVICE_SET_IRQS,
	VU_REGION_READ,
	VU_REGION_WRITE,
	VU_DMA_READ, /* of the server, like DMA_WRITE */
	VU_DMA_WRITE,
	VU_DEVICE_RESET,
	VU_REGION_WRITE_MULTI = 15,
	VU_DEVICE_FEATURE,
	VU_MIG_DATA_READ,
	VU_MIG_DATA_WRITE,
};

/* Bits of vu_header.flags. */
enum {
	VU_TYPE_MASK = 0xf,
	VU_TYPE_COMMAND = 0,
	VU_TYPE_REPLY = 1,
	VU_NO_REPLY = 0x10,
	VU_ERROR = 0x20,
};

struct vu_header {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* of the whole message */
	uint32_t flags;
	uint32_t error; /* an errno, with VU_ERROR */
};

/* VERSION: behind it a string of JSON, with the 0 that ends it; or nothing. */
struct vu_version {
	uint16_t major, minor;
};

/* Bits of vu_dma_map.flags. */
enum {
	VU_DMA_READABLE = 1,
	VU_DMA_WRITABLE = 2,
};

struct vu_dma_map {
	uint32_t argsz, flags;
	uint64_t offset; /* in the descriptor */
	uint64_t address, size;
};

/* Bits of vu_dma_unmap.flags. */
enum {
	VU_UNMAP_DIRTY = 1, /* give the dirty pages */
	VU_UNMAP_ALL = 2,
};

struct vu_dma_unmap {
	uint32_t argsz, flags;
	uint64_t address, size;
};

/* The part of struct vfio_device_info that there is. */
struct vu_device_info {
	uint32_t argsz, flags;
	uint32_t region_count, irq_count;
};

/* GET_REGION_IO_FDS: the reply has @count descriptions behind it. */
struct vu_region_io_fds {
	uint32_t argsz, flags;
	uint32_t index, count;
};

/* REGION_READ and REGION_WRITE; the data are behind it. */
struct vu_access {
	uint64_t offset;
	uint32_t region, count;
};

/* REGION_WRITE_MULTI: a number of writes, and each of them. */
struct vu_write {
	uint64_t offset;
	uint32_t region, count; /* count: up to 8 */
	uint8_t data[8];
};

/* DMA_READ and DMA_WRITE; the data are behind it. */
struct vu_dma_access {
	uint64_t address, count;
};

/* MIG_DATA_READ and MIG_DATA_WRITE, with @size bytes of data behind it; argsz counts both. */
struct vu_mig_data {
	uint32_t argsz, size;
};

/* The head of DEVICE_FEATURE, and the data of the features that the server has. */
struct vu_feature {
	uint32_t argsz, flags;
};

struct vu_log_start {
	uint64_t page_size;
	uint32_t range_count,
		reserved; /* behind it: struct vfio_device_feature_dma_logging_range */
};

struct vu_log_report {
	uint64_t iova, length, page_size; /* behind it, in the reply: the bitmap */
};

#endif
