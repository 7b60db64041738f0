/* SPDX-License-Identifier: MIT */
/*
 * The device of a vfio-user server as a model: its life, its registers, fork.
 *
 * A register access is a round trip to the server, under the device lock. While that waits, the
 * server's DMA is served by another thread, as the server may want it done before it answers.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/vfio.h>
#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/last_error.h"
#include "base/log.h"
#include "base/sys.h"
#include "devices/devices.h"
#include "devices/remote/remote_internal.h"
#include "vfio_user/handover.h"
#include "vfio_user/server_migration.h"

static struct remote *remote_of(struct uiommufd_device *dev)
{
	return uiommufd_device_state(dev);
}

/* ---- options ---- */

/* Seconds as text. False: it is none. */
static bool parse_timeout(const char *text, int *timeout_ms)
{
	char *end;
	long seconds = REMOTE_TIMEOUT;

	if (text) {
		seconds = strtol(text, &end, 10);
		if (end == text || *end || seconds < 1 || seconds > REMOTE_MAX_TIMEOUT)
			return false;
	}
	*timeout_ms = (int)seconds * 1000;
	return true;
}

/* NULL stands for off. False: it is neither on nor off. */
static bool parse_switch(const char *text, bool *on)
{
	*on = text && strcmp(text, "on") == 0;
	return !text || *on || strcmp(text, "off") == 0;
}

int remote_probe(const char *path, const char *timeout, struct vu_identity *identity,
		 struct vu_connection *kept, const struct vu_why *why)
{
	struct vu_link link;
	int timeout_ms, rc;

	if (!parse_timeout(timeout, &timeout_ms)) {
		if (why->size)
			snprintf(why->text, why->size, "timeout=%s: write seconds, 1 to %d",
				 timeout, REMOTE_MAX_TIMEOUT);
		return -EINVAL;
	}
	rc = vu_link_open(&link, path, path, timeout_ms, why);
	if (rc)
		return rc;
	rc = vu_identify(&link, identity);
	if (rc)
		vu_link_close(&link);
	else
		*kept = vu_link_keep(&link);
	return rc;
}

/* ---- opening ---- */

/* Whether the server still has the device that the model was made from. */
static int check_same(struct remote *remote, const struct vu_why *why)
{
	const struct vu_identity *known = &remote->model->identity;
	struct vu_identity *now = alloc_zeroed(sizeof(*now));
	int rc;

	if (!now)
		return -ENOMEM;
	rc = vu_identify(&remote->link, now);
	if (!rc && (memcmp(now->bars, known->bars, sizeof(now->bars)) != 0 ||
		    memcmp(now->irqs, known->irqs, sizeof(now->irqs)) != 0 ||
		    memcmp(now->config, known->config, sizeof(uint32_t)) != 0)) {
		snprintf(why->text, why->size, "%s: the server has another device now",
			 remote->path);
		rc = -ENODEV;
	}
	alloc_free(now);
	return rc;
}

static void release_bars(struct remote *remote)
{
	for (unsigned int i = 0; i < VU_ID_BARS; i++)
		vu_region_release(&remote->bars[i]);
}

/* Asks for what can be mapped of the BARs. 0 or an errno of the server. */
static int learn_bars(struct remote *remote)
{
	int rc = 0;

	for (unsigned int i = 0; i < VU_ID_BARS && !rc; i++) {
		if (!remote->model->identity.bars[i])
			continue;
		rc = vu_ask_region(&remote->link, i, &remote->bars[i]);
		for (unsigned int a = 0; a < remote->bars[i].area_count; a++)
			remote->bars[i].areas[a].fd = sys_move_away(remote->bars[i].areas[a].fd);
	}
	return rc;
}

/* Takes the connection that the server was asked with first. False: something has had it. */
static bool take_kept(struct remote *remote, struct vu_connection *kept)
{
	/* The model is the machine's, which lends it to its device. */
	struct remote_model *model = (struct remote_model *)(uintptr_t)remote->model;

	if (remote_model_take(model, kept))
		return true;
	return model->handover && !vu_handover_take(model->handover, kept);
}

/* Connects to the server that the model was made from. */
static int connect_to_same(struct remote *remote, const struct vu_why *why)
{
	const char *name = uiommufd_device_name(remote->dev);
	struct vu_connection kept;
	int rc;

	if (take_kept(remote, &kept)) {
		kept.fd = sys_move_away(kept.fd);
		if (kept.twin >= 0)
			kept.twin = sys_move_away(kept.twin);
		vu_link_adopt(&remote->link, name, &kept, &remote->model->identity.theirs,
			      remote->timeout_ms, why);
		if (!check_same(remote, why))
			return 0;
		/* It has died since. There may be another one. */
		vu_link_close(&remote->link);
	}
	rc = vu_link_open(&remote->link, name, remote->path, remote->timeout_ms, why);
	if (rc)
		return rc;
	rc = check_same(remote, why);
	if (rc)
		vu_link_close(&remote->link);
	return rc;
}

