/* SPDX-License-Identifier: MIT */
/* See unmap_advice.h. What the history says is taken before the report is written. */
#include "iommufd/ioas/unmap_advice.h"

#include "iommufd/ioas/refusal.h"
#include "report/history.h"
#include "report/report.h"

/* False: it is not known what was mapped at @iova. */
static bool find_gone(struct ioas *ioas, uint64_t iova, struct history_entry *gone)
{
	const struct history_entry *found;

	lock_acquire(&ioas->lock);
	found = history_find(ioas->history, iova);
	if (found)
		*gone = *found;
	lock_release(&ioas->lock);
	return found;
}

void advise_on_unmap_of_nothing(struct ioas *ioas, const char *call, struct iova_range range)
{
	struct history_entry gone;
	char text[RANGE_TEXT_SIZE];
	struct report *report;
	struct origin now;
	bool found;

	if (!report_advises())
		return;
	found = find_gone(ioas, range.start, &gone);
	origin_capture(&now);
	report = report_begin("advice-unmap-of-nothing", "");
	report_headline(report, "%s unmaps 0 bytes: nothing is mapped in %s", call,
			range_text(range, text));
	report_origin(report, "caller", &now, "called");
	if (found) {
		report_origin(report, "unmapped", &gone.unmapped, "0x%llx was unmapped",
			      (unsigned long long)range.start);
		report_origin(report, "mapped", &gone.mapped, "and mapped, as %s,",
			      range_text(gone.range, text));
	}
	report_end(report);
}

void advise_on_unmap_of_more(struct ioas *ioas, const char *call, struct iova_range range,
			     uint64_t last)
{
	const struct iova_range more = {.start = range.last + 1, .last = last};
	char asked[RANGE_TEXT_SIZE], text[RANGE_TEXT_SIZE];
	struct history_entry gone;
	struct report *report;
	struct origin now;
	bool found;

	if (!report_advises())
		return;
	found = find_gone(ioas, last, &gone);
	origin_capture(&now);
	report = report_begin("advice-unmap-of-more", "");
	report_headline(report,
			"%s of %s unmaps %s as well: a mapping that begins in the range is "
			"unmapped whole",
			call, range_text(range, asked), range_text(more, text));
	report_origin(report, "caller", &now, "called");
	if (found)
		report_origin(report, "mapped", &gone.mapped, "%s was mapped",
			      range_text(gone.range, text));
	report_end(report);
}
