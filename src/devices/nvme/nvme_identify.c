/* SPDX-License-Identifier: MIT */
/* See nvme_identify.h. Each structure has 4096 bytes; what is not set is 0: not supported. */
#include "devices/nvme/nvme_identify.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_data.h"
#include "devices/nvme/nvme_io.h"
#include "devices/nvme/nvme_log.h"
#include "devices/nvme/nvme_queue.h"

enum {
	IDENTIFY_SIZE = 4096,
	CONTROLLER_ID = 1,
	CONTROLLER_IO = 1, /* its type */
	CTRATT_HOST_ID_128 = 1,
	ID_CTRATT = 96,
	WARNING_KELVIN = 343,
	CRITICAL_KELVIN = 353,
	POWER_CENTIWATTS = 2500,
	NVM_COMMAND_SET = 0,
};

/* Pads with spaces, as the specification demands. */
static void put_text(uint8_t *structure, unsigned int off, unsigned int size, const char *text)
{
	memset(structure + off, ' ', size);
	memcpy(structure + off, text, min_u64(strlen(text), size));
}

/* Controllers of the same name would be taken for two ways to one. */
static void put_names(uint32_t address, uint8_t *p)
{
	char text[96];

	snprintf(text, sizeof(text), "UIOMMUFD%08x", address);
	put_text(p, ID_SN, 20, text);
	snprintf(text, sizeof(text),
		 "nqn.2014-08.org.nvmexpress:uuid:75696f6d-6d75-4664-8000-%012x", address);
	memcpy(p + ID_SUBNQN, text, strlen(text));
}

static void fill_controller(const struct nvme *n, uint8_t *p)
{
	nvme_put(p, ID_VID, 0x1b36, 2);
	nvme_put(p, ID_SSVID, 0x1af4, 2);
	put_names(n->address, p);
	put_text(p, ID_MN, 40, "uiommufd NVMe controller");
	put_text(p, ID_FR, 8, "1");
	nvme_put(p, ID_RAB, 6, 1);
	nvme_put(p, ID_MDTS, n->mdts, 1);
	nvme_put(p, ID_CNTLID, CONTROLLER_ID, 2);
	nvme_put(p, ID_VER, VS_1_4, 4);
	nvme_put(p, ID_OAES, ASYNC_NAMESPACE_ATTRIBUTE, 4);
	nvme_put(p, ID_CTRATT, CTRATT_HOST_ID_128, 4);
	nvme_put(p, ID_CNTRLTYPE, CONTROLLER_IO, 1);
	nvme_put(p, ID_OACS, OACS_FORMAT | OACS_FIRMWARE | (nvme_has_shadows(n) ? OACS_DBBUF : 0),
		 2);
	nvme_put(p, ID_ACL, NVME_ABORTS - 1, 1);
	nvme_put(p, ID_AERL, NVME_ASYNC_EVENTS - 1, 1);
	nvme_put(p, ID_FRMW, FRMW_SLOT1_READ_ONLY | 1 << FRMW_SLOTS_SHIFT, 1);
	nvme_put(p, ID_LPA, LPA_EFFECTS | LPA_EXTENDED, 1);
	nvme_put(p, ID_ELPE, NVME_ERROR_ENTRIES - 1, 1);
	nvme_put(p, ID_WCTEMP, WARNING_KELVIN, 2);
	nvme_put(p, ID_CCTEMP, CRITICAL_KELVIN, 2);
	nvme_put(p, ID_SQES, NVME_SQES << 4 | NVME_SQES, 1);
	nvme_put(p, ID_CQES, NVME_CQES << 4 | NVME_CQES, 1);
	nvme_put(p, ID_NN, n->namespace_count, 4);
	nvme_put(p, ID_ONCS,
		 ONCS_COMPARE | ONCS_DSM | ONCS_WRITE_ZEROES | ONCS_TIMESTAMP | ONCS_VERIFY |
			 ONCS_COPY,
		 2);
	nvme_put(p, ID_VWC, VWC_PRESENT | VWC_FLUSH_ALL, 1);
	nvme_put(p, ID_OCFS, 1, 2);
	nvme_put(p, ID_SGLS, SGLS_SUPPORTED | SGLS_BIT_BUCKET | SGLS_LONGER, 4);
	nvme_put(p, ID_PSD0, POWER_CENTIWATTS, 2);
}

