/* SPDX-License-Identifier: MIT */
/*
 * Intel's I/OAT DMA engine, version 3 (ioat_regs.h): one channel that copies memory to memory, or
 * fills it, by a chain of descriptors in memory.
 *
 * Software writes the address of the first descriptor to CHAINADDR, which arms the channel, and the
 * number of descriptors to DMACOUNT; it adds descriptors by writing DMACOUNT again. Each descriptor
 * has the address of the next. After a descriptor the channel writes CHANSTS to memory at CHANCMP
 * and interrupts, if the descriptor says so. An interrupt disables itself (CHANCTRL) until software
 * enables it again; interrupts in the meantime are kept, as one. An error halts the channel:
 * CHANERR has the reason, and CHANSTS the last descriptor that was completed. To arm the channel
 * again, software clears CHANERR and writes CHAINADDR.
 *
 * The device lock guards the registers. The device's thread processes descriptors, a limited number
 * at a time, so that nothing that waits for the thread waits for a whole chain. `busy` is set while
 * a descriptor is processed without the lock; suspend and reset take effect between descriptors.
 *
 * Where the datasheets say nothing: a write of CHAINADDR while the channel is active is ignored; a
 * reset of the channel clears CHANERR and the address of the last completion; a suspended channel
 * continues after a resume or a write of DMACOUNT; the longest transfer is 2 MiB (chips differ, and
 * have it in XFERCAP).
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "devices/devices.h"
#include "devices/ioat_regs.h"
#include "devices/saved_fields.h"

enum {
	VERSION = 0x33,
	XFERCAP = 21,
	CHANCTRL_WRITABLE = CHANCTRL_ERR_COMP_EN | CHANCTRL_ANY_ERR_ABORT_EN | CHANCTRL_ERR_INT_EN |
			    CHANCTRL_DESC_SNOOP | CHANCTRL_DCA_EN,
};

/* The most that one call of the work function does. */
enum {
	ROUND_DESCRIPTORS = 64,
	ROUND_BYTES = 4 << XFERCAP,
	PROMPT_DESCRIPTORS = 8,
	PROMPT_BYTES = 16384, /* what is copied in less time than the thread takes to wake up */
	FILL_BYTES = 4096,    /* in one DMA; a multiple of the pattern */
};

struct ioat {
	uint8_t intrctrl;
	uint32_t attention;

	uint16_t chanctrl;
	bool interrupt_kept; /* came while interrupts were disabled */
	uint8_t command;     /* to be carried out after the descriptor in progress */
	enum ioat_state state;
	uint64_t completed; /* address of the last descriptor that was completed */
	uint64_t chainaddr, chancmp;
	uint32_t chanerr, chanerrmsk;

	uint16_t dmacount, done; /* since CHAINADDR was written */
	uint64_t next;		 /* descriptor to fetch */
	bool first;		 /* it is the one of CHAINADDR */
	bool busy;
};

static struct ioat *ioat_of(struct uiommufd_device *dev)
{
	return uiommufd_device_state(dev);
}

/* ---- interrupts; with the device lock ---- */

static void update_intx(struct uiommufd_device *dev)
{
	const struct ioat *ioat = ioat_of(dev);

	uiommufd_device_set_intx(dev, ioat->attention && ioat->intrctrl & INTRCTRL_MASTER_EN);
}

static void interrupt(struct uiommufd_device *dev)
{
	struct ioat *ioat = ioat_of(dev);

	if (ioat->chanctrl & CHANCTRL_INT_DISABLE) {
		ioat->interrupt_kept = true;
		return;
	}
	ioat->chanctrl |= CHANCTRL_INT_DISABLE;
	ioat->attention = 1;
	if (!uiommufd_device_send_msi(dev, 0))
		update_intx(dev);
}

static void enable_interrupt(struct uiommufd_device *dev)
{
	struct ioat *ioat = ioat_of(dev);
	bool kept = ioat->interrupt_kept;

	ioat->chanctrl &= (uint16_t)~CHANCTRL_INT_DISABLE;
	ioat->interrupt_kept = false;
	if (kept)
		interrupt(dev);
}

/* ---- the states of the channel; with the device lock ---- */

