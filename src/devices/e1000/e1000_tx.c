/* SPDX-License-Identifier: MIT */
/*
 * See e1000_tx.h. Descriptors are as in the manual's 3.3: legacy ones, and those of type 1 (data)
 * with contexts of type 0. VLE, IFCS and the special field count in the last descriptor of a frame,
 * in a segmented one in the first; the options POPTS count in the first.
 *
 * A frame with data that cannot be read is lost, but its descriptors are reported as done, so that
 * the driver goes on.
 */
#include "devices/e1000/e1000_tx.h"

#include <string.h>

#include "base/check.h"
#include "devices/e1000/e1000_irq.h"
#include "devices/e1000/e1000_rx.h"
#include "devices/e1000/e1000_work.h"

/* One call of e1000_transmit(): the registers as they were, and what comes of it. */
struct tx_job {
	struct uiommufd_device *dev;
	struct e1000 *e;
	struct e1000_tx *tx;
	unsigned int generation, ring_version;
	struct e1000_ring ring;
	bool enabled, tags, pads, loops, receiving, flow_control;
	uint16_t tag_type;
	uint32_t buffer_limit, pause_limit;

	uint32_t index; /* of the descriptor */
	bool stale;	/* the device has been reset */
	bool reported, at_once;
	bool yields; /* receiving comes first */
};

/* With the device lock. */
static void begin(struct tx_job *job)
{
	struct e1000 *e = job->e;
	const uint32_t ctrl = *e1000_reg(e, E1000_CTRL);

	job->generation = e1000_begin_work(e);
	job->enabled = *e1000_reg(e, E1000_TCTL) & TCTL_EN;
	job->tags = ctrl & CTRL_VME;
	job->pads = *e1000_reg(e, E1000_TCTL) & TCTL_PSP;
	job->tag_type = (uint16_t)*e1000_reg(e, E1000_VET);
	job->loops = e1000_loops(e);
	job->receiving = *e1000_reg(e, E1000_RCTL) & RCTL_EN;
	job->pause_limit = *e1000_reg(e, E1000_FCRTH);
	job->flow_control = ctrl & CTRL_TFCE && ctrl & CTRL_RFCE && job->pause_limit;
	job->buffer_limit = (*e1000_reg(e, E1000_PBA) & 0xffff) << 10;
	job->ring_version = atomic_load(&e->tx_ring);
	if (job->enabled)
		job->ring = e1000_take_ring(job->dev, E1000_TDBAL);
	/* A frame does not go on in another ring. */
	if (job->tx->ring != job->ring_version)
		job->tx->started = job->tx->drop = false;
	job->tx->ring = job->ring_version;
}

/* The descriptors are not the device's any more: it has been reset, or has another ring. */
static bool has_lost_ring(const struct tx_job *job)
{
	return !e1000_is_current(job->e, job->generation) ||
	       atomic_load(&job->e->tx_ring) != job->ring_version;
}

/* ---- frames ---- */

static void count(struct tx_job *job, enum net_counter counter)
{
	uiommufd_device_lock(job->dev);
	if (e1000_is_current(job->e, job->generation))
		net_count(&job->e->stats, counter, 1);
	uiommufd_device_unlock(job->dev);
}

/* Back through the packet buffer. What has no space there is missed. */
static void loop_back(struct tx_job *job, const struct net_frame *frame)
{
	struct e1000 *e = job->e;
	const bool full = !job->flow_control && e->rx.pending &&
			  e->buffer.used + frame->len > job->buffer_limit;

	if (!job->receiving)
		return;
	if (!full && net_fifo_put(&e->buffer, frame->data, frame->len))
		return;
	count(job, STAT_MPC);
	uiommufd_device_lock(job->dev);
	if (e1000_is_current(e, job->generation))
		e1000_raise(job->dev, ICR_RXO);
	uiommufd_device_unlock(job->dev);
}