static void put_guid(const struct nvme *n, uint8_t *p, uint32_t nsid)
{
	memcpy(p, "uiommufd", 8);
	nvme_put(p, 8, n->address, 4);
	nvme_put(p, 12, nsid, 4);
}

static void put_eui64(const struct nvme *n, uint8_t *p, uint32_t nsid)
{
	memcpy(p, "uio", 3);
	nvme_put(p, 3, n->address, 4);
	nvme_put(p, 7, nsid, 1);
}

static void fill_namespace(struct nvme *n, uint32_t nsid, uint8_t *p)
{
	struct nvme_namespace *ns = nvme_namespace(n, nsid);
	const unsigned int shift = atomic_load(&ns->block_shift);

	nvme_put(p, NS_NSZE, nvme_blocks(ns, shift), 8);
	nvme_put(p, NS_NCAP, nvme_blocks(ns, shift), 8);
	nvme_put(p, NS_NUSE, nvme_blocks(ns, shift), 8);
	nvme_put(p, NS_NLBAF, 1, 1);
	nvme_put(p, NS_FLBAS, shift == 12, 1);
	nvme_put(p, NS_DLFEAT, DLFEAT_ZEROES | DLFEAT_WRITE_ZEROES_DEAC, 1);
	nvme_put(p, NS_MSSRL, NVME_COPY_RANGE_BLOCKS, 2);
	nvme_put(p, NS_MCL, NVME_COPY_BLOCKS, 4);
	nvme_put(p, NS_MSRC, NVME_COPY_RANGES - 1, 1);
	nvme_put(p, NS_NSATTR, n->disk.read_only ? NSATTR_WRITE_PROTECTED : 0, 1);
	put_guid(n, p + NS_NGUID, nsid);
	put_eui64(n, p + NS_EUI64, nsid);
	nvme_put(p, NS_LBAF0, 9 << LBAF_LBADS_SHIFT, 4);
	nvme_put(p, NS_LBAF0 + 4, 12 << LBAF_LBADS_SHIFT, 4);
}

static unsigned int put_descriptor(uint8_t *p, unsigned int type, unsigned int len)
{
	nvme_put(p, 0, type, 1);
	nvme_put(p, 1, len, 1);
	return 4 + len;
}

static void fill_descriptors(const struct nvme *n, uint32_t nsid, uint8_t *p)
{
	put_guid(n, p + 4, nsid);
	p += put_descriptor(p, NIDT_NGUID, 16);
	put_eui64(n, p + 4, nsid);
	p += put_descriptor(p, NIDT_EUI64, 8);
	p[4] = NVM_COMMAND_SET;
	(void)put_descriptor(p, NIDT_CSI, 1);
}

/* IDs greater than @after. */
static void fill_list(const struct nvme *n, uint32_t after, uint8_t *p)
{
	for (uint32_t nsid = after + 1; nsid <= n->namespace_count; nsid++, p += 4)
		nvme_put(p, 0, nsid, 4);
}

static uint16_t list_namespaces(const struct nvme_job *job, uint8_t *p)
{
	/* These two leave no ID that could be greater. */
	if (job->command.nsid >= UINT32_MAX - 1)
		return ST_INVALID_NAMESPACE;
	fill_list(nvme_of(job->dev), job->command.nsid, p);
	return ST_SUCCESS;
}

/* The controller is the only one, and all namespaces are attached to it. */
static void list_controllers(const struct nvme_job *job, uint8_t *p)
{
	if (job->command.cdw10 >> 16 > CONTROLLER_ID)
		return;
	nvme_put(p, 0, 1, 2);
	nvme_put(p, 2, CONTROLLER_ID, 2);
}

