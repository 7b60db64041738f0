/* SPDX-License-Identifier: MIT */
/* fork: what a transport calls around it. */
#ifndef IOMMUFD_FORK_H
#define IOMMUFD_FORK_H

/*
 * Before a fork every other thread leaves the engine and stays out (base/world.h), so that the
 * child finds every lock free and every structure whole; then the parent and the child go on, each
 * by its own call. Transports call these from pthread_atfork(). The calling thread is outside of
 * the engine and holds no lock of it.
 */
void iommufd_fork_prepare(void);
void iommufd_fork_parent(void);
void iommufd_fork_child(void);

#endif