/* The last four bytes are the frame check sequence. False: they are wrong. */
static bool take_fcs(struct tx_job *job, struct net_frame *frame)
{
	const uint32_t len = frame->len - NET_FCS, fcs = net_fcs(frame->data, len);
	const uint8_t bytes[] = {(uint8_t)fcs, (uint8_t)(fcs >> 8), (uint8_t)(fcs >> 16),
				 (uint8_t)(fcs >> 24)};

	if (frame->len >= NET_HEADER + NET_FCS && memcmp(frame->data + len, bytes, NET_FCS) == 0) {
		frame->len = len;
		return true;
	}
	if (e1000_mistake(job->e, MISTAKE_TX_FCS))
		uiommufd_device_report(job->dev,
				       "e1000: transmit descriptor %u ends a frame without IFCS, "
				       "whose last four bytes are not its check sequence",
				       job->index);
	if (job->loops && job->receiving)
		count(job, STAT_CRCERRS);
	return false;
}

/* @lower, @upper: of the descriptor that has VLE, IFCS and the tag. */
static void send_frame(struct tx_job *job, struct net_frame *frame, uint32_t lower, uint32_t upper)
{
	if (frame->len < NET_HEADER) {
		if (e1000_mistake(job->e, MISTAKE_TX_EMPTY))
			uiommufd_device_report(job->dev,
					       "e1000: transmit descriptor %u ends a frame of %u "
					       "bytes, which has no whole header: it is not sent",
					       job->index, frame->len);
		return;
	}
	if (job->tags && lower & TX_VLE)
		net_insert_tag(frame, job->tag_type, (uint16_t)(upper >> TX_SPECIAL_SHIFT));
	if (!(lower & TX_IFCS) && !take_fcs(job, frame))
		return;
	if (job->pads && frame->len < NET_MIN_FRAME) {
		memset(frame->data + frame->len, 0, NET_MIN_FRAME - frame->len);
		frame->len = NET_MIN_FRAME;
	}
	uiommufd_device_lock(job->dev);
	if (e1000_is_current(job->e, job->generation))
		net_count_sent(&job->e->stats, frame);
	uiommufd_device_unlock(job->dev);
	if (job->loops)
		loop_back(job, frame);
	else
		net_port_send(&job->e->port, frame);
}

/* ---- the data of a frame ---- */

static void drop_long(struct tx_job *job)
{
	job->tx->drop = true;
	if (e1000_mistake(job->e, MISTAKE_TX_LONG))
		uiommufd_device_report(job->dev,
				       "e1000: with transmit descriptor %u a frame is longer than "
				       "%u bytes: it is not sent",
				       job->index, NET_MAX_FRAME);
}

/* Appends @len bytes from @address to the frame, which has space for them. */
static void append(struct tx_job *job, uint64_t address, uint32_t len)
{
	struct net_frame *frame = &job->tx->frame;

	job->stale = job->stale || has_lost_ring(job);
	if (job->stale)
		return;
	if (uiommufd_device_dma_read(job->dev, address, frame->data + frame->len, len))
		job->tx->drop = true;
	else
		frame->len += len;
}

/* Sends what has been collected as a segment, and begins the next. */
static void send_segment(struct tx_job *job, bool last)
{
	struct e1000_tx *tx = job->tx;
	const struct net_segmentation *s = &tx->contexts[1].segmentation;
	const uint32_t payload = tx->frame.len - s->header;

	net_make_segment(s, &tx->frame, tx->segment, tx->payload, last);
	send_frame(job, &tx->frame, tx->first_lower, tx->first_upper);
	tx->segment++;
	tx->payload += payload;
	memcpy(tx->frame.data, tx->headers, s->header);
	tx->frame.len = s->header;
}

