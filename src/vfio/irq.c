/* SPDX-License-Identifier: MIT */
/* Interrupts: see irq.h. Eventfds are closed without irqs->lock, which delivery waits for. */
#include "vfio/irq.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/last_error.h"
#include "base/log.h"
#include "report/counts.h"
#include "report/origin.h"
#include "report/report.h"
#include "trace/events.h"
#include "vfio/eventfd.h"
#include "vfio/eventfd_held.h"
#include "vfio/irq_internal.h"

enum {
	DATA_NONE = VFIO_IRQ_SET_DATA_NONE,
	DATA_BOOL = VFIO_IRQ_SET_DATA_BOOL,
	DATA_EVENTFD = VFIO_IRQ_SET_DATA_EVENTFD,
};

/* ---- delivery ---- */

static __attribute__((noinline)) void observe_interrupt(const struct device_irqs *irqs,
							const char *kind, unsigned int vector)
{
	if (counting()) {
		count_add(COUNT_INTERRUPTS, 1);
		count_device(irqs->counted, DEVICE_INTERRUPTS, 1);
	}
	event_interrupt(irqs->name, kind, vector);
}

/* Notifies INTx if the line is asserted and nothing masks it. */
static void deliver_intx(struct device_irqs *irqs) REQUIRES(irqs->lock)
{
	lock_assert_held(&irqs->lock);
	if (irqs->active != IRQ_INTX || !irqs->level || irqs->masked)
		return;
	irqs->masked = true;
	if (observed())
		observe_interrupt(irqs, "intx", 0);
	eventfd_notify(irqs->intx_fd);
	if (irqs->pulse)
		irqs->level = irqs->pulse = false;
}

void irqs_set_masked(struct device_irqs *irqs, bool masked)
{
	const bool was = irqs->masked;

	lock_assert_held(&irqs->lock);
	irqs->masked = masked || irqs->intx_disabled;
	if (was && !irqs->masked && irqs->active == IRQ_INTX)
		irqs->unmask_due = true;
	deliver_intx(irqs);
}

void irqs_tell_unmasked(struct device_irqs *irqs, bool wait)
{
	bool due;

	if (!irqs->watcher)
		return;
	lock_acquire(&irqs->lock);
	due = irqs->unmask_due;
	irqs->unmask_due = false;
	lock_release(&irqs->lock);
	if (due)
		irqs->watcher->unmasked(irqs->watcher, wait);
}

/* Whether the program has enabled message @vector. */
static bool is_enabled(const struct device_irqs *irqs, unsigned int vector) REQUIRES(irqs->lock)
{
	lock_assert_held(&irqs->lock);
	if (irqs->active != IRQ_MSI && irqs->active != IRQ_MSIX)
		return false;
	return vector < irqs->vectors &&
	       (irqs->active == IRQ_MSIX || irqs->msi_control & PCI_MSI_FLAGS_ENABLE);
}

/* True: a message was sent, whether or not its vector is masked or has an eventfd. */
static bool send_locked(struct device_irqs *irqs, unsigned int vector) REQUIRES(irqs->lock)
{
	lock_assert_held(&irqs->lock);
	if (!is_enabled(irqs, vector))
		return false;
	if (!irqs->bus_master) {
		log_mistake(
			"interrupt-bus-master-off",
			"%s: message %u is lost: bus mastering is off (command register, bit 2)",
			irqs->name, vector);
		return false;
	}
	if (observed())
		observe_interrupt(irqs, irqs->active == IRQ_MSI ? "msi" : "msix", vector);
	if (irqs->active == IRQ_MSI || msix_send(&irqs->table, vector))
		eventfd_notify(irqs->vector_fds[vector]);
	return true;
}

bool vfio_irqs_send(struct device_irqs *irqs, unsigned int vector)
{
	bool sent;

	lock_acquire(&irqs->lock);
	sent = send_locked(irqs, vector);
	lock_release(&irqs->lock);
	return sent;
}

void vfio_irqs_pulse(struct device_irqs *irqs)
{
	lock_acquire(&irqs->lock);
	irqs->level = irqs->pulse = irqs->active == IRQ_INTX;
	deliver_intx(irqs);
	lock_release(&irqs->lock);
}

