/* SPDX-License-Identifier: MIT */
/*
 * The NVMe controller as a model: its options, its identity, and its life. It has the IDs of QEMU's
 * controller, which all drivers know.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "devices/devices.h"
#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_migration.h"
#include "devices/nvme/nvme_registers.h"
#include "devices/nvme/nvme_state.h"

enum {
	DEFAULT_QUEUES = 16,
	DEFAULT_MDTS = 7, /* 512 KiB */
	MAX_MDTS = 16,
	SMALLEST = 4096, /* a namespace has a whole number of blocks of either size */
};
#define DEFAULT_SIZE (UINT64_C(64) << 20)
#define MAX_SIZE     (UINT64_C(1) << 46)

/* ---- options ---- */

static const struct uiommufd_option nvme_options[] = {
	{.name = "file",
	 .help = "a file or block device with the data; default: memory, which ends with the "
		 "device",
	 .kind = UIOMMUFD_OPTION_PATH},
	{.name = "size",
	 .help = "bytes of a namespace, with K, M, G or T; default: an equal part of the file, or "
		 "64M"},
	{.name = "namespaces", .help = "how many, 1 to 32; default 1"},
	{.name = "lba", .help = "bytes of a block, 512 or 4096; default 512"},
	{.name = "readonly",
	 .help = "all namespaces are write protected; on or off, default off",
	 .kind = UIOMMUFD_OPTION_FLAG},
	{.name = "mdts",
	 .help = "longest transfer: log2 of its pages of 4 KiB, up to 16; 0: any; default 7"},
	{.name = "cmb", .help = "bytes of the controller memory buffer, up to 512K; default 0"},
	{.name = "queues", .help = "pairs of IO queues, 1 to 64; default 16"},
	{.name = "dstrd", .help = "distance of doorbells: CAP.DSTRD, 0 to 4; default 0"},
	{.name = NULL},
};

static const struct uiommufd_option_range nvme_ranges[] = {
	{"file", "a path", NULL},	  {"size", "bytes, with K, M, G or T", "64M"},
	{"namespaces", "1 to 32", "1"},	  {"lba", "512 or 4096", "512"},
	{"readonly", "on or off", "off"}, {"mdts", "up to 16", "7"},
	{"cmb", "up to 512K", "0"},	  {"queues", "1 to 64", "16"},
	{"dstrd", "0 to 4", "0"},	  {.option = NULL},
};

