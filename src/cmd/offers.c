/* SPDX-License-Identifier: MIT */
/* See offers.h. A thread for each connection sleeps until it is asked for, and ends. */
#include "cmd/offers.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "preload/start/layout.h"
#include "vfio_user/handover.h"

/* Without a socket, processes connect by themselves. */
static void prepare_one(struct offers *offers, struct tree *tree, const struct machine *machine,
			size_t index)
{
	const int connection = machine_take_connection(machine, index);
	char path[PATH_MAX], real[PATH_MAX];
	int listener;

	if (connection < 0)
		return;
	snprintf(path, sizeof(path), "/" LAYOUT_IDENTITIES "/%s.socket",
		 vfio_device_name(machine_device(machine, index)));
	tree_real_path(tree, path, real);
	listener = offers->count < OFFERS_MAX ? vu_handover_listen(real) : -1;
	if (listener < 0) {
		close(connection);
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

/* The two descriptors, as one number. */
static void *give(void *arg)
{
	const uint64_t both = (uintptr_t)arg;
	const int listener = (int)(both >> 32), connection = (int)(uint32_t)both;

	(void)vu_handover_give(listener, connection);
	close(listener);
	close(connection);
	return NULL;
}

void offers_serve(struct offers *offers)
{
	for (unsigned int i = 0; i < offers->count; i++) {
		const uint64_t both = (uint64_t)offers->list[i].listener << 32 |
				      (uint32_t)offers->list[i].connection;
		pthread_t thread;

		if (!pthread_create(&thread, NULL, give, (void *)(uintptr_t)both)) {
			pthread_detach(thread);
			continue;
		}
		close(offers->list[i].listener);
		close(offers->list[i].connection);
	}
	offers->count = 0;
}

void offers_forget(struct offers *offers)
{
	for (unsigned int i = 0; i < offers->count; i++) {
		close(offers->list[i].listener);
		close(offers->list[i].connection);
	}
	offers->count = 0;
}