/* NSID 0xffffffff stands for what all namespaces have in common. */
static uint16_t identify_namespace(const struct nvme_job *job, uint8_t *p)
{
	struct nvme *n = nvme_of(job->dev);

	if (job->command.nsid == (uint32_t)NSID_ALL) {
		nvme_put(p, NS_NLBAF, 1, 1);
		nvme_put(p, NS_LBAF0, 9 << LBAF_LBADS_SHIFT, 4);
		nvme_put(p, NS_LBAF0 + 4, 12 << LBAF_LBADS_SHIFT, 4);
		return ST_SUCCESS;
	}
	if (!nvme_namespace(n, job->command.nsid))
		return ST_INVALID_NAMESPACE;
	fill_namespace(n, job->command.nsid, p);
	return ST_SUCCESS;
}

/* The structures that 2.0 has for each command set; that of the NVM command set has no limits. */
static uint16_t identify_command_set(const struct nvme_job *job, unsigned int cns, uint8_t *p)
{
	if (job->command.cdw11 >> 24 != NVM_COMMAND_SET)
		return ST_INVALID_FIELD;
	if (cns == CNS_NVM_ACTIVE)
		return list_namespaces(job, p);
	if (cns == CNS_NVM_NAMESPACE && !nvme_namespace(nvme_of(job->dev), job->command.nsid))
		return ST_INVALID_NAMESPACE;
	return ST_SUCCESS;
}

static uint16_t identify_independent(const struct nvme_job *job, uint8_t *p)
{
	enum {
		NSATTR = 2,
		NSTAT = 14,
		NSTAT_READY = 1,
	};
	const struct nvme *n = nvme_of(job->dev);

	if (!nvme_namespace(nvme_of(job->dev), job->command.nsid))
		return ST_INVALID_NAMESPACE;
	nvme_put(p, NSATTR, n->disk.read_only ? NSATTR_WRITE_PROTECTED : 0, 1);
	nvme_put(p, NSTAT, NSTAT_READY, 1);
	return ST_SUCCESS;
}

static uint16_t fill(const struct nvme_job *job, uint8_t *p)
{
	struct nvme *n = nvme_of(job->dev);
	const unsigned int cns = job->command.cdw10 & 0xff;

	switch (cns) {
	case CNS_NAMESPACE:
	case CNS_ALLOCATED_NAMESPACE:
		return identify_namespace(job, p);
	case CNS_CONTROLLER:
		fill_controller(n, p);
		return ST_SUCCESS;
	case CNS_ACTIVE:
	case CNS_ALLOCATED:
		return list_namespaces(job, p);
	case CNS_DESCRIPTORS:
		if (!nvme_namespace(n, job->command.nsid))
			return ST_INVALID_NAMESPACE;
		fill_descriptors(n, job->command.nsid, p);
		return ST_SUCCESS;
	case CNS_NVM_NAMESPACE:
	case CNS_NVM_CONTROLLER:
	case CNS_NVM_ACTIVE:
		return identify_command_set(job, cns, p);
	case CNS_INDEPENDENT:
		return identify_independent(job, p);
	case CNS_ATTACHED_CONTROLLERS:
		if (!nvme_namespace(n, job->command.nsid))
			return ST_INVALID_NAMESPACE;
		list_controllers(job, p);
		return ST_SUCCESS;
	case CNS_CONTROLLERS:
		list_controllers(job, p);
		return ST_SUCCESS;
	case CNS_COMMAND_SETS:
		nvme_put(p, 0, 1 << NVM_COMMAND_SET, 8);
		return ST_SUCCESS;
	default:
		return ST_INVALID_FIELD;
	}
}

uint16_t nvme_identify(struct nvme_job *job)
{
	uint8_t structure[IDENTIFY_SIZE] = {0};
	uint16_t status = fill(job, structure);

	return status ? status
		      : nvme_data_give(job->dev, &job->command, structure, sizeof(structure));
}
