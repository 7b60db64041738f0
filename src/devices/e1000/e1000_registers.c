/* SPDX-License-Identifier: MIT */
/*
 * See e1000_registers.h. Most registers only keep what is written, except bits that do not exist;
 * table[] has those. The others do something, and are in the functions behind it. What is in
 * neither reads as 0, and writes to it are dropped.
 */
#include "devices/e1000/e1000_registers.h"

#include <string.h>

#include "devices/e1000/e1000.h"
#include "devices/e1000/e1000_irq.h"
#include "devices/e1000/e1000_rx.h"
#include "devices/e1000/e1000_tx.h"
#include "devices/e1000/e1000_work.h"
#include "devices/net/net_filter.h"

/* ---- registers that keep what is written ---- */

struct plain {
	uint32_t first, last; /* offsets */
	uint32_t writable;
	uint32_t initial;
};

static const struct plain table[] = {
	{E1000_FCAL, E1000_FCAL, UINT32_MAX, 0x00c28001},
	{E1000_FCAH, E1000_FCAH, 0xffff, 0x0100},
	{E1000_FCT, E1000_FCT, 0xffff, ETHERTYPE_CONTROL},
	{E1000_VET, E1000_VET, 0xffff, ETHERTYPE_VLAN},
	{E1000_FCTTV, E1000_FCTTV, 0xffff, 0},
	{E1000_TXCW, E1000_TXCW, 0xc000ffff, 0},
	{E1000_TIPG, E1000_TIPG, 0x3fffffff, 0x00602008},
	{E1000_AIT, E1000_AIT, 0xffff, 0},
	{E1000_LEDCTL, E1000_LEDCTL, 0xdfdfdfdf, 0x07068302},
	{E1000_FCRTL, E1000_FCRTL, 0x8000fff8, 0},
	{E1000_FCRTH, E1000_FCRTH, 0x0000fff8, 0},
	{E1000_RDFH, E1000_RDFPC, 0x1fff, 0},
	{E1000_RXDCTL, E1000_RXDCTL, 0x013f3f3f, 0x00010000},
	{E1000_RADV, E1000_RADV, 0xffff, 0},
	{E1000_RSRPD, E1000_RSRPD, 0xfff, 0},
	{E1000_TXDMAC, E1000_TXDMAC, 0x1, 0},
	{E1000_TDFH, E1000_TDFPC, 0x1fff, 0},
	{E1000_TXDCTL, E1000_TXDCTL, 0xff3f3f3f, 0},
	{E1000_TADV, E1000_TADV, 0xffff, 0},
	{E1000_TSPMT, E1000_TSPMT, UINT32_MAX, 0x01000400},
	{E1000_RXCSUM, E1000_RXCSUM, RXCSUM_WRITABLE, 0},
	{E1000_MTA, E1000_MTA_LAST, UINT32_MAX, 0},
	{E1000_VFTA, E1000_VFTA_LAST, UINT32_MAX, 0},
	{E1000_WUC, E1000_WUC, 0xf, 0},
	{E1000_WUFC, E1000_WUFC, 0x000f80ff, 0},
	{E1000_MANC, E1000_MANC, UINT32_MAX, 0},
	{E1000_IPAV, E1000_IPAV, 0x0001000f, 0},
	{E1000_IP4AT, E1000_IP4AT_LAST, UINT32_MAX, 0},
	{E1000_IP6AT, E1000_IP6AT_LAST, UINT32_MAX, 0},
	{E1000_WUPM, E1000_WUPM_LAST, UINT32_MAX, 0},
	{E1000_FFLT, E1000_FFLT_LAST, 0x7ff, 0},
	{E1000_FFMT, E1000_FFMT_LAST, 0xf, 0},
	{E1000_FFVT, E1000_FFVT_LAST, UINT32_MAX, 0},
	{E1000_PBM, E1000_PBM_LAST, UINT32_MAX, 0},
};

static void write_plain(struct e1000 *e, uint32_t off, uint32_t value)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (off < table[i].first || off > table[i].last)
			continue;
		*e1000_reg(e, off) = value & table[i].writable;
		return;
	}
}

