/* SPDX-License-Identifier: MIT */
/*
 * One device of a vfio-user server, for the files of this folder.
 *
 * While it is open there is a connection and a thread that receives from it: replies, the server's
 * DMA, and interrupts, each of which is an eventfd that the server notifies. DMA is done by the
 * device's work function, as that of every model.
 *
 * Locks: the device lock and the VFIO core's bind_lock serialise opening, closing and resets;
 * receiving is held by the thread for each thing that it does, so that fork finds it doing nothing;
 * requests_lock guards the list of DMA that waits; memory_lock what the server may reach.
 */
#ifndef DEVICES_REMOTE_INTERNAL_H
#define DEVICES_REMOTE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <urcu/list.h>

#include "base/lock.h"
#include "devices/remote/remote.h"
#include "iova/iova_map.h"
#include "vfio/backend.h"

enum {
	REMOTE_MAX_REQUESTS = 256, /* DMA that waits */
	REMOTE_NO_INDEX = 5,	   /* of interrupts: none is active */
};

/* Some servers do not survive the question: it is asked once, when a program wants to know. */
enum remote_answer {
	REMOTE_NOT_ASKED,
	REMOTE_NO,
	REMOTE_YES,
};

struct remote {
	struct uiommufd_device *dev;
	const struct remote_model *model;
	const char *path; /* of the socket; borrowed from the options */
	int timeout_ms;
	bool messages; /* the server gets no descriptors of memory */

	struct vu_link link; /* while the device is open */
	_Atomic bool open;   /* there is a link; changes under the device lock */
	uint16_t command;    /* that the server knows; device lock */
	struct vu_region_facts bars[VU_ID_BARS]; /* what can be mapped of them, while it is open */

	struct lock receiving;
	int epoll, stop; /* -1: the thread is not running */
	pthread_t thread;

	struct lock requests_lock;
	struct cds_list_head requests; /* struct vu_message.link */
	unsigned int request_count;
	bool refusing; /* DMA */

	_Atomic unsigned int irq_index;
	unsigned int irq_vectors; /* that the server has eventfds of */
	int *vector_fds;	  /* as many as the model has vectors; -1: none */
	int event_fds[2];	  /* ERR, REQ */

	struct ioas_listener listener;
	struct lock memory_lock;
	struct iova_map memory; /* struct remote_region */
	bool told;		/* the server knows of them */
	bool by_message;	/* the table has to see each access */
	bool window;		/* it may ask for any address, which the guest's tables translate */

	_Atomic enum remote_answer migrates; /* of the server that the device was opened with */
};

/* ---- the thread (remote_receive.c) ---- */

/* Starts it, for a link that is shared from now on. 0 or a negative errno. */
int remote_receive_start(struct remote *remote);
void remote_receive_stop(struct remote *remote);

/* In the child of a fork: closes what the thread had. */
void remote_receive_forget(struct remote *remote);

/* What an eventfd in remote->epoll stands for. */
enum remote_event {
	REMOTE_EVENT_SOCKET,
	REMOTE_EVENT_TWIN,
	REMOTE_EVENT_STOP,
	REMOTE_EVENT_INTX,
	REMOTE_EVENT_ERR,
	REMOTE_EVENT_REQ,
	REMOTE_EVENT_VECTOR, /* and more: plus the number of the vector */
};

/* *@fd: a new eventfd that the thread waits for. 0 or a negative errno. */
int remote_watch(struct remote *remote, unsigned int event, int *fd);

/* Ends that. *@fd: -1 is allowed, and what it is afterwards. */
void remote_unwatch(struct remote *remote, int *fd);

/* From now on DMA is refused, that which waits as well; or not any more. */
void remote_refuse_dma(struct remote *remote, bool refuse);

/* The work function: does the DMA that waits. */
void remote_do_dma(struct uiommufd_device *dev);

/* ---- interrupts (remote_irqs.c) ---- */

void remote_set_irqs(struct uiommufd_device *dev, unsigned int index, unsigned int vectors);
void remote_unmask_intx(struct uiommufd_device *dev, bool wait);
bool remote_intx_asserted(struct uiommufd_device *dev);

/* Gives the server the eventfds of ERR and REQ, if it has those. */
void remote_watch_errors(struct remote *remote);
void remote_unwatch_all(struct remote *remote);

/* ---- migration (remote_migration.c) ---- */

bool remote_migrates(struct uiommufd_device *dev);
int remote_set_state(struct uiommufd_device *dev, uint32_t state);
int remote_save(struct uiommufd_device *dev, struct uiommufd_saver *saver);
int remote_load(struct uiommufd_device *dev, uint32_t version, const void *state, size_t len);

/* ---- memory (remote_memory.c) ---- */

extern const struct listener_ops remote_listener;

/* Tells the server what it may reach, from now on; and no more. */
void remote_memory_tell(struct remote *remote);
void remote_memory_silence(struct remote *remote);

/* Reports what the server may have written itself: all that it has a descriptor of. */
void remote_written(struct uiommufd_device *dev, struct iova_range range,
		    void (*report)(struct iova_range written, void *arg), void *arg);
void remote_memory_destroy(struct remote *remote);

#endif