static void append_segmented(struct tx_job *job, uint64_t address, uint32_t len)
{
	struct e1000_tx *tx = job->tx;
	const struct e1000_context *context = &tx->contexts[1];
	const uint32_t header = context->segmentation.header, mss = context->segmentation.mss;
	uint32_t part;

	while (len && !tx->drop && !job->stale) {
		if (tx->frame.len == header + mss) {
			if (tx->payload + mss >= context->payload)
				break;
			send_segment(job, false);
		}
		part = (tx->frame.len < header ? header : header + mss) - tx->frame.len;
		part = (uint32_t)min_u64(part, len);
		append(job, address, part);
		address += part;
		len -= part;
		if (tx->frame.len == header && !tx->segment)
			memcpy(tx->headers, tx->frame.data, header);
	}
	tx->payload += len; /* more than PAYLEN, which the end of the frame finds */
}

static void append_data(struct tx_job *job, uint64_t address, uint32_t len)
{
	struct e1000_tx *tx = job->tx;

	if (tx->drop || !len)
		return;
	if (!address && e1000_mistake(job->e, MISTAKE_TX_ADDRESS))
		uiommufd_device_report(job->dev,
				       "e1000: transmit descriptor %u has %u bytes at address 0",
				       job->index, len);
	if (tx->segmented)
		append_segmented(job, address, len);
	else if (len > NET_MAX_FRAME - tx->frame.len)
		drop_long(job);
	else
		append(job, address, len);
}

/* ---- the end of a frame ---- */

static void insert(struct tx_job *job, const struct net_cover *cover, bool udp)
{
	struct net_frame *frame = &job->tx->frame;

	if (net_insert_checksum(frame->data, frame->len, cover, udp))
		return;
	if (e1000_mistake(job->e, MISTAKE_TX_CHECKSUM))
		uiommufd_device_report(
			job->dev,
			"e1000: transmit descriptor %u ends a frame of %u bytes, with "
			"a checksum of bytes %u to %u at %u: it is not inserted",
			job->index, frame->len, cover->start,
			cover->last ? cover->last : frame->len, cover->offset);
}

static void insert_checksums(struct tx_job *job, const struct e1000_descriptor *d)
{
	struct e1000_tx *tx = job->tx;
	const struct net_segmentation *s = &tx->contexts[0].segmentation;
	const struct net_cover legacy = {.start = d->upper >> TX_CSS_SHIFT & 0xff,
					 .offset = d->lower >> TX_CSO_SHIFT & 0xff};

	if (tx->legacy) {
		if (d->lower & TX_IC)
			insert(job, &legacy, false);
		return;
	}
	if (!(tx->first_upper & (TX_IXSM | TX_TXSM)))
		return;
	if (!tx->contexts[0].set) {
		if (e1000_mistake(job->e, MISTAKE_TX_CONTEXT))
			uiommufd_device_report(job->dev,
					       "e1000: transmit descriptor %u asks for checksums "
					       "without a context",
					       job->index);
		return;
	}
	if (tx->first_upper & TX_IXSM)
		insert(job, &s->ip, false);
	if (tx->first_upper & TX_TXSM)
		insert(job, &s->l4, !s->tcp);
}

static void end_segmented(struct tx_job *job)
{
	struct e1000_tx *tx = job->tx;
	const struct e1000_context *context = &tx->contexts[1];
	const uint32_t header = context->segmentation.header;
	const uint32_t part = tx->frame.len > header ? tx->frame.len - header : 0;

	if (tx->frame.len >= header && tx->payload + part == context->payload) {
		send_segment(job, true);
		return;
	}
	if (e1000_mistake(job->e, MISTAKE_TX_PAYLOAD))
		uiommufd_device_report(
			job->dev,
			"e1000: transmit descriptor %u ends a segmented frame with %u "
			"bytes of payload, but its context says %u: the rest is not "
			"sent",
			job->index, tx->payload + part, context->payload);
}

static void end_frame(struct tx_job *job, const struct e1000_descriptor *d)
{
	struct e1000_tx *tx = job->tx;

	if (tx->drop || job->stale) {
		/* Its descriptors are done. */
	} else if (tx->segmented) {
		end_segmented(job);
	} else {
		insert_checksums(job, d);
		send_frame(job, &tx->frame, d->lower, d->upper);
	}
	tx->started = tx->drop = false;
}