static void chain_restart(struct ioat *ioat)
{
	ioat->dmacount = ioat->done = 0;
	ioat->next = ioat->chainaddr;
	ioat->first = true;
}

static void ioat_run_promptly(struct uiommufd_device *dev);

/* Continues the chain, unless the channel is halted or the chain has ended. */
static void channel_start(struct uiommufd_device *dev)
{
	struct ioat *ioat = ioat_of(dev);

	if (ioat->state == CHANSTS_HALTED)
		return;
	if (ioat->dmacount != ioat->done) {
		ioat->state = CHANSTS_ACTIVE;
		uiommufd_device_queue_work_promptly(dev, ioat_run_promptly);
	} else if (ioat->state == CHANSTS_SUSPENDED) {
		ioat->state = ioat->first ? CHANSTS_ARMED : CHANSTS_IDLE;
	}
}

static void channel_command(struct uiommufd_device *dev, uint8_t command)
{
	struct ioat *ioat = ioat_of(dev);

	if (command & CHANCMD_RESET) {
		if (uiommufd_device_fate(dev, UIOMMUFD_EVENT_RESET, 0) == UIOMMUFD_FATE_LOST)
			return;
		ioat->state = CHANSTS_HALTED;
		ioat->chanerr = 0;
		ioat->completed = 0;
		ioat->interrupt_kept = false;
		chain_restart(ioat);
		return;
	}
	if (command & CHANCMD_SUSPEND && ioat->state != CHANSTS_HALTED)
		ioat->state = CHANSTS_SUSPENDED;
	if (command & CHANCMD_RESUME && ioat->state == CHANSTS_SUSPENDED)
		channel_start(dev);
}

/* Carries out the command that came while a descriptor was processed. */
static void channel_settle(struct uiommufd_device *dev)
{
	struct ioat *ioat = ioat_of(dev);
	uint8_t command = ioat->command;

	ioat->busy = false;
	ioat->command = 0;
	channel_command(dev, command);
}

/* ---- work on the device's thread ---- */

/* A descriptor that is being processed. */
struct job {
	struct uiommufd_device *dev;
	uint64_t address;
	struct ioat_descriptor descriptor;
	uint64_t chancmp;
	uint64_t status; /* CHANSTS when it is done */
	uint32_t error;	 /* CHANERR_... */
};

static uint32_t refuse(const struct job *job, uint32_t error, const char *what)
{
	uiommufd_device_report(job->dev,
			       "ioat: the descriptor at IOVA 0x%llx %s: the channel halts",
			       (unsigned long long)job->address, what);
	return error;
}

static bool is_fill(const struct ioat_descriptor *d)
{
	return d->control >> DESCRIPTOR_OPERATION_SHIFT == OPERATION_FILL;
}

static uint32_t check_descriptor(const struct job *job)
{
	const struct ioat_descriptor *d = &job->descriptor;

	if (!is_fill(d) && d->control >> DESCRIPTOR_OPERATION_SHIFT != OPERATION_COPY)
		return refuse(job, CHANERR_CONTROL, "has an operation that is not known");
	if (d->control & DESCRIPTOR_RESERVED)
		return refuse(job, CHANERR_CONTROL, "has reserved control bits set");
	if (d->control & DESCRIPTOR_NULL)
		return 0;
	if (!d->size || d->size > UINT32_C(1) << XFERCAP)
		return refuse(job, CHANERR_LENGTH, "has a size that is 0 or beyond XFERCAP");
	if (!is_fill(d) && d->source + (d->size - 1) < d->source)
		return refuse(job, CHANERR_SOURCE_ADDRESS, "has a source that wraps around");
	if (d->destination + (d->size - 1) < d->destination)
		return refuse(job, CHANERR_DESTINATION_ADDRESS,
			      "has a destination that wraps around");
	return 0;
}

/* The pattern begins with the first byte that is filled. */
static uint32_t fill(struct uiommufd_device *dev, const struct ioat_descriptor *d)
{
	uint64_t patterns[FILL_BYTES / sizeof(uint64_t)];
	uint32_t len;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		patterns[i] = d->source;
	for (uint32_t at = 0; at < d->size; at += len) {
		len = d->size - at < FILL_BYTES ? d->size - at : FILL_BYTES;
		if (uiommufd_device_dma_write(dev, d->destination + at, patterns, len))
			return CHANERR_WRITE_DATA;
	}
	return 0;
}

