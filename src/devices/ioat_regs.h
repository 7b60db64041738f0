/* SPDX-License-Identifier: MIT */
/*
 * Registers and descriptors of Intel's I/OAT DMA engine ("QuickData Technology", CBDMA), version 3,
 * by the names of the public datasheets (Xeon E5 and E7 v2 to Xeon Scalable, volume 2, "Intel
 * QuickData" or "Crystal Beach" DMA). Offsets are in BAR 0; all is little endian.
 */
#ifndef DEVICES_IOAT_REGS_H
#define DEVICES_IOAT_REGS_H

#include <stdint.h>

/* Of the device. */
enum {
	IOAT_CHANCNT = 0x00,	   /* 8: channels */
	IOAT_XFERCAP = 0x01,	   /* 8: log2 of the longest transfer */
	IOAT_INTRCTRL = 0x03,	   /* 8 */
	IOAT_ATTNSTATUS = 0x04,	   /* 32: channels that have interrupted; cleared by reading */
	IOAT_CBVER = 0x08,	   /* 8: version */
	IOAT_DMACAPABILITY = 0x10, /* 32: operations beside copy */
};

/* Of channel 0. */
enum {
	IOAT_CHANCTRL = 0x80,	/* 16 */
	IOAT_DMA_COMP = 0x82,	/* 16: versions that the channel is compatible with */
	IOAT_CHANCMD = 0x84,	/* 8 */
	IOAT_DMACOUNT = 0x86,	/* 16: descriptors given since CHAINADDR was written, modulo 2^16 */
	IOAT_CHANSTS = 0x88,	/* 64 */
	IOAT_CHAINADDR = 0x90,	/* 64: of the first descriptor */
	IOAT_CHANCMP = 0x98,	/* 64: where completions are written to */
	IOAT_CHANERR = 0xa8,	/* 32: cleared by writing 1 */
	IOAT_CHANERRMSK = 0xac, /* 32 */
};

/* MSI-X. */
enum {
	IOAT_MSIX_TABLE = 0x2000,
	IOAT_MSIX_PBA = 0x3000,
	IOAT_BAR_SIZE = 0x4000,
};

enum {
	INTRCTRL_MASTER_EN = 0x01, /* INTx may be raised; cleared by reading */
	INTRCTRL_STATUS = 0x02,	   /* a bit of ATTNSTATUS is set */
	INTRCTRL_INT = 0x04,	   /* both: INTx is asserted */
	INTRCTRL_MSIX_VECTOR = 0x08,
};

enum {
	DMACAPABILITY_FILL = 0x40,
};

enum {
	DMA_COMP_V2 = 0x02,
	DMA_COMP_V3 = 0x04,
};

enum {
	CHANCTRL_INT_DISABLE = 0x0001, /* set by each interrupt; cleared by writing 1 */
	CHANCTRL_ERR_COMP_EN = 0x0004, /* an error is written to CHANCMP */
	CHANCTRL_ANY_ERR_ABORT_EN = 0x0008,
	CHANCTRL_ERR_INT_EN = 0x0010, /* an error interrupts */
	CHANCTRL_DESC_SNOOP = 0x0020,
	CHANCTRL_IN_USE = 0x0100, /* set by reading, cleared by writing 0 */
	CHANCTRL_DCA_EN = 0x0200,
};

enum {
	CHANCMD_SUSPEND = 0x04,
	CHANCMD_RESUME = 0x10,
	CHANCMD_RESET = 0x20,
};

/* CHANSTS: a state below the address of the last descriptor that was completed. */
enum ioat_state {
	CHANSTS_ACTIVE = 0,
	CHANSTS_IDLE = 1, /* all descriptors are done */
	CHANSTS_SUSPENDED = 2,
	CHANSTS_HALTED = 3, /* by an error or a reset */
	CHANSTS_ARMED = 4,  /* CHAINADDR was written, and no descriptor processed since */
};
#define CHANSTS_DESCRIPTOR (~UINT64_C(0x3f))

enum {
	CHANERR_SOURCE_ADDRESS = 1 << 0,
	CHANERR_DESTINATION_ADDRESS = 1 << 1,
	CHANERR_NEXT_ADDRESS = 1 << 2,
	CHANERR_DESCRIPTOR = 1 << 3, /* the descriptor cannot be read */
	CHANERR_CHAIN_ADDRESS = 1 << 4,
	CHANERR_COMMAND = 1 << 5,
	CHANERR_READ_DATA = 1 << 8,
	CHANERR_WRITE_DATA = 1 << 9,
	CHANERR_CONTROL = 1 << 10,
	CHANERR_LENGTH = 1 << 11,
	CHANERR_COMPLETION_ADDRESS = 1 << 12,
};

struct ioat_descriptor {
	uint32_t size; /* bytes */
	uint32_t control;
	uint64_t source; /* of a fill: the pattern */
	uint64_t destination;
	uint64_t next;
	uint64_t reserved[2];
	uint64_t user[2]; /* for software */
};

enum {
	DESCRIPTOR_ALIGN = 64,
	DESCRIPTOR_INTERRUPT = 1 << 0,
	DESCRIPTOR_COMPLETION = 1 << 3, /* written to CHANCMP */
	DESCRIPTOR_NULL = 1 << 5,	/* transfers nothing */
	DESCRIPTOR_RESERVED = 0x00fff800,
	DESCRIPTOR_OPERATION_SHIFT = 24,
	OPERATION_COPY = 0x00,
	OPERATION_FILL = 0x01,
};

#endif
