/* SPDX-License-Identifier: MIT */
/*
 * Mappings are counted by the call site that has made them, in a table of a fixed size; those of
 * further call sites are left out. The lock of the table is innermost; reports are begun without
 * it.
 */
#include "checker/advice.h"

#include <inttypes.h>
#include <string.h>

#include "base/lock.h"
#include "checker/advice_memory.h"
#include "iommufd/ioas/ioas_observer.h"
#include "report/report.h"
#include "vfio/bar_place.h"

enum {
	MAX_SITES = 256,
	MANY_MAPS = 8,		     /* that could be one */
	HUGE_PAGE = 2 << 20,	     /* of most formats */
	USUAL_MEMLOCK_KIB = 8 << 10, /* of most distributions */
};

/* What one call site has mapped. */
struct site {
	struct origin origin; /* of the first mapping */
	struct iova_range first;
	uint64_t maps;
	uint64_t adjoining; /* begin where the one before ended, in IOVA and memory */
	uint64_t next_iova, next_memory;
	uint64_t unread,
		unwritten; /* used by a device, but not for that, though they had the right */
	uint64_t read, written;
};

static struct lock lock = LOCK_INIT(LOCK_ADVICE); /* guards the rest */
static struct site sites[MAX_SITES];
static size_t site_count;
static uint64_t most_locked; /* pages */
static struct origin most_locked_by;

static struct site *find_site(const struct origin *origin) REQUIRES(lock)
{
	lock_assert_held(&lock);
	for (size_t i = 0; i < site_count; i++)
		if (sites[i].origin.stack == origin->stack)
			return &sites[i];
	if (site_count == MAX_SITES)
		return NULL;
	sites[site_count] = (struct site){.origin = *origin};
	return &sites[site_count++];
}

/* ---- when something is mapped ---- */

static uint64_t memory_of(const struct area *area)
{
	return mem_source_start(area_source(area)) - mem_source_offset(area_source(area)) +
	       area_start(area);
}

static void count_map(const struct area *area)
{
	const uint64_t memory = memory_of(area);
	struct site *site;

	lock_acquire(&lock);
	site = find_site(area_mapped_by(area));
	if (site) {
		if (!site->maps++)
			site->first = area_range(area);
		else if (area->iova == site->next_iova && memory == site->next_memory)
			site->adjoining++;
		site->next_iova = area_last(area) + 1;
		site->next_memory = memory + area_len(area);
	}
	lock_release(&lock);
}

static void count_locked(const struct area *area)
{
	const struct uiommufd_caller *caller = mem_source_caller(area_source(area));
	const uint64_t pinned = __atomic_load_n(&caller->pinned_pages, __ATOMIC_RELAXED);
	const uint64_t locked = __atomic_load_n(&caller->locked_pages, __ATOMIC_RELAXED);
	const uint64_t pages = max_u64(pinned, locked);

	lock_acquire(&lock);
	if (pages > most_locked) {
		most_locked = pages;
		most_locked_by = *area_mapped_by(area);
	}
	lock_release(&lock);
}

static void advise_on_alignment(const struct area *area)
{
	struct report *report;

	if (area_len(area) < HUGE_PAGE || !((area->iova ^ memory_of(area)) & (HUGE_PAGE - 1)))
		return;
	report = report_begin("advice-small-pages", "");
	report_headline(report,
			"the mapping 0x%" PRIx64 "-0x%" PRIx64 " needs %" PRIu64
			" entries of 4 KiB: its IOVA and its memory differ by 0x%" PRIx64
			" below 2 MiB; were they the same, %" PRIu64 " entries could be of 2 MiB",
			area->iova, area_last(area), area_len(area) >> PAGE_SHIFT,
			(memory_of(area) - area->iova) & (HUGE_PAGE - 1),
			area_len(area) / HUGE_PAGE);
	report_origin(report, "mapped", area_mapped_by(area), "mapped");
	report_end(report);
}

/* A fixed IOVA that is right only by luck: devices have ranges that cannot be used. */
static void advise_on_ranges(struct ioas *ioas, const struct area *area) REQUIRES(ioas->lock)
{
	struct report *report;

	lock_assert_held(&ioas->lock);
	if (ioas->ranges_known || !ioas->table_count || !ioas->reserved.count)
		return;
	report = report_begin("advice-ranges-not-asked", "");
	report_headline(
		report,
		"IOVA 0x%" PRIx64 "-0x%" PRIx64 " of IOAS %" PRIu32
		" is the program's choice, and it has not asked for the usable ranges since "
		"the latest attach has narrowed them: on another machine it may be reserved",
		area->iova, area_last(area), ioas->object.id);
	report_origin(report, "mapped", area_mapped_by(area), "mapped");
	report_end(report);
}

