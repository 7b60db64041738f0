/* SPDX-License-Identifier: MIT */
/*
 * Writing reports, and which of them are printed.
 *
 * Invariants, with report_lock held:
 * - a report that is printed is in `known`, with how often it came;
 * - `current` belongs to whoever holds the lock.
 */
#include "report/report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/sys.h"
#include "report/counts.h"
#include "report/history.h"
#include "report/report_internal.h"
#include "report/stack.h"

enum {
	KNOWN_MAX = 1024, /* different reports; further ones are counted together */
	TEXT_MAX = 48 * 1024,
};

/* A report that was printed or suppressed, to recognise it when it comes again. */
struct known {
	uint64_t key;
	uint64_t count;
	bool suppressed;
	char headline[200];
};

static struct lock report_lock = LOCK_INIT(LOCK_REPORT);
static struct report current GUARDED_BY(report_lock);
static char text_space[TEXT_MAX] GUARDED_BY(report_lock);
static struct known known[KNOWN_MAX] GUARDED_BY(report_lock);
static size_t known_count GUARDED_BY(report_lock);
static uint64_t overflow GUARDED_BY(report_lock); /* reports that were neither known nor printed */
static uint64_t printed GUARDED_BY(report_lock);
static bool listened GUARDED_BY(report_lock); /* there has been a listener */

static atomic_bool started;
static struct report_settings settings; /* constant once started */
static char mark_path[PATH_MAX];	/* likewise */

void report_line(const char *kind, const char *text)
{
	struct report *report;
	struct origin origin;

	origin_capture(&origin);
	report = report_begin(kind, "");
	report_headline(report, "%s", text);
	if (origin.tid)
		report_origin(report, "caller", &origin, "called");
	report_end(report);
}

void report_start(const struct report_settings *wanted, const char *mark)
{
	settings = *wanted;
	snprintf(mark_path, sizeof(mark_path), "%s", mark ? mark : "");
	history_set_size(settings.history);
	origin_record(settings.stacks);
	log_set_mistake_sink(report_line);
	atomic_store_explicit(&started, true, memory_order_release);
}

bool report_started(void)
{
	return atomic_load_explicit(&started, memory_order_acquire);
}

bool report_advises(void)
{
	return report_started() && settings.advice;
}

const struct report_settings *report_settings(void)
{
	return &settings;
}

/* ---- writing ---- */

/* Not analysed: report_end() releases the lock. */
struct report *report_begin(const char *kind, const char *device) NO_LOCK_ANALYSIS
{
	if (!report_started())
		return NULL;
	lock_acquire(&report_lock);
	current.kind = kind;
	snprintf(current.device, sizeof(current.device), "%s", device);
	current.headline[0] = '\0';
	current.time = clock_ns();
	current.key = 0;
	current.dma = NULL;
	current.part_count = current.field_count = 0;
	current.symbols.count = current.symbols.used = 0;
	return &current;
}

void report_at(struct report *report, uint64_t time)
{
	if (report)
		report->time = time;
}

void report_headline(struct report *report, const char *format, ...)
{
	va_list args;

	if (!report)
		return;
	va_start(args, format);
	vsnprintf(report->headline, sizeof(report->headline), format, args);
	va_end(args);
}

void report_about_dma(struct report *report, const struct report_dma *dma)
{
	if (report)
		report->dma = dma;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	while (*text)
		hash = mix(hash, (unsigned char)*text++);
	return hash;
}

void report_key(struct report *report, uint64_t key)
{
	if (report)
		report->key = mix(report->key, key);
}

static struct report_field *add_field(struct report *report, const char *name)
{
	static struct report_field ignored;
	struct report_field *field = &ignored;

	if (report && report->field_count < REPORT_FIELDS)
		field = &report->fields[report->field_count++];
	field->name = name;
	return field;
}

