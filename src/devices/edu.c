/* SPDX-License-Identifier: MIT */
/*
 * The "edu" device: the teaching device that QEMU documents (docs/specs/edu), so that a driver
 * written for one runs on the other. It inverts numbers, computes factorials, and copies between
 * memory and a buffer of 4096 bytes of its own by DMA, with an interrupt at the end of each.
 *
 * The device lock guards the registers. Factorial and DMA run on the device's thread. Only DMA uses
 * the buffer, and reset waits for that thread, so the buffer needs no lock.
 *
 * Where the document says nothing: writing 4 bytes to a 64-bit register zeroes the upper half; the
 * DMA registers do not change while DMA runs; DMA that fails or is refused ends like any other,
 * because the device cannot report it (the log has a line). DMA takes no longer than the copy; with
 * the option delay_us it waits, like the original, which takes 100 ms.
 *
 * What the original ignores without a word has a line of report, once between two resets: registers
 * that are written while they are in use, accesses of a size that a register does not have, and an
 * interrupt that is lost because the one before is not acknowledged.
 *
 * The option pasid adds a register that the original lacks: the PASID that DMA is tagged with.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/devices.h"
#include "devices/saved_fields.h"

enum {
	REG_ID = 0x00,
	REG_LIVENESS = 0x04,
	REG_FACTORIAL = 0x08,
	REG_STATUS = 0x20,
	REG_IRQ_STATUS = 0x24,
	REG_IRQ_RAISE = 0x60,
	REG_IRQ_ACK = 0x64,
	REG_DMA_SOURCE = 0x80, /* from here on accesses of 8 bytes are allowed, too */
	REG_DMA_DESTINATION = 0x88,
	REG_DMA_COUNT = 0x90,
	REG_DMA_COMMAND = 0x98,
	REG_DMA_PASID = 0xa0, /* only with the option pasid */
};

enum {
	STATUS_COMPUTING = 0x01,
	STATUS_FACTORIAL_IRQ = 0x80,
	IRQ_FACTORIAL = 0x001,
	IRQ_DMA = 0x100,
	DMA_START = 0x1,
	DMA_TO_RAM = 0x2,
	DMA_IRQ = 0x4,
	DMA_COMMAND_MASK = DMA_START | DMA_TO_RAM | DMA_IRQ,
};

enum {
	IDENTIFICATION = 0x010000ed,
	BAR_SIZE = 1 << 20,
	BUFFER_BASE = 0x40000, /* device address of the buffer, for DMA */
	BUFFER_SIZE = 4096,
	MAX_DELAY_US = 1000000,
	MAX_PASID = (1 << 20) - 1, /* PCIe 6.0 6.20: 20 bits */
};
#define DEFAULT_DMA_MASK ((UINT64_C(1) << 28) - 1)

/* What has been reported since the last reset. */
enum mistake {
	MISTAKE_SIZE = 1 << 0,
	MISTAKE_DMA_BUSY = 1 << 1,
	MISTAKE_COMPUTING = 1 << 2,
	MISTAKE_NOT_ACKNOWLEDGED = 1 << 3,
};

struct edu {
	uint64_t dma_mask;
	unsigned long delay_us;
	bool has_pasid;
	uint32_t first_pasid; /* after a reset */

	uint32_t liveness, factorial, status, irq_status;
	uint64_t source, destination, count, command;
	uint32_t pasid; /* of DMA; 0: none */
	uint8_t buffer[BUFFER_SIZE];
	uint32_t mistakes; /* enum mistake; with the device lock */
};

static struct edu *edu_of(struct uiommufd_device *dev)
{
	return uiommufd_device_state(dev);
}

/* With the device lock. Whether @mistake is made for the first time since the last reset. */
static bool is_new_mistake(struct edu *edu, enum mistake mistake)
{
	bool is_new = !(edu->mistakes & mistake);

	edu->mistakes |= mistake;
	return is_new;
}

/* ---- interrupts; with the device lock ---- */

/*
 * INTA# is a level. Messages: each event sends one, even if an earlier one is not acknowledged yet.
 * False: the line is asserted already, and there are no messages, so nobody is told of the event.
 */