/* A descriptor that points at itself, with more to do behind it, is carried out again and again. */
static void check_next(struct uiommufd_device *dev, const struct job *job)
{
	struct ioat *ioat = ioat_of(dev);
	unsigned int left;

	if (job->descriptor.next != job->address)
		return;
	uiommufd_device_lock(dev);
	left = (uint16_t)(ioat->dmacount - ioat->done);
	uiommufd_device_unlock(dev);
	if (left > 1)
		uiommufd_device_report(
			dev,
			"ioat: the descriptor at 0x%llx points at itself, and DMACOUNT "
			"says that %u follow: it is carried out again",
			(unsigned long long)job->address, left - 1);
}

/* Fetches the descriptor. Returns CHANERR_..., as below. */
static uint32_t fetch(struct uiommufd_device *dev, struct job *job, bool first)
{
	if (!is_aligned(job->address, DESCRIPTOR_ALIGN))
		return refuse(job, first ? CHANERR_CHAIN_ADDRESS : CHANERR_NEXT_ADDRESS,
			      "is not at a multiple of 64");
	return uiommufd_device_dma_read(dev, job->address, &job->descriptor,
					sizeof(job->descriptor))
		       ? CHANERR_DESCRIPTOR
		       : 0;
}

/* Executes the descriptor. Returns CHANERR_...; faults of DMA have been reported. */
static uint32_t execute(struct uiommufd_device *dev, struct job *job)
{
	struct ioat_descriptor *d = &job->descriptor;
	enum uiommufd_copy_end end;
	uint32_t error = check_descriptor(job);

	check_next(dev, job);
	if (error || d->control & DESCRIPTOR_NULL)
		return error;
	if (is_fill(d))
		return fill(dev, d);
	if (uiommufd_device_dma_copy(dev, d->destination, d->source, d->size, &end))
		return end == UIOMMUFD_COPY_SOURCE ? CHANERR_READ_DATA : CHANERR_WRITE_DATA;
	return 0;
}

/* Takes the next descriptor. False: there is nothing to do. */
static bool job_begin(struct uiommufd_device *dev, struct job *job, bool *first)
{
	struct ioat *ioat = ioat_of(dev);

	uiommufd_device_lock(dev);
	ioat->busy = ioat->state == CHANSTS_ACTIVE && ioat->dmacount != ioat->done;
	*job = (struct job){.dev = dev, .address = ioat->next};
	*first = ioat->first;
	uiommufd_device_unlock(dev);
	return ioat->busy;
}

/* Sets the completion of @job. Returns whether it is to be written. */
static bool job_status(struct uiommufd_device *dev, struct job *job)
{
	struct ioat *ioat = ioat_of(dev);
	bool write;

	uiommufd_device_lock(dev);
	job->chancmp = ioat->chancmp;
	if (job->error) {
		job->status = ioat->completed | CHANSTS_HALTED;
		write = ioat->chanctrl & CHANCTRL_ERR_COMP_EN;
	} else {
		job->status = job->address |
			      ((uint16_t)(ioat->done + 1) == ioat->dmacount ? CHANSTS_IDLE
									    : CHANSTS_ACTIVE);
		write = job->descriptor.control & DESCRIPTOR_COMPLETION;
	}
	uiommufd_device_unlock(dev);
	return write;
}

/* Before the interrupt, whose handler looks for the completion in memory. */
static void job_write_completion(struct uiommufd_device *dev, struct job *job)
{
	if (uiommufd_device_fate(dev, UIOMMUFD_EVENT_COMPLETION, 0) == UIOMMUFD_FATE_LOST)
		return;
	if (!uiommufd_device_dma_write(dev, job->chancmp, &job->status, sizeof(job->status)))
		return;
	job->error |= CHANERR_COMPLETION_ADDRESS;
}

