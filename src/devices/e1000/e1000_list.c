/* SPDX-License-Identifier: MIT */
/* What `uiommufd list e1000` says of registers. */
#include "devices/e1000/e1000_list.h"

#include "devices/e1000/e1000.h"
#include "devices/e1000/e1000_regs.h"

/* A register of BAR 0 by the name that the manual gives it. */
#define REGISTER(name, help, flags) UIOMMUFD_REGISTER(#name, help, 0, E1000_##name, 4, flags)
#define RO			    UIOMMUFD_REGISTER_RO
#define WO			    UIOMMUFD_REGISTER_WO
#define EVENT			    UIOMMUFD_REGISTER_EVENT

const struct uiommufd_register e1000_registers[] = {
	REGISTER(CTRL, "device control; RST resets it", 0),
	REGISTER(STATUS, "link and speed", RO),
	REGISTER(EECD, "the EEPROM's wires", 0),
	REGISTER(EERD, "reads a word of the EEPROM", 0),
	REGISTER(CTRL_EXT, "more of device control", 0),
	REGISTER(MDIC, "reads or writes a register of the PHY", 0),
	REGISTER(VET, "the Ethernet type of VLAN tags", 0),
	REGISTER(ICR, "interrupt causes; reading clears them", EVENT),
	REGISTER(ITR, "the shortest time between interrupts, in units of 256 ns", 0),
	REGISTER(ICS, "sets causes", WO),
	REGISTER(IMS, "enables causes", 0),
	REGISTER(IMC, "disables causes", WO),
	REGISTER(RCTL, "receive control", 0),
	REGISTER(TCTL, "transmit control", 0),
	REGISTER(TIPG, "gap between frames", 0),
	REGISTER(RDBAL, "receive ring: address, low", 0),
	REGISTER(RDBAH, "receive ring: address, high", 0),
	REGISTER(RDLEN, "receive ring: bytes", 0),
	REGISTER(RDH, "receive ring: the device's next descriptor", 0),
	REGISTER(RDT, "receive ring: one past the last descriptor that it may use", 0),
	REGISTER(RDTR, "delay of receive interrupts", 0),
	REGISTER(RADV, "the longest such delay", 0),
	REGISTER(TDBAL, "transmit ring: address, low", 0),
	REGISTER(TDBAH, "transmit ring: address, high", 0),
	REGISTER(TDLEN, "transmit ring: bytes", 0),
	REGISTER(TDH, "transmit ring: the device's next descriptor", 0),
	REGISTER(TDT, "transmit ring: one past the last descriptor to send", 0),
	REGISTER(TIDV, "delay of transmit interrupts", 0),
	REGISTER(TADV, "the longest such delay", 0),
	{.name = "STATISTICS",
	 .help = "counters; reading clears them",
	 .off = E1000_STATISTICS,
	 .size = 4,
	 .flags = RO | EVENT,
	 .count = 64,
	 .stride = 4},
	REGISTER(RXCSUM, "which checksums of received frames are checked", 0),
	{.name = "MTA",
	 .help = "the filter of multicast addresses",
	 .off = E1000_MTA,
	 .size = 4,
	 .count = 128,
	 .stride = 4},
	{.name = "RAL, RAH",
	 .help = "the addresses that are received",
	 .off = E1000_RA,
	 .size = 4,
	 .count = 32,
	 .stride = 4},
	{.name = "VFTA",
	 .help = "the filter of VLANs",
	 .off = E1000_VFTA,
	 .size = 4,
	 .count = 128,
	 .stride = 4},
	UIOMMUFD_REGISTER("IOADDR", "the register that IODATA is", E1000_IO_BAR, E1000_IOADDR, 4,
			  0),
	UIOMMUFD_REGISTER("IODATA", "that register", E1000_IO_BAR, E1000_IODATA, 4, 0),
	{.name = NULL},
};
