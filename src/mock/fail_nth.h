/* SPDX-License-Identifier: MIT */
/*
 * /proc/.../fail-nth as a kernel built for testing has it: makes the n-th step that may fail fail
 * (base/fail.h).
 */
#ifndef MOCK_FAIL_NTH_H
#define MOCK_FAIL_NTH_H

#include <sys/types.h>

struct uiommufd_file;

/*
 * The file of thread @tid of this process: a decimal number written is the count, 0 ends it; what
 * is left is read. Only the thread itself can use it: for others it is -EPERM. One reference. 0 or
 * -ENOMEM.
 */
int fail_nth_create(pid_t tid, struct uiommufd_file **out);

#endif
