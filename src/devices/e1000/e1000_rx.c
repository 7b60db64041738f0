/* SPDX-License-Identifier: MIT */
/*
 * See e1000_rx.h. Frames come from the packet buffer, which has what the device sent to itself, or
 * from the port. One for which there are no descriptors waits, and with it all behind it; those of
 * a port wait where they are.
 *
 * A frame's data is written before its descriptors, and those in order, 16 bytes at once.
 */
#include "devices/e1000/e1000_rx.h"

#include <string.h>

#include "base/check.h"
#include "devices/e1000/e1000_irq.h"
#include "devices/e1000/e1000_tx.h"
#include "devices/e1000/e1000_work.h"
#include "devices/net/net_filter.h"

enum {
	FRAMES = 64,	     /* in one call */
	WRITE_TOGETHER = 16, /* descriptors: what guard_copy() writes in steps of 16 bytes */
	CHECKSUM_BITS = RX_IPCS | RX_TCPCS | RX_TCPE | RX_IPE,
};

/* One call of e1000_receive(): the registers as they were, and what comes of it. */
struct rx_job {
	struct uiommufd_device *dev;
	struct e1000 *e;
	struct e1000_rx *rx;
	unsigned int generation, ring_version;
	struct e1000_ring ring; /* head: with what is not yet published */
	bool enabled, loops, strips, keeps_fcs;
	uint32_t size;	 /* of a buffer */
	uint32_t checks; /* RXCSUM */
	uint16_t tag_type;
	uint32_t resume_limit, small_limit;

	uint32_t first; /* the ring's head at the start */
	bool stale, small, received;
};

/* ---- registers ---- */

/* RCTL.BSIZE: 2048, 1024, 512 or 256 bytes; with BSEX 16 times as much, but not the first. */
static uint32_t buffer_size(uint32_t rctl)
{
	const uint32_t size = 2048u >> (rctl >> RCTL_BSIZE_SHIFT & 3);

	return rctl & RCTL_BSEX && size < 2048 ? size * 16 : size;
}

/* With the device lock. */
static void begin(struct rx_job *job)
{
	struct e1000 *e = job->e;
	const uint32_t rctl = *e1000_reg(e, E1000_RCTL);

	job->generation = e1000_begin_work(e);
	job->enabled = rctl & RCTL_EN;
	job->loops = e1000_loops(e);
	job->strips = *e1000_reg(e, E1000_CTRL) & CTRL_VME;
	job->keeps_fcs = !(rctl & RCTL_SECRC);
	job->size = buffer_size(rctl);
	job->checks = *e1000_reg(e, E1000_RXCSUM);
	job->tag_type = (uint16_t)*e1000_reg(e, E1000_VET);
	job->small_limit = *e1000_reg(e, E1000_RSRPD);
	job->resume_limit = *e1000_reg(e, E1000_FCRTL) & 0xffff;
	if (job->enabled)
		job->ring = e1000_take_ring(job->dev, E1000_RDBAL);
	job->first = job->ring.head;
	job->ring_version = atomic_load(&e->rx_ring);
	if (job->rx->ring == job->ring_version && job->rx->enabled == e->rx_enabled)
		return;
	job->rx->ring = job->ring_version;
	job->rx->enabled = e->rx_enabled;
	job->rx->cache_count = 0;
}

/* The descriptors are not the device's any more: it has been reset, or has another ring. */
static bool has_lost_ring(const struct rx_job *job)
{
	return !e1000_is_current(job->e, job->generation) ||
	       atomic_load(&job->e->rx_ring) != job->ring_version;
}

/* ---- which frames are taken ---- */

static bool is_pause(const struct e1000 *e, const struct net_frame *frame)
{
	const uint32_t low = e->registers[E1000_FCAL / 4], high = e->registers[E1000_FCAH / 4];
	const uint8_t address[] = {(uint8_t)low,	 (uint8_t)(low >> 8), (uint8_t)(low >> 16),
				   (uint8_t)(low >> 24), (uint8_t)high,	      (uint8_t)(high >> 8)};

	return net_type(frame) == e->registers[E1000_FCT / 4] &&
	       memcmp(frame->data, address, NET_ADDRESS) == 0;
}

/* Counts a pause frame; false: it goes no further. */
static bool take_control(struct e1000 *e, const struct net_frame *frame)
{
	const uint32_t rctl = *e1000_reg(e, E1000_RCTL);

	if (net_type(frame) != ETHERTYPE_CONTROL)
		return true;
	if (!is_pause(e, frame))
		return rctl & RCTL_PMCF;
	if (*e1000_reg(e, E1000_CTRL) & CTRL_RFCE)
		net_count(&e->stats,
			  net_get16(frame->data + NET_HEADER + 2) ? STAT_XOFFRXC : STAT_XONRXC, 1);
	return !(rctl & RCTL_DPF);
}

