/* SPDX-License-Identifier: MIT */
/* fork: the functions that a transport calls around it. */
#ifndef IOMMUFD_FORK_H
#define IOMMUFD_FORK_H

/*
 * iommufd_fork_prepare() waits until every other thread has left the engine and keeps them out
 * (base/world.h), so that the child finds every lock free and every structure whole. After the fork
 * the parent and the child each make their own call. Transports call these from pthread_atfork().
 *
 * Context: the calling thread holds no lock of the engine and is outside of RCU read-side critical
 * sections.
 */
void iommufd_fork_prepare(void);
void iommufd_fork_parent(void);
void iommufd_fork_child(void);

#endif
