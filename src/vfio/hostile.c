/* SPDX-License-Identifier: MIT */
/*
 * See hostile.h.
 *
 * Invariants:
 * - a counter's stream is set once; its count only grows;
 * - what is held back is in `late` or `late_level`, and a timer of the device is set that sends it.
 */
#include "vfio/hostile.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "report/report.h"
#include "vfio/vfio_internal.h"

enum {
	COUNTERS = 4096, /* streams; more of them share what is left */
	VECTORS = 2048,
	UNIT_NS = 50000,   /* of delays, which are 1 to 128 of them */
	ORDER_NS = 5000000 /* how long an interrupt waits for the next one */
};

/* That an event is a victim. */
struct strike {
	enum hostile_kind kind;
	uint64_t number; /* of the event in its stream, from 0 */
	uint64_t dice;	 /* random bits: what happens to it */
};

/* What a stream consists of: bits 56 and up of its number. */
enum stream {
	STREAM_READ = 1, /* BAR << 41 | offset */
	STREAM_WRITES,
	STREAM_VECTOR,
	STREAM_LINE,
	STREAM_RESET,
	STREAM_DMA_READ, /* thread */
	STREAM_DMA_WRITE,
	STREAM_MODEL = 16, /* + enum uiommufd_event; the model's own number */
};

struct counter {
	_Atomic uint64_t stream; /* with the kind; 0: free */
	_Atomic uint64_t count;
};

struct hostile {
	struct hostile_settings settings;
	uint64_t key; /* of this device */
	_Atomic uint32_t dead_reads;
	_Atomic bool level, late_level; /* INTA#: as the model wants it; held back */
	_Atomic bool reorder;		/* what is in @late follows the next message */
	_Atomic uint64_t late[VECTORS / 64];
	struct counter counters[COUNTERS];
};

static const char *const kind_words[] = {
	[HOSTILE_LATE] = "late",       [HOSTILE_LOST] = "lost",	    [HOSTILE_TWICE] = "twice",
	[HOSTILE_ORDER] = "order",     [HOSTILE_CHANGE] = "change", [HOSTILE_DATA] = "data",
	[HOSTILE_REMOVAL] = "removal", [HOSTILE_RESET] = "reset",
};
_Static_assert(sizeof(kind_words) / sizeof(kind_words[0]) == HOSTILE_KINDS, "a word for each kind");

/* ---- settings ---- */

static __attribute__((format(printf, 3, 4))) int wrong(char *why, size_t size, const char *format,
						       ...)
{
	va_list args;

	va_start(args, format);
	if (size)
		vsnprintf(why, size, format, args);
	va_end(args);
	return -EINVAL;
}

static bool parse_seed(const char *text, size_t len, uint64_t *seed)
{
	*seed = 0;
	for (size_t i = 0; i < len; i++) {
		const uint64_t digit = (uint64_t)(unsigned char)text[i] - '0';

		if (digit > 9 || *seed > (UINT64_MAX - digit) / 10)
			return false;
		*seed = *seed * 10 + digit;
	}
	return len;
}

/* "0.01", "1": a probability. */
static bool parse_rate(const char *text, size_t len, uint64_t *rate)
{
	const uint64_t one = 1000000000;
	uint64_t value = 0, unit = one;
	size_t i = 0;

	for (; i < len && text[i] != '.'; i++) {
		if (text[i] < '0' || text[i] > '1' || i)
			return false;
		value = (uint64_t)(text[i] - '0') * one;
	}
	for (i++; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		unit /= 10;
		value += (uint64_t)(text[i] - '0') * unit;
	}
	*rate = value == one ? UINT64_MAX : UINT64_MAX / one * value;
	return len && value && value <= one;
}

static bool parse_kinds(const char *text, size_t len, unsigned int *kinds)
{
	*kinds = 0;
	for (size_t at = 0, word; at <= len; at += word + 1) {
		unsigned int kind = 0;

		for (word = 0; at + word < len && text[at + word] != '+'; word++)
			;
		while (kind < HOSTILE_KINDS && (strlen(kind_words[kind]) != word ||
						strncmp(kind_words[kind], text + at, word) != 0))
			kind++;
		if (kind == HOSTILE_KINDS)
			return false;
		*kinds |= 1u << kind;
	}
	return true;
}