bool vfio_irqs_sends(struct device_irqs *irqs, unsigned int vector)
{
	bool sends;

	lock_acquire(&irqs->lock);
	sends = is_enabled(irqs, vector) && irqs->bus_master;
	lock_release(&irqs->lock);
	return sends;
}

void vfio_irqs_set_level(struct device_irqs *irqs, bool level)
{
	lock_acquire(&irqs->lock);
	if (level && !irqs->level)
		(void)send_locked(irqs, 0);
	irqs->level = level;
	deliver_intx(irqs);
	lock_release(&irqs->lock);
}

void vfio_irqs_load_level(struct device_irqs *irqs, bool level)
{
	lock_acquire(&irqs->lock);
	irqs->level = level;
	deliver_intx(irqs);
	lock_release(&irqs->lock);
}

void vfio_irqs_set_command(struct device_irqs *irqs, bool bus_master, bool intx_disabled)
{
	lock_acquire(&irqs->lock);
	if (irqs->intx_disabled && !intx_disabled && irqs->active == IRQ_INTX)
		irqs->unmask_due = true;
	if (irqs->intx_disabled != intx_disabled)
		irqs->masked = intx_disabled;
	irqs->intx_disabled = intx_disabled;
	irqs->bus_master = bus_master;
	deliver_intx(irqs);
	lock_release(&irqs->lock);
	irqs_tell_unmasked(irqs, true);
}

