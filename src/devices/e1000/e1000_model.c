/* SPDX-License-Identifier: MIT */
/*
 * Intel's 82540EM, a gigabit Ethernet controller on PCI, as a model: its options, its identity, and
 * its life.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "devices/devices.h"
#include "devices/e1000/e1000.h"
#include "devices/e1000/e1000_list.h"
#include "devices/e1000/e1000_registers.h"

enum {
	VENDOR_INTEL = 0x8086,
	DEVICE_82540EM = 0x100e,
	SUBSYSTEM = 0x001e, /* a desktop adapter */
	BUFFER_BYTES = 512 << 10,
};

static const struct uiommufd_option e1000_options[] = {
	NET_PORT_OPTIONS,
	{.name = "mac",
	 .help = "the Ethernet address, 02:..; default: one that is made from the BDF"},
	{.name = NULL},
};

static const struct uiommufd_option_range e1000_ranges[] = {
	NET_PORT_RANGES,
	{"mac", "six numbers of two hexadecimal digits, with colons", NULL},
	{.option = NULL},
};

/* Six numbers of two hexadecimal digits. */
static bool parse_address(const char *text, uint8_t *address)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	unsigned int byte;

	if (strlen(text) != 3 * NET_ADDRESS - 1)
		return false;
	for (unsigned int i = 0; i < NET_ADDRESS; i++) {
		const char *at = text + 3 * (size_t)i;

		if (!strchr(digits, at[0]) || !strchr(digits, at[1]) ||
		    (i < NET_ADDRESS - 1 && at[2] != ':') || sscanf(at, "%2x", &byte) != 1)
			return false;
		address[i] = (uint8_t)byte;
	}
	return true;
}

/* A locally administered address, which no other device of the machine has. */
static void default_address(struct uiommufd_device *dev, uint8_t *address)
{
	unsigned int domain = 0, bus = 0, slot = 0, function = 0;

	(void)sscanf(uiommufd_device_name(dev), "%x:%x:%x.%x", &domain, &bus, &slot, &function);
	address[0] = 0x02;
	address[1] = 0x10;
	address[2] = (uint8_t)(domain >> 8);
	address[3] = (uint8_t)domain;
	address[4] = (uint8_t)bus;
	address[5] = (uint8_t)(slot << 3 | function);
}

static int take_address(struct uiommufd_device *dev, uint8_t *address)
{
	const char *text = uiommufd_device_option(dev, "mac");

	if (!text) {
		default_address(dev, address);
		return 0;
	}
	if (!parse_address(text, address))
		return uiommufd_device_refuse(dev, -EINVAL,
					      "mac=%s is no Ethernet address, like "
					      "02:00:00:00:00:01",
					      text);
	if (net_is_multicast(address))
		return uiommufd_device_refuse(
			dev, -EINVAL, "mac=%s is the address of a group, not of a device", text);
	return 0;
}

static int e1000_init(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	uint8_t address[NET_ADDRESS];
	int rc = take_address(dev, address);

	if (rc)
		return rc;
	rc = net_port_init(&e->port, dev);
	if (rc)
		return rc;
	rc = net_fifo_create(&e->buffer, BUFFER_BYTES);
	if (rc) {
		net_port_destroy(&e->port);
		return rc;
	}
	e1000_eeprom_init(&e->eeprom, address, VENDOR_INTEL, SUBSYSTEM);
	e1000_phy_reset(&e->phy);
	e1000_reset_registers(dev);
	return 0;
}

static void e1000_fini(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);

	net_port_destroy(&e->port);
	net_fifo_destroy(&e->buffer);
}

/* The EEPROM keeps its words, and the cable its other end. */
static void e1000_reset(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);

	atomic_store(&e->events, 0);
	e->awake = false;
	e->io_address = 0;
	e1000_phy_reset(&e->phy);
	e1000_reset_registers(dev);
	memset(e1000_reg(e, E1000_PBM), 0, E1000_BAR_SIZE - E1000_PBM);
}

const struct uiommufd_model device_e1000 = {
	.name = "e1000",
	.summary = "Intel 82540EM, a gigabit Ethernet controller",
	.vendor = VENDOR_INTEL,
	.device = DEVICE_82540EM,
	.subsystem_vendor = VENDOR_INTEL,
	.subsystem = SUBSYSTEM,
	.class_code = 0x020000,
	.revision = 0x02,
	.bars =
		{
			{.size = E1000_BAR_SIZE,
			 .flags = UIOMMUFD_BAR_MMAP,
			 .min_access = 4,
			 .max_access = 4},
			[E1000_IO_BAR] = {.size = E1000_IO_SIZE,
					  .flags = UIOMMUFD_BAR_IO,
					  .min_access = 4,
					  .max_access = 4},
		},
	.intx = true,
	.msi_vectors = 1,
	.d3_reset = true,
	.work_threads = E1000_THREADS,
	.state_size = sizeof(struct e1000),
	.options = e1000_options,
	.option_ranges = e1000_ranges,
	.registers = e1000_registers,
	.init = e1000_init,
	.fini = e1000_fini,
	.reset = e1000_reset,
	.read = e1000_bar_read,
	.write = e1000_bar_write,
};
