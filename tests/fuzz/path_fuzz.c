/* SPDX-License-Identifier: MIT */
/*
 * Paths of a program, over a small shadow root.
 *
 * What must hold: each ends on one side. What leads into the shadow root is a name in an emulated
 * directory, and what the kernel is told is the root and that name, which it does not follow out of
 * the root; everything else is not below the root.
 *
 * Input: 1 byte of options (bit 0 a link at the end is followed, bit 1 again after ENOENT, bit 2
 * links of the real system at once, bits 4-6 the directory that the path begins in), then the path.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "preload/process/fdtable.h"
#include "preload/process/path.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "require.h"

enum {
	LONGEST = 2 * PATH_MAX,
	DIRECTORIES = 8,
};

/* Replaces preload/start/real.c, which looks up the real functions. */
_Atomic bool real_ready = true;

void preload_init(void)
{
}

static char root[64];
static int directories[DIRECTORIES];

static void make(const char *path, const char *link)
{
	char real[PATH_MAX];
	int rc, fd;

	snprintf(real, sizeof(real), "%s%s", root, path);
	for (char *slash = real + strlen(root); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		rc = mkdir(real, 0700);
		require(!rc || errno == EEXIST);
		*slash = '/';
	}
	if (link) {
		rc = symlink(link, real);
		require(!rc);
		return;
	}
	fd = open(real, O_WRONLY | O_CREAT, 0600);
	require(fd >= 0);
	close(fd);
}

static void remove_root(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command))
		abort();
}

static void make_root(void)
{
	static const char *const begin[DIRECTORIES] = {
		"/", "/dev", "/sys", "/tmp", "/sys/class", "/dev/vfio", "/proc/self", ""};

	strcpy(root, "/tmp/path-fuzz-XXXXXX");
	if (!mkdtemp(root))
		abort();
	atexit(remove_root);
	make("/dev/iommu", NULL);
	make("/dev/vfio/vfio", NULL);
	make("/dev/vfio/7", NULL);
	make("/dev/vfio/devices/vfio3", NULL);
	make("/sys/devices/pcif00d:01/f00d:01:00.0/config", NULL);
	make("/sys/devices/pcif00d:01/f00d:01:00.0/driver", "../../../bus/pci/drivers/vfio-pci");
	make("/sys/bus/pci/devices/f00d:01:00.0", "../../../devices/pcif00d:01/f00d:01:00.0");
	make("/sys/bus/pci/drivers/vfio-pci/bind", NULL);
	make("/sys/bus/pci/loop", "loop");
	make("/sys/bus/pci/up", "../../../..");
	make("/sys/bus/pci/stand-in", "/sys/bus/pci/stand-in");
	setenv(LAYOUT_ROOT_VARIABLE, root, 1);
	root_init();
	for (int i = 0; i < DIRECTORIES; i++) {
		directories[i] = open(begin[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (directories[i] < 0)
			directories[i] = AT_FDCWD;
	}
}

static void check(const struct path_at *at)
{
	char real[PATH_MAX];

	if (!at->shadow) {
		require(at->path != at->text || !root_strip(at->path));
		return;
	}
	require(at->resolved && at->resolved[0] == '/' && path_is_candidate(at->resolved));
	require(strncmp(at->path, root, strlen(root)) == 0);
	require(strcmp(at->path + strlen(root), at->resolved) == 0);
	/* What the walk did not find the kernel does not find either, whatever dots follow. */
	if (at->follow && realpath(at->path, real))
		require(root_strip(real));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	const unsigned int options = fuzz_byte(&input);
	static char path[LONGEST];
	struct path_at at;
	int dirfd;

	if (!root[0])
		make_root();
	dirfd = directories[options >> 4 & 7];
	if (input.left >= sizeof(path))
		return 0;
	memset(path, 0, sizeof(path));
	memcpy(path, input.data, input.left);
	if (options & 4)
		path_resolve_links(&at, dirfd, path, options & 1);
	else
		path_resolve(&at, dirfd, path, options & 1);
	check(&at);
	if (options & 2 && path_again(&at))
		check(&at);
	return 0;
}