static void job_finish(struct uiommufd_device *dev, const struct job *job)
{
	struct ioat *ioat = ioat_of(dev);

	uiommufd_device_lock(dev);
	if (job->error) {
		ioat->chanerr |= job->error;
		ioat->state = CHANSTS_HALTED;
		if (ioat->chanctrl & CHANCTRL_ERR_INT_EN && job->error & ~ioat->chanerrmsk)
			interrupt(dev);
	} else {
		ioat->completed = job->address;
		ioat->next = job->descriptor.next;
		ioat->first = false;
		ioat->done++;
		if (ioat->state == CHANSTS_ACTIVE && ioat->done == ioat->dmacount)
			ioat->state = CHANSTS_IDLE;
		if (job->descriptor.control & DESCRIPTOR_INTERRUPT)
			interrupt(dev);
	}
	channel_settle(dev);
	uiommufd_device_unlock(dev);
}

/*
 * Carries out @count descriptors at most, until they are of @limit bytes. @whole: the first one
 * that is longer is left, too, and fetched again later. Returns whether there may be more to do.
 */
static bool run_round(struct uiommufd_device *dev, unsigned int count, uint64_t limit, bool whole)
{
	uint64_t bytes = 0;
	struct job job;
	bool first;

	for (unsigned int i = 0; i < count && bytes < limit; i++) {
		if (!job_begin(dev, &job, &first))
			return false;
		job.error = fetch(dev, &job, first);
		if (!job.error && whole && job.descriptor.size > limit)
			return true;
		if (!job.error)
			job.error = execute(dev, &job);
		if (job_status(dev, &job))
			job_write_completion(dev, &job);
		job_finish(dev, &job);
		bytes += job.descriptor.size;
	}
	return true;
}

static void ioat_run(struct uiommufd_device *dev)
{
	if (run_round(dev, ROUND_DESCRIPTORS, ROUND_BYTES, false))
		uiommufd_device_queue_work(dev, ioat_run);
}

/* Short requests, perhaps on the program's thread. */
static void ioat_run_promptly(struct uiommufd_device *dev)
{
	if (run_round(dev, PROMPT_DESCRIPTORS, PROMPT_BYTES, true))
		uiommufd_device_queue_work(dev, ioat_run);
}

/* ---- registers ---- */

static uint64_t get_intrctrl(struct uiommufd_device *dev)
{
	struct ioat *ioat = ioat_of(dev);
	uint64_t value = ioat->intrctrl;

	if (ioat->attention)
		value |= INTRCTRL_STATUS;
	if (ioat->attention && ioat->intrctrl & INTRCTRL_MASTER_EN)
		value |= INTRCTRL_INT;
	ioat->intrctrl &= (uint8_t)~INTRCTRL_MASTER_EN;
	update_intx(dev);
	return value;
}

static void set_intrctrl(struct uiommufd_device *dev, uint64_t value, uint64_t mask)
{
	struct ioat *ioat = ioat_of(dev);

	(void)mask;
	ioat->intrctrl = value & (INTRCTRL_MASTER_EN | INTRCTRL_MSIX_VECTOR);
	update_intx(dev);
}

static uint64_t get_attnstatus(struct uiommufd_device *dev)
{
	struct ioat *ioat = ioat_of(dev);
	uint64_t value = ioat->attention;

	ioat->attention = 0;
	update_intx(dev);
	return value;
}

static uint64_t get_chanctrl(struct uiommufd_device *dev)
{
	struct ioat *ioat = ioat_of(dev);
	uint64_t value = ioat->chanctrl;

	ioat->chanctrl |= CHANCTRL_IN_USE;
	return value;
}

static void set_chanctrl(struct uiommufd_device *dev, uint64_t value, uint64_t mask)
{
	struct ioat *ioat = ioat_of(dev);
	uint64_t kept = ioat->chanctrl & ~(mask & CHANCTRL_WRITABLE);

	/* Writing 1 to IN_USE does not set it. */
	if (!(value & CHANCTRL_IN_USE))
		kept &= ~(mask & CHANCTRL_IN_USE);
	ioat->chanctrl = (uint16_t)(kept | (value & CHANCTRL_WRITABLE));
	if (value & CHANCTRL_INT_DISABLE)
		enable_interrupt(dev);
}

static uint64_t get_chancmd(struct uiommufd_device *dev)
{
	return ioat_of(dev)->command;
}