void vfio_irqs_set_msi_control(struct device_irqs *irqs, uint16_t control)
{
	lock_acquire(&irqs->lock);
	irqs->msi_control = control & (PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	/* SET_IRQS may have ended MSI since the program wrote it. */
	if (irqs->active != IRQ_MSI)
		irqs->msi_control &= (uint16_t)~PCI_MSI_FLAGS_ENABLE;
	lock_release(&irqs->lock);
}

struct pci_irq_status vfio_irqs_status(struct device_irqs *irqs)
{
	struct pci_irq_status status;

	lock_acquire(&irqs->lock);
	status.intx = irqs->level;
	status.intx_disabled = irqs->active == IRQ_INTX ? irqs->masked : irqs->intx_disabled;
	status.msi = irqs->active == IRQ_MSI;
	status.msi_control = irqs->msi_control;
	status.msi_log_limit = irqs->msi_log_limit;
	status.msix = irqs->active == IRQ_MSIX;
	lock_release(&irqs->lock);
	return status;
}

/* ---- the MSI-X table ---- */

uint64_t vfio_irqs_read_table(struct device_irqs *irqs, uint64_t off, unsigned int size)
{
	uint64_t value;

	lock_acquire(&irqs->lock);
	value = msix_read(&irqs->table, off, size);
	lock_release(&irqs->lock);
	return value;
}

void vfio_irqs_write_table(struct device_irqs *irqs, uint64_t off, unsigned int size,
			   uint64_t value)
{
	const unsigned int vector = (unsigned int)(off / PCI_MSIX_ENTRY_SIZE);

	lock_acquire(&irqs->lock);
	msix_write(&irqs->table, off, size, value);
	if (irqs->active == IRQ_MSIX && vector < irqs->vectors &&
	    msix_take_pending(&irqs->table, vector))
		eventfd_notify(irqs->vector_fds[vector]);
	lock_release(&irqs->lock);
}

uint64_t vfio_irqs_read_pending(struct device_irqs *irqs, uint64_t off, unsigned int size)
{
	uint64_t value;

	lock_acquire(&irqs->lock);
	value = msix_read_pending(&irqs->table, off, size);
	lock_release(&irqs->lock);
	return value;
}

void vfio_irqs_reset(struct device_irqs *irqs)
{
	vfio_irqs_set_level(irqs, false);
	lock_acquire(&irqs->lock);
	msix_reset(&irqs->table);
	for (unsigned int i = 0; irqs->active == IRQ_MSIX && i < irqs->vectors; i++) {
		if (irqs->vector_fds[i] >= 0)
			msix_set(&irqs->table, i);
	}
	lock_release(&irqs->lock);
}

/* ---- eventfds ---- */

/* Puts @fd in place of *@slot and drops what was there. */
static void replace_fd(struct device_irqs *irqs, int *slot, int fd)
{
	int old;

	lock_acquire(&irqs->lock);
	old = *slot;
	*slot = fd;
	lock_release(&irqs->lock);
	eventfd_drop(old);
}

/* Fills the entry of @vector in the table; what was pending is sent. */
static void unmask_vector(struct device_irqs *irqs, unsigned int vector) REQUIRES(irqs->lock)
{
	lock_assert_held(&irqs->lock);
	msix_set(&irqs->table, vector);
	if (msix_take_pending(&irqs->table, vector))
		eventfd_notify(irqs->vector_fds[vector]);
}

/* Puts @fd (-1: none) in place of the eventfd of @vector of MSI or MSI-X. */
static void set_vector(struct device_irqs *irqs, enum irq_index index, unsigned int vector, int fd)
{
	int old;

	lock_acquire(&irqs->lock);
	old = irqs->vector_fds[vector];
	irqs->vector_fds[vector] = fd;
	if (index == IRQ_MSIX && fd >= 0)
		unmask_vector(irqs, vector);
	else if (index == IRQ_MSIX)
		msix_mask(&irqs->table, vector);
	lock_release(&irqs->lock);
	eventfd_drop(old);
}

/* Ends INTx, MSI or MSI-X and drops its eventfds, if @index is active. */
static void end_index(struct device_irqs *irqs, enum irq_index index) REQUIRES(irqs->set_lock)
{
	unsigned int vectors;

	lock_assert_held(&irqs->set_lock);
	if (irqs->active != index)
		return;
	lock_acquire(&irqs->lock);
	vectors = irqs->vectors;
	irqs->active = IRQ_NONE;
	irqs->vectors = 0;
	irqs->masked = false;
	irqs->msi_control &= (uint16_t)~PCI_MSI_FLAGS_ENABLE;
	lock_release(&irqs->lock);

	(void)irqs_set_unmask_fd(irqs, -1);
	replace_fd(irqs, &irqs->intx_fd, -1);
	for (unsigned int i = 0; i < vectors; i++)
		set_vector(irqs, index, i, -1);
}

/* ---- SET_IRQS [PCI-IRQ] ---- */

static uint32_t data_type(const struct irq_request *request)
{
	return request->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
}

/* Element @i of DATA_EVENTFD. */
static int request_fd(const struct irq_request *request, unsigned int i)
{
	int32_t fd;

	memcpy(&fd, (const char *)request->data + i * sizeof(fd), sizeof(fd));
	return fd;
}

/*
 * Whether element @i asks for the action: always with DATA_NONE; if it is not zero with DATA_BOOL.
 */
static bool request_acts(const struct irq_request *request, unsigned int i)
{
	return data_type(request) == DATA_NONE || ((const uint8_t *)request->data)[i];
}

/* *@own: a descriptor of this process for the eventfd of element @i; -1 if that is negative. */
static int take_fd(const struct irq_request *request, unsigned int i, int *own)
{
	int fd = request_fd(request, i);

	*own = -1;
	return fd < 0 ? 0 : eventfd_take(request->caller, fd, own);
}

static int refuse_vectors(const struct device_irqs *irqs, const struct irq_request *request)
{
	static const char *const names[] = {"INTx", "MSI", "MSI-X", "ERR", "REQ", "none"};

	if (irqs->active != IRQ_NONE && irqs->active != request->index && request->index < IRQ_ERR)
		return refuse_mistake(
			-EINVAL, "%s is enabled, and ends before %s begins (DATA_NONE, count 0)",
			names[irqs->active], names[request->index]);
	return refuse_mistake(-EINVAL, "start %u, count %u: %s has one vector, 0", request->start,
			      request->count, names[request->index]);
}

static int refuse_inactive(const struct irq_request *request)
{
	return refuse(-EINVAL,
		      "interrupt index %u has no eventfd: there is nothing to trigger or mask",
		      request->index);
}

static int refuse_action(const struct irq_request *request)
{
	return refuse(-ENOTTY, "interrupt index %u does not have the action of flags 0x%x",
		      request->index, request->flags);
}

static int intx_trigger(struct device_irqs *irqs, const struct irq_request *request)
	REQUIRES(irqs->set_lock)
{
	bool active = irqs->active == IRQ_INTX;
	int fd, rc;

	lock_assert_held(&irqs->set_lock);
	if (active && !request->count && data_type(request) == DATA_NONE) {
		end_index(irqs, IRQ_INTX);
		return 0;
	}
	if ((!active && irqs->active != IRQ_NONE) || request->start || request->count != 1)
		return refuse_vectors(irqs, request);
	if (data_type(request) == DATA_EVENTFD) {
		rc = take_fd(request, 0, &fd);
		if (rc)
			return rc;
		replace_fd(irqs, &irqs->intx_fd, fd);
		lock_acquire(&irqs->lock);
		if (!active)
			irqs->masked = irqs->intx_disabled;
		irqs->active = IRQ_INTX;
		deliver_intx(irqs);
		lock_release(&irqs->lock);
		return 0;
	}
	if (!active)
		return refuse_inactive(request);
	if (request_acts(request, 0)) {
		lock_acquire(&irqs->lock);
		if (!irqs->intx_disabled)
			eventfd_notify(irqs->intx_fd);
		lock_release(&irqs->lock);
	}
	return 0;
}

/* The eventfd of @request becomes the one that unmasks INTx [CONFIG-IRQ.5]. */
static int intx_set_unmask_fd(struct device_irqs *irqs, const struct irq_request *request)
	REQUIRES(irqs->set_lock)
{
	int fd, rc;

	lock_assert_held(&irqs->set_lock);
	rc = take_fd(request, 0, &fd);
	if (rc)
		return rc;
	if (fd >= 0 && irqs->unmask.running && eventfd_is_held(request->caller, irqs->unmask.fd))
		rc = refuse_mistake(-EBUSY, "an eventfd that unmasks INTx is set already, and not "
					    "closed: -1 removes it");
	else
		rc = irqs_set_unmask_fd(irqs, fd);
	if (rc)
		eventfd_drop(fd);
	return rc;
}

static int intx_set_masked(struct device_irqs *irqs, const struct irq_request *request, bool masked)
	REQUIRES(irqs->set_lock)
{
	lock_assert_held(&irqs->set_lock);
	if (irqs->active != IRQ_INTX)
		return refuse_inactive(request);
	if (request->start || request->count != 1)
		return refuse_vectors(irqs, request);
	if (data_type(request) == DATA_EVENTFD) {
		if (masked)
			return refuse(-ENOTTY, "an eventfd can unmask INTx, and not mask it");
		return intx_set_unmask_fd(irqs, request);
	}
	if (request_acts(request, 0)) {
		lock_acquire(&irqs->lock);
		irqs_set_masked(irqs, masked);
		lock_release(&irqs->lock);
		irqs_tell_unmasked(irqs, true);
	}
	return 0;
}

/*
 * Gives the vectors of @request their eventfds. On failure those up to the one that fails have none
 * any more [CONFIG-IRQ.8].
 */
static int set_vector_fds(struct device_irqs *irqs, const struct irq_request *request)
	REQUIRES(irqs->set_lock)
{
	unsigned int failed;
	int fd, rc;

	lock_assert_held(&irqs->set_lock);
	for (unsigned int i = 0; i < request->count; i++) {
		failed = i;
		rc = take_fd(request, i, &fd);
		if (rc)
			goto out_drop;
		set_vector(irqs, request->index, request->start + i, fd);
	}
	return 0;

out_drop:
	for (unsigned int i = 0; i <= failed; i++)
		set_vector(irqs, request->index, request->start + i, -1);
	return rc;
}

/* The control register says so, and for how many vectors: log2, rounded up. */
static void enable_msi(struct device_irqs *irqs) REQUIRES(irqs->lock)
{
	const unsigned int last = irqs->vectors - 1;

	lock_assert_held(&irqs->lock);
	irqs->msi_log_limit = last ? log2_floor(last) + 1 : 0;
	irqs->msi_control = (uint16_t)(PCI_MSI_FLAGS_ENABLE | irqs->msi_log_limit << 4);
}

/* The first eventfds decide how many vectors are enabled; MSI-X can grow later. */
static int set_vectors(struct device_irqs *irqs, const struct irq_request *request)
	REQUIRES(irqs->set_lock)
{
	unsigned int end = request->start + request->count;
	bool first = irqs->active == IRQ_NONE;
	int rc;

	lock_assert_held(&irqs->set_lock);
	/* As the kernel's allocation of vectors says, which VFIO asks for them [CONFIG-IRQ.6b]. */
	if (first && !end)
		return refuse_mistake(-ERANGE, "no vector is given to begin with");
	if (first && request->no_messages)
		return refuse_mistake(-EINVAL, "index %u cannot begin: %s", request->index,
				      request->no_messages);
	if (!first && end > irqs->vectors && request->index == IRQ_MSI)
		return refuse_mistake(
			-EINVAL,
			"vectors %u to %u of index %u: %u are enabled, and MSI cannot have "
			"more without ending first",
			request->start, end - 1, request->index, irqs->vectors);
	rc = set_vector_fds(irqs, request);
	if (rc)
		return rc;
	lock_acquire(&irqs->lock);
	irqs->active = request->index;
	if (end > irqs->vectors)
		irqs->vectors = end;
	if (first && request->index == IRQ_MSI)
		enable_msi(irqs);
	lock_release(&irqs->lock);
	return 0;
}

/* With --advice: who wants to end some vectors so has sent interrupts. */
static void advise_on_simulation(const struct device_irqs *irqs, const struct irq_request *request)
	REQUIRES(irqs->set_lock)
{
	struct report *report;
	struct origin now;

	lock_assert_held(&irqs->set_lock);
	if (!report_advises() || data_type(request) != DATA_NONE || !request->count)
		return;
	origin_capture(&now);
	report = report_begin("advice-interrupts-simulated", irqs->name);
	report_headline(report,
			"%s: DATA_NONE with count %u sends interrupts %u to %u as if the device "
			"had, and ends none: only count 0 ends %s",
			irqs->name, request->count, request->start,
			request->start + request->count - 1,
			request->index == IRQ_MSI ? "MSI" : "MSI-X");
	report_origin(report, "caller", &now, "called");
	report_end(report);
}

static int msi_trigger(struct device_irqs *irqs, const struct irq_request *request)
	REQUIRES(irqs->set_lock)
{
	bool active = irqs->active == request->index;

	lock_assert_held(&irqs->set_lock);
	if (active && !request->count && data_type(request) == DATA_NONE) {
		end_index(irqs, request->index);
		return 0;
	}
	if (!active && irqs->active != IRQ_NONE)
		return refuse_vectors(irqs, request);
	if (data_type(request) == DATA_EVENTFD)
		return set_vectors(irqs, request);
	if (!active)
		return refuse_inactive(request);
	advise_on_simulation(irqs, request);
	lock_acquire(&irqs->lock);
	for (unsigned int i = 0; i < request->count; i++)
		if (request_acts(request, i))
			eventfd_notify(irqs->vector_fds[request->start + i]);
	lock_release(&irqs->lock);
	return 0;
}

void vfio_irqs_raise(struct device_irqs *irqs, enum irq_index index)
{
	assert(index == IRQ_ERR || index == IRQ_REQ);
	lock_acquire(&irqs->lock);
	eventfd_notify(irqs->event_fds[index - IRQ_ERR]);
	lock_release(&irqs->lock);
}

/* ERR and REQ: one eventfd each. */
static int event_trigger(struct device_irqs *irqs, const struct irq_request *request)
	REQUIRES(irqs->set_lock)
{
	int *slot = &irqs->event_fds[request->index - IRQ_ERR];
	int fd, rc;

	lock_assert_held(&irqs->set_lock);
	if (request->start || request->count > 1)
		return refuse_vectors(irqs, request);
	if (data_type(request) == DATA_EVENTFD) {
		if (!request->count || request_fd(request, 0) < -1)
			return refuse_mistake(-EINVAL,
					      "index %u: count must be 1, with an eventfd or -1",
					      request->index);
		rc = take_fd(request, 0, &fd);
		if (rc)
			return rc;
		replace_fd(irqs, slot, fd);
		return 0;
	}
	if (*slot < 0 || (!request->count && data_type(request) == DATA_BOOL))
		return refuse_inactive(request);
	if (!request->count)
		replace_fd(irqs, slot, -1);
	else if (request_acts(request, 0))
		eventfd_notify(*slot);
	return 0;
}

static int act(struct device_irqs *irqs, const struct irq_request *request) REQUIRES(irqs->set_lock)
{
	uint32_t action = request->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;

	lock_assert_held(&irqs->set_lock);
	switch (request->index) {
	case IRQ_INTX:
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
			return intx_trigger(irqs, request);
		if (action == VFIO_IRQ_SET_ACTION_MASK || action == VFIO_IRQ_SET_ACTION_UNMASK)
			return intx_set_masked(irqs, request, action == VFIO_IRQ_SET_ACTION_MASK);
		return refuse_action(request);
	case IRQ_MSI:
	case IRQ_MSIX:
		return action == VFIO_IRQ_SET_ACTION_TRIGGER ? msi_trigger(irqs, request)
							     : refuse_action(request);
	default:
		return action == VFIO_IRQ_SET_ACTION_TRIGGER ? event_trigger(irqs, request)
							     : refuse_action(request);
	}
}

/* Tells the watcher, if there is one, what is active now. */
static void tell_watcher(struct device_irqs *irqs) REQUIRES(irqs->set_lock)
{
	const enum irq_index index = irqs->active;

	lock_assert_held(&irqs->set_lock);
	if (irqs->watcher)
		irqs->watcher->changed(irqs->watcher, index,
				       index == IRQ_NONE   ? 0
				       : index == IRQ_INTX ? 1
							   : irqs->vectors);
}

int vfio_irqs_set(struct device_irqs *irqs, const struct irq_request *request)
{
	enum irq_index before;
	struct origin now;
	int rc;

	origin_capture(&now);
	lock_acquire(&irqs->set_lock);
	before = irqs->active;
	rc = act(irqs, request);
	tell_watcher(irqs);
	if (irqs->active != before) {
		lock_acquire(&irqs->lock);
		irqs->enabled_by = now;
		lock_release(&irqs->lock);
	}
	lock_release(&irqs->set_lock);
	return rc;
}

/* ---- life ---- */

int vfio_irqs_init(struct device_irqs *irqs, const struct uiommufd_model *model, const char *name,
		   unsigned int counted)
{
	unsigned int most = model->msix_vectors > model->msi_vectors ? model->msix_vectors
								     : model->msi_vectors;

	*irqs = (struct device_irqs){
		.name = name,
		.counted = counted,
		.counts = {model->intx, model->msi_vectors, model->msix_vectors, 1, 1},
		.unmask = {.fd = -1, .next = -1},
		.active = IRQ_NONE,
		.intx_fd = -1,
		.event_fds = {-1, -1},
	};
	if (msix_init(&irqs->table, model->msix_vectors))
		return -ENOMEM;
	if (most) {
		irqs->vector_fds = alloc_array(most, sizeof(*irqs->vector_fds));
		if (!irqs->vector_fds)
			goto out_table;
	}
	for (unsigned int i = 0; i < most; i++)
		irqs->vector_fds[i] = -1;
	lock_init(&irqs->set_lock, LOCK_IRQ_SET);
	lock_init(&irqs->lock, LOCK_IRQ);
	return 0;

out_table:
	msix_destroy(&irqs->table);
	return -ENOMEM;
}

void vfio_irqs_disable(struct device_irqs *irqs)
{
	lock_acquire(&irqs->set_lock);
	if (irqs->active != IRQ_NONE)
		end_index(irqs, irqs->active);
	tell_watcher(irqs);
	for (unsigned int i = 0; i < 2; i++)
		replace_fd(irqs, &irqs->event_fds[i], -1);
	vfio_irqs_set_level(irqs, false);
	lock_release(&irqs->set_lock);
}

void vfio_irqs_destroy(struct device_irqs *irqs)
{
	vfio_irqs_disable(irqs);
	lock_destroy(&irqs->lock);
	lock_destroy(&irqs->set_lock);
	alloc_free(irqs->vector_fds);
	msix_destroy(&irqs->table);
}
