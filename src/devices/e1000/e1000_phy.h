/* SPDX-License-Identifier: MIT */
/*
 * The PHY of the 82540EM (an M88E1011), at address 1 of its bus, behind MDIC. It negotiates 1000
 * Mb/s, full duplex, with pause, as soon as there is something at the other end of the cable. With
 * the device lock.
 */
#ifndef DEVICES_E1000_E1000_PHY_H
#define DEVICES_E1000_E1000_PHY_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/e1000/e1000_regs.h"

struct e1000_phy {
	uint16_t registers[PHY_REGISTERS]; /* what was written */
	bool peer;			   /* something is at the other end */
	bool was_down;			   /* since the status was read */
};

void e1000_phy_reset(struct e1000_phy *phy);

/* The other end came or went. */
void e1000_phy_set_peer(struct e1000_phy *phy, bool peer);

/* Whether there is a link. */
bool e1000_phy_link(const struct e1000_phy *phy);

/* Whether what is sent comes back at once, instead of going to the cable. */
bool e1000_phy_loops(const struct e1000_phy *phy);

/* What MDIC is after @value was written. */
uint32_t e1000_phy_access(struct e1000_phy *phy, uint32_t value);

#endif