/* ---- resets ---- */

/* The first receive address is the EEPROM's. */
static void load_address(struct e1000 *e)
{
	const uint16_t *words = &e->eeprom.words[EEPROM_ADDRESS];

	*e1000_reg(e, E1000_RA) = words[0] | (uint32_t)words[1] << 16;
	*e1000_reg(e, E1000_RA + 4) = words[2] | RAH_VALID;
}

void e1000_reset_registers(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);

	atomic_fetch_add(&e->generation, 1);
	atomic_store(&e->mistakes, 0);
	atomic_fetch_add(&e->rx_ring, 1);
	atomic_fetch_add(&e->tx_ring, 1);
	memset(e->registers, 0, E1000_PBM);
	memset(&e->stats, 0, sizeof(e->stats));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].initial)
			*e1000_reg(e, table[i].first) = table[i].initial;
	*e1000_reg(e, E1000_CTRL) = CTRL_FD | SPEED_1000 << CTRL_SPEED_SHIFT;
	*e1000_reg(e, E1000_PBA) = 48;
	load_address(e);
	e1000_eeprom_release(&e->eeprom);
	e1000_irq_reset(dev);
	e1000_update_link(dev);
	*e1000_reg(e, E1000_ICR) = 0;
}

static void write_ctrl(struct uiommufd_device *dev, uint32_t value)
{
	struct e1000 *e = e1000_of(dev);
	uint32_t *ctrl = e1000_reg(e, E1000_CTRL);

	if (value & CTRL_PHY_RST)
		e1000_phy_reset(&e->phy);
	if (value & CTRL_RST) {
		e1000_reset_registers(dev);
		/* Until PACKET_THREAD does no DMA of before any more. */
		if (e->working)
			*ctrl |= CTRL_RST;
		return;
	}
	*ctrl = (value & CTRL_WRITABLE) | (*ctrl & CTRL_RST);
	e1000_update_link(dev);
	/* Flow control may have been what holds frames back. */
	uiommufd_device_queue_work(dev, e1000_transmit);
}

static void write_ctrl_ext(struct e1000 *e, uint32_t value)
{
	if (value & CTRL_EXT_EE_RST)
		load_address(e);
	*e1000_reg(e, E1000_CTRL_EXT) = value & CTRL_EXT_WRITABLE & ~(uint32_t)CTRL_EXT_EE_RST;
}

/* ---- rings ---- */

static const char *ring_register(uint32_t off)
{
	static const char *const names[] = {"BAL", "BAH", "LEN", "", "H"};
	const uint32_t at = (off & 0xff) / 4;

	return names[at];
}

/*
 * A base, length or head. While the ring is enabled hardware may use the old value, the new one, or
 * a mixture of both.
 */
static void write_ring(struct uiommufd_device *dev, uint32_t off, uint32_t value, uint32_t mask)
{
	struct e1000 *e = e1000_of(dev);
	const bool receive = off < E1000_TDBAL;
	const bool enabled = receive ? *e1000_reg(e, E1000_RCTL) & RCTL_EN
				     : *e1000_reg(e, E1000_TCTL) & TCTL_EN;
	const uint32_t first = receive ? E1000_RDBAL : E1000_TDBAL;
	const bool used = *e1000_reg(e, first + (E1000_TDLEN - E1000_TDBAL));

	if (enabled && used && (value & mask) != *e1000_reg(e, off) &&
	    e1000_mistake(e, MISTAKE_RING_CHANGED))
		uiommufd_device_report(dev,
				       "e1000: %cD%s is changed from 0x%x to 0x%x while %s is "
				       "enabled",
				       receive ? 'R' : 'T', ring_register(off), *e1000_reg(e, off),
				       value & mask, receive ? "receiving" : "sending");
	if (value & ~mask &&
	    (off == E1000_RDBAL || off == E1000_TDBAL || off == E1000_RDLEN ||
	     off == E1000_TDLEN) &&
	    e1000_mistake(e, MISTAKE_RING_UNALIGNED))
		uiommufd_device_report(dev,
				       "e1000: %cD%s is 0x%x, whose bits 0x%x do not exist: it "
				       "becomes 0x%x",
				       receive ? 'R' : 'T', ring_register(off), value,
				       value & ~mask, value & mask);
	*e1000_reg(e, off) = value & mask;
	atomic_fetch_add(receive ? &e->rx_ring : &e->tx_ring, 1);
}