static int parse_part(const char *part, size_t len, struct hostile_settings *settings, char *why,
		      size_t size)
{
	const char *equals = memchr(part, '=', len), *value = equals ? equals + 1 : part + len;
	const size_t name = equals ? (size_t)(equals - part) : len;
	const size_t value_len = len - (size_t)(value - part);

	if (name == 4 && strncmp(part, "seed", name) == 0) {
		settings->on = true;
		if (parse_seed(value, value_len, &settings->seed))
			return 0;
		return wrong(why, size, "hostile: seed: write a number below 2^64");
	}
	if (name == 4 && strncmp(part, "rate", name) == 0) {
		if (parse_rate(value, value_len, &settings->rate))
			return 0;
		return wrong(why, size, "hostile: rate: write a probability, 0.000000001 to 1");
	}
	if (name == 5 && strncmp(part, "kinds", name) == 0) {
		if (parse_kinds(value, value_len, &settings->kinds))
			return 0;
		return wrong(why, size,
			     "hostile: kinds: write some of late, lost, twice, order, change, "
			     "data, removal, reset, with '+' between");
	}
	return wrong(why, size, "hostile has no \"%.*s\"; there are: seed, rate, kinds", (int)name,
		     part);
}

int hostile_parse(const char *text, struct hostile_settings *settings, char *why, size_t size)
{
	*settings = (struct hostile_settings){
		.rate = UINT64_MAX / 100,
		.kinds = (1u << HOSTILE_KINDS) - 1,
	};
	for (size_t len;; text += len + 1) {
		int rc;

		len = strcspn(text, ",");
		rc = parse_part(text, len, settings, why, size);
		if (rc)
			return rc;
		if (!text[len])
			break;
	}
	return settings->on ? 0 : wrong(why, size, "hostile needs a seed: seed=1");
}

/* ---- decisions ---- */