static const struct uiommufd_register nvme_registers[] = {
	UIOMMUFD_REGISTER("CAP", "capabilities", 0, NVME_CAP, 8, UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("VS", "version", 0, NVME_VS, 4, UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("INTMS", "interrupt mask set", 0, NVME_INTMS, 4, 0),
	UIOMMUFD_REGISTER("INTMC", "interrupt mask clear", 0, NVME_INTMC, 4, 0),
	UIOMMUFD_REGISTER("CC", "controller configuration", 0, NVME_CC, 4, 0),
	UIOMMUFD_REGISTER("CSTS", "controller status", 0, NVME_CSTS, 4, UIOMMUFD_REGISTER_CLEAR),
	UIOMMUFD_REGISTER("NSSR", "NVM subsystem reset", 0, NVME_NSSR, 4, UIOMMUFD_REGISTER_WO),
	UIOMMUFD_REGISTER("AQA", "sizes of the admin queues", 0, NVME_AQA, 4, 0),
	UIOMMUFD_REGISTER("ASQ", "base of the admin submission queue", 0, NVME_ASQ, 8, 0),
	UIOMMUFD_REGISTER("ACQ", "base of the admin completion queue", 0, NVME_ACQ, 8, 0),
	UIOMMUFD_REGISTER("CMBLOC", "where the controller memory buffer is", 0, NVME_CMBLOC, 4,
			  UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("CMBSZ", "its size", 0, NVME_CMBSZ, 4, UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("CMBMSC", "its address for the controller", 0, NVME_CMBMSC, 8, 0),
	UIOMMUFD_REGISTER("CMBSTS", "its status", 0, NVME_CMBSTS, 4, UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTERS("SQTDBL", "tail of a submission queue; dstrd changes the distance", 0,
			   NVME_DOORBELLS, 4, UIOMMUFD_REGISTER_WO, NVME_MAX_QUEUES + 1, 8),
	UIOMMUFD_REGISTERS("CQHDBL", "head of a completion queue", 0, NVME_DOORBELLS + 4, 4,
			   UIOMMUFD_REGISTER_WO, NVME_MAX_QUEUES + 1, 8),
	{.name = NULL},
};

/*
 * The first page of doorbells: all of them, unless dstrd puts them far apart. No tail or head is as
 * large as `empty`, also of a driver that is wrong.
 */
static const struct uiommufd_bar_part nvme_bar_parts[] = {
	{
		.kind = UIOMMUFD_PART_DOORBELLS,
		.bar = 0,
		.off = NVME_DOORBELLS,
		.size = 4096,
		.empty = 0x6e6f6e65, /* "none" */
		.thread = 1,	     /* which serves the first IO queue */
	},
	{.size = 0},
};

/* Parses a whole number, with a unit if @units. False: it is none, or greater than @max. */
static bool parse_number(const char *text, bool units, uint64_t max, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned int shift = 0;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno)
		return false;
	suffix = *end && units ? strchr(suffixes, *end) : NULL;
	if (suffix) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
	}
	if (*end || *value > max >> shift)
		return false;
	*value <<= shift;
	return true;
}

static const char *option_help(const char *name)
{
	const struct uiommufd_option *option = nvme_options;

	while (strcmp(option->name, name) != 0)
		option++;
	return option->help;
}

static int refuse(struct uiommufd_device *dev, const char *name, const char *value)
{
	return uiommufd_device_refuse(dev, -EINVAL, "%s=%s is refused: it is %s", name, value,
				      option_help(name));
}

/* *@value is the default before. */
static int take_number(struct uiommufd_device *dev, const char *name, bool units, uint64_t min,
		       uint64_t max, uint64_t *value)
{
	const char *text = uiommufd_device_option(dev, name);

	if (!text)
		return 0;
	if (!parse_number(text, units, max, value) || *value < min)
		return refuse(dev, name, text);
	return 0;
}

static int take_block_size(struct uiommufd_device *dev, unsigned int *shift)
{
	const char *text = uiommufd_device_option(dev, "lba");

	*shift = 9;
	if (!text || strcmp(text, "512") == 0)
		return 0;
	*shift = 12;
	return strcmp(text, "4096") == 0 ? 0 : refuse(dev, "lba", text);
}

static int take_read_only(struct uiommufd_device *dev, bool *read_only)
{
	const char *text = uiommufd_device_option(dev, "readonly");

	*read_only = text && strcmp(text, "on") == 0;
	if (!text || *read_only || strcmp(text, "off") == 0)
		return 0;
	return refuse(dev, "readonly", text);
}

/* ---- the disk ---- */

static int too_small(struct uiommufd_device *dev, const char *path, uint64_t has, uint64_t needs)
{
	return uiommufd_device_refuse(dev, -EINVAL, "file=%s has %llu bytes: %llu are needed", path,
				      (unsigned long long)has, (unsigned long long)needs);
}

/* @size: of a namespace; 0: an equal part of the file. */
static int open_file(struct uiommufd_device *dev, const char *path, uint64_t *size, bool read_only)
{
	struct nvme *n = nvme_of(dev);
	const uint64_t least = (*size ? *size : SMALLEST) * n->namespace_count;
	int rc = nvme_disk_open(&n->disk, dev, path, read_only);

	if (rc)
		return rc;
	if (n->disk.size < least) {
		rc = too_small(dev, path, n->disk.size, least);
		nvme_disk_destroy(&n->disk);
		return rc;
	}
	if (!*size)
		*size = n->disk.size / n->namespace_count & ~(uint64_t)(SMALLEST - 1);
	return 0;
}

static int make_disk(struct uiommufd_device *dev, uint64_t size, bool read_only)
{
	const char *path = uiommufd_device_option(dev, "file");
	struct nvme *n = nvme_of(dev);
	int rc;

	if (path) {
		rc = open_file(dev, path, &size, read_only);
	} else {
		size = size ? size : DEFAULT_SIZE;
		rc = nvme_disk_create(&n->disk, size * n->namespace_count);
		n->disk.read_only = read_only;
	}
	if (rc)
		return rc;
	for (unsigned int i = 0; i < n->namespace_count; i++)
		n->namespaces[i] = (struct nvme_namespace){
			.offset = size * i,
			.size = size,
			.block_shift = n->initial_shift,
		};
	return 0;
}

/* ---- life ---- */

static int take_options(struct uiommufd_device *dev, uint64_t *size, bool *read_only)
{
	uint64_t queues = DEFAULT_QUEUES, mdts = DEFAULT_MDTS, stride = 0, cmb = 0, namespaces = 1;
	struct nvme *n = nvme_of(dev);
	int rc;

	*size = 0;
	if ((rc = take_number(dev, "size", true, SMALLEST, MAX_SIZE, size)) ||
	    (rc = take_number(dev, "namespaces", false, 1, NVME_MAX_NAMESPACES, &namespaces)) ||
	    (rc = take_number(dev, "mdts", false, 0, MAX_MDTS, &mdts)) ||
	    (rc = take_number(dev, "cmb", true, 0, NVME_MAX_CMB, &cmb)) ||
	    (rc = take_number(dev, "queues", false, 1, NVME_MAX_QUEUES, &queues)) ||
	    (rc = take_number(dev, "dstrd", false, 0, NVME_MAX_STRIDE, &stride)) ||
	    (rc = take_block_size(dev, &n->initial_shift)) || (rc = take_read_only(dev, read_only)))
		return rc;
	if (!is_aligned(*size, SMALLEST))
		return uiommufd_device_refuse(dev, -EINVAL, "size=%s is no multiple of 4096",
					      uiommufd_device_option(dev, "size"));
	if (!is_aligned(cmb, 4096))
		return uiommufd_device_refuse(dev, -EINVAL, "cmb=%s is no multiple of 4096",
					      uiommufd_device_option(dev, "cmb"));
	n->queues = (unsigned int)queues;
	n->mdts = (unsigned int)mdts;
	n->stride = (unsigned int)stride;
	n->cmb_size = (uint32_t)cmb;
	n->namespace_count = (unsigned int)namespaces;
	return 0;
}

/* "0000:01:00.0" as a number. */
static uint32_t address_of(struct uiommufd_device *dev)
{
	unsigned int domain = 0, bus = 0, slot = 0, function = 0;

	if (sscanf(uiommufd_device_name(dev), "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return 0;
	return domain << 16 | bus << 8 | slot << 3 | function;
}

static int nvme_init(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);
	bool read_only;
	uint64_t size;
	int rc = take_options(dev, &size, &read_only);

	if (rc)
		return rc;
	n->address = address_of(dev);
	n->threads = alloc_array(NVME_THREADS, sizeof(n->threads[0]));
	if (!n->threads)
		return -ENOMEM;
	rc = -ENOMEM;
	n->cmb = n->cmb_size ? alloc_zeroed(n->cmb_size) : NULL;
	if (n->cmb_size && !n->cmb)
		goto out_threads;
	rc = make_disk(dev, size, read_only);
	if (rc)
		goto out_cmb;
	nvme_power_on(dev);
	return 0;

out_cmb:
	alloc_free(n->cmb);
out_threads:
	alloc_free(n->threads);
	return rc;
}

static void nvme_fini(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	nvme_disk_destroy(&n->disk);
	alloc_free(n->cmb);
	alloc_free(n->threads);
}

static void nvme_reset(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	nvme_power_on(dev);
	if (n->cmb)
		memset(n->cmb, 0, n->cmb_size);
}

const struct uiommufd_model device_nvme = {
	.name = "nvme",
	.summary = "NVMe 1.4 disk, in memory or in a file",
	.vendor = 0x1b36,
	.device = 0x0010,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x010802,
	.revision = 0x02,
	.bars = {{.size = NVME_BAR_SIZE, .flags = UIOMMUFD_BAR_64 | UIOMMUFD_BAR_MMAP}},
	.intx = true,
	.msix_vectors = NVME_MAX_QUEUES + 1,
	.msix_table = NVME_MSIX_TABLE,
	.msix_pba = NVME_MSIX_PBA,
	.pcie = true,
	.flr = true,
	.work_threads = NVME_THREADS,
	.state_size = sizeof(struct nvme),
	.decides_fates = true,
	.bar_parts = nvme_bar_parts,
	.options = nvme_options,
	.option_ranges = nvme_ranges,
	.registers = nvme_registers,
	.init = nvme_init,
	.fini = nvme_fini,
	.reset = nvme_reset,
	.read = nvme_bar_read,
	.write = nvme_bar_write,
	.saved_version = NVME_SAVED_VERSION,
	.saved_bytes = sizeof(struct nvme),
	.save = nvme_save,
	.load = nvme_load,
};