static void write_rctl(struct uiommufd_device *dev, uint32_t value)
{
	struct e1000 *e = e1000_of(dev);

	if (value & ~*e1000_reg(e, E1000_RCTL) & RCTL_EN)
		e->rx_enabled++;
	*e1000_reg(e, E1000_RCTL) = value & RCTL_WRITABLE;
	uiommufd_device_queue_work(dev, e1000_receive);
}

static void write_delay(struct uiommufd_device *dev, uint32_t off, uint32_t value)
{
	struct e1000 *e = e1000_of(dev);

	*e1000_reg(e, off) = value & E1000_DELAY_MASK;
	if (!(value & RDTR_FPD))
		return;
	if (off == E1000_RDTR && (e->rx_delay || e->rx_limit))
		e1000_flush_received(dev);
	if (off == E1000_TIDV && (e->tx_delay || e->tx_limit))
		e1000_flush_sent(dev);
}

/* ---- writes ---- */

static void write_address(struct e1000 *e, uint32_t off, uint32_t value)
{
	*e1000_reg(e, off) = off & 4 ? value & 0x8003ffff : value;
}

static void write_mdic(struct uiommufd_device *dev, uint32_t value)
{
	struct e1000 *e = e1000_of(dev);

	*e1000_reg(e, E1000_MDIC) = e1000_phy_access(&e->phy, value);
	e1000_update_link(dev);
	if (value & MDIC_INTERRUPT)
		e1000_raise(dev, ICR_MDAC);
}

/* What is neither a ring nor plain. False: it is. */
static bool write_special(struct uiommufd_device *dev, uint32_t off, uint32_t value)
{
	struct e1000 *e = e1000_of(dev);

	switch (off) {
	case E1000_CTRL:
	case E1000_CTRL_DUP:
		write_ctrl(dev, value);
		return true;
	case E1000_CTRL_EXT:
		write_ctrl_ext(e, value);
		return true;
	case E1000_EECD:
		e1000_eeprom_set_lines(&e->eeprom, value);
		return true;
	case E1000_EERD:
		*e1000_reg(e, E1000_EERD) = e1000_eeprom_read(&e->eeprom, value);
		return true;
	case E1000_MDIC:
		write_mdic(dev, value);
		return true;
	case E1000_RCTL:
		write_rctl(dev, value);
		return true;
	case E1000_TCTL:
		*e1000_reg(e, E1000_TCTL) = value & TCTL_WRITABLE;
		uiommufd_device_queue_work(dev, e1000_transmit);
		return true;
	case E1000_PBA:
		value &= 0x7f;
		*e1000_reg(e, E1000_PBA) = value < E1000_PACKET_BUFFER ? value : 48;
		return true;
	case E1000_WUS:
		*e1000_reg(e, E1000_WUS) &= ~value;
		return true;
	case E1000_RDTR:
	case E1000_TIDV:
		write_delay(dev, off, value);
		return true;
	default:
		if (off < E1000_RA || off > E1000_RA_LAST)
			return false;
		write_address(e, off, value);
		return true;
	}
}

static void write_interrupt(struct uiommufd_device *dev, uint32_t off, uint32_t value)
{
	struct e1000 *e = e1000_of(dev);
	uint32_t *icr = e1000_reg(e, E1000_ICR), *ims = e1000_reg(e, E1000_IMS);

	if (off == E1000_ICR)
		*icr &= ~value;
	else if (off == E1000_ICS)
		*icr |= value & ICR_ALL;
	else if (off == E1000_IMS)
		*ims |= value & ICR_ALL;
	else if (off == E1000_IMC)
		*ims &= ~value;
	else
		*e1000_reg(e, E1000_ITR) = value & 0xffff;
	e1000_update_line(dev);
}