static void set_chancmd(struct uiommufd_device *dev, uint64_t value, uint64_t mask)
{
	struct ioat *ioat = ioat_of(dev);

	(void)mask;
	if (!value)
		return;
	if (value != CHANCMD_RESET && value != CHANCMD_SUSPEND && value != CHANCMD_RESUME) {
		uiommufd_device_report(dev,
				       "ioat: CHANCMD 0x%llx is not one command: the channel halts",
				       (unsigned long long)value);
		ioat->chanerr |= CHANERR_COMMAND;
		ioat->state = CHANSTS_HALTED;
	} else if (ioat->busy) {
		ioat->command |= (uint8_t)value;
	} else {
		channel_command(dev, (uint8_t)value);
	}
}

static uint64_t get_dmacount(struct uiommufd_device *dev)
{
	return ioat_of(dev)->dmacount;
}

static void set_dmacount(struct uiommufd_device *dev, uint64_t value, uint64_t mask)
{
	struct ioat *ioat = ioat_of(dev);

	ioat->dmacount = (uint16_t)((ioat->dmacount & ~mask) | value);
	if (ioat->state == CHANSTS_HALTED)
		uiommufd_device_report(
			dev,
			"ioat: DMACOUNT is written while the channel is halted: write CHAINADDR "
			"first%s",
			ioat->chanerr ? ", and before that clear CHANERR" : "");
	else if (!ioat->command)
		channel_start(dev);
}

static uint64_t get_chansts(struct uiommufd_device *dev)
{
	const struct ioat *ioat = ioat_of(dev);

	return ioat->completed | ioat->state;
}

static uint64_t get_chainaddr(struct uiommufd_device *dev)
{
	return ioat_of(dev)->chainaddr;
}

static void set_chainaddr(struct uiommufd_device *dev, uint64_t value, uint64_t mask)
{
	struct ioat *ioat = ioat_of(dev);

	if (ioat->state == CHANSTS_ACTIVE || ioat->busy) {
		uiommufd_device_report(dev,
				       "ioat: CHAINADDR is written while the channel is active: "
				       "the write is ignored");
		return;
	}
	ioat->chainaddr = (ioat->chainaddr & ~mask) | value;
	chain_restart(ioat);
	if (!ioat->chanerr)
		ioat->state = CHANSTS_ARMED;
}

static uint64_t get_chancmp(struct uiommufd_device *dev)
{
	return ioat_of(dev)->chancmp;
}

static void set_chancmp(struct uiommufd_device *dev, uint64_t value, uint64_t mask)
{
	struct ioat *ioat = ioat_of(dev);

	ioat->chancmp = ((ioat->chancmp & ~mask) | value) & ~UINT64_C(7);
}

static uint64_t get_chanerr(struct uiommufd_device *dev)
{
	return ioat_of(dev)->chanerr;
}

static void set_chanerr(struct uiommufd_device *dev, uint64_t value, uint64_t mask)
{
	(void)mask;
	ioat_of(dev)->chanerr &= (uint32_t)~value;
}

static uint64_t get_chanerrmsk(struct uiommufd_device *dev)
{
	return ioat_of(dev)->chanerrmsk;
}

static void set_chanerrmsk(struct uiommufd_device *dev, uint64_t value, uint64_t mask)
{
	struct ioat *ioat = ioat_of(dev);

	ioat->chanerrmsk = (uint32_t)((ioat->chanerrmsk & ~mask) | value);
}

/* In ascending order. Bytes that are not here read as 0. */
static const struct ioat_register {
	uint8_t off, size;
	uint8_t fixed; /* its value, without a get */
	uint64_t (*get)(struct uiommufd_device *dev);
	/* @mask: the bits that the access covers; @value has no others. NULL: read-only. */
	void (*set)(struct uiommufd_device *dev, uint64_t value, uint64_t mask);
} registers[] = {
	{IOAT_CHANCNT, 1, .fixed = 1},
	{IOAT_XFERCAP, 1, .fixed = XFERCAP},
	{IOAT_INTRCTRL, 1, .get = get_intrctrl, .set = set_intrctrl},
	{IOAT_ATTNSTATUS, 4, .get = get_attnstatus},
	{IOAT_CBVER, 1, .fixed = VERSION},
	{IOAT_DMACAPABILITY, 4, .fixed = DMACAPABILITY_FILL},
	{IOAT_CHANCTRL, 2, .get = get_chanctrl, .set = set_chanctrl},
	{IOAT_DMA_COMP, 2, .fixed = DMA_COMP_V2 | DMA_COMP_V3},
	{IOAT_CHANCMD, 1, .get = get_chancmd, .set = set_chancmd},
	{IOAT_DMACOUNT, 2, .get = get_dmacount, .set = set_dmacount},
	{IOAT_CHANSTS, 8, .get = get_chansts},
	{IOAT_CHAINADDR, 8, .get = get_chainaddr, .set = set_chainaddr},
	{IOAT_CHANCMP, 8, .get = get_chancmp, .set = set_chancmp},
	{IOAT_CHANERR, 4, .get = get_chanerr, .set = set_chanerr},
	{IOAT_CHANERRMSK, 4, .get = get_chanerrmsk, .set = set_chanerrmsk},
};

