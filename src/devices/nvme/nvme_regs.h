/* SPDX-License-Identifier: MIT */
/*
 * NVM Express 1.4: registers, commands and data structures, by the names of the specification
 * (NVMe Base Specification 1.4c; TP 4065 for Copy). Offsets are in BAR 0; all is little endian.
 */
#ifndef DEVICES_NVME_NVME_REGS_H
#define DEVICES_NVME_NVME_REGS_H

#include <stdint.h>

/* ---- controller registers (3.1) ---- */

enum {
	NVME_CAP = 0x00,    /* 64: capabilities */
	NVME_VS = 0x08,	    /* version */
	NVME_INTMS = 0x0c,  /* interrupt mask set */
	NVME_INTMC = 0x10,  /* interrupt mask clear */
	NVME_CC = 0x14,	    /* configuration */
	NVME_CSTS = 0x1c,   /* status */
	NVME_NSSR = 0x20,   /* NVM subsystem reset */
	NVME_AQA = 0x24,    /* sizes of the admin queues */
	NVME_ASQ = 0x28,    /* 64: base of the admin submission queue */
	NVME_ACQ = 0x30,    /* 64: base of the admin completion queue */
	NVME_CMBLOC = 0x38, /* where the controller memory buffer is */
	NVME_CMBSZ = 0x3c,
	NVME_CMBMSC = 0x50, /* 64: at which address the controller itself sees it */
	NVME_CMBSTS = 0x58,
	NVME_DOORBELLS = 0x1000,
};

/* CAP. */
#define CAP_MQES(entries) ((uint64_t)(entries)-1)
#define CAP_CQR		  (UINT64_C(1) << 16)	    /* queues are contiguous */
#define CAP_TO(units)	  ((uint64_t)(units) << 24) /* longest wait for RDY, in 500 ms */
#define CAP_DSTRD(n)	  ((uint64_t)(n) << 32)
#define CAP_NSSRS	  (UINT64_C(1) << 36)
#define CAP_CSS_NVM	  (UINT64_C(1) << 37)
#define CAP_MPSMAX(n)	  ((uint64_t)(n) << 52)
#define CAP_CMBS	  (UINT64_C(1) << 57)

enum {
	VS_1_4 = 0x00010400,
};

enum {
	CC_EN = 1 << 0,
	CC_CSS_SHIFT = 4,
	CC_CSS_MASK = 7,
	CC_MPS_SHIFT = 7, /* log2 of the memory page size, minus 12 */
	CC_MPS_MASK = 0xf,
	CC_AMS_SHIFT = 11,
	CC_AMS_MASK = 7,
	CC_SHN_SHIFT = 14,
	CC_SHN_MASK = 3,
	CC_IOSQES_SHIFT = 16,
	CC_IOCQES_SHIFT = 20,
	CC_ENTRY_MASK = 0xf,
	CC_WRITABLE = 0x00fffff1,
};

enum {
	CSTS_RDY = 1 << 0,
	CSTS_CFS = 1 << 1, /* fatal: only a reset helps */
	CSTS_SHST_OCCURRING = 1 << 2,
	CSTS_SHST_COMPLETE = 2 << 2,
	CSTS_SHST = 3 << 2,
	CSTS_NSSRO = 1 << 4, /* cleared by writing 1 */
};

enum {
	NSSR_RESET = 0x4e564d65, /* "NVMe" */
	AQA_SIZE_MASK = 0xfff,	 /* of both, 0's based */
	AQA_ACQS_SHIFT = 16,
};

enum {
	CMBSZ_SQS = 1 << 0, /* what it may hold */
	CMBSZ_CQS = 1 << 1,
	CMBSZ_LISTS = 1 << 2,
	CMBSZ_RDS = 1 << 3,
	CMBSZ_WDS = 1 << 4,
	CMBSZ_SZ_SHIFT = 12, /* in units of 4 KiB */
};
#define CMBMSC_CRE  UINT64_C(1) /* CMBLOC and CMBSZ show it */
#define CMBMSC_CMSE UINT64_C(2) /* it is at CBA */
#define CMBMSC_CBA  (~UINT64_C(0xfff))

/* ---- commands ---- */