static void mapped(struct ioas *ioas, const struct area *area, bool fixed)
{
	lock_assert_held(&ioas->lock);
	if (!area_mapped_by(area))
		return;
	count_map(area);
	count_locked(area);
	if (fixed)
		advise_on_ranges(ioas, area);
	advise_on_alignment(area);
	if (mem_source_kind(area_source(area)) == MEM_KIND_VA)
		advise_on_memory(memory_of(area), area_len(area));
}

/* ---- what devices do with it ---- */

static void count_use(const struct area *area)
{
	struct site *site;

	if (!area->touched)
		return;
	lock_acquire(&lock);
	site = find_site(area_mapped_by(area));
	if (site) {
		site->read += (area->touched & IOPT_READ) != 0;
		site->written += (area->touched & IOPT_WRITE) != 0;
		site->unread += area->prot & ~area->touched & IOPT_READ ? 1 : 0;
		site->unwritten += area->prot & ~area->touched & IOPT_WRITE ? 1 : 0;
	}
	lock_release(&lock);
}

static void unmapped(struct ioas *ioas, const struct area *area)
{
	lock_assert_held(&ioas->lock);
	if (area_mapped_by(area))
		count_use(area);
}

/* One DMA, and the address space that it went through. */
struct use {
	const struct iommu_domain *domain;
	const struct iommu_endpoint *endpoint;
	struct iova_range range;
	unsigned int right;
	bool has_peer; /* @range has bus addresses of @peer */
	struct vfio_bar_place peer;
	struct ioas *ioas;
};

/* The search for another mapping of the memory of @written. */
struct twin_search {
	const struct area *written, *twin;
};

static int visit_twin(const struct iova_map_entry *entry, void *arg)
{
	struct twin_search *search = arg;
	const struct area *area = entry->value, *written = search->written;
	const uint64_t memory = memory_of(area);

	if (area == written || area->busy || area->prot & IOPT_WRITE ||
	    mem_source_kind(area_source(area)) != mem_source_kind(area_source(written)) ||
	    (mem_source_kind(area_source(area)) != MEM_KIND_VA &&
	     area_source(area) != area_source(written)) ||
	    memory >= memory_of(written) + area_len(written) ||
	    memory_of(written) >= memory + area_len(area))
		return 0;
	search->twin = area;
	return 1;
}

/* The first write to @area: whether its memory is mapped again, for reading only. */
static void advise_on_twin(const struct use *use, const struct area *area) REQUIRES(use->ioas->lock)
{
	struct twin_search search = {.written = area};
	struct report *report;

	lock_assert_held(&use->ioas->lock);
	if (!iova_map_for_each(&use->ioas->areas, IOVA_RANGE_ALL, visit_twin, &search))
		return;
	report = report_begin("advice-two-mappings", iommu_endpoint_name(use->endpoint));
	report_headline(report,
			"%s: DMA write to 0x%" PRIx64 "-0x%" PRIx64
			" changes memory that 0x%" PRIx64 "-0x%" PRIx64
			" of the same IOAS leads to as well, without WRITEABLE",
			iommu_endpoint_name(use->endpoint), use->range.start, use->range.last,
			search.twin->iova, area_last(search.twin));
	report_origin(report, "mapped", area_mapped_by(area), "mapped to be written");
	report_origin(report, "mapped_read_only", area_mapped_by(search.twin),
		      "mapped for reading only");
	report_end(report);
}

/* The first DMA to @area whose IOVA is the bus address of a device. */
static void advise_on_peer(const struct use *use, const struct area *area) REQUIRES(use->ioas->lock)
{
	struct report *report;

	lock_assert_held(&use->ioas->lock);
	report = report_begin("advice-bus-address", iommu_endpoint_name(use->endpoint));
	report_headline(
		report,
		"%s: DMA to 0x%" PRIx64 "-0x%" PRIx64
		" goes to memory, though these are bus addresses in BAR %u of %s: the device "
		"is reached where its BAR is mapped (VFIO_DEVICE_FEATURE_DMA_BUF, then "
		"IOMMU_IOAS_MAP_FILE)",
		iommu_endpoint_name(use->endpoint), use->range.start, use->range.last,
		use->peer.bar, use->peer.device);
	report_origin(report, "mapped", area_mapped_by(area), "the memory was mapped");
	report_end(report);
}

