/* SPDX-License-Identifier: MIT */
/*
 * The filter of system calls (seccomp(2)) that a program without our library runs under: calls that
 * can concern the emulated machine wait for the server's answer, all others pass.
 *
 * It is inherited by children and kept over exec, so it reaches whatever the program starts. It
 * needs no privilege: without CAP_SYS_ADMIN the program gives up gaining any (no_new_privs).
 */
#ifndef SERVER_FILTER_H
#define SERVER_FILTER_H

/*
 * read, write, copies of a descriptor and ioctls of other types are stopped for these numbers only,
 * so that they cost others nothing: the server gives them to what is emulated
 * (program_fd_give_emulated()).
 */
enum {
	FILTER_FIRST_FD = 512,
	FILTER_LAST_FD = 1023, /* the last that select() takes, and that the usual limit allows */
};

/* The type byte of the ioctls that are stopped for every number: those of iommufd and VFIO. */
enum {
	FILTER_IOCTL_TYPE = ';',
};

/*
 * Installs the filter for the calling thread, which becomes a program. Returns the descriptor on
 * which the calls arrive (close-on-exec), or a negative errno.
 *
 * Context: also in the child of vfork(2).
 */
int filter_install(void);

#endif