/* The finaliser of splitmix64: each bit of the result depends on each of @value. */
static uint64_t mix(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

int hostile_create(const struct hostile_settings *settings, const char *name, struct hostile **out)
{
	struct hostile *hostile;

	*out = NULL;
	if (!settings->on)
		return 0;
	hostile = alloc_zeroed(sizeof(*hostile));
	if (!hostile)
		return -ENOMEM;
	hostile->settings = *settings;
	hostile->key = mix(settings->seed);
	while (*name)
		hostile->key = mix(hostile->key ^ (unsigned char)*name++);
	*out = hostile;
	return 0;
}

void hostile_destroy(struct hostile *hostile)
{
	alloc_free(hostile);
}

static uint64_t stream_of(enum stream type, uint64_t id)
{
	return (uint64_t)type << 56 | id;
}

static uint64_t model_stream(enum uiommufd_event event, uint64_t id)
{
	return stream_of((enum stream)(STREAM_MODEL + (int)event), id);
}

/* Counts an event of @stream for @kind. Returns how many there were before. */
static uint64_t count_event(struct hostile *hostile, enum hostile_kind kind, uint64_t stream)
{
	const uint64_t name = stream ^ (uint64_t)(kind + 1) << 44; /* no stream has bits there */
	size_t at = mix(name) % COUNTERS;

	for (size_t i = 0; i < COUNTERS; i++, at = (at + 1) % COUNTERS) {
		struct counter *counter = &hostile->counters[at];
		uint64_t seen = atomic_load(&counter->stream);

		if (!seen && atomic_compare_exchange_strong(&counter->stream, &seen, name))
			seen = name;
		if (seen == name || i == 64)
			return atomic_fetch_add(&counter->count, 1);
	}
	return 0;
}

/* The probability of an event of @kind. Resets are few, and a device is removed once. */
static uint64_t rate_of(const struct hostile *hostile, enum hostile_kind kind)
{
	const uint64_t rate = hostile->settings.rate;

	if (kind == HOSTILE_REMOVAL)
		return rate / 64;
	if (kind == HOSTILE_RESET)
		return rate < UINT64_MAX / 16 ? rate * 16 : UINT64_MAX;
	return rate;
}

/* Whether the next event of @stream falls victim to @kind: *@strike. */
static bool strikes(struct vfio_device *device, enum hostile_kind kind, uint64_t stream,
		    struct strike *strike)
{
	struct hostile *hostile = device->hostile;
	uint64_t number, dice;

	if (!(hostile->settings.kinds >> kind & 1))
		return false;
	number = count_event(hostile, kind, stream);
	dice = mix(hostile->key ^ mix(stream ^ mix((uint64_t)kind << 60 ^ number)));
	if (dice > rate_of(hostile, kind))
		return false;
	*strike = (struct strike){.kind = kind, .number = number, .dice = mix(dice)};
	return true;
}

static void note(struct vfio_device *device, const struct strike *strike, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void note(struct vfio_device *device, const struct strike *strike, const char *format, ...)
{
	struct report *report;
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!report_started()) {
		log_fault("%s: hostile: %s", device->name, text);
		return;
	}
	report = report_begin("hostile", device->name);
	report_headline(report, "%s: hostile: %s", device->name, text);
	report_string(report, "what", kind_words[strike->kind]);
	report_number(report, "number", strike->number);
	report_number(report, "seed", device->hostile->settings.seed);
	report_end_event(report);
}

static uint64_t delay_of(uint64_t dice)
{
	return (uint64_t)UNIT_NS << dice % 8;
}

/* Sleeps if the event is late. */
static void delay(struct vfio_device *device, uint64_t stream, const char *what)
{
	struct timespec rest;
	struct strike strike;

	if (!strikes(device, HOSTILE_LATE, stream, &strike))
		return;
	note(device, &strike, "%s is %" PRIu64 " us late", what, delay_of(strike.dice) / 1000);
	rest = (struct timespec){.tv_nsec = (long)delay_of(strike.dice)};
	while (nanosleep(&rest, &rest) && errno == EINTR)
		;
}

/* ---- registers ---- */

void hostile_before_write(struct vfio_device *device)
{
	struct strike strike;

	if (!device->hostile || atomic_load(&device->gone) ||
	    !strikes(device, HOSTILE_REMOVAL, stream_of(STREAM_WRITES, 0), &strike))
		return;
	note(device, &strike, "the device is pulled out");
	vfio_device_pull(device);
}

static uint64_t ones(unsigned int size)
{
	return size < 8 ? (UINT64_C(1) << 8 * size) - 1 : UINT64_MAX;
}

/* Another value than @value. */
static uint64_t other_value(uint64_t value, unsigned int size, uint64_t dice)
{
	uint64_t other;

	switch (dice % 4) {
	case 0:
		other = ones(size);
		break;
	case 1:
		other = 0;
		break;
	default:
		other = value;
	}
	return other == value ? value ^ UINT64_C(1) << dice / 4 % (8 * size) : other;
}

uint64_t hostile_read(struct vfio_device *device, unsigned int bar, uint64_t off, unsigned int size,
		      uint64_t value)
{
	struct hostile *hostile = device->hostile;
	uint32_t dead;
	struct strike strike;
	uint64_t other;

	if (!hostile)
		return value;
	dead = atomic_load(&hostile->dead_reads);
	while (dead && !atomic_compare_exchange_weak(&hostile->dead_reads, &dead, dead - 1))
		;
	if (dead)
		return UINT64_MAX;
	value &= ones(size);
	if (!strikes(device, HOSTILE_CHANGE, stream_of(STREAM_READ, (uint64_t)bar << 41 | off),
		     &strike))
		return value;
	other = other_value(value, size, strike.dice);
	note(device, &strike, "BAR %u + 0x%" PRIx64 " reads as 0x%" PRIx64 ", not 0x%" PRIx64, bar,
	     off, other, value);
	return other;
}

bool hostile_drops_write(struct vfio_device *device)
{
	return device->hostile && atomic_load(&device->hostile->dead_reads);
}

bool hostile_allows_reset(struct vfio_device *device)
{
	uint32_t reads;
	struct strike strike;

	if (!device->hostile ||
	    !strikes(device, HOSTILE_RESET, stream_of(STREAM_RESET, 0), &strike))
		return true;
	if (strike.dice % 2) {
		note(device, &strike, "a reset does nothing");
		return false;
	}
	reads = UINT32_C(16) << strike.dice / 2 % 8;
	note(device, &strike, "after a reset the next %" PRIu32 " reads are ones", reads);
	atomic_store(&device->hostile->dead_reads, reads);
	return true;
}

/* ---- interrupts ---- */

/* Sends what is held back. */
static void send_late(struct uiommufd_device *dev)
{
	struct vfio_device *device = vfio_device_of(dev);
	struct hostile *hostile = device->hostile;

	atomic_store(&hostile->reorder, false);
	for (unsigned int i = 0; i < VECTORS / 64; i++) {
		uint64_t vectors = atomic_exchange(&hostile->late[i], 0);

		for (; vectors; vectors &= vectors - 1)
			(void)vfio_irqs_send(&device->irqs,
					     64 * i + (unsigned int)__builtin_ctzll(vectors));
	}
	if (atomic_exchange(&hostile->late_level, false))
		vfio_irqs_set_level(&device->irqs, true);
}

static void hold_back(struct vfio_device *device, unsigned int vector, uint64_t ns)
{
	atomic_fetch_or(&device->hostile->late[vector / 64], UINT64_C(1) << vector % 64);
	vfio_work_queue_after(&device->work[0], send_late, ns);
}

bool hostile_send_msi(struct vfio_device *device, unsigned int vector)
{
	const uint64_t stream = stream_of(STREAM_VECTOR, vector);
	struct hostile *hostile = device->hostile;
	struct strike strike;
	bool sent;

	if (vector >= VECTORS || !vfio_irqs_sends(&device->irqs, vector))
		return vfio_irqs_send(&device->irqs, vector);
	if (strikes(device, HOSTILE_LOST, stream, &strike)) {
		note(device, &strike, "interrupt %u is lost", vector);
		return true;
	}
	if (strikes(device, HOSTILE_LATE, stream, &strike)) {
		note(device, &strike, "interrupt %u is %" PRIu64 " us late", vector,
		     delay_of(strike.dice) / 1000);
		hold_back(device, vector, delay_of(strike.dice));
		return true;
	}
	if (strikes(device, HOSTILE_ORDER, stream, &strike)) {
		note(device, &strike, "interrupt %u comes after the next one", vector);
		hold_back(device, vector, ORDER_NS);
		atomic_store(&hostile->reorder, true);
		return true;
	}
	sent = vfio_irqs_send(&device->irqs, vector);
	if (strikes(device, HOSTILE_TWICE, stream, &strike)) {
		note(device, &strike, "interrupt %u comes twice", vector);
		(void)vfio_irqs_send(&device->irqs, vector);
	}
	if (atomic_load(&hostile->reorder))
		send_late(&device->dev);
	return sent;
}

/* A line that is not asserted now is asserted when the model sets it again. */
void hostile_set_intx(struct vfio_device *device, bool level)
{
	const uint64_t stream = stream_of(STREAM_LINE, 0);
	struct hostile *hostile = device->hostile;
	struct strike strike;

	if (!level)
		atomic_store(&hostile->late_level, false);
	if (level && !atomic_load(&hostile->level)) {
		if (strikes(device, HOSTILE_LOST, stream, &strike)) {
			note(device, &strike, "INTA# is not asserted");
			return;
		}
		if (strikes(device, HOSTILE_LATE, stream, &strike)) {
			note(device, &strike, "INTA# is asserted %" PRIu64 " us late",
			     delay_of(strike.dice) / 1000);
			atomic_store(&hostile->level, true);
			atomic_store(&hostile->late_level, true);
			vfio_work_queue_after(&device->work[0], send_late, delay_of(strike.dice));
			return;
		}
	}
	atomic_store(&hostile->level, level);
	if (!atomic_load(&hostile->late_level))
		vfio_irqs_set_level(&device->irqs, level);
}

/* ---- DMA ---- */

bool hostile_spoils_dma(struct vfio_device *device, bool write, size_t len, size_t *done,
			bool *garble)
{
	const struct device_work *work = vfio_work_current();
	const bool own = work >= device->work && work < device->work + device->work_count;
	const uint64_t thread = own ? (uint64_t)(work - device->work) : 0;
	const uint64_t stream = stream_of(write ? STREAM_DMA_WRITE : STREAM_DMA_READ, thread);
	struct strike strike;

	if (device->model->decides_fates || !len)
		return false;
	delay(device, stream, "DMA");
	if (!strikes(device, HOSTILE_DATA, stream, &strike))
		return false;
	*done = strike.dice / 2 % len;
	*garble = write && strike.dice % 2;
	note(device, &strike, "DMA %s of %zu bytes ends with an error after %zu bytes%s",
	     write ? "write" : "read", len, *done, *garble ? "; the others are wrong" : "");
	return true;
}

void hostile_garble(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)~bytes[i];
}