static bool edu_raise(struct uiommufd_device *dev, uint32_t events)
{
	struct edu *edu = edu_of(dev);
	bool asserted = edu->irq_status;

	edu->irq_status |= events;
	if (asserted)
		return uiommufd_device_send_msi(dev, 0);
	uiommufd_device_set_intx(dev, edu->irq_status);
	return true;
}

/* Something is done: raises its event. */
static void edu_complete(struct uiommufd_device *dev, uint32_t event)
{
	struct edu *edu = edu_of(dev);
	const bool again = edu->irq_status & event;

	if (!edu_raise(dev, event) && again && is_new_mistake(edu, MISTAKE_NOT_ACKNOWLEDGED))
		uiommufd_device_report(
			dev,
			"edu: event 0x%x comes again before it was acknowledged, and nobody is "
			"told: write the bits of IRQ_STATUS to IRQ_ACK after each interrupt",
			event);
}

static void edu_acknowledge(struct uiommufd_device *dev, uint32_t events)
{
	struct edu *edu = edu_of(dev);

	edu->irq_status &= ~events;
	if (!edu->irq_status)
		uiommufd_device_set_intx(dev, false);
}

/* ---- work on the device's thread ---- */

/* Modulo 2^32. From 34 on n! is a multiple of 2^32: a large @n costs nothing. */
static uint32_t factorial(uint32_t n)
{
	uint32_t product = 1;

	if (n >= 34)
		return 0;
	while (n > 1)
		product *= n--;
	return product;
}

static void edu_compute(struct uiommufd_device *dev)
{
	struct edu *edu = edu_of(dev);

	uiommufd_device_lock(dev);
	edu->factorial = factorial(edu->factorial);
	edu->status &= ~(uint32_t)STATUS_COMPUTING;
	if (edu->status & STATUS_FACTORIAL_IRQ)
		edu_complete(dev, IRQ_FACTORIAL);
	uiommufd_device_unlock(dev);
}

static void edu_delay(const struct edu *edu)
{
	struct timespec rest = {.tv_sec = (time_t)(edu->delay_us / 1000000),
				.tv_nsec = (long)(edu->delay_us % 1000000) * 1000};

	while (edu->delay_us && nanosleep(&rest, &rest) && errno == EINTR)
		;
}

/* The buffer at device address @address, or NULL if @count bytes from there leave it. */
static uint8_t *edu_buffer(struct uiommufd_device *dev, uint64_t address, uint64_t count)
{
	if (address < BUFFER_BASE || address > BUFFER_BASE + BUFFER_SIZE ||
	    count > BUFFER_BASE + BUFFER_SIZE - address) {
		uiommufd_device_report(
			dev,
			"edu: DMA is refused: 0x%llx bytes at device address 0x%llx leave the "
			"buffer at 0x%x..0x%x",
			(unsigned long long)count, (unsigned long long)address, BUFFER_BASE,
			BUFFER_BASE + BUFFER_SIZE - 1);
		return NULL;
	}
	return edu_of(dev)->buffer + (address - BUFFER_BASE);
}

/* Cuts @address to the address lines that the device has. */
static uint64_t edu_bus_address(struct uiommufd_device *dev, uint64_t address)
{
	const struct edu *edu = edu_of(dev);

	if (address & ~edu->dma_mask)
		uiommufd_device_report(
			dev, "edu: DMA address 0x%llx is cut to 0x%llx by the device's mask 0x%llx",
			(unsigned long long)address, (unsigned long long)(address & edu->dma_mask),
			(unsigned long long)edu->dma_mask);
	return address & edu->dma_mask;
}

/* Failures have been reported; the device has no register to show them. */
static void edu_transfer(struct uiommufd_device *dev, uint64_t command)
{
	struct edu *edu = edu_of(dev);
	uint8_t *buffer;

	if (command & DMA_TO_RAM) {
		buffer = edu_buffer(dev, edu->source, edu->count);
		if (buffer)
			(void)uiommufd_device_dma_write_pasid(
				dev, edu->pasid, edu_bus_address(dev, edu->destination), buffer,
				edu->count);
	} else {
		buffer = edu_buffer(dev, edu->destination, edu->count);
		if (buffer)
			(void)uiommufd_device_dma_read_pasid(dev, edu->pasid,
							     edu_bus_address(dev, edu->source),
							     buffer, edu->count);
	}
}

