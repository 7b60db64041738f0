/* SPDX-License-Identifier: MIT */
/*
 * /proc/.../fail-nth, as in a kernel with fault injection [TEST-FAIL]: makes the n-th step that can
 * fail do so.
 */
#ifndef MOCK_MOCK_FAIL_NTH_H
#define MOCK_MOCK_FAIL_NTH_H

#include <sys/types.h>

struct uiommufd_file;

/*
 * Creates the file of thread @tid of this process, with one reference. Writing a decimal number
 * arms the count, 0 disarms it; reading returns what is left of it. Other threads get -EPERM.
 * Returns 0 or -ENOMEM.
 */
int fail_nth_create(pid_t tid, struct uiommufd_file **out);

#endif
