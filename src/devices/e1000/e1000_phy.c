/* SPDX-License-Identifier: MIT */
/* See e1000_phy.h. */
#include "devices/e1000/e1000_phy.h"

/* Bits that keep what is written. */
static const uint16_t writable[PHY_REGISTERS] = {
	[PHY_CONTROL] = 0x7dc0,
	[PHY_ADVERTISED] = 0xafff,
	[PHY_NEXT_PAGE] = 0xb7ff,
	[PHY_GIGABIT_CONTROL] = 0xff00,
	[PHY_SPECIFIC_CONTROL] = 0xffff,
	[PHY_INTERRUPT_ENABLE] = 0xffff,
	[PHY_EXTENDED_CONTROL] = 0xffff,
	[PHY_LED] = 0xffff,
	[PHY_PAGE] = 0xffff,
	[PHY_PAGE_DATA] = 0xffff,
};

void e1000_phy_reset(struct e1000_phy *phy)
{
	const bool peer = phy->peer;

	*phy = (struct e1000_phy){
		.peer = peer,
		.registers =
			{
				[PHY_CONTROL] = PHY_CONTROL_DEFAULT,
				[PHY_ID1] = PHY_ID1_VALUE,
				[PHY_ID2] = PHY_ID2_VALUE,
				[PHY_ADVERTISED] = PHY_ADVERTISED_DEFAULT,
				[PHY_GIGABIT_CONTROL] = PHY_GIGABIT_CONTROL_DEFAULT,
				[PHY_EXTENDED_STATUS] = PHY_EXTENDED_STATUS_VALUE,
				[PHY_SPECIFIC_CONTROL] = PHY_SPECIFIC_CONTROL_DEFAULT,
				[PHY_EXTENDED_CONTROL] = PHY_EXTENDED_CONTROL_DEFAULT,
			},
	};
}

bool e1000_phy_loops(const struct e1000_phy *phy)
{
	return phy->registers[PHY_CONTROL] & PHY_CONTROL_LOOPBACK;
}

bool e1000_phy_link(const struct e1000_phy *phy)
{
	return (phy->peer || e1000_phy_loops(phy)) &&
	       !(phy->registers[PHY_CONTROL] & PHY_CONTROL_POWER_DOWN);
}

void e1000_phy_set_peer(struct e1000_phy *phy, bool peer)
{
	phy->peer = peer;
	if (!peer)
		phy->was_down = true;
}

/* Link status stays 0 until it is read, if it was. */
static uint16_t read_status(struct e1000_phy *phy)
{
	const bool link = e1000_phy_link(phy), shown = link && !phy->was_down;

	phy->was_down = !link;
	return (uint16_t)(PHY_STATUS_DEFAULT | (link ? PHY_STATUS_NEGOTIATED : 0) |
			  (shown ? PHY_STATUS_LINK : 0));
}

static uint16_t read_register(struct e1000_phy *phy, unsigned int reg)
{
	const bool link = e1000_phy_link(phy);

	switch (reg) {
	case PHY_STATUS:
		return read_status(phy);
	case PHY_PARTNER:
		return link ? PHY_PARTNER_LINK : 0;
	case PHY_EXPANSION:
		return link ? PHY_EXPANSION_LINK : 0;
	case PHY_GIGABIT_STATUS:
		return link ? PHY_GIGABIT_LINK : 0;
	case PHY_SPECIFIC_STATUS:
		return link ? PHY_SPECIFIC_LINK : 0;
	default:
		return phy->registers[reg];
	}
}

static void write_register(struct e1000_phy *phy, unsigned int reg, uint16_t value)
{
	if (reg == PHY_CONTROL && value & PHY_CONTROL_RESET) {
		e1000_phy_reset(phy);
		return;
	}
	phy->registers[reg] =
		(uint16_t)((phy->registers[reg] & ~writable[reg]) | (value & writable[reg]));
	if (!e1000_phy_link(phy))
		phy->was_down = true;
}

/* No PHY answers at the other addresses: they read as all ones. */
uint32_t e1000_phy_access(struct e1000_phy *phy, uint32_t value)
{
	const unsigned int reg = value >> MDIC_REGISTER_SHIFT & 0x1f;
	const bool here = (value >> MDIC_PHY_SHIFT & 0x1f) == PHY_ADDRESS;
	const uint32_t kept = value & ~(uint32_t)(MDIC_READY | MDIC_ERROR);

	if (value & MDIC_READ)
		return (kept & ~0xffffu) | (here ? read_register(phy, reg) : UINT16_MAX) |
		       MDIC_READY | (here ? 0u : MDIC_ERROR);
	if (value & MDIC_WRITE && here)
		write_register(phy, reg, (uint16_t)value);
	return kept | MDIC_READY | (here ? 0u : MDIC_ERROR);
}
