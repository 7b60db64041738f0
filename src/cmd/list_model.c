/* SPDX-License-Identifier: MIT */
/*
 * One model: its identity, BARs, registers, interrupts, capabilities and options. The capabilities
 * are those of the config space that a device of it would have.
 */
#include "cmd/list_model.h"

#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "vfio/pci_config.h"
#include "vfio/rom.h"

/* ---- capabilities ---- */

struct cap_name {
	uint16_t id;
	const char *name;
};

static const struct cap_name caps[] = {
	{PCI_CAP_ID_PM, "power management"},
	{PCI_CAP_ID_VPD, "vital product data"},
	{PCI_CAP_ID_MSI, "MSI"},
	{PCI_CAP_ID_VNDR, "vendor specific"},
	{PCI_CAP_ID_EXP, "PCI Express"},
	{PCI_CAP_ID_MSIX, "MSI-X"},
	{PCI_CAP_ID_AF, "advanced features"},
};

static const struct cap_name extended_caps[] = {
	{PCI_EXT_CAP_ID_ERR, "advanced error reporting"},
	{PCI_EXT_CAP_ID_DSN, "device serial number"},
	{PCI_EXT_CAP_ID_VNDR, "vendor specific"},
	{PCI_EXT_CAP_ID_ATS, "address translation services"},
	{PCI_EXT_CAP_ID_PRI, "page request interface"},
	{PCI_EXT_CAP_ID_PASID, "process address space ID"},
};

static const char *name_of(const struct cap_name *names, size_t count, uint16_t id)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].id == id)
			return names[i].name;
	return "?";
}

#define NAME_OF(names, id) name_of(names, sizeof(names) / sizeof((names)[0]), id)

/* One capability of a config space. */
struct cap {
	uint32_t off; /* 0: there is none */
	uint16_t id;
	const char *name;
};

static uint32_t word(const struct pci_config *config, uint32_t off)
{
	uint32_t value;

	memcpy(&value, config->bytes + off, sizeof(value));
	return value;
}

static struct cap cap_at(const struct pci_config *config, uint32_t off)
{
	struct cap cap = {.off = off};

	if (!off)
		return cap;
	cap.id = (uint16_t)word(config, off);
	if (off < PCI_CONFIG_SIZE) {
		cap.id &= 0xff;
		cap.name = NAME_OF(caps, cap.id);
	} else {
		cap.name = NAME_OF(extended_caps, cap.id);
	}
	return cap;
}

static struct cap first_cap(const struct pci_config *config)
{
	return cap_at(config, config->bytes[PCI_CAPABILITY_LIST]);
}

static struct cap next_cap(const struct pci_config *config, const struct cap *cap)
{
	uint32_t off;

	if (cap->off >= PCI_CONFIG_SIZE)
		return cap_at(config, PCI_EXT_CAP_NEXT(word(config, cap->off)));
	off = config->bytes[cap->off + PCI_CAP_LIST_NEXT];
	if (!off && config->size > PCI_CONFIG_SIZE && word(config, PCI_CONFIG_SIZE))
		off = PCI_CONFIG_SIZE;
	return cap_at(config, off);
}

static void make_config(const struct uiommufd_model *model, struct pci_config *config)
{
	struct pci_window windows[PCI_WINDOWS];

	pci_place_bars(model, rom_window(model->rom_size), 0, windows);
	pci_config_init(config, model, windows);
}

/* ---- words ---- */

static const char *bar_kind(const struct uiommufd_bar *bar)
{
	if (bar->flags & UIOMMUFD_BAR_IO)
		return "ports";
	return bar->flags & UIOMMUFD_BAR_64 ? "64-bit memory" : "32-bit memory";
}

/* The widths of accesses that reach the model. */
static unsigned int narrowest(const struct uiommufd_bar *bar)
{
	return bar->min_access ? bar->min_access : 1;
}

static unsigned int widest(const struct uiommufd_bar *bar)
{
	return bar->max_access ? bar->max_access : 8;
}