static int connect_and_learn(struct remote *remote, const struct vu_why *why)
{
	int rc = connect_to_same(remote, why);

	if (rc)
		return rc;
	rc = learn_bars(remote);
	if (rc)
		goto out_close;
	vu_link_share(&remote->link);
	rc = remote_receive_start(remote);
	if (rc)
		goto out_close;
	return 0;

out_close:
	release_bars(remote);
	vu_link_close(&remote->link);
	return rc;
}

static int remote_open(struct uiommufd_device *dev)
{
	struct remote *remote = remote_of(dev);
	char text[256] = "";
	const struct vu_why why = {text, sizeof(text)};
	int rc = connect_and_learn(remote, &why);

	if (rc) {
		log_error("%s: vfio-user: %s", uiommufd_device_name(dev),
			  text[0] ? text : strerror(-rc));
		return refuse(rc == -ENOMEM || rc == -EMFILE ? rc : -ENODEV, "vfio-user: %s",
			      text[0] ? text : strerror(-rc));
	}
	remote->command = 0;
	atomic_store(&remote->migrates, REMOTE_NOT_ASKED);
	remote_refuse_dma(remote, false);
	uiommufd_device_lock(dev);
	atomic_store(&remote->open, true);
	uiommufd_device_unlock(dev);
	remote_watch_errors(remote);
	remote_memory_tell(remote);
	return 0;
}

static void remote_quiesce(struct uiommufd_device *dev)
{
	remote_refuse_dma(remote_of(dev), true);
}

static void remote_close(struct uiommufd_device *dev)
{
	struct remote *remote = remote_of(dev);

	if (!atomic_load(&remote->open))
		return;
	remote_unwatch_all(remote);
	remote_memory_silence(remote);
	uiommufd_device_lock(dev);
	atomic_store(&remote->open, false);
	uiommufd_device_unlock(dev);
	atomic_store(&remote->link.over, true);
	remote_receive_stop(remote);
	release_bars(remote);
	vu_link_close(&remote->link);
}

/* ---- registers ---- */

/* Whether the access gets to the server at all. */
static bool answers(struct remote *remote, unsigned int bar, uint64_t off, unsigned int size)
{
	return atomic_load(&remote->open) && !atomic_load(&remote->link.over) &&
	       off + size <= remote->model->identity.bars[bar];
}

static uint64_t remote_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			    unsigned int size)
{
	struct remote *remote = remote_of(dev);
	uint64_t value = 0;

	if (!answers(remote, bar, off, size) ||
	    vu_region_read(&remote->link, bar, off, &value, size))
		return UINT64_MAX;
	return value;
}

static void remote_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			 unsigned int size, uint64_t value)
{
	struct remote *remote = remote_of(dev);

	if (answers(remote, bar, off, size))
		(void)vu_region_write(&remote->link, bar, off, &value, size);
}

static void send_command(struct remote *remote)
{
	if (atomic_load(&remote->open) && !atomic_load(&remote->link.over))
		(void)vu_region_write(&remote->link, VU_ID_CONFIG, PCI_COMMAND, &remote->command,
				      sizeof(remote->command));
}

static void remote_set_command(struct uiommufd_device *dev, uint16_t command)
{
	struct remote *remote = remote_of(dev);

	if (!atomic_load(&remote->open) || command == remote->command)
		return;
	remote->command = command;
	send_command(remote);
}

/*
 * No work runs, so DMA that the server waits for in its reset would not be done: it is refused, as
 * the DMA of hardware that is reset is lost.
 */
static void remote_reset(struct uiommufd_device *dev)
{
	struct remote *remote = remote_of(dev);
	bool refusing;

	if (!atomic_load(&remote->open) || atomic_load(&remote->link.over))
		return;
	lock_acquire(&remote->requests_lock);
	refusing = remote->refusing;
	lock_release(&remote->requests_lock);
	remote_refuse_dma(remote, true);
	if (remote->model->identity.flags & VFIO_DEVICE_FLAGS_RESET)
		(void)vu_link_tell(&remote->link, VU_DEVICE_RESET, NULL, 0);
	send_command(remote);
	remote_refuse_dma(remote, refusing);
}

static bool remote_map(struct uiommufd_device *dev, unsigned int bar, uint64_t off, uint64_t len,
		       int *fd, uint64_t *fd_offset)
{
	struct remote *remote = remote_of(dev);
	const struct uiommufd_model *model = &remote->model->model;
	const struct vu_region_facts *facts = &remote->bars[bar];

	if (!atomic_load(&remote->open) || atomic_load(&remote->link.over))
		return false;
	/* The table of MSI-X is ours. */
	if (model->msix_vectors && model->msix_bar == bar)
		return false;
	for (unsigned int i = 0; i < facts->area_count; i++) {
		const struct vu_area *area = &facts->areas[i];

		if (off < area->offset || off - area->offset > area->size ||
		    len > area->size - (off - area->offset))
			continue;
		*fd = area->fd;
		*fd_offset = facts->fd_offset + off;
		return true;
	}
	return false;
}