static enum net_match match(struct e1000 *e, const struct net_frame *frame)
{
	const uint32_t rctl = *e1000_reg(e, E1000_RCTL);
	const struct net_filter filter = {
		.addresses = e1000_reg(e, E1000_RA),
		.address_count = E1000_ADDRESSES,
		.multicast = e1000_reg(e, E1000_MTA),
		.multicast_mode = rctl >> RCTL_MO_SHIFT & 3,
		.vlans = rctl & RCTL_VFE ? e1000_reg(e, E1000_VFTA) : NULL,
		.vlan_type = (uint16_t)*e1000_reg(e, E1000_VET),
		.check_cfi = rctl & RCTL_CFIEN,
		.cfi = rctl & RCTL_CFI,
		.all_unicast = rctl & RCTL_UPE,
		.all_multicast = rctl & RCTL_MPE,
		.broadcast = rctl & RCTL_BAM,
	};

	return net_filter(&filter, frame);
}

/* Whether the frame is received; counts it. With the device lock. */
static enum net_match judge(struct e1000 *e, const struct net_frame *frame)
{
	const uint32_t len = frame->len + NET_FCS;
	enum net_match found = NET_REFUSED;

	if (frame->len < NET_MIN_FRAME) {
		net_count(&e->stats, STAT_RUC, 1);
		return NET_REFUSED;
	}
	if (len > E1000_MAX_LENGTH && !(*e1000_reg(e, E1000_RCTL) & RCTL_LPE)) {
		net_count(&e->stats, STAT_ROC, 1);
		return NET_REFUSED;
	}
	if (take_control(e, frame))
		found = match(e, frame);
	net_count_received(&e->stats, frame, found != NET_REFUSED);
	return found;
}

/* ---- what is said about a frame ---- */

/* Status and error bits for the checksums that RXCSUM wants. */
static uint32_t verdict_bits(const struct rx_job *job, const struct net_frame *frame)
{
	const struct net_verdict verdict = net_verify(frame->data, frame->len, job->tag_type);
	const bool l4 = job->checks & RXCSUM_TUOFLD &&
			(!verdict.ipv6 || job->checks & RXCSUM_IPV6OFL);
	uint32_t bits = 0;

	if (job->checks & RXCSUM_IPOFLD && verdict.ip_checked)
		bits |= RX_IPCS | (verdict.ip_bad ? (uint32_t)RX_IPE : 0);
	if (l4 && verdict.l4_checked)
		bits |= RX_TCPCS | (verdict.l4_bad ? (uint32_t)RX_TCPE : 0);
	return bits ? bits : (uint32_t)RX_IXSM;
}

/* The frame is taken: what its last descriptor says. */
static void describe(struct rx_job *job, enum net_match found)
{
	struct e1000_rx *rx = job->rx;
	struct net_frame *frame = &rx->frame;
	const uint32_t start = job->checks & RXCSUM_PCSS;
	uint32_t fcs;

	rx->upper = RX_DD | RX_EOP | (found == NET_INEXACT ? (uint32_t)RX_PIF : 0);
	if (job->strips && net_is_tagged(frame, job->tag_type))
		rx->upper |= RX_VP | (uint32_t)net_remove_tag(frame) << RX_SPECIAL_SHIFT;
	rx->upper |= verdict_bits(job, frame);
	rx->checksum = start < frame->len ? net_sum(frame->data + start, frame->len - start, 0) : 0;
	if (!job->keeps_fcs)
		return;
	fcs = net_fcs(frame->data, frame->len);
	for (unsigned int i = 0; i < NET_FCS; i++)
		frame->data[frame->len++] = (uint8_t)(fcs >> (8 * i));
}

/* The next frame becomes the pending one. False: there is none. */
static bool fetch_frame(struct rx_job *job)
{
	struct e1000_rx *rx = job->rx;
	struct e1000 *e = job->e;
	enum net_match found;

	while (!rx->pending) {
		/* A port keeps its frames for as long as there are no descriptors. */
		if (!net_fifo_get(&e->buffer, &rx->frame) &&
		    (job->loops || job->ring.head == job->ring.tail ||
		     !net_port_receive(&e->port, &rx->frame)))
			return false;
		uiommufd_device_lock(job->dev);
		job->stale = !e1000_is_current(e, job->generation);
		found = job->stale ? NET_REFUSED : judge(e, &rx->frame);
		uiommufd_device_unlock(job->dev);
		if (job->stale)
			return false;
		if (found == NET_REFUSED)
			continue;
		describe(job, found);
		rx->pending = true;
		rx->counted = false;
	}
	return true;
}