/* ---- descriptors ---- */

static void set_context(struct tx_job *job, const struct e1000_descriptor *d)
{
	const bool segmentation = d->lower & TX_TSE;
	struct e1000_context *context = &job->tx->contexts[segmentation];

	*context = (struct e1000_context){
		.set = true,
		.payload = d->lower & TX_DATA_LENGTH,
		.segmentation =
			{
				.ip = {.start = d->address & 0xff,
				       .offset = d->address >> 8 & 0xff,
				       .last = d->address >> 16 & 0xffff},
				.l4 = {.start = d->address >> 32 & 0xff,
				       .offset = d->address >> 40 & 0xff,
				       .last = (uint32_t)(d->address >> 48)},
				.tcp = d->lower & TX_CONTEXT_TCP,
				.ipv4 = d->lower & TX_CONTEXT_IP,
				.header = d->upper >> TX_HEADER_SHIFT & 0xff,
				.mss = d->upper >> TX_MSS_SHIFT,
			},
	};
	if (segmentation)
		count(job, STAT_TSCTC);
	if (job->tx->started && segmentation == job->tx->segmented && !job->tx->legacy) {
		job->tx->drop = true;
		if (e1000_mistake(job->e, MISTAKE_TX_CONTEXT))
			uiommufd_device_report(
				job->dev,
				"e1000: transmit descriptor %u changes the context in "
				"the middle of a frame, which is not sent",
				job->index);
	}
}

static void begin_frame(struct tx_job *job, const struct e1000_descriptor *d)
{
	struct e1000_tx *tx = job->tx;
	struct e1000_context *context = &tx->contexts[1];

	tx->started = true;
	tx->legacy = !(d->lower & TX_DEXT);
	tx->segmented = !tx->legacy && d->lower & TX_TSE;
	tx->first_lower = d->lower;
	tx->first_upper = d->upper;
	tx->frame.len = tx->segment = tx->payload = 0;
	if (!tx->segmented)
		return;
	context->segmentation.insert_ip = d->upper & TX_IXSM;
	context->segmentation.insert_l4 = d->upper & TX_TXSM;
	if (context->set && net_segmentable(&context->segmentation))
		return;
	tx->drop = true;
	if (e1000_mistake(job->e, MISTAKE_TX_CONTEXT))
		uiommufd_device_report(
			job->dev,
			"e1000: transmit descriptor %u begins a segmented frame %s: it "
			"is not sent",
			job->index,
			context->set ? "with a context that cannot be" : "without a context");
}

static void execute(struct tx_job *job, const struct e1000_descriptor *d)
{
	const bool extended = d->lower & TX_DEXT;
	const unsigned int type = extended ? d->lower >> TX_TYPE_SHIFT & TX_TYPE_MASK : 0;

	if (extended && type == TX_TYPE_CONTEXT) {
		set_context(job, d);
		return;
	}
	if (extended && type != TX_TYPE_DATA) {
		if (e1000_mistake(job->e, MISTAKE_TX_TYPE))
			uiommufd_device_report(job->dev,
					       "e1000: transmit descriptor %u has type %u: it is "
					       "skipped",
					       job->index, type);
		return;
	}
	/* One without data is padding of the ring. */
	if (!job->tx->started && !(d->lower & TX_DATA_LENGTH & (extended ? ~0u : TX_LENGTH)) &&
	    !d->address)
		return;
	if (!job->tx->started)
		begin_frame(job, d);
	append_data(job, d->address, d->lower & (extended ? TX_DATA_LENGTH : TX_LENGTH));
	if (d->lower & TX_EOP)
		end_frame(job, d);
}