struct nvme_command {
	uint8_t opcode, flags;
	uint16_t cid;
	uint32_t nsid;
	uint32_t cdw2, cdw3;
	uint64_t mptr;
	union {
		struct {
			uint64_t prp1, prp2;
		};
		uint8_t sgl1[16];
	};
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct nvme_command) == 64, "an entry of a submission queue");

struct nvme_completion {
	uint32_t dw0, dw1;
	uint16_t sq_head, sq_id;
	uint16_t cid;
	uint16_t status; /* bit 0: phase */
};
_Static_assert(sizeof(struct nvme_completion) == 16, "an entry of a completion queue");

enum {
	NVME_SQES = 6, /* log2 of their sizes */
	NVME_CQES = 4,
};

enum {
	COMMAND_FUSE = 0x03,
	COMMAND_PSDT_SHIFT = 6,
	PSDT_PRP = 0,
	PSDT_SGL = 1,	       /* the metadata pointer is an address */
	PSDT_SGL_METADATA = 2, /* it is an SGL, too */
};

enum nvme_admin_opcode {
	ADMIN_DELETE_SQ = 0x00,
	ADMIN_CREATE_SQ = 0x01,
	ADMIN_GET_LOG_PAGE = 0x02,
	ADMIN_DELETE_CQ = 0x04,
	ADMIN_CREATE_CQ = 0x05,
	ADMIN_IDENTIFY = 0x06,
	ADMIN_ABORT = 0x08,
	ADMIN_SET_FEATURES = 0x09,
	ADMIN_GET_FEATURES = 0x0a,
	ADMIN_ASYNC_EVENT = 0x0c,
	ADMIN_FIRMWARE_COMMIT = 0x10,
	ADMIN_FIRMWARE_DOWNLOAD = 0x11,
	ADMIN_DBBUF_CONFIG = 0x7c,
	ADMIN_FORMAT = 0x80,
};

enum nvme_io_opcode {
	IO_FLUSH = 0x00,
	IO_WRITE = 0x01,
	IO_READ = 0x02,
	IO_COMPARE = 0x05,
	IO_WRITE_ZEROES = 0x08,
	IO_DSM = 0x09,
	IO_VERIFY = 0x0c,
	IO_COPY = 0x19,
};

/* Status codes, with the type in bits 10:8 and Do Not Retry in bit 14. */
enum nvme_status {
	ST_SUCCESS = 0x000,
	ST_INVALID_OPCODE = 0x001,
	ST_INVALID_FIELD = 0x002,
	ST_CID_CONFLICT = 0x003,
	ST_DATA_TRANSFER = 0x004,
	ST_INTERNAL = 0x006,
	ST_ABORTED = 0x007,
	ST_INVALID_NAMESPACE = 0x00b,
	ST_SEQUENCE = 0x00c,
	ST_SGL_SEGMENT = 0x00d,
	ST_SGL_COUNT = 0x00e,
	ST_SGL_LENGTH = 0x00f,
	ST_SGL_TYPE = 0x011,
	ST_CMB = 0x012, /* Invalid Use of Controller Memory Buffer */
	ST_PRP_OFFSET = 0x013,
	ST_WRITE_PROTECTED = 0x020,
	ST_LBA_RANGE = 0x080,
	ST_CAPACITY = 0x081,

	ST_INVALID_CQ = 0x100,
	ST_INVALID_QID = 0x101,
	ST_INVALID_QUEUE_SIZE = 0x102,
	ST_ASYNC_LIMIT = 0x105,
	ST_FIRMWARE_SLOT = 0x106,
	ST_FIRMWARE_IMAGE = 0x107,
	ST_INVALID_VECTOR = 0x108,
	ST_INVALID_LOG_PAGE = 0x109,
	ST_INVALID_FORMAT = 0x10a,
	ST_INVALID_QUEUE_DELETION = 0x10c,
	ST_NOT_SAVEABLE = 0x10d,
	ST_NOT_OF_NAMESPACE = 0x10f,
	ST_COMMAND_SIZE = 0x183, /* Command Size Limit Exceeded (TP 4065) */

	ST_WRITE_FAULT = 0x280,
	ST_UNRECOVERED_READ = 0x281,
	ST_COMPARE_FAILURE = 0x285,

