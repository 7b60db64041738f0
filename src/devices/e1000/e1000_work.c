/* SPDX-License-Identifier: MIT */
/* See e1000_work.h. */
#include "devices/e1000/e1000_work.h"

#include "devices/e1000/e1000_irq.h"
#include "devices/e1000/e1000_rx.h"
#include "devices/e1000/e1000_tx.h"

enum {
	WAIT_MS = 20,  /* how long a reset may have to wait for WIRE_THREAD */
	RETRY_MS = 50, /* from one attempt to open the port to the next */
	OFF_HIGH = E1000_TDBAH - E1000_TDBAL,
	OFF_LEN = E1000_TDLEN - E1000_TDBAL,
	OFF_HEAD = E1000_TDH - E1000_TDBAL,
	OFF_TAIL = E1000_TDT - E1000_TDBAL,
};

/* ---- rings ---- */

struct e1000_ring e1000_take_ring(struct uiommufd_device *dev, uint32_t first)
{
	struct e1000 *e = e1000_of(dev);
	const char letter = first == E1000_TDBAL ? 'T' : 'R';
	const enum e1000_mistake mistake = letter == 'T' ? MISTAKE_TX_RANGE : MISTAKE_RX_RANGE;
	struct e1000_ring ring = {
		.base = (uint64_t)*e1000_reg(e, first + OFF_HIGH) << 32 | *e1000_reg(e, first),
		.count = *e1000_reg(e, first + OFF_LEN) / E1000_DESCRIPTOR,
		.head = *e1000_reg(e, first + OFF_HEAD),
		.tail = *e1000_reg(e, first + OFF_TAIL),
	};

	if (ring.head < ring.count && ring.tail < ring.count)
		return ring;
	if ((ring.head || ring.tail) && e1000_mistake(e, mistake))
		uiommufd_device_report(dev,
				       "e1000: %cDH is %u and %cDT is %u, but the ring has %u "
				       "descriptors: it stands still",
				       letter, ring.head, letter, ring.tail, ring.count);
	ring.count = ring.head = ring.tail = 0;
	return ring;
}

/* ---- work ---- */

unsigned int e1000_begin_work(struct e1000 *e)
{
	const unsigned int generation = atomic_load(&e->generation);

	e->working = true;
	if (e->followed == generation)
		return generation;
	e->followed = generation;
	e->paused = false;
	net_fifo_clear(&e->buffer);
	e->tx = (struct e1000_tx){.started = false};
	e->rx = (struct e1000_rx){.pending = false};
	return generation;
}

void e1000_end_work(struct e1000 *e)
{
	e->working = false;
	*e1000_reg(e, E1000_CTRL) &= ~(uint32_t)CTRL_RST;
}

bool e1000_loops(struct e1000 *e)
{
	return net_port_loops(&e->port) || e1000_phy_loops(&e->phy) ||
	       *e1000_reg(e, E1000_RCTL) & RCTL_LBM;
}

/* ---- the cable ---- */

/* WIRE_THREAD. */
static void wait_for_port(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	const unsigned int wanted = atomic_load(&e->events);
	unsigned int events;

	if (!wanted)
		return;
	events = net_port_wait(&e->port, wanted, e->link ? WAIT_MS : RETRY_MS);
	atomic_fetch_and(&e->events, ~events);
	if (events & NET_SEND)
		uiommufd_device_queue_work(dev, e1000_transmit);
	if (events & NET_RECEIVE)
		uiommufd_device_queue_work(dev, e1000_receive);
	if (atomic_load(&e->events))
		uiommufd_device_queue_work_on(dev, WIRE_THREAD, wait_for_port);
}

void e1000_watch(struct uiommufd_device *dev, unsigned int events)
{
	struct e1000 *e = e1000_of(dev);

	if (!net_port_waits(&e->port))
		return;
	atomic_fetch_or(&e->events, events);
	uiommufd_device_queue_work_on(dev, WIRE_THREAD, wait_for_port);
}

void e1000_update_link(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	uint32_t *status = e1000_reg(e, E1000_STATUS);
	const uint32_t ctrl = *e1000_reg(e, E1000_CTRL), before = *status;
	const bool up = ctrl & CTRL_SLU && e1000_phy_link(&e->phy);
	const uint32_t speed = ctrl & CTRL_FRCSPD ? ctrl >> CTRL_SPEED_SHIFT & 3
						  : (uint32_t)SPEED_1000;

	*status = (up ? (uint32_t)STATUS_LU : 0) | speed << STATUS_SPEED_SHIFT |
		  (uint32_t)SPEED_1000 << STATUS_ASDV_SHIFT |
		  (ctrl & CTRL_FRCDPX && !(ctrl & CTRL_FD) ? 0 : STATUS_FD);
	if ((*status ^ before) & STATUS_LU)
		e1000_raise(dev, ICR_LSC);
}

void e1000_service_port(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	const bool link = net_port_open(&e->port);

	uiommufd_device_lock(dev);
	if (link != e->link) {
		e->link = link;
		e1000_phy_set_peer(&e->phy, link);
		e1000_update_link(dev);
	}
	uiommufd_device_unlock(dev);
}