/* The bits of @reg that an access of @size bytes at @off covers; 0: none. */
static uint64_t covered(const struct ioat_register *reg, uint64_t off, unsigned int size)
{
	uint64_t start = max_u64(off, reg->off), end = min_u64(off + size, reg->off + reg->size);
	uint64_t bits;

	if (start >= end)
		return 0;
	bits = end - start == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * (end - start))) - 1;
	return bits << (8 * (start - reg->off));
}

/* Shifts @value from its position in the register to that in an access at @off, and back. */
static uint64_t to_access(const struct ioat_register *reg, uint64_t off, uint64_t value)
{
	return off > reg->off ? value >> (8 * (off - reg->off)) : value << (8 * (reg->off - off));
}

static uint64_t to_register(const struct ioat_register *reg, uint64_t off, uint64_t value)
{
	return off > reg->off ? value << (8 * (off - reg->off)) : value >> (8 * (reg->off - off));
}

#define REGISTERS_END (registers + sizeof(registers) / sizeof(registers[0]))

static uint64_t ioat_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			  unsigned int size)
{
	uint64_t value = 0;

	(void)bar;
	for (const struct ioat_register *reg = registers; reg < REGISTERS_END; reg++) {
		uint64_t mask = covered(reg, off, size);

		if (mask)
			value |=
				to_access(reg, off, (reg->get ? reg->get(dev) : reg->fixed) & mask);
	}
	return value;
}

static void ioat_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
		       unsigned int size, uint64_t value)
{
	(void)bar;
	for (const struct ioat_register *reg = registers; reg < REGISTERS_END; reg++) {
		uint64_t mask = covered(reg, off, size);

		if (mask && reg->set)
			reg->set(dev, to_register(reg, off, value) & mask, mask);
	}
}

/* ---- life ---- */

static void ioat_reset(struct uiommufd_device *dev)
{
	*ioat_of(dev) = (struct ioat){.state = CHANSTS_HALTED, .first = true};
}

static int ioat_init(struct uiommufd_device *dev)
{
	ioat_reset(dev);
	return 0;
}

/* ---- migration: between two descriptors, so `busy` and `command` are 0 ---- */

static const struct saved_field ioat_saved[] = {
	SAVED_FIELD(struct ioat, intrctrl),
	SAVED_UP_TO(struct ioat, attention, 1),
	SAVED_FIELD(struct ioat, chanctrl),
	SAVED_UP_TO(struct ioat, interrupt_kept, true),
	SAVED_UP_TO(struct ioat, state, CHANSTS_ARMED),
	SAVED_FIELD(struct ioat, completed),
	SAVED_FIELD(struct ioat, chainaddr),
	SAVED_FIELD(struct ioat, chancmp),
	SAVED_FIELD(struct ioat, chanerr),
	SAVED_FIELD(struct ioat, chanerrmsk),
	SAVED_FIELD(struct ioat, dmacount),
	SAVED_FIELD(struct ioat, done),
	SAVED_FIELD(struct ioat, next),
	SAVED_UP_TO(struct ioat, first, true),
};

enum {
	IOAT_SAVED = sizeof(ioat_saved) / sizeof(ioat_saved[0])
};

static int ioat_save(struct uiommufd_device *dev, struct uiommufd_saver *saver)
{
	return saved_fields_put(ioat_saved, IOAT_SAVED, ioat_of(dev), saver);
}

