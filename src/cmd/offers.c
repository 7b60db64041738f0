/* SPDX-License-Identifier: MIT */
/* See offers.h. A thread for each connection sleeps until it is asked for, and ends. */
#include "cmd/offers.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "preload/start/layout.h"
#include "vfio_user/handover.h"

/* Without a socket, processes connect by themselves. */
static void prepare_one(struct offers *offers, struct tree *tree, const struct machine *machine,
			size_t index)
{
	struct vu_connection connection;
	char path[PATH_MAX], real[PATH_MAX];
	int listener;

	if (!machine_take_connection(machine, index, &connection))
		return;
	snprintf(path, sizeof(path), "/" LAYOUT_IDENTITIES "/%s.socket",
		 vfio_device_name(machine_device(machine, index)));
	tree_real_path(tree, path, real);
	listener = offers->count < OFFERS_MAX ? vu_handover_listen(real) : -1;
	if (listener < 0) {
		vu_connection_close(&connection);
		return;
	}
	offers->list[offers->count].listener = listener;
	offers->list[offers->count++].connection = connection;
}

void offers_prepare(struct offers *offers, struct tree *tree, const struct machine *machine)
{
	offers->count = 0;
	for (size_t i = 0; !tree->error && machine_device(machine, i); i++)
		prepare_one(offers, tree, machine, i);
}

static void close_offer(const struct offer *offer)
{
	close(offer->listener);
	vu_connection_close(&offer->connection);
}

static void *give(void *arg)
{
	const struct offer *offer = arg;

	(void)vu_handover_give(offer->listener, &offer->connection);
	close_offer(offer);
	return NULL;
}

void offers_serve(struct offers *offers)
{
	for (unsigned int i = 0; i < offers->count; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, give, &offers->list[i]))
			close_offer(&offers->list[i]);
		else
			pthread_detach(thread);
	}
}

void offers_forget(struct offers *offers)
{
	for (unsigned int i = 0; i < offers->count; i++)
		close_offer(&offers->list[i]);
	offers->count = 0;
}