static void edu_dma(struct uiommufd_device *dev)
{
	struct edu *edu = edu_of(dev);
	uint64_t command;

	/* While DMA_START is set the DMA registers do not change: the lock makes them visible. */
	uiommufd_device_lock(dev);
	command = edu->command;
	uiommufd_device_unlock(dev);

	edu_delay(edu);
	if (edu->count)
		edu_transfer(dev, command);

	uiommufd_device_lock(dev);
	edu->command &= ~(uint64_t)DMA_START;
	if (command & DMA_IRQ)
		edu_complete(dev, IRQ_DMA);
	uiommufd_device_unlock(dev);
}

/* ---- registers ---- */

/* Registers below the ones of DMA have 4 bytes. */
static bool edu_has_size(struct uiommufd_device *dev, uint64_t off, unsigned int size)
{
	if (off >= REG_DMA_SOURCE || size == 4)
		return true;
	if (is_new_mistake(edu_of(dev), MISTAKE_SIZE))
		uiommufd_device_report(
			dev,
			"edu: an access of %u bytes to BAR 0 + 0x%llx has no effect: "
			"registers below 0x%x have 4 bytes",
			size, (unsigned long long)off, REG_DMA_SOURCE);
	return false;
}

static uint64_t edu_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			 unsigned int size)
{
	const struct edu *edu = edu_of(dev);

	(void)bar;
	if (!edu_has_size(dev, off, size))
		return UINT64_MAX;
	switch (off) {
	case REG_ID:
		return IDENTIFICATION;
	case REG_LIVENESS:
		return edu->liveness;
	case REG_FACTORIAL:
		return edu->factorial;
	case REG_STATUS:
		return edu->status;
	case REG_IRQ_STATUS:
		return edu->irq_status;
	case REG_DMA_SOURCE:
		return edu->source;
	case REG_DMA_DESTINATION:
		return edu->destination;
	case REG_DMA_COUNT:
		return edu->count;
	case REG_DMA_COMMAND:
		return edu->command;
	case REG_DMA_PASID:
		return edu->has_pasid ? edu->pasid : UINT64_MAX;
	default:
		return UINT64_MAX;
	}
}

static void write_factorial(struct uiommufd_device *dev, uint32_t value)
{
	struct edu *edu = edu_of(dev);

	if (edu->status & STATUS_COMPUTING) {
		if (is_new_mistake(edu, MISTAKE_COMPUTING))
			uiommufd_device_report(
				dev, "edu: FACTORIAL is written while the device computes "
				     "(STATUS bit 0): the write is ignored");
		return;
	}
	edu->factorial = value;
	edu->status |= STATUS_COMPUTING;
	uiommufd_device_queue_work(dev, edu_compute);
}

static void write_dma(struct uiommufd_device *dev, uint64_t off, uint64_t value)
{
	struct edu *edu = edu_of(dev);

	if (edu->command & DMA_START) {
		if (is_new_mistake(edu, MISTAKE_DMA_BUSY))
			uiommufd_device_report(dev,
					       "edu: BAR 0 + 0x%llx is written while DMA runs "
					       "(DMA_COMMAND bit 0): "
					       "the write is ignored",
					       (unsigned long long)off);
		return;
	}
	switch (off) {
	case REG_DMA_SOURCE:
		edu->source = value;
		break;
	case REG_DMA_DESTINATION:
		edu->destination = value;
		break;
	case REG_DMA_COUNT:
		edu->count = value;
		break;
	case REG_DMA_COMMAND:
		if (!(value & DMA_START))
			break;
		edu->command = value & DMA_COMMAND_MASK;
		uiommufd_device_queue_work(dev, edu_dma);
		break;
	case REG_DMA_PASID:
		if (edu->has_pasid)
			edu->pasid = value & MAX_PASID;
		break;
	default:
		break;
	}
}