static const char *access_of(const struct uiommufd_register *reg)
{
	if (reg->flags & UIOMMUFD_REGISTER_RO)
		return "ro";
	if (reg->flags & UIOMMUFD_REGISTER_WO)
		return "wo";
	return reg->flags & UIOMMUFD_REGISTER_CLEAR ? "w1c" : "rw";
}

static const struct uiommufd_option_range *range_of(const struct uiommufd_model *model,
						    const char *option)
{
	const struct uiommufd_option_range *range = model->option_ranges;

	while (range && range->option && strcmp(range->option, option) != 0)
		range++;
	return range && range->option ? range : NULL;
}

/* ---- text ---- */

void list_model_options(const struct uiommufd_model *model)
{
	const struct uiommufd_option *option = model->options;

	for (; option && option->name; option++)
		printf("      %-12s %s\n", option->name, option->help);
}

static void print_bars(const struct uiommufd_model *model)
{
	puts("\nBARs:");
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct uiommufd_bar *bar = &model->bars[i];

		if (bar->size)
			printf("  %u: 0x%" PRIx64 " bytes, %s%s%s, accesses of %u to %u bytes\n", i,
			       bar->size, bar_kind(bar),
			       bar->flags & UIOMMUFD_BAR_PREFETCH ? ", prefetchable" : "",
			       bar->flags & UIOMMUFD_BAR_MMAP ? ", can be mapped" : "",
			       narrowest(bar), widest(bar));
	}
	if (model->rom_size)
		printf("  ROM: 0x%" PRIx64 " bytes\n", rom_window(model->rom_size));
}

static void print_registers(const struct uiommufd_model *model)
{
	const struct uiommufd_register *reg = model->registers;

	if (!reg)
		return;
	puts("\nRegisters (BAR, offset, bytes, access):");
	for (; reg->name; reg++) {
		char off[48];

		if (reg->count > 1)
			snprintf(off, sizeof(off), "0x%" PRIx64 " + %u * 0x%" PRIx64, reg->off,
				 reg->count, reg->stride);
		else
			snprintf(off, sizeof(off), "0x%" PRIx64, reg->off);
		printf("  %u %-18s %u %-4s %-16s %s%s\n", reg->bar, off, reg->size, access_of(reg),
		       reg->name, reg->help ? reg->help : "",
		       reg->flags & UIOMMUFD_REGISTER_EVENT ? " (reading has an effect)" : "");
	}
}

static void print_capabilities(const struct uiommufd_model *model)
{
	struct pci_config config;

	make_config(model, &config);
	puts("\nCapabilities:");
	for (struct cap cap = first_cap(&config); cap.off; cap = next_cap(&config, &cap))
		printf("  0x%03x: 0x%02x, %s\n", cap.off, cap.id, cap.name);
}

static void print_options(const struct uiommufd_model *model)
{
	const struct uiommufd_option *option = model->options;

	if (!option || !option->name)
		return;
	puts("\nOptions:");
	for (; option->name; option++) {
		const struct uiommufd_option_range *range = range_of(model, option->name);

		printf("  %-12s %s\n", option->name, option->help);
		if (range && !strstr(option->help, range->values))
			printf("  %-12s values: %s%s%s\n", "", range->values,
			       range->standard ? "; default: " : "",
			       range->standard ? range->standard : "");
	}
}

static const char *migration_of(const struct uiommufd_model *model, char *text, size_t size)
{
	snprintf(text, size, "version %u of its state", model->saved_version);
	return text;
}

void list_model_print(const struct uiommufd_model *model)
{
	char text[48];

	printf("%s: %s\n\n", model->name, model->summary);
	printf("IDs %04x:%04x, subsystem %04x:%04x, class %06x, revision %02x\n", model->vendor,
	       model->device, model->subsystem_vendor, model->subsystem, model->class_code,
	       model->revision);
	printf("Interrupts: %s%u MSI, %u MSI-X\n", model->intx ? "INTA#, " : "", model->msi_vectors,
	       model->msix_vectors);
	printf("Migration: %s\n",
	       model->saved_version ? migration_of(model, text, sizeof(text)) : "no");
	print_bars(model);
	print_registers(model);
	print_capabilities(model);
	print_options(model);
}