/* ---- descriptors ---- */

/* The descriptor at the head; NULL: it cannot be read. */
static const struct e1000_descriptor *fetch_descriptor(struct rx_job *job)
{
	struct e1000_rx *rx = job->rx;
	const struct e1000_ring *ring = &job->ring;
	uint32_t until, count;

	if (ring->head >= rx->cache_first && ring->head - rx->cache_first < rx->cache_count)
		return &rx->cache[ring->head - rx->cache_first];
	until = ring->tail > ring->head ? ring->tail : ring->count;
	count = (uint32_t)min_u64(until - ring->head, E1000_BATCH);
	rx->cache_count = 0;
	job->stale = job->stale || has_lost_ring(job);
	if (job->stale ||
	    uiommufd_device_dma_read(job->dev, ring->base + (uint64_t)ring->head * E1000_DESCRIPTOR,
				     rx->cache, count * sizeof(rx->cache[0])))
		return NULL;
	rx->cache_first = ring->head;
	rx->cache_count = count;
	return &rx->cache[0];
}

/* Writes back what is done. Those at the end and at the start of the ring are apart. */
static void write_back(struct rx_job *job)
{
	struct e1000_rx *rx = job->rx;
	const struct e1000_ring *ring = &job->ring;
	uint32_t at = (ring->head + ring->count - rx->done_count) % ring->count, part;

	atomic_thread_fence(memory_order_release);
	for (uint32_t i = 0; i < rx->done_count && !job->stale; i += part) {
		part = (uint32_t)min_u64(rx->done_count - i, WRITE_TOGETHER);
		part = (uint32_t)min_u64(part, ring->count - at);
		job->stale = has_lost_ring(job);
		if (!job->stale)
			(void)uiommufd_device_dma_write(
				job->dev, ring->base + (uint64_t)at * E1000_DESCRIPTOR,
				&rx->done[i], part * sizeof(rx->done[0]));
		at = (at + part) % ring->count;
	}
	rx->done_count = 0;
}

/*
 * Puts bytes from @from on into the buffer of the descriptor at the head. Returns how many, or -1:
 * the descriptor cannot be read. *@bad: the buffer cannot be written.
 */
static int64_t fill(struct rx_job *job, uint32_t from, bool *bad)
{
	const struct e1000_descriptor *d = fetch_descriptor(job);
	const struct net_frame *frame = &job->rx->frame;
	const uint32_t part = (uint32_t)min_u64(frame->len - from, job->size);

	if (!d)
		return -1;
	if (!d->address) {
		if (e1000_mistake(job->e, MISTAKE_RX_ADDRESS))
			uiommufd_device_report(job->dev,
					       "e1000: receive descriptor %u has no buffer (its "
					       "address is 0): a frame is lost",
					       job->ring.head);
		*bad = true;
	} else if (!job->stale &&
		   uiommufd_device_dma_write(job->dev, d->address, frame->data + from, part)) {
		*bad = true;
	}
	job->rx->done[job->rx->done_count++] = (struct e1000_descriptor){
		.address = d->address,
		.lower = part,
		.upper = RX_DD,
	};
	job->ring.head = (job->ring.head + 1) % job->ring.count;
	return part;
}

/* Gives the pending frame to the host; there are enough descriptors. False: they are unreadable. */
static bool deliver(struct rx_job *job)
{
	struct e1000_rx *rx = job->rx;
	const uint32_t head = job->ring.head, done_count = rx->done_count;
	struct e1000_descriptor *last;
	bool bad = false;
	int64_t part;

	for (uint32_t at = 0; at < rx->frame.len; at += (uint32_t)part) {
		part = fill(job, at, &bad);
		if (part < 0) {
			job->ring.head = head;
			rx->done_count = done_count;
			return false;
		}
	}
	last = &rx->done[rx->done_count - 1];
	last->lower |= (uint32_t)rx->checksum << RX_CHECKSUM_SHIFT;
	last->upper = bad ? (rx->upper & ~(uint32_t)CHECKSUM_BITS) | RX_IXSM | RX_RXE : rx->upper;
	rx->pending = false;
	job->received = true;
	return true;
}

/* ---- the ring ---- */

