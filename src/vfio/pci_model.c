/* SPDX-License-Identifier: MIT */
/*
 * Checks of a model (PCI Local Bus 3.0 6.2.5, 6.7, 6.8; PCI Express 6.0 7.9). Models come from
 * shared objects, too, so each check says what is wrong in the terms of <uiommufd/device.h>.
 */
#include "vfio/pci_model.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "vfio/rom.h"

enum {
	MAX_VPD = 32768,
	MAX_MSI = 32,
	MAX_BAR_BITS = 40,
	MAX_ACCESS = 8,
	MAX_REGISTERS = 65536,
	MAX_OPTIONS = 256, /* an array without its end is found before memory ends, as a rule */
};

struct check {
	const struct uiommufd_model *model;
	char *why;
	size_t size;
};

/* Says what is wrong, and returns -EINVAL. */
static __attribute__((format(printf, 2, 3))) int wrong(const struct check *check,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (check->size)
		vsnprintf(check->why, check->size, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- BARs ---- */

static int check_bar_size(const struct check *check, unsigned int i)
{
	const struct uiommufd_bar *bar = &check->model->bars[i];
	const bool io = bar->flags & UIOMMUFD_BAR_IO;

	if (!is_power_of_two(bar->size))
		return wrong(check, "BAR %u: %" PRIu64 " bytes is no power of two", i, bar->size);
	if (bar->size < (io ? 4 : 16))
		return wrong(check, "BAR %u: %" PRIu64 " bytes; at least %d", i, bar->size,
			     io ? 4 : 16);
	if (bar->size >> MAX_BAR_BITS)
		return wrong(check, "BAR %u: 2^%d bytes or more", i, MAX_BAR_BITS);
	if (!(bar->flags & UIOMMUFD_BAR_64) && bar->size > UINT32_C(1) << 31)
		return wrong(check, "BAR %u: more than 2 GiB needs UIOMMUFD_BAR_64", i);
	return 0;
}

static int check_bar_flags(const struct check *check, unsigned int i)
{
	const struct uiommufd_bar *bar = &check->model->bars[i];
	const unsigned int known = UIOMMUFD_BAR_IO | UIOMMUFD_BAR_64 | UIOMMUFD_BAR_PREFETCH |
				   UIOMMUFD_BAR_MMAP;

	if (bar->flags & ~known)
		return wrong(check, "BAR %u: flags 0x%x are unknown", i, bar->flags & ~known);
	if (bar->flags & UIOMMUFD_BAR_IO && bar->flags & (UIOMMUFD_BAR_64 | UIOMMUFD_BAR_MMAP))
		return wrong(check, "BAR %u: port space is neither 64-bit nor mapped", i);
	if (bar->flags & UIOMMUFD_BAR_MMAP && !is_aligned(bar->size, PAGE_SIZE))
		return wrong(check, "BAR %u: UIOMMUFD_BAR_MMAP needs whole pages", i);
	if (bar->flags & UIOMMUFD_BAR_64 && (i + 1 >= PCI_BARS || check->model->bars[i + 1].size))
		return wrong(check, "BAR %u: a 64-bit BAR takes the next one, too", i);
	return 0;
}

/* Whether @bytes is a width of an access, or 0. */
static bool is_width(unsigned int bytes)
{
	return bytes <= MAX_ACCESS && !(bytes & (bytes - 1));
}

static int check_bar(const struct check *check, unsigned int i)
{
	const struct uiommufd_bar *bar = &check->model->bars[i];
	int rc;

	if (!bar->size)
		return 0;
	rc = check_bar_size(check, i);
	if (rc)
		return rc;
	rc = check_bar_flags(check, i);
	if (rc)
		return rc;
	if (!is_width(bar->min_access) || !is_width(bar->max_access) ||
	    (bar->max_access && bar->min_access > bar->max_access))
		return wrong(check, "BAR %u: accesses of %u to %u bytes are impossible", i,
			     bar->min_access, bar->max_access);
	if (!check->model->read || !check->model->write)
		return wrong(check, "BAR %u: the model has no %s()", i,
			     check->model->read ? "write" : "read");
	return 0;
}

/* ---- interrupts ---- */

static int check_vectors(const struct check *check)
{
	const struct uiommufd_model *model = check->model;
	const uint64_t table = (uint64_t)model->msix_vectors * PCI_MSIX_ENTRY_SIZE;
	const uint64_t pending = ((uint64_t)model->msix_vectors + 63) / 64 * 8;
	const struct uiommufd_bar *bar;

	if (model->msi_vectors > MAX_MSI ||
	    (model->msi_vectors && !is_power_of_two(model->msi_vectors)))
		return wrong(check, "%u MSI vectors: write 0, 1, 2, 4, 8, 16 or 32",
			     model->msi_vectors);
	if (!model->msix_vectors)
		return 0;
	if (model->msix_vectors > PCI_MSIX_FLAGS_QSIZE + 1)
		return wrong(check, "%u MSI-X vectors; at most %d", model->msix_vectors,
			     PCI_MSIX_FLAGS_QSIZE + 1);
	if (model->msix_bar >= PCI_BARS)
		return wrong(check, "the MSI-X table is in BAR %u", model->msix_bar);
	bar = &model->bars[model->msix_bar];
	if (bar->flags & UIOMMUFD_BAR_IO || !bar->size)
		return wrong(check, "the MSI-X table is in BAR %u, which is no memory",
			     model->msix_bar);
	if (!is_aligned(model->msix_table, 8) || !is_aligned(model->msix_pba, 8) ||
	    model->msix_table + table > bar->size || model->msix_pba + pending > bar->size)
		return wrong(check,
			     "the MSI-X table at 0x%x or its pending bits at 0x%x leave BAR %u, or "
			     "are no multiples of 8",
			     model->msix_table, model->msix_pba, model->msix_bar);
	return 0;
}

/* ---- parts ---- */

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static int check_part(const struct check *check, unsigned int i)
{
	const struct uiommufd_model *model = check->model;
	const struct uiommufd_bar_part *part = &model->bar_parts[i];
	const uint64_t table = (uint64_t)model->msix_vectors * PCI_MSIX_ENTRY_SIZE;
	uint64_t end;

	if (i == UIOMMUFD_MAX_BAR_PARTS)
		return wrong(check, "more than %d parts, or their array has no end",
			     UIOMMUFD_MAX_BAR_PARTS);
	if (part->bar >= PCI_BARS || !(model->bars[part->bar].flags & UIOMMUFD_BAR_MMAP))
		return wrong(check, "part %u: BAR %u has no UIOMMUFD_BAR_MMAP", i, part->bar);
	if (!is_aligned(part->off, PAGE_SIZE) || !is_aligned(part->size, PAGE_SIZE) ||
	    check_add(part->off, part->size, &end) || end > model->bars[part->bar].size)
		return wrong(check,
			     "part %u: 0x%" PRIx64 " bytes at 0x%" PRIx64 " are no pages of BAR %u",
			     i, part->size, part->off, part->bar);
	if (model->msix_vectors && model->msix_bar == part->bar &&
	    (overlaps(part->off, part->size, model->msix_table, table) ||
	     overlaps(part->off, part->size, model->msix_pba, table / 128 + 8)))
		return wrong(check, "part %u: the MSI-X table is in it", i);
	for (unsigned int j = 0; j < i; j++) {
		const struct uiommufd_bar_part *other = &model->bar_parts[j];

		if (other->bar == part->bar &&
		    overlaps(part->off, part->size, other->off, other->size))
			return wrong(check, "part %u: part %u is there", i, j);
	}
	if (part->thread >= (model->work_threads ? model->work_threads : 1))
		return wrong(check, "part %u: there is no thread %u", i, part->thread);
	return 0;
}

static int check_parts(const struct check *check)
{
	const struct uiommufd_bar_part *parts = check->model->bar_parts;
	int rc = 0;

	for (unsigned int i = 0; !rc && parts && parts[i].size; i++)
		rc = check_part(check, i);
	return rc;
}

/* ---- capabilities ---- */

static int check_place(const struct check *check, const struct uiommufd_capability *cap)
{
	const bool extended = cap->off >= PCI_CONFIG_SIZE;
	const uint32_t end = (uint32_t)cap->off + cap->size;

	if (cap->off % 4 || cap->size < (extended ? 4 : 2))
		return wrong(check,
			     "capability 0x%x: %u bytes at 0x%x: not a multiple of 4, or "
			     "shorter than its header",
			     cap->id, cap->size, cap->off);
	if (extended && !check->model->pcie)
		return wrong(check, "capability 0x%x is extended: the model needs .pcie", cap->id);
	if (end > (extended ? PCI_CONFIG_SIZE_EXPRESS : PCI_CONFIG_SIZE))
		return wrong(check, "capability 0x%x: its end, 0x%x, is outside config space",
			     cap->id, end);
	if (!extended && cap->id > UINT8_MAX)
		return wrong(check, "capability 0x%x below 0x100: its ID has 8 bits", cap->id);
	if (cap->off < CAPS_OF_MODEL || (cap->off > EXT_CAP_ERRORS && cap->off < EXT_CAPS_OF_MODEL))
		return wrong(check,
			     "capability 0x%x at 0x%x: models have 0x%x to 0xfc, 0x%x, and 0x%x on",
			     cap->id, cap->off, CAPS_OF_MODEL, EXT_CAP_ERRORS, EXT_CAPS_OF_MODEL);
	return 0;
}

static int check_capabilities(const struct check *check)
{
	bool used[PCI_CONFIG_SIZE_EXPRESS] = {false};

	for (const struct uiommufd_capability *cap = check->model->capabilities; cap && cap->size;
	     cap++) {
		int rc = check_place(check, cap);

		if (rc)
			return rc;
		for (uint32_t i = cap->off; i < (uint32_t)cap->off + cap->size; i++) {
			if (used[i])
				return wrong(check, "two capabilities are at 0x%x", i);
			used[i] = true;
		}
	}
	return 0;
}

/* ---- the rest ---- */

static int check_threads(const struct check *check)
{
	if (check->model->work_threads > UIOMMUFD_MAX_WORK_THREADS)
		return wrong(check, "%u work threads; at most %d", check->model->work_threads,
			     UIOMMUFD_MAX_WORK_THREADS);
	return 0;
}

static int check_options(const struct check *check)
{
	const struct uiommufd_option *option = check->model->options;

	for (unsigned int i = 0; option && option[i].name; i++) {
		if (!option[i].help)
			return wrong(check, "option \"%s\" has no help", option[i].name);
		if (i == MAX_OPTIONS)
			return wrong(check, "more than %d options, or their array has no end",
				     MAX_OPTIONS);
	}
	return 0;
}

static int check_registers(const struct check *check)
{
	const struct uiommufd_model *model = check->model;

	for (unsigned int i = 0; model->registers && model->registers[i].name; i++) {
		const struct uiommufd_register *reg = &model->registers[i];
		const uint64_t size = reg->bar < PCI_BARS ? model->bars[reg->bar].size : 0;
		const uint64_t more = reg->count ? reg->count - 1 : 0;
		uint64_t end;

		if (i == MAX_REGISTERS)
			return wrong(check, "more than %d registers, or their array has no end",
				     MAX_REGISTERS);
		if (!reg->size || (more && reg->stride > size / more) ||
		    check_add(reg->off, more * reg->stride + reg->size, &end) || end > size)
			return wrong(check, "register %s: %u bytes at 0x%" PRIx64 " leave BAR %u",
				     reg->name, reg->size, reg->off, reg->bar);
	}
	return 0;
}

static int check_saving(const struct check *check)
{
	const struct uiommufd_model *model = check->model;

	if (!model->saved_version == !model->save && !model->save == !model->load)
		return 0;
	return wrong(check, "saved_version, save and load: all of them, or none");
}

static int check_ranges(const struct check *check)
{
	const struct uiommufd_option_range *range = check->model->option_ranges;

	for (unsigned int i = 0; range && range[i].option; i++) {
		const struct uiommufd_option *option = check->model->options;

		while (option && option->name && strcmp(option->name, range[i].option) != 0)
			option++;
		if (!option || !option->name)
			return wrong(check, "option_ranges: there is no option \"%s\"",
				     range[i].option);
		if (!range[i].values)
			return wrong(check, "option_ranges: \"%s\" has no values", range[i].option);
	}
	return 0;
}

static int check_identity(const struct check *check)
{
	const struct uiommufd_model *model = check->model;

	if (!model->name || !model->name[0])
		return wrong(check, "the model has no name");
	if (!model->summary)
		return wrong(check, "the model has no summary");
	if (model->class_code >> 24)
		return wrong(check, "class code 0x%x has more than 24 bits", model->class_code);
	if (model->flr && !model->pcie)
		return wrong(check, "a Function Level Reset needs .pcie");
	if (!model->vpd != !model->vpd_size || model->vpd_size > MAX_VPD)
		return wrong(check, "%zu bytes of vital product data; at most %d, and not NULL",
			     model->vpd_size, MAX_VPD);
	if (!model->rom != !model->rom_size || model->rom_size > ROM_MOST)
		return wrong(check, "%zu bytes of expansion ROM; at most %d, and not NULL",
			     model->rom_size, ROM_MOST);
	return 0;
}

int pci_model_check(const struct uiommufd_model *model, char *why, size_t size)
{
	const struct check check = {.model = model, .why = why, .size = size};
	int rc;

	rc = check_identity(&check);
	for (unsigned int i = 0; !rc && i < PCI_BARS; i++)
		rc = check_bar(&check, i);
	if (rc)
		return rc;
	rc = check_vectors(&check);
	if (rc)
		return rc;
	rc = check_threads(&check);
	if (rc)
		return rc;
	rc = check_options(&check);
	if (rc)
		return rc;
	rc = check_parts(&check);
	if (rc)
		return rc;
	rc = check_ranges(&check);
	if (rc)
		return rc;
	rc = check_registers(&check);
	if (rc)
		return rc;
	rc = check_saving(&check);
	if (rc)
		return rc;
	return check_capabilities(&check);
}