	ST_DNR = 0x4000,
};

/* Fields of commands. */
enum {
	NSID_ALL = -1,
	QUEUE_CONTIGUOUS = 1 << 0, /* CDW11 of Create IO Completion or Submission Queue */
	QUEUE_IEN = 1 << 1,
	RW_FUA = 1 << 30,	     /* CDW12 */
	WRITE_ZEROES_DEAC = 1 << 25, /* CDW12 */
	DSM_DEALLOCATE = 1 << 2,     /* CDW11 */
	LOG_RAE = 1 << 15,	     /* CDW10: the event stays masked */
	FEATURE_SAVE = INT32_MIN,    /* CDW10 of Set Features, bit 31 */
	FEATURE_SELECT_SHIFT = 8,    /* CDW10 of Get Features */
	FIRMWARE_SLOT_MASK = 7,
	FIRMWARE_ACTION_SHIFT = 3,
};

struct nvme_dsm_range {
	uint32_t attributes;
	uint32_t blocks;
	uint64_t lba;
};

struct nvme_copy_range {
	uint64_t reserved;
	uint64_t lba;
	uint16_t blocks; /* 0's based */
	uint8_t unused[14];
};
_Static_assert(sizeof(struct nvme_copy_range) == 32, "source range entries, format 0");

enum nvme_sgl_type {
	SGL_DATA_BLOCK = 0,
	SGL_BIT_BUCKET = 1,
	SGL_SEGMENT = 2,
	SGL_LAST_SEGMENT = 3,
};

struct nvme_sgl {
	uint64_t address;
	uint32_t len;
	uint8_t reserved[3];
	uint8_t type; /* bits 7:4; 3:0 the subtype: 0 stands for an address */
};
_Static_assert(sizeof(struct nvme_sgl) == 16, "an SGL descriptor");

/* ---- features ---- */

enum nvme_feature {
	FEATURE_ARBITRATION = 0x01,
	FEATURE_POWER = 0x02,
	FEATURE_TEMPERATURE = 0x04,
	FEATURE_ERROR_RECOVERY = 0x05,
	FEATURE_WRITE_CACHE = 0x06,
	FEATURE_QUEUES = 0x07,
	FEATURE_COALESCING = 0x08,
	FEATURE_VECTOR = 0x09,
	FEATURE_WRITE_ATOMICITY = 0x0a,
	FEATURE_ASYNC_EVENTS = 0x0b,
	FEATURE_TIMESTAMP = 0x0e,
	FEATURE_HOST_ID = 0x81,
};

enum {
	SELECT_CURRENT = 0,
	SELECT_DEFAULT = 1,
	SELECT_SAVED = 2,
	SELECT_CAPABILITIES = 3,
	CAPABILITY_NAMESPACE = 1 << 1,
	CAPABILITY_CHANGEABLE = 1 << 2,
	VECTOR_NOT_COALESCED = 1 << 16,
	ASYNC_NAMESPACE_ATTRIBUTE = 1 << 8,
	SMART_TEMPERATURE = 1 << 1, /* critical warning, and its bit of the event's mask */
};

/* ---- log pages and events ---- */

enum nvme_log {
	LOG_SUPPORTED = 0x00,
	LOG_ERROR = 0x01,
	LOG_SMART = 0x02,
	LOG_FIRMWARE = 0x03,
	LOG_CHANGED_NAMESPACES = 0x04,
	LOG_EFFECTS = 0x05,
};

enum nvme_event_type {
	EVENT_ERROR = 0,
	EVENT_SMART = 1,
	EVENT_NOTICE = 2,
	EVENT_TYPES,
};

enum {
	EVENT_INVALID_DOORBELL = 0x00, /* of EVENT_ERROR */
	EVENT_INVALID_DOORBELL_VALUE = 0x01,
	EVENT_TEMPERATURE = 0x01, /* of EVENT_SMART */
	EVENT_NAMESPACE = 0x00,	  /* of EVENT_NOTICE */
};

struct nvme_error_entry {
	uint64_t count;
	uint16_t sq_id, cid;
	uint16_t status;
	uint16_t location;
	uint64_t lba;
	uint32_t nsid;
	uint8_t unused[36];
};
_Static_assert(sizeof(struct nvme_error_entry) == 64, "an entry of the error log");