static int touch(const struct iova_map_entry *entry, void *arg)
{
	const struct use *use = arg;
	struct area *area = entry->value;

	lock_assert_held(&use->ioas->lock);
	if (area->touched & use->right)
		return 0;
	area->touched = (area->touched | use->right) & (IOPT_READ | IOPT_WRITE);
	if (!area_mapped_by(area))
		return 0;
	if (use->right == IOPT_WRITE)
		advise_on_twin(use, area);
	if (use->has_peer && mem_source_kind(area_source(area)) == MEM_KIND_VA)
		advise_on_peer(use, area);
	return 0;
}

static void visit_use(struct ioas *ioas, void *arg)
{
	struct use *use = arg;
	struct ioas_table *table;

	lock_assert_held(&ioas->lock);
	if (use->ioas)
		return;
	cds_list_for_each_entry (table, &ioas->tables, link)
		if (table->domain == use->domain)
			use->ioas = ioas;
	if (use->ioas)
		(void)iova_map_for_each(&ioas->areas, use->range, touch, use);
}

static void used(struct iommu_endpoint *endpoint, uint32_t pasid, struct iova_range range,
		 enum dma_dir dir)
{
	struct use use = {
		.domain = iommu_endpoint_memory(endpoint, pasid),
		.endpoint = endpoint,
		.range = range,
		.right = dir == DMA_WRITE ? IOPT_WRITE : IOPT_READ,
	};

	/* Behind a stage 1 the address is the guest's. */
	if (!use.domain || use.domain != iommu_endpoint_domain(endpoint, pasid))
		return;
	use.has_peer = vfio_bar_place(range, &use.peer);
	ioas_for_each(visit_use, &use);
}

/* ---- at the end ---- */

static void advise_on_pieces(const struct site *site)
{
	struct report *report;

	if (site->adjoining < MANY_MAPS)
		return;
	report = report_begin("advice-many-maps", "");
	report_headline(report,
			"%" PRIu64 " of %" PRIu64
			" mappings begin where the one before ended, in IOVA and in memory: fewer "
			"calls with longer ranges would do",
			site->adjoining, site->maps);
	report_origin(report, "mapped", &site->origin, "the first was mapped");
	report_end(report);
}

static void advise_on_right(const struct site *site, bool write)
{
	const uint64_t count = write ? site->unwritten : site->unread;
	struct report *report;

	if (!count || (write ? site->written : site->read))
		return;
	report = report_begin("advice-right-never-used", "");
	report_headline(report,
			"%" PRIu64 " mapping(s), the first at 0x%" PRIx64 "-0x%" PRIx64
			", have %s, but devices have only %s them",
			count, site->first.start, site->first.last,
			write ? "WRITEABLE" : "READABLE", write ? "read" : "written");
	report_key(report, write);
	report_origin(report, "mapped", &site->origin, "mapped");
	report_end(report);
}

static void advise_on_memlock(void)
{
	const uint64_t kib = most_locked << PAGE_SHIFT >> 10;
	struct report *report;

	if (kib <= USUAL_MEMLOCK_KIB)
		return;
	report = report_begin("advice-memlock", "");
	report_headline(report,
			"%" PRIu64 " KiB were locked at once: a user whose limit is the usual %d "
			"KiB (ulimit -l), and who is not root, gets ENOMEM",
			kib, USUAL_MEMLOCK_KIB);
	report_number(report, "locked_kib", kib);
	report_origin(report, "mapped", &most_locked_by, "the last of it was mapped");
	report_end(report);
}

static int visit_area(const struct iova_map_entry *entry, void *arg)
{
	(void)arg;
	if (area_mapped_by(entry->value)) {
		count_use(entry->value);
		count_locked(entry->value);
	}
	return 0;
}

static void visit_ioas(struct ioas *ioas, void *arg)
{
	lock_assert_held(&ioas->lock);
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, visit_area, arg);
}

void advice_finish(void)
{
	ioas_for_each(visit_ioas, NULL);
	/* Other threads of the program may go on; what they map now is not looked at. */
	for (size_t i = 0; i < site_count; i++) {
		advise_on_pieces(&sites[i]);
		advise_on_right(&sites[i], false);
		advise_on_right(&sites[i], true);
	}
	advise_on_memlock();
}

void advice_fork_child(void)
{
	site_count = 0;
	most_locked = 0;
}

void advice_start(void)
{
	static const struct ioas_observer observer = {.mapped = mapped, .unmapped = unmapped};

	ioas_observe(&observer);
	iommu_set_dma_observer(used);
}