void report_number(struct report *report, const char *name, uint64_t value)
{
	struct report_field *field;

	if (!report)
		return;
	field = add_field(report, name);
	field->type = FIELD_NUMBER;
	field->number = value;
}

void report_hex(struct report *report, const char *name, uint64_t value)
{
	struct report_field *field;

	if (!report)
		return;
	field = add_field(report, name);
	field->type = FIELD_HEX;
	field->number = value;
}

void report_string(struct report *report, const char *name, const char *value)
{
	struct report_field *field;

	if (!report)
		return;
	field = add_field(report, name);
	field->type = FIELD_STRING;
	snprintf(field->string, sizeof(field->string), "%s", value);
}

/* A new part with the text, or NULL: there is no space for one. */
static struct report_part *add_part(struct report *report, const char *role, const char *format,
				    va_list args)
{
	struct report_part *part;

	if (report->part_count == REPORT_PARTS)
		return NULL;
	part = &report->parts[report->part_count++];
	part->role = role;
	part->first_symbol = part->symbol_count = 0;
	vsnprintf(part->text, sizeof(part->text), format, args);
	return part;
}

void report_note(struct report *report, const char *format, ...)
{
	va_list args;

	if (!report)
		return;
	va_start(args, format);
	(void)add_part(report, NULL, format, args);
	va_end(args);
}

const char *report_ago(uint64_t time, uint64_t now, char text[AGO_TEXT_SIZE])
{
	const uint64_t ns = now - time;
	const double s = (double)ns / 1e9;

	if (ns < 1000000)
		snprintf(text, AGO_TEXT_SIZE, "%" PRIu64 " us", ns / 1000);
	else if (s < 1)
		snprintf(text, AGO_TEXT_SIZE, "%.1f ms", s * 1e3);
	else
		snprintf(text, AGO_TEXT_SIZE, "%.1f s", s);
	return text;
}

/* Appends " by thread N (NAME), X ago". */
static void append_origin(struct report_part *part, const struct origin *origin, uint64_t now)
{
	size_t used = strlen(part->text);
	char ago[AGO_TEXT_SIZE], path[48], name[32] = "";
	long len = 0;
	int fd;

	if (origin->tid) {
		snprintf(path, sizeof(path), "/proc/self/task/%" PRIu32 "/comm", origin->tid);
		fd = sys_confined() ? -EPERM : sys_open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			len = sys_read(fd, name, sizeof(name) - 1);
			(void)sys_close(fd);
		}
		name[len > 0 ? len : 0] = '\0';
		name[strcspn(name, "\n")] = '\0';
		used += (size_t)snprintf(part->text + used, sizeof(part->text) - used,
					 " by thread %" PRIu32 "%s%s%s", origin->tid,
					 name[0] ? " (" : "", name, name[0] ? ")" : "");
	}
	if (used < sizeof(part->text))
		snprintf(part->text + used, sizeof(part->text) - used, ", %s ago",
			 report_ago(origin->time, now, ago));
}

void report_origin(struct report *report, const char *role, const struct origin *origin,
		   const char *format, ...)
{
	struct report_part *part;
	va_list args;

	if (!report || !origin->time)
		return;
	va_start(args, format);
	part = add_part(report, role, format, args);
	va_end(args);
	if (!part)
		return;
	part->origin = *origin;
	append_origin(part, origin, report->time);
}

void report_stack(struct report *report, const char *role, uint32_t stack, const char *format, ...)
{
	struct report_part *part;
	va_list args;

	if (!report || !stack)
		return;
	va_start(args, format);
	part = add_part(report, role, format, args);
	va_end(args);
	if (part)
		part->origin = (struct origin){.time = report->time, .stack = stack};
}

/* ---- printing ---- */

static uint64_t key_of(const struct report *report)
{
	uint64_t key = mix_text(mix_text(report->key, report->kind), report->device);
	bool stacks = false;

	for (size_t i = 0; i < report->part_count; i++) {
		if (!report->parts[i].role || !report->parts[i].origin.stack)
			continue;
		key = mix(key, report->parts[i].origin.stack);
		stacks = true;
	}
	return stacks || report->key ? key : mix_text(key, report->headline);
}