static void edu_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
		      unsigned int size, uint64_t value)
{
	struct edu *edu = edu_of(dev);

	(void)bar;
	if (off >= REG_DMA_SOURCE) {
		write_dma(dev, off, value);
		return;
	}
	if (!edu_has_size(dev, off, size))
		return;
	switch (off) {
	case REG_LIVENESS:
		edu->liveness = ~(uint32_t)value;
		break;
	case REG_FACTORIAL:
		write_factorial(dev, (uint32_t)value);
		break;
	case REG_STATUS:
		edu->status = (edu->status & STATUS_COMPUTING) |
			      ((uint32_t)value & STATUS_FACTORIAL_IRQ);
		break;
	case REG_IRQ_RAISE:
		(void)edu_raise(dev, (uint32_t)value);
		break;
	case REG_IRQ_ACK:
		edu_acknowledge(dev, (uint32_t)value);
		break;
	default:
		break;
	}
}

/* ---- life ---- */

/* Parses a whole number of at most @max, in any base of strtoull(). @text NULL: keeps *@value. */
static int parse_number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	if (!text)
		return 0;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno || *end || *value > max ? -EINVAL : 0;
}

static int edu_init(struct uiommufd_device *dev)
{
	struct edu *edu = edu_of(dev);
	uint64_t delay = 0, pasid = 0;
	int rc;

	edu->dma_mask = DEFAULT_DMA_MASK;
	rc = parse_number(uiommufd_device_option(dev, "dma_mask"), UINT64_MAX, &edu->dma_mask);
	if (rc)
		return rc;
	rc = parse_number(uiommufd_device_option(dev, "delay_us"), MAX_DELAY_US, &delay);
	if (rc)
		return rc;
	edu->delay_us = delay;
	rc = parse_number(uiommufd_device_option(dev, "pasid"), MAX_PASID, &pasid);
	edu->has_pasid = uiommufd_device_option(dev, "pasid");
	edu->first_pasid = edu->pasid = (uint32_t)pasid;
	return rc;
}

static void edu_reset(struct uiommufd_device *dev)
{
	struct edu *edu = edu_of(dev);

	*edu = (struct edu){
		.dma_mask = edu->dma_mask,
		.delay_us = edu->delay_us,
		.has_pasid = edu->has_pasid,
		.first_pasid = edu->first_pasid,
		.pasid = edu->first_pasid,
	};
}

/* ---- migration ---- */

/* What the options say comes first: the device that loads it has to have the same. */
static const struct saved_field edu_saved[] = {
	SAVED_FIELD(struct edu, dma_mask),
	SAVED_UP_TO(struct edu, has_pasid, true),
	SAVED_FIELD(struct edu, liveness),
	SAVED_FIELD(struct edu, factorial),
	SAVED_UP_TO(struct edu, status, STATUS_COMPUTING | STATUS_FACTORIAL_IRQ),
	SAVED_FIELD(struct edu, irq_status),
	SAVED_FIELD(struct edu, source),
	SAVED_FIELD(struct edu, destination),
	SAVED_FIELD(struct edu, count),
	SAVED_UP_TO(struct edu, command, DMA_COMMAND_MASK),
	SAVED_UP_TO(struct edu, pasid, MAX_PASID),
	SAVED_FIELD(struct edu, buffer),
};

enum {
	EDU_SAVED = sizeof(edu_saved) / sizeof(edu_saved[0])
};

static int edu_save(struct uiommufd_device *dev, struct uiommufd_saver *saver)
{
	return saved_fields_put(edu_saved, EDU_SAVED, edu_of(dev), saver);
}

static int edu_load(struct uiommufd_device *dev, uint32_t version, const void *state, size_t len)
{
	struct edu *edu = edu_of(dev), next = *edu;

	(void)version;
	if (len != saved_fields_size(edu_saved, EDU_SAVED) ||
	    !saved_fields_valid(edu_saved, EDU_SAVED, state))
		return uiommufd_device_refuse(dev, -EINVAL, "edu: the state is damaged");
	saved_fields_get(edu_saved, EDU_SAVED, &next, state);
	if (next.dma_mask != edu->dma_mask || next.has_pasid != edu->has_pasid)
		return uiommufd_device_refuse(
			dev, -EINVAL,
			"edu: the state is of a device with other options: dma_mask 0x%llx%s",
			(unsigned long long)next.dma_mask, next.has_pasid ? ", pasid" : "");
	if (next.status & ~(uint32_t)(STATUS_COMPUTING | STATUS_FACTORIAL_IRQ) ||
	    (next.pasid && !next.has_pasid))
		return uiommufd_device_refuse(dev, -EINVAL, "edu: the state is damaged");
	*edu = next;
	if (edu->status & STATUS_COMPUTING)
		uiommufd_device_queue_work(dev, edu_compute);
	if (edu->command & DMA_START)
		uiommufd_device_queue_work(dev, edu_dma);
	return 0;
}