/* ---- Identify (5.15) ---- */

enum nvme_cns {
	CNS_NAMESPACE = 0x00,
	CNS_CONTROLLER = 0x01,
	CNS_ACTIVE = 0x02,
	CNS_DESCRIPTORS = 0x03,
	CNS_NVM_NAMESPACE = 0x05, /* of a command set; from 2.0 on */
	CNS_NVM_CONTROLLER = 0x06,
	CNS_NVM_ACTIVE = 0x07,
	CNS_INDEPENDENT = 0x08,
	CNS_ALLOCATED = 0x10,
	CNS_ALLOCATED_NAMESPACE = 0x11,
	CNS_ATTACHED_CONTROLLERS = 0x12,
	CNS_CONTROLLERS = 0x13,
	CNS_COMMAND_SETS = 0x1c,
};

/* Offsets in the controller's structure. */
enum {
	ID_VID = 0,
	ID_SSVID = 2,
	ID_SN = 4,
	ID_MN = 24,
	ID_FR = 64,
	ID_RAB = 72,
	ID_MDTS = 77,
	ID_CNTLID = 78,
	ID_VER = 80,
	ID_OAES = 92,
	ID_CNTRLTYPE = 111,
	ID_OACS = 256,
	ID_ACL = 258,
	ID_AERL = 259,
	ID_FRMW = 260,
	ID_LPA = 261,
	ID_ELPE = 262,
	ID_NPSS = 263,
	ID_WCTEMP = 266,
	ID_CCTEMP = 268,
	ID_SQES = 512,
	ID_CQES = 513,
	ID_NN = 516,
	ID_ONCS = 520,
	ID_FUSES = 522,
	ID_FNA = 524,
	ID_VWC = 525,
	ID_AWUN = 526,
	ID_AWUPF = 528,
	ID_OCFS = 534,
	ID_SGLS = 536,
	ID_SUBNQN = 768,
	ID_PSD0 = 2048,
};

enum {
	OACS_FORMAT = 1 << 1,
	OACS_FIRMWARE = 1 << 2,
	OACS_DBBUF = 1 << 8,
	ONCS_COMPARE = 1 << 0,
	ONCS_DSM = 1 << 2,
	ONCS_WRITE_ZEROES = 1 << 3,
	ONCS_TIMESTAMP = 1 << 6,
	ONCS_VERIFY = 1 << 7,
	ONCS_COPY = 1 << 8,
	LPA_EFFECTS = 1 << 1,
	LPA_EXTENDED = 1 << 2, /* offsets, and lengths of 32 bits */
	FRMW_SLOT1_READ_ONLY = 1 << 0,
	FRMW_SLOTS_SHIFT = 1,
	VWC_PRESENT = 1 << 0,
	VWC_FLUSH_ALL = 3 << 1, /* Flush takes NSID 0xffffffff */
	SGLS_SUPPORTED = 1 << 0,
	SGLS_BIT_BUCKET = 1 << 16,
	SGLS_LONGER = 1 << 18, /* than the data */
};

/* Offsets in a namespace's structure. */
enum {
	NS_NSZE = 0,
	NS_NCAP = 8,
	NS_NUSE = 16,
	NS_NSFEAT = 24,
	NS_NLBAF = 25,
	NS_FLBAS = 26,
	NS_DLFEAT = 33,
	NS_MSSRL = 74, /* of Copy: blocks of one range */
	NS_MCL = 76,   /* blocks of all */
	NS_MSRC = 80,  /* ranges, 0's based */
	NS_NSATTR = 99,
	NS_NGUID = 104,
	NS_EUI64 = 120,
	NS_LBAF0 = 128,
	LBAF_LBADS_SHIFT = 16,
	DLFEAT_ZEROES = 1 << 0,		   /* what is deallocated reads as zeros */
	DLFEAT_WRITE_ZEROES_DEAC = 1 << 3, /* Write Zeroes takes DEAC */
	NSATTR_WRITE_PROTECTED = 1 << 0,
};

enum {
	NIDT_EUI64 = 1,
	NIDT_NGUID = 2,
	NIDT_UUID = 3,
	NIDT_CSI = 4,
};

#endif
