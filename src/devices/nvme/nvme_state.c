/* SPDX-License-Identifier: MIT */
/* See nvme_state.h. */
#include "devices/nvme/nvme_state.h"

#include <string.h>

#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_admin.h"
#include "devices/nvme/nvme_features.h"
#include "devices/nvme/nvme_queue.h"

/* ---- resets ---- */

/* What a controller reset clears (7.3.2). With the device lock, or when no thread works. */
static void clear_controller(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	memset(n->sqs, 0, sizeof(n->sqs));
	memset(n->cqs, 0, sizeof(n->cqs));
	memset(n->events, 0, sizeof(n->events));
	memset(n->changed, 0, sizeof(n->changed));
	for (unsigned int i = 0; i < NVME_THREADS; i++)
		atomic_store(&n->ready[i], 0);
	nvme_disk_forget_claims(&n->disk);
	n->shadow_doorbells = n->event_indexes = 0;
	n->async_count = n->aborted_count = 0;
	n->masked = 0;
	n->csts &= CSTS_NSSRO;
	n->latched = n->late_reported = false;
	n->state = NVME_OFF;
	atomic_store(&n->stopping, false);
	nvme_features_reset(n);
	if (n->line)
		nvme_update_line(dev);
}

void nvme_power_on(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	clear_controller(dev);
	n->cc = n->csts = n->aqa = 0;
	n->asq = n->acq = n->cmbmsc = 0;
	n->subsystem_reset = false;
	n->stuck = false;
	n->error_count = 0;
	memset(n->errors, 0, sizeof(n->errors));
	atomic_store(&n->page, 4096);
}

/* With the device lock. The threads have stopped. */
static void finish_reset(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);
	const uint32_t cc = n->cc;
	const bool subsystem = n->subsystem_reset;

	if (subsystem)
		nvme_power_on(dev);
	else
		clear_controller(dev);
	n->cc = cc;
	if (subsystem)
		n->csts |= CSTS_NSSRO;
}

void nvme_reset_subsystem(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	n->cc = 0;
	n->subsystem_reset = true;
	n->stuck = false;
	atomic_store(&n->stopping, true);
	uiommufd_device_queue_work_on(dev, ADMIN_THREAD, nvme_control);
}

/* ---- enabling ---- */

/* NULL, or what is wrong with CC. */
static const char *check_configuration(uint32_t cc)
{
	if ((cc >> CC_MPS_SHIFT & CC_MPS_MASK) + 12 > NVME_MAX_PAGE_SHIFT)
		return "CC.MPS is beyond CAP.MPSMAX";
	if (cc >> CC_AMS_SHIFT & CC_AMS_MASK)
		return "CC.AMS selects an arbitration that CAP.AMS does not have";
	if (cc >> CC_CSS_SHIFT & CC_CSS_MASK)
		return "CC.CSS selects a command set that CAP.CSS does not have";
	return NULL;
}

/* With the device lock. */
static void set_failed(struct uiommufd_device *dev, const char *why)
{
	struct nvme *n = nvme_of(dev);

	uiommufd_device_report(dev, "nvme: %s: the controller has failed (CSTS.CFS)", why);
	n->csts |= CSTS_CFS;
	n->state = NVME_FAILED;
}

void nvme_fail(struct uiommufd_device *dev, const char *why)
{
	uiommufd_device_lock(dev);
	set_failed(dev, why);
	uiommufd_device_unlock(dev);
}

/* With the device lock. */
static void enable(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);
	const char *wrong = check_configuration(n->cc);

	if (wrong) {
		set_failed(dev, wrong);
		return;
	}
	atomic_store(&n->page, UINT64_C(1) << (12 + (n->cc >> CC_MPS_SHIFT & CC_MPS_MASK)));
	n->csts |= CSTS_RDY;
	n->state = NVME_ON;
}

bool nvme_latch_admin_queues(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);
	const uint32_t asqs = n->aqa & AQA_SIZE_MASK;
	const uint32_t acqs = n->aqa >> AQA_ACQS_SHIFT & AQA_SIZE_MASK;

	if (!asqs || !acqs) {
		set_failed(dev, "AQA has a queue of one entry");
		return false;
	}
	n->sqs[0] = (struct nvme_sq){.base = n->asq, .size = asqs + 1};
	n->cqs[0] = (struct nvme_cq){
		.base = n->acq,
		.size = acqs + 1,
		.phase = true,
		.interrupts = true,
		.users = 1,
	};
	n->latched = true;
	return true;
}

void nvme_configure(struct uiommufd_device *dev, uint32_t cc)
{
	struct nvme *n = nvme_of(dev);
	const uint32_t old = n->cc;
	const uint32_t shutdown = CC_SHN_MASK << CC_SHN_SHIFT;

	n->cc = cc & CC_WRITABLE;
	if (cc & CC_EN && !(old & CC_EN) && (n->csts & CSTS_RDY || atomic_load(&n->stopping)))
		uiommufd_device_report(dev, "nvme: CC.EN is set before CSTS.RDY is 0");
	if (!(cc & CC_EN) && old & CC_EN) {
		atomic_store(&n->stopping, true);
		n->stuck = uiommufd_device_fate(dev, UIOMMUFD_EVENT_RESET, 0) == UIOMMUFD_FATE_LOST;
	}
	if (cc & shutdown && !(old & shutdown)) {
		n->csts = (n->csts & ~(uint32_t)CSTS_SHST) | CSTS_SHST_OCCURRING;
		if (n->state == NVME_ON)
			n->state = NVME_SHUT_DOWN;
	}
	uiommufd_device_queue_work_on(dev, ADMIN_THREAD, nvme_control);
}

/* ---- on ADMIN_THREAD ---- */

static void finish_shutdown(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	(void)nvme_disk_flush(&n->disk);
	uiommufd_device_lock(dev);
	if (n->csts & CSTS_SHST_OCCURRING)
		n->csts = (n->csts & ~(uint32_t)CSTS_SHST) | CSTS_SHST_COMPLETE;
	uiommufd_device_unlock(dev);
}

/* Does what CC demands, as soon as no other thread executes commands. */
static void change_state(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);
	bool shut_down = false;

	uiommufd_device_lock(dev);
	if (!nvme_any_busy(dev)) {
		if (atomic_load(&n->stopping) && !n->stuck)
			finish_reset(dev);
		shut_down = n->csts & CSTS_SHST_OCCURRING;
		if (n->cc & CC_EN && n->state == NVME_OFF)
			enable(dev);
	}
	uiommufd_device_unlock(dev);
	if (shut_down)
		finish_shutdown(dev);
}

void nvme_control(struct uiommufd_device *dev)
{
	bool more;

	change_state(dev);
	nvme_async_deliver(dev);
	more = nvme_serve_admin(dev);
	nvme_async_deliver(dev);
	if (more)
		uiommufd_device_queue_work_on(dev, ADMIN_THREAD, nvme_control);
}
