/* SPDX-License-Identifier: MIT */
/*
 * openat2() where the path is emulated; else the kernel's. The kernel looks at the structure before
 * the path: it says of an empty path whether that would do.
 */
#include "preload/calls/openat2.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>

#include "base/sys.h"
#include "mem/guard.h"
#include "mem/self.h"
#include "preload/calls/memory.h"
#include "preload/process/path.h"
#include "preload/process/path_names.h"
#include "preload/start/real.h"

static long to_kernel(const long *args)
{
	return libc_result(memory_openat2(args[0], args[1], args[2], args[3]));
}

long call_openat2(const long *args)
{
	const char *path = (const char *)args[1];
	struct open_how how = {0};
	struct path_at at;
	int skipped = 0;
	long rc;

	path_resolve(&at, (int)args[0], path, true);
	if (!at.resolved || (size_t)args[3] < sizeof(how) ||
	    self_read(&how, (uint64_t)args[2], sizeof(how)))
		return to_kernel(args);
	rc = SYS(SYS_openat2, AT_FDCWD, "", args[2], args[3]);
	if (rc != -ENOENT)
		return libc_result(rc);
	if (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) &&
	    guard_copy_string(at.text, path, PATH_MAX) > 0)
		skipped = path_in_directory(how.resolve, at.text);
	if (skipped < 0)
		return to_kernel(args);
	if (skipped) {
		path_resolve(&at, (int)args[0], path + skipped, true);
		if (!at.resolved)
			return to_kernel(args);
	}
	return openat((int)args[0], path + skipped, (int)how.flags, (mode_t)how.mode);
}