static int ioat_load(struct uiommufd_device *dev, uint32_t version, const void *state, size_t len)
{
	struct ioat *ioat = ioat_of(dev), next = {.busy = false};

	(void)version;
	if (len != saved_fields_size(ioat_saved, IOAT_SAVED) ||
	    !saved_fields_valid(ioat_saved, IOAT_SAVED, state))
		return uiommufd_device_refuse(dev, -EINVAL, "ioat: the state is damaged");
	saved_fields_get(ioat_saved, IOAT_SAVED, &next, state);
	if (next.completed & ~CHANSTS_DESCRIPTOR || next.chancmp & 7)
		return uiommufd_device_refuse(dev, -EINVAL, "ioat: the state is damaged");
	*ioat = next;
	if (ioat->state == CHANSTS_ACTIVE)
		uiommufd_device_queue_work(dev, ioat_run);
	return 0;
}

/* A channel of a Xeon Scalable processor (Skylake): its 8 channels are 8 functions. */
static const struct uiommufd_register ioat_registers[] = {
	UIOMMUFD_REGISTER("CHANCNT", "channels", 0, IOAT_CHANCNT, 1, UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("XFERCAP", "log2 of the longest transfer", 0, IOAT_XFERCAP, 1,
			  UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("INTRCTRL", "interrupt control", 0, IOAT_INTRCTRL, 1,
			  UIOMMUFD_REGISTER_EVENT),
	UIOMMUFD_REGISTER("ATTNSTATUS", "channels that have interrupted", 0, IOAT_ATTNSTATUS, 4,
			  UIOMMUFD_REGISTER_RO | UIOMMUFD_REGISTER_EVENT),
	UIOMMUFD_REGISTER("CBVER", "version", 0, IOAT_CBVER, 1, UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("DMACAPABILITY", "operations beside copy", 0, IOAT_DMACAPABILITY, 4,
			  UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("CHANCTRL", "channel control", 0, IOAT_CHANCTRL, 2,
			  UIOMMUFD_REGISTER_EVENT),
	UIOMMUFD_REGISTER("DMA_COMP", "compatible versions", 0, IOAT_DMA_COMP, 2,
			  UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("CHANCMD", "0x04: suspend, 0x10: resume, 0x20: reset", 0, IOAT_CHANCMD, 1,
			  0),
	UIOMMUFD_REGISTER("DMACOUNT", "descriptors given since CHAINADDR", 0, IOAT_DMACOUNT, 2, 0),
	UIOMMUFD_REGISTER("CHANSTS", "state, and the descriptor that was completed last", 0,
			  IOAT_CHANSTS, 8, UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("CHAINADDR", "address of the first descriptor", 0, IOAT_CHAINADDR, 8, 0),
	UIOMMUFD_REGISTER("CHANCMP", "where completions are written to", 0, IOAT_CHANCMP, 8, 0),
	UIOMMUFD_REGISTER("CHANERR", "errors", 0, IOAT_CHANERR, 4, UIOMMUFD_REGISTER_CLEAR),
	UIOMMUFD_REGISTER("CHANERRMSK", "errors that do not interrupt", 0, IOAT_CHANERRMSK, 4, 0),
	{.name = NULL},
};

const struct uiommufd_model device_ioat = {
	.name = "ioat",
	.summary = "Intel I/OAT DMA engine, version 3, with one channel",
	.vendor = 0x8086,
	.device = 0x2021,
	.subsystem_vendor = 0x8086,
	.subsystem = 0x0000,
	.class_code = 0x088000,
	.revision = 0x04,
	.registers = ioat_registers,
	.bars = {{.size = IOAT_BAR_SIZE, .flags = UIOMMUFD_BAR_64 | UIOMMUFD_BAR_MMAP}},
	.intx = true,
	.msix_vectors = 1,
	.msix_table = IOAT_MSIX_TABLE,
	.msix_pba = IOAT_MSIX_PBA,
	.pcie = true,
	.flr = true,
	.state_size = sizeof(struct ioat),
	.init = ioat_init,
	.reset = ioat_reset,
	.read = ioat_read,
	.write = ioat_write,
	.saved_version = 1,
	.saved_bytes = sizeof(struct ioat),
	.save = ioat_save,
	.load = ioat_load,
};