/*
 * Whether the report was there before, and *@entry where it is counted; a new entry, otherwise.
 * NULL: there is no space for one.
 */
static bool is_known(const struct report *report, struct known **entry) REQUIRES(report_lock)
{
	const uint64_t key = key_of(report);

	lock_assert_held(&report_lock);
	for (size_t i = 0; i < known_count; i++) {
		if (known[i].key == key) {
			*entry = &known[i];
			return true;
		}
	}
	*entry = NULL;
	if (known_count == KNOWN_MAX)
		return false;
	*entry = &known[known_count++];
	**entry = (struct known){.key = key};
	memcpy((*entry)->headline, report->headline, sizeof((*entry)->headline) - 1);
	return false;
}

/* Adds the addresses of @stack to @addresses. A return address belongs to the call before it. */
static size_t add_addresses(uint32_t stack, uintptr_t *addresses)
{
	const uintptr_t *frames;
	const size_t count = stack_frames(stack, &frames);

	for (size_t i = 0; i < count; i++)
		addresses[i] = frames[i] - (i || !stack_is_exact(stack));
	return count;
}

/* The frames of the next @addresses of the stacks: as many as @report->symbols has from *@next. */
static void take_symbols(struct report *report, struct report_part *part, size_t addresses,
			 size_t *next)
{
	part->first_symbol = *next;
	for (; addresses && *next < report->symbols.count; ++*next)
		addresses -= !report->symbols.symbols[*next].inlined;
	part->symbol_count = *next - part->first_symbol;
}

/* Finds the frames of all stacks, by one request. */
static void find_symbols(struct report *report) REQUIRES(report_lock)
{
	static uintptr_t addresses[REPORT_PARTS * STACK_DEPTH] GUARDED_BY(report_lock);
	const uintptr_t *frames;
	size_t count = 0, next = 0;

	lock_assert_held(&report_lock);
	for (size_t i = 0; i < report->part_count; i++)
		if (report->parts[i].role)
			count += add_addresses(report->parts[i].origin.stack, addresses + count);
	symbols_add(&report->symbols, addresses, count);
	for (size_t i = 0; i < report->part_count; i++)
		if (report->parts[i].role)
			take_symbols(report, &report->parts[i],
				     stack_frames(report->parts[i].origin.stack, &frames), &next);
}

static void leave_mark(void)
{
	int fd;

	if (!mark_path[0] || sys_confined())
		return;
	fd = sys_open(mark_path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)sys_write(fd, "1", 1);
	(void)sys_close(fd);
}

static void print(const struct report *report) REQUIRES(report_lock)
{
	struct report_buffer buffer = {.text = text_space, .size = sizeof(text_space)};

	lock_assert_held(&report_lock);
	report_to_text(report, log_is_terminal() && !getenv("NO_COLOR"), &buffer);
	if (settings.gen_suppressions)
		report_to_suppression(report, &buffer);
	log_write(buffer.text, buffer.len);
}

/* A debugger stops here. Threads of devices have all signals blocked. */
static void raise_trap(void)
{
	sigset_t trap, before;

	sigemptyset(&trap);
	sigaddset(&trap, SIGTRAP);
	sys_sigmask(SIG_UNBLOCK, &trap, &before);
	(void)sys_call(SYS_tgkill, sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0),
		       sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0), SIGTRAP, 0, 0, 0);
	sys_sigmask(SIG_SETMASK, &before, NULL);
}

static void publish(struct report *report) REQUIRES(report_lock)
{
	lock_assert_held(&report_lock);
	if (!printed++)
		leave_mark();
	if (!settings.quiet)
		print(report);
	if (settings.json_file[0])
		report_to_json(report, settings.json_file);
	if (settings.stop && printed == 1)
		raise_trap();
}