static void write_register(struct uiommufd_device *dev, uint32_t off, uint32_t value)
{
	struct e1000 *e = e1000_of(dev);

	switch (off) {
	case E1000_TDT:
		*e1000_reg(e, off) = value & 0xffff;
		uiommufd_device_queue_work(dev, e1000_transmit);
		return;
	case E1000_RDT:
		*e1000_reg(e, off) = value & 0xffff;
		uiommufd_device_queue_work(dev, e1000_receive);
		return;
	case E1000_ICR:
	case E1000_ITR:
	case E1000_ICS:
	case E1000_IMS:
	case E1000_IMC:
		write_interrupt(dev, off, value);
		return;
	case E1000_RDBAL:
	case E1000_TDBAL:
		write_ring(dev, off, value, ~(uint32_t)(E1000_DESCRIPTOR - 1));
		return;
	case E1000_RDBAH:
	case E1000_TDBAH:
		write_ring(dev, off, value, UINT32_MAX);
		return;
	case E1000_RDLEN:
	case E1000_TDLEN:
		write_ring(dev, off, value, E1000_RING_MASK);
		return;
	case E1000_RDH:
	case E1000_TDH:
		write_ring(dev, off, value, 0xffff);
		return;
	default:
		if (!write_special(dev, off, value))
			write_plain(e, off, value);
	}
}

/* ---- reads ---- */

static uint32_t read_register(struct uiommufd_device *dev, uint32_t off)
{
	struct e1000 *e = e1000_of(dev);
	uint32_t value;

	switch (off) {
	case E1000_CTRL_DUP:
		return *e1000_reg(e, E1000_CTRL);
	case E1000_STATUS:
		return *e1000_reg(e, off) | (e->paused ? (uint32_t)STATUS_TXOFF : 0);
	case E1000_EECD:
		return e1000_eeprom_lines(&e->eeprom);
	case E1000_ICR:
		value = *e1000_reg(e, E1000_ICR);
		*e1000_reg(e, E1000_ICR) = 0;
		e1000_update_line(dev);
		return value;
	case E1000_ICS:
		return *e1000_reg(e, E1000_ICR);
	case E1000_IMC:
		return 0;
	case E1000_PBA:
		value = *e1000_reg(e, off);
		return value | (E1000_PACKET_BUFFER - value) << 16;
	default:
		if (off >= E1000_STATISTICS && off <= E1000_STATISTICS_LAST)
			return net_stats_read(&e->stats, off - E1000_STATISTICS);
		return *e1000_reg(e, off);
	}
}

/* ---- BARs ---- */

/* The first access after the device was opened has the cable's other end opened. */
static void wake(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);

	if (e->awake)
		return;
	e->awake = true;
	uiommufd_device_queue_work(dev, e1000_receive);
	e1000_watch(dev, NET_RECEIVE);
}

uint64_t e1000_bar_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size)
{
	struct e1000 *e = e1000_of(dev);

	(void)size;
	wake(dev);
	if (bar != E1000_IO_BAR)
		return read_register(dev, (uint32_t)off);
	if (off == E1000_IOADDR)
		return e->io_address;
	if (off == E1000_IODATA && e->io_address < E1000_BAR_SIZE)
		return read_register(dev, e->io_address);
	return 0;
}

void e1000_bar_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off, unsigned int size,
		     uint64_t value)
{
	struct e1000 *e = e1000_of(dev);

	(void)size;
	wake(dev);
	if (bar != E1000_IO_BAR)
		write_register(dev, (uint32_t)off, (uint32_t)value);
	else if (off == E1000_IOADDR)
		e->io_address = (uint32_t)value & ~3u;
	else if (off == E1000_IODATA && e->io_address < E1000_BAR_SIZE)
		write_register(dev, e->io_address, (uint32_t)value);
}