/* ---- JSON ---- */

static void write_bars(struct json *json, const struct uiommufd_model *model)
{
	json_array(json, "bars");
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct uiommufd_bar *bar = &model->bars[i];

		if (!bar->size)
			continue;
		json_object(json, NULL);
		json_number(json, "bar", i);
		json_hex(json, "size", bar->size);
		json_string(json, "kind", bar->flags & UIOMMUFD_BAR_IO ? "io" : "memory");
		json_bool(json, "64bit", bar->flags & UIOMMUFD_BAR_64);
		json_bool(json, "prefetch", bar->flags & UIOMMUFD_BAR_PREFETCH);
		json_bool(json, "mmap", bar->flags & UIOMMUFD_BAR_MMAP);
		json_number(json, "min_access", narrowest(bar));
		json_number(json, "max_access", widest(bar));
		json_end_object(json);
	}
	json_end_array(json);
	if (model->rom_size)
		json_hex(json, "rom", rom_window(model->rom_size));
}

static void write_registers(struct json *json, const struct uiommufd_model *model)
{
	const struct uiommufd_register *reg = model->registers;

	json_array(json, "registers");
	for (; reg && reg->name; reg++) {
		json_object(json, NULL);
		json_string(json, "name", reg->name);
		if (reg->help)
			json_string(json, "help", reg->help);
		json_number(json, "bar", reg->bar);
		json_hex(json, "offset", reg->off);
		json_number(json, "size", reg->size);
		json_string(json, "access", access_of(reg));
		json_bool(json, "read_effect", reg->flags & UIOMMUFD_REGISTER_EVENT);
		json_number(json, "count", reg->count ? reg->count : 1);
		json_hex(json, "stride", reg->stride);
		json_end_object(json);
	}
	json_end_array(json);
}

static void write_capabilities(struct json *json, const struct uiommufd_model *model)
{
	struct pci_config config;

	make_config(model, &config);
	json_array(json, "capabilities");
	for (struct cap cap = first_cap(&config); cap.off; cap = next_cap(&config, &cap)) {
		json_object(json, NULL);
		json_hex(json, "id", cap.id);
		json_bool(json, "extended", cap.off >= PCI_CONFIG_SIZE);
		json_hex(json, "offset", cap.off);
		json_string(json, "name", cap.name);
		json_end_object(json);
	}
	json_end_array(json);
}

static void write_options(struct json *json, const struct uiommufd_model *model)
{
	const struct uiommufd_option *option = model->options;

	json_array(json, "options");
	for (; option && option->name; option++) {
		const struct uiommufd_option_range *range = range_of(model, option->name);

		json_object(json, NULL);
		json_string(json, "name", option->name);
		json_string(json, "help", option->help);
		if (range)
			json_string(json, "values", range->values);
		if (range && range->standard)
			json_string(json, "default", range->standard);
		json_bool(json, "flag", option->kind == UIOMMUFD_OPTION_FLAG);
		json_end_object(json);
	}
	json_end_array(json);
}

void list_model_json(struct json *json, const struct uiommufd_model *model)
{
	json_object(json, NULL);
	json_string(json, "name", model->name);
	json_string(json, "summary", model->summary);
	json_hex(json, "vendor", model->vendor);
	json_hex(json, "device", model->device);
	json_hex(json, "subsystem_vendor", model->subsystem_vendor);
	json_hex(json, "subsystem", model->subsystem);
	json_hex(json, "class", model->class_code);
	json_hex(json, "revision", model->revision);
	json_number(json, "saved_version", model->saved_version);
	json_bool(json, "intx", model->intx);
	json_number(json, "msi", model->msi_vectors);
	json_number(json, "msix", model->msix_vectors);
	write_bars(json, model);
	write_registers(json, model);
	write_capabilities(json, model);
	write_options(json, model);
	json_end_object(json);
}