/* ---- listeners ---- */

int report_listen(const void *iommu, report_listener_fn fn, void *arg)
{
	int rc;

	lock_acquire(&report_lock);
	rc = report_listener_set(iommu, fn, arg);
	if (fn && !rc)
		listened = true;
	lock_release(&report_lock);
	return rc;
}

static void tell(struct report *report, uint64_t repeated) REQUIRES(report_lock)
{
	struct report_buffer buffer = {.text = text_space, .size = sizeof(text_space)};

	lock_assert_held(&report_lock);
	find_symbols(report);
	report_to_text(report, false, &buffer);
	if (!report_listener_tell(&(struct report_told){
		    .kind = report->kind,
		    .device = report->device,
		    .headline = report->headline,
		    .text = text_space,
		    .time = report->time,
		    .repeated = repeated,
		    .dma = report->dma,
	    }))
		log_fault("%s", report->headline);
}

/* ---- the end of a report ---- */

void report_end(struct report *report) NO_LOCK_ANALYSIS
{
	struct known *entry;
	bool again;

	if (!report)
		return;
	lock_assert_held(&report_lock);
	again = is_known(report, &entry);
	if (entry)
		entry->count++;
	if (listened) {
		tell(report, entry ? entry->count - 1 : 0);
	} else if (!again && entry && printed < settings.max_reports) {
		find_symbols(report);
		entry->suppressed = report_is_suppressed(report);
		if (!entry->suppressed)
			publish(report);
	} else if (!again) {
		overflow++;
	}
	lock_release(&report_lock);
}

void report_end_event(struct report *report) NO_LOCK_ANALYSIS
{
	struct report_buffer buffer = {.text = text_space, .size = sizeof(text_space)};

	if (!report)
		return;
	lock_assert_held(&report_lock);
	report_to_text(report, false, &buffer);
	if (!settings.quiet)
		log_write(buffer.text, buffer.len);
	if (settings.json_file[0])
		report_to_json(report, settings.json_file);
	lock_release(&report_lock);
}

/* ---- the end ---- */

static void print_counts(void) REQUIRES(report_lock)
{
	struct counts counts;
	uint64_t suppressed = 0;
	char note[64] = "";

	lock_assert_held(&report_lock);
	for (size_t i = 0; i < known_count; i++)
		suppressed += known[i].suppressed ? known[i].count : 0;
	if (suppressed)
		snprintf(note, sizeof(note), ", %" PRIu64 " suppressed", suppressed);
	counts_read(&counts);
	log_fault("%" PRIu64 " report(s)%s; checked: %" PRIu64 " call(s), %" PRIu64
		  " mapping(s), %" PRIu64 " DMA(s) of %" PRIu64 " bytes, %" PRIu64 " interrupt(s)",
		  printed, note, counts.values[COUNT_CALLS], counts.values[COUNT_MAPS],
		  counts.values[COUNT_DMAS], counts.values[COUNT_DMA_BYTES],
		  counts.values[COUNT_INTERRUPTS]);
}

void report_finish(void)
{
	if (!report_started())
		return;
	lock_acquire(&report_lock);
	for (size_t i = 0; i < known_count && !settings.quiet; i++)
		if (known[i].count > 1 && !known[i].suppressed)
			log_fault("%" PRIu64 " more like: %s", known[i].count - 1,
				  known[i].headline);
	if (overflow && !settings.quiet)
		log_fault("%" PRIu64 " more are not shown (--max-reports)", overflow);
	if (settings.summary && !settings.quiet)
		print_counts();
	lock_release(&report_lock);
}

void report_fork_child(void)
{
	origin_fork_child();
	if (!report_started())
		return;
	lock_acquire(&report_lock);
	for (size_t i = 0; i < known_count; i++)
		known[i].count = known[i].count ? 1 : 0;
	overflow = 0;
	counts_reset();
	lock_release(&report_lock);
}
