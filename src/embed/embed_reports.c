/* SPDX-License-Identifier: MIT */
/*
 * <uiommufd/reports.h>: the program's handlers behind the listeners of reports and of the log.
 *
 * A handler is kept with its argument as one object, since a listener has one argument. The lock
 * serialises changes; a listener runs under the lock of the reports, which a change takes, too: so
 * an object can be freed when the change is over.
 */
#include <errno.h>
#include <stddef.h>

#include <uiommufd/reports.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "base/log.h"
#include "checker/dma_report.h"
#include "iommu/iommu.h"
#include "report/report.h"

struct target {
	uiommufd_report_handler handler;
	void *arg;
};

static struct lock lock = LOCK_INIT(LOCK_REPORT_HANDLERS);

/* What is in the targets of listeners: by IOMMU, so that they can be found for being freed. */
struct kept {
	struct kept *next;
	struct iommu *iommu; /* a reference; NULL: of all others */
	struct target target;
};

static struct kept *all GUARDED_BY(lock);

static void tell(void *arg, const struct report_told *told)
{
	const struct target *target = arg;
	const struct report_dma *from = told->dma;
	const struct uiommufd_report_dma dma =
		from ? (struct uiommufd_report_dma){
			       .iommu = (struct uiommufd_iommu *)(uintptr_t)from->iommu,
			       .pasid = from->pasid,
			       .direction = from->write ? UIOMMUFD_PROT_WRITE : UIOMMUFD_PROT_READ,
			       .iova = from->iova,
			       .request_iova = from->request_iova,
			       .request_length = from->request_len,
			       .ioas_id = from->ioas_id,
			       .mapping_prot = from->prot,
			       .mapping_iova = from->mapping_iova,
			       .mapping_length = from->mapping_len,
		       }
		     : (struct uiommufd_report_dma){.pasid = UIOMMUFD_NO_PASID};
	const struct uiommufd_report report = {
		.size = sizeof(report),
		.kind = told->kind,
		.device = told->device,
		.headline = told->headline,
		.text = told->text,
		.time = told->time,
		.repeated = told->repeated,
		.dma = from ? &dma : NULL,
	};

	target->handler(target->arg, &report);
}

/* Nothing is printed or counted; faults are looked into. */
static void start(unsigned int flags)
{
	struct report_settings settings;

	if (report_started())
		return;
	report_settings_init(&settings);
	settings.quiet = true;
	settings.stacks = flags & UIOMMUFD_REPORT_STACKS;
	report_start(&settings, NULL);
	dma_report_start();
}

static void forget(struct kept *kept)
{
	if (kept && kept->iommu)
		iommu_put(kept->iommu);
	alloc_free(kept);
}

/* Takes the entry of @iommu off the list; NULL: there is none. */
static struct kept *take(const struct iommu *iommu) REQUIRES(lock)
{
	struct kept *kept;

	lock_assert_held(&lock);
	for (struct kept **at = &all; *at; at = &(*at)->next) {
		kept = *at;
		if (kept->iommu != iommu)
			continue;
		*at = kept->next;
		return kept;
	}
	return NULL;
}

static int set_handler(struct iommu *iommu, const struct uiommufd_report_options *options)
{
	struct kept *new = alloc_zeroed(sizeof(*new)), *old = NULL;
	int rc;

	if (!new)
		return -ENOMEM;
	new->iommu = iommu ? iommu_get(iommu) : NULL;
	new->target = (struct target){options->handler, options->arg};
	lock_acquire(&lock);
	start(options->flags);
	rc = report_listen(iommu, tell, &new->target);
	if (!rc) {
		old = take(iommu);
		new->next = all;
		all = new;
	}
	lock_release(&lock);
	forget(rc ? new : old);
	return rc;
}

static void remove_handler(struct iommu *iommu)
{
	struct kept *old;

	lock_acquire(&lock);
	(void)report_listen(iommu, NULL, NULL);
	old = take(iommu);
	lock_release(&lock);
	forget(old);
}

int uiommufd_report_to(struct uiommufd_iommu *handle, const struct uiommufd_report_options *options)
{
	struct iommu *iommu = (struct iommu *)handle;

	if (!options) {
		remove_handler(iommu);
		return 0;
	}
	if (options->size != sizeof(*options) || options->flags & ~UIOMMUFD_REPORT_STACKS ||
	    !options->handler)
		return -EINVAL;
	return set_handler(iommu, options);
}

/* ---- the log ---- */

static uiommufd_log_handler log_handler; /* constant while lines go to it */

static void log_to_handler(void *arg, enum log_level level, const char *line)
{
	log_handler(arg, level, line);
}

int uiommufd_log_to(unsigned int level, uiommufd_log_handler handler, void *arg)
{
	if (level > UIOMMUFD_LOG_DEBUG)
		return -EINVAL;
	log_set_level((enum log_level)level);
	log_handler = handler;
	log_set_sink(handler ? log_to_handler : NULL, arg);
	return 0;
}