/* Says that a descriptor is done, if that is asked for. */
static void write_back(struct tx_job *job, const struct e1000_descriptor *d)
{
	const uint64_t at = job->ring.base + (uint64_t)job->index * E1000_DESCRIPTOR;
	const uint8_t status = TX_DD;

	job->stale = job->stale || has_lost_ring(job);
	if (!(d->lower & (TX_RS | TX_RPS)) || job->stale)
		return;
	atomic_thread_fence(memory_order_release);
	(void)uiommufd_device_dma_write(job->dev, at + E1000_STATUS_BYTE, &status, sizeof(status));
	job->reported = true;
	if (!(d->lower & TX_IDE))
		job->at_once = true;
}

/* ---- the ring ---- */

static void pause(struct tx_job *job)
{
	job->e->paused = true;
	count(job, STAT_XOFFTXC);
	count(job, STAT_XOFFRXC);
}

/* Whether a frame may begin now. If not, e1000_transmit() is queued when it may. */
static bool may_begin(struct tx_job *job)
{
	struct e1000 *e = job->e;

	if (!job->loops) {
		if (net_port_flush(&e->port))
			return true;
		e1000_watch(job->dev, NET_SEND);
		return false;
	}
	if (job->flow_control && !e->paused && e->buffer.used > job->pause_limit)
		pause(job);
	if (e->paused && job->flow_control)
		return false;
	e->paused = false;
	if (e->buffer.used > job->buffer_limit / 2 && !e->rx.pending) {
		job->yields = true;
		return false;
	}
	return true;
}

/* Executes some descriptors. False: the others must wait. */
static bool run(struct tx_job *job)
{
	struct e1000_descriptor batch[E1000_BATCH];
	struct e1000_ring *ring = &job->ring;
	const uint32_t until = ring->tail > ring->head ? ring->tail : ring->count;
	const uint32_t fetched = (uint32_t)min_u64(until - ring->head, E1000_BATCH);

	if (uiommufd_device_dma_read(job->dev, ring->base + (uint64_t)ring->head * E1000_DESCRIPTOR,
				     batch, fetched * sizeof(batch[0])))
		return false;
	for (uint32_t i = 0; i < fetched; i++) {
		if (!job->tx->started && !may_begin(job))
			return job->yields;
		job->index = ring->head;
		execute(job, &batch[i]);
		write_back(job, &batch[i]);
		if (job->stale)
			return false;
		ring->head = (ring->head + 1) % ring->count;
	}
	return ring->head != ring->tail;
}

/* With the device lock. */
static void publish(struct tx_job *job)
{
	struct e1000 *e = job->e;
	const uint32_t low = (*e1000_reg(e, E1000_TXDCTL) >> TXDCTL_LWTHRESH_SHIFT) * 8;
	const uint32_t before = *e1000_reg(e, E1000_TDH), tail = *e1000_reg(e, E1000_TDT);
	const struct e1000_ring *ring = &job->ring;

	if (has_lost_ring(job) || !ring->count)
		return;
	*e1000_reg(e, E1000_TDH) = ring->head;
	if (job->reported)
		e1000_raise_sent(job->dev, !job->at_once);
	if (before == ring->head || tail >= ring->count || before >= ring->count)
		return;
	if (ring->head == tail)
		e1000_raise(job->dev, ICR_TXQE);
	if (low && e1000_distance(ring, before, tail) > low &&
	    e1000_distance(ring, ring->head, tail) <= low)
		e1000_raise(job->dev, ICR_TXD_LOW);
}

void e1000_transmit(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	struct tx_job job = {.dev = dev, .e = e, .tx = &e->tx};
	bool more = false;

	uiommufd_device_lock(dev);
	begin(&job);
	uiommufd_device_unlock(dev);
	if (job.ring.head != job.ring.tail)
		more = run(&job);
	uiommufd_device_lock(dev);
	publish(&job);
	e1000_end_work(e);
	uiommufd_device_unlock(dev);
	if (e->buffer.used)
		uiommufd_device_queue_work(dev, e1000_receive);
	/* The last frame, too, which no descriptor follows, may have to wait for the peer. */
	if (!net_port_flush(&e->port))
		e1000_watch(dev, NET_SEND);
	if (more)
		uiommufd_device_queue_work(dev, e1000_transmit);
}