/* ---- what models ask ---- */

static unsigned int completion_fate(struct vfio_device *device, uint64_t id)
{
	const uint64_t stream = model_stream(UIOMMUFD_EVENT_COMPLETION, id);
	struct strike strike;

	if (strikes(device, HOSTILE_LOST, stream, &strike)) {
		note(device, &strike, "a completion of queue %" PRIu64 " is lost", id);
		return UIOMMUFD_FATE_LOST;
	}
	delay(device, stream, "a completion");
	if (strikes(device, HOSTILE_TWICE, stream, &strike)) {
		note(device, &strike, "a completion of queue %" PRIu64 " comes twice", id);
		return UIOMMUFD_FATE_TWICE;
	}
	if (strikes(device, HOSTILE_ORDER, stream, &strike)) {
		note(device, &strike, "a completion of queue %" PRIu64 " comes after the next one",
		     id);
		return UIOMMUFD_FATE_AFTER_NEXT;
	}
	return UIOMMUFD_FATE_NORMAL;
}

static unsigned int transfer_fate(struct vfio_device *device, uint64_t id)
{
	const uint64_t stream = model_stream(UIOMMUFD_EVENT_TRANSFER, id);
	struct strike strike;

	if (!strikes(device, HOSTILE_DATA, stream, &strike))
		return UIOMMUFD_FATE_NORMAL;
	note(device, &strike, "a transfer of queue %" PRIu64 " is %s and ends with an error", id,
	     strike.dice % 2 ? "short" : "wrong");
	return strike.dice % 2 ? UIOMMUFD_FATE_SHORT : UIOMMUFD_FATE_WRONG;
}

static unsigned int reset_fate(struct vfio_device *device, uint64_t id)
{
	const uint64_t stream = model_stream(UIOMMUFD_EVENT_RESET, id);
	struct strike strike;

	if (!strikes(device, HOSTILE_RESET, stream, &strike))
		return UIOMMUFD_FATE_NORMAL;
	note(device, &strike, "a reset by a register is stuck");
	return UIOMMUFD_FATE_LOST;
}

unsigned int hostile_fate(struct vfio_device *device, unsigned int event, uint64_t stream)
{
	switch (event) {
	case UIOMMUFD_EVENT_COMPLETION:
		return completion_fate(device, stream & UINT32_MAX);
	case UIOMMUFD_EVENT_TRANSFER:
		return transfer_fate(device, stream & UINT32_MAX);
	case UIOMMUFD_EVENT_RESET:
		return reset_fate(device, stream & UINT32_MAX);
	default:
		return UIOMMUFD_FATE_NORMAL;
	}
}
