/* SPDX-License-Identifier: MIT */
/*
 * Peer-to-peer: a BAR that a program has mapped, as memory that other devices reach by DMA
 * [TYPE1-PINNING.3].
 */
#ifndef VFIO_PEER_H
#define VFIO_PEER_H

#include "mem/source.h"

/* What keeps the file of the BAR until vfio_peer_put(), which no lock may be held for. */
struct peer_hold {
	void *mapping; /* NULL: nothing is held */
};

/*
 * If the program has mapped a BAR at @va: *@source, owned, is [@va, @va + @len) of it. Otherwise it
 * is NULL. 0; -EFAULT: more than one mapping, or the BAR does not decode; -ENOMEM.
 */
int vfio_peer_source(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool writable,
		     struct mem_source **source, struct peer_hold *hold);
void vfio_peer_put(const struct peer_hold *hold);

#endif