/* Counts once that the pending frame has to wait. */
static void note_wait(struct rx_job *job)
{
	if (job->rx->counted)
		return;
	job->rx->counted = true;
	uiommufd_device_lock(job->dev);
	if (e1000_is_current(job->e, job->generation))
		net_count(&job->e->stats, STAT_RNBC, 1);
	uiommufd_device_unlock(job->dev);
}

/* A frame that the ring could never take is missed. */
static bool is_too_long(struct rx_job *job, uint32_t needed)
{
	if (needed < job->ring.count)
		return false;
	job->rx->pending = false;
	uiommufd_device_lock(job->dev);
	if (e1000_is_current(job->e, job->generation)) {
		net_count(&job->e->stats, STAT_MPC, 1);
		e1000_raise(job->dev, ICR_RXO);
	}
	uiommufd_device_unlock(job->dev);
	if (e1000_mistake(job->e, MISTAKE_RX_SPACE))
		uiommufd_device_report(job->dev,
				       "e1000: a frame of %u bytes needs %u buffers, but the "
				       "receive ring has %u descriptors: it is lost",
				       job->rx->frame.len, needed, job->ring.count);
	return true;
}

/* Receives some frames. True: there may be more. */
static bool run(struct rx_job *job)
{
	struct e1000_rx *rx = job->rx;
	const struct e1000_ring *ring = &job->ring;

	for (unsigned int i = 0; i < FRAMES; i++) {
		uint32_t needed;

		if (!fetch_frame(job))
			return false;
		needed = (rx->frame.len + job->size - 1) / job->size;
		if (!ring->count || needed > e1000_distance(ring, ring->head, ring->tail)) {
			if (ring->count && is_too_long(job, needed))
				continue;
			note_wait(job);
			return false;
		}
		if (rx->done_count + needed > E1000_DONE)
			write_back(job);
		job->small = job->small || rx->frame.len <= job->small_limit;
		if (!deliver(job) || job->stale)
			return false;
	}
	return true;
}

/* RCTL.RDMTS: whether the descriptors that are left have become few. */
static bool are_few(struct e1000 *e, const struct rx_job *job, uint32_t tail)
{
	const struct e1000_ring *ring = &job->ring;
	const uint32_t rctl = *e1000_reg(e, E1000_RCTL);
	const uint32_t limit = ring->count >> ((rctl >> RCTL_RDMTS_SHIFT & 3) + 1);

	return e1000_distance(ring, job->first, tail) > limit &&
	       e1000_distance(ring, ring->head, tail) <= limit;
}

/* With the device lock. */
static void publish(struct rx_job *job)
{
	struct e1000 *e = job->e;
	const uint32_t tail = *e1000_reg(e, E1000_RDT);

	if (has_lost_ring(job) || !job->ring.count)
		return;
	*e1000_reg(e, E1000_RDH) = job->ring.head;
	if (job->received)
		e1000_raise_received(job->dev);
	if (job->small)
		e1000_raise(job->dev, ICR_SRPD);
	if (tail < job->ring.count && are_few(e, job, tail))
		e1000_raise(job->dev, ICR_RXDMT0);
}

/* Flow control: sending may go on. */
static void resume(struct rx_job *job)
{
	struct e1000 *e = job->e;

	if (!e->paused || e->buffer.used > job->resume_limit)
		return;
	e->paused = false;
	uiommufd_device_lock(job->dev);
	net_count(&e->stats, STAT_XONTXC, 1);
	net_count(&e->stats, STAT_XONRXC, 1);
	uiommufd_device_unlock(job->dev);
	uiommufd_device_queue_work(job->dev, e1000_transmit);
}

void e1000_receive(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	struct rx_job job = {.dev = dev, .e = e, .rx = &e->rx};
	bool more = false;

	e1000_service_port(dev);
	uiommufd_device_lock(dev);
	begin(&job);
	uiommufd_device_unlock(dev);
	if (job.enabled) {
		more = run(&job);
		if (job.ring.count)
			write_back(&job);
	} else {
		net_fifo_clear(&e->buffer);
		e->rx.pending = false;
	}
	uiommufd_device_lock(dev);
	publish(&job);
	e1000_end_work(e);
	uiommufd_device_unlock(dev);
	resume(&job);
	if (more)
		uiommufd_device_queue_work(dev, e1000_receive);
	/* A frame that waits for descriptors goes on with RDT: waiting for others would be busy. */
	else if (!e->port.up || (job.ring.head != job.ring.tail && !e->rx.pending && !job.loops))
		e1000_watch(dev, NET_RECEIVE);
}