/* ---- fork ---- */

/* The thread is in the middle of nothing; no reply is waited for, as nothing is in a call. */
static void remote_fork_prepare(struct uiommufd_device *dev) NO_LOCK_ANALYSIS
{
	lock_acquire_nested(&remote_of(dev)->receiving);
}

static void remote_fork_parent(struct uiommufd_device *dev) NO_LOCK_ANALYSIS
{
	lock_release(&remote_of(dev)->receiving);
}

/* The connection is the parent's. The child closes its copies, and its device does not answer. */
static void remote_fork_child(struct uiommufd_device *dev) NO_LOCK_ANALYSIS
{
	struct remote *remote = remote_of(dev);

	lock_release(&remote->receiving);
	if (!atomic_load(&remote->open))
		return;
	vu_link_abandon(&remote->link);
	remote_receive_forget(remote);
}

/* ---- life ---- */

static const struct device_backend remote_backend = {
	.open = remote_open,
	.quiesce = remote_quiesce,
	.close = remote_close,
	.set_command = remote_set_command,
	.set_irqs = remote_set_irqs,
	.unmask_intx = remote_unmask_intx,
	.intx_asserted = remote_intx_asserted,
	.map = remote_map,
	.written = remote_written,
	.migrates = remote_migrates,
	.set_state = remote_set_state,
	.fork_prepare = remote_fork_prepare,
	.fork_parent = remote_fork_parent,
	.fork_child = remote_fork_child,
};

static int remote_init(struct uiommufd_device *dev)
{
	const struct uiommufd_model *model = vfio_backend_model(dev);
	struct remote *remote = remote_of(dev);
	const unsigned int vectors = model->msix_vectors > model->msi_vectors ? model->msix_vectors
									      : model->msi_vectors;

	/* The machine makes devices of models that are made from it. */
	if (model == &device_vfio_user)
		return uiommufd_device_refuse(dev, -EINVAL, "vfio-user: the server is not known");
	remote->dev = dev;
	remote->model = caa_container_of(model, const struct remote_model, model);
	remote->path = uiommufd_device_option(dev, "socket");
	if (!remote->path ||
	    !parse_timeout(uiommufd_device_option(dev, "timeout"), &remote->timeout_ms))
		return -EINVAL;
	if (!parse_switch(uiommufd_device_option(dev, "messages"), &remote->messages))
		return uiommufd_device_refuse(dev, -EINVAL, "messages: write on or off");
	remote->vector_fds = alloc_array(vectors + 1, sizeof(*remote->vector_fds));
	if (!remote->vector_fds)
		return -ENOMEM;
	for (unsigned int i = 0; i <= vectors; i++)
		remote->vector_fds[i] = -1;
	remote->event_fds[0] = remote->event_fds[1] = -1;
	remote->epoll = remote->stop = -1;
	remote->irq_index = REMOTE_NO_INDEX;
	remote->refusing = true;
	CDS_INIT_LIST_HEAD(&remote->requests);
	lock_init(&remote->receiving, LOCK_REMOTE);
	lock_init(&remote->requests_lock, LOCK_VFIO_USER);
	lock_init(&remote->memory_lock, LOCK_REMOTE_DMA);
	iova_map_init(&remote->memory);
	remote->listener.ops = &remote_listener;
	vfio_device_set_backend(dev, &remote_backend, &remote->listener);
	return 0;
}

static void remote_fini(struct uiommufd_device *dev)
{
	struct remote *remote = remote_of(dev);

	remote_memory_destroy(remote);
	lock_destroy(&remote->memory_lock);
	lock_destroy(&remote->requests_lock);
	lock_destroy(&remote->receiving);
	alloc_free(remote->vector_fds);
}

static const struct uiommufd_option options[] = {
	{"socket", "path of the server's socket", UIOMMUFD_OPTION_PATH},
	{"timeout", "seconds for an answer of the server, 1 to 3600; default: 10",
	 UIOMMUFD_OPTION_VALUE},
	{"messages", "on: the server gets no descriptors of memory; default: off",
	 UIOMMUFD_OPTION_FLAG},
	{NULL, NULL, UIOMMUFD_OPTION_VALUE},
};

static const struct uiommufd_option_range option_ranges[] = {
	{"socket", "a path", NULL},
	{"timeout", "1 to 3600", "10"},
	{"messages", "on or off", "off"},
	{.option = NULL},
};

const struct uiommufd_model device_vfio_user = {
	.name = "vfio-user",
	.summary = "the device of a vfio-user server at a UNIX socket",
	.state_size = sizeof(struct remote),
	.options = options,
	.option_ranges = option_ranges,
	.init = remote_init,
	.fini = remote_fini,
	.reset = remote_reset,
	.read = remote_read,
	.write = remote_write,
	.saved_version = 1,
	.saved_bytes = VU_MIG_PIECE,
	.save = remote_save,
	.load = remote_load,
};
