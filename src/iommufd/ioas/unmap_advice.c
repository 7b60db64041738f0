/* SPDX-License-Identifier: MIT */
/* See unmap_advice.h. What the history says is taken before the report is written. */
#include "iommufd/ioas/unmap_advice.h"

#include "iommufd/ioas/refusal.h"
#include "report/history.h"
#include "report/report.h"

void advise_on_unmap_of_nothing(struct ioas *ioas, const char *call, struct iova_range range)
{
	struct history_entry gone = {.range = range};
	const struct history_entry *found;
	char text[RANGE_TEXT_SIZE];
	struct report *report;
	struct origin now;

	if (!report_advises())
		return;
	lock_acquire(&ioas->lock);
	found = history_find(ioas->history, range.start);
	if (found)
		gone = *found;
	lock_release(&ioas->lock);
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