static const struct uiommufd_option edu_options[] = {
	{.name = "dma_mask",
	 .help = "address bits that its DMA can drive, as a mask; default 0xfffffff (28 bits)"},
	{.name = "delay_us", .help = "microseconds that each DMA takes, up to 1000000; default 0"},
	{.name = "pasid",
	 .help = "adds the register DMA_PASID, with this value after a reset; 0: DMA without "
		 "PASID"},
	{.name = NULL},
};

static const struct uiommufd_option_range edu_ranges[] = {
	{"dma_mask", "64 bits", "0xfffffff"},
	{"delay_us", "up to 1000000", "0"},
	{"pasid", "up to 0xfffff", NULL},
	{.option = NULL},
};

static const struct uiommufd_register edu_registers[] = {
	UIOMMUFD_REGISTER("ID", "0xMMmm00ed: its version", 0, REG_ID, 4, UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("LIVENESS", "inverts what is written", 0, REG_LIVENESS, 4, 0),
	UIOMMUFD_REGISTER("FACTORIAL", "becomes the factorial of what is written", 0, REG_FACTORIAL,
			  4, 0),
	UIOMMUFD_REGISTER("STATUS", "0x01: computing; 0x80: interrupt after the factorial", 0,
			  REG_STATUS, 4, 0),
	UIOMMUFD_REGISTER("IRQ_STATUS", "events that are not acknowledged", 0, REG_IRQ_STATUS, 4,
			  UIOMMUFD_REGISTER_RO),
	UIOMMUFD_REGISTER("IRQ_RAISE", "raises these events", 0, REG_IRQ_RAISE, 4,
			  UIOMMUFD_REGISTER_WO),
	UIOMMUFD_REGISTER("IRQ_ACK", "acknowledges these events", 0, REG_IRQ_ACK, 4,
			  UIOMMUFD_REGISTER_WO),
	UIOMMUFD_REGISTER("DMA_SOURCE", "address, or 0x40000 and up: the buffer", 0, REG_DMA_SOURCE,
			  8, 0),
	UIOMMUFD_REGISTER("DMA_DESTINATION", "the same", 0, REG_DMA_DESTINATION, 8, 0),
	UIOMMUFD_REGISTER("DMA_COUNT", "bytes", 0, REG_DMA_COUNT, 8, 0),
	UIOMMUFD_REGISTER("DMA_COMMAND", "0x1: start, 0x2: to memory, 0x4: interrupt", 0,
			  REG_DMA_COMMAND, 8, 0),
	UIOMMUFD_REGISTER("DMA_PASID", "with the option pasid: of DMA; 0: none", 0, REG_DMA_PASID,
			  4, 0),
	{.name = NULL},
};

const struct uiommufd_model device_edu = {
	.name = "edu",
	.summary = "QEMU's teaching device: factorials, and DMA through a 4 KiB buffer",
	.vendor = 0x1234,
	.device = 0x11e8,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x00ff00,
	.revision = 0x10,
	.bars = {{.size = BAR_SIZE, .flags = UIOMMUFD_BAR_MMAP, .min_access = 4}},
	.intx = true,
	.msi_vectors = 1,
	.state_size = sizeof(struct edu),
	.options = edu_options,
	.option_ranges = edu_ranges,
	.registers = edu_registers,
	.init = edu_init,
	.reset = edu_reset,
	.read = edu_read,
	.write = edu_write,
	.saved_version = 1,
	.saved_bytes = sizeof(struct edu),
	.save = edu_save,
	.load = edu_load,
};
