/* SPDX-License-Identifier: MIT */
/* The walk through the shadow root and the real system, with a small shadow root. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "preload/process/fdtable.h"
#include "preload/process/path.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

#define BUS    "/sys/devices/pcif00d:01"
#define DEVICE BUS "/f00d:01:00.0"
#define LINK   "/sys/bus/pci/devices/f00d:01:00.0"

/* Replaces preload/start/real.c, which looks up the real functions. */
_Atomic bool real_ready = true;

void preload_init(void)
{
}

static char root[64];

static void make(const char *path, const char *link)
{
	char real[PATH_MAX];

	snprintf(real, sizeof(real), "%s%s", root, path);
	for (char *slash = real + strlen(root); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		assert_true(mkdir(real, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	if (link)
		assert_int_equal(symlink(link, real), 0);
	else
		assert_int_equal(close(open(real, O_WRONLY | O_CREAT, 0600)), 0);
}

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/path-test-XXXXXX");
	assert_non_null(mkdtemp(root));
	make("/dev/iommu", NULL);
	make("/dev/vfio/vfio", NULL);
	make("/dev/vfio/7", NULL);
	make("/dev/vfio/devices/vfio3", NULL);
	make(DEVICE "/vendor", NULL);
	make(DEVICE "/config", NULL);
	make(DEVICE "/driver", "../../../bus/pci/drivers/vfio-pci");
	make(LINK, "../../../devices/pcif00d:01/f00d:01:00.0");
	make("/sys/bus/pci/drivers/vfio-pci/bind", NULL);
	make("/sys/bus/pci/loop", "loop");
	make("/sys/bus/pci/stand-in", "/sys/bus/pci/stand-in");
	make("/sys/bus/pci/gone", "../../devices/pcif00d:99");
	setenv("UIOMMUFD_ROOT", root, 1);
	root_init();
	return 0;
}

static int remove_root(void **state)
{
	char command[128];

	(void)state;
	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void assert_shadow(const char *path, bool follow, const char *resolved)
{
	struct path_at at;
	char expected[PATH_MAX];

	path_resolve(&at, AT_FDCWD, path, follow);
	assert_true(at.shadow);
	assert_string_equal(at.resolved, resolved);
	snprintf(expected, sizeof(expected), "%s%s", root, resolved);
	assert_string_equal(at.path, expected);
	assert_int_equal(path_hint_of(&at), PATH_HINT_SHADOW);
}

/* The kernel gets what the program passed. */
static void assert_untouched(int dirfd, const char *path)
{
	struct path_at at;

	path_resolve(&at, dirfd, path, true);
	assert_false(at.shadow);
	assert_int_equal(at.dirfd, dirfd);
	assert_ptr_equal(at.path, path);
}

static void assert_real(const char *path, const char *expected)
{
	struct path_at at;

	path_resolve(&at, AT_FDCWD, path, true);
	assert_false(at.shadow);
	assert_string_equal(at.path, expected);
}

static void a_path_elsewhere_is_handed_on_as_it_is(void **state)
{
	(void)state;
	assert_untouched(AT_FDCWD, "/usr/../dev/iommu");
	assert_untouched(AT_FDCWD, "/dev/null");
	assert_untouched(AT_FDCWD, "/dev/iommufd");
	assert_untouched(AT_FDCWD, "/device");
	assert_untouched(AT_FDCWD, "/sys/bus/pcix");
	assert_untouched(AT_FDCWD, "/sys/devices");
	assert_untouched(AT_FDCWD, "/");
	assert_untouched(AT_FDCWD, "");
	assert_untouched(AT_FDCWD, NULL);
	assert_untouched(AT_FDCWD, "dev/iommu");
	assert_untouched(42, "iommu");
}

static void an_emulated_path_leads_into_the_shadow(void **state)
{
	(void)state;
	assert_shadow("/dev/iommu", true, "/dev/iommu");
	assert_shadow("/dev/vfio", true, "/dev/vfio");
	assert_shadow(DEVICE "/vendor", true, DEVICE "/vendor");
}

static void slashes_and_dots_do_not_matter(void **state)
{
	(void)state;
	assert_shadow("//dev///iommu", true, "/dev/iommu");
	assert_shadow("/./dev/./iommu", true, "/dev/iommu");
	assert_shadow("/dev/../dev/vfio/../iommu", true, "/dev/iommu");
	assert_shadow("/../../dev/vfio/vfio", true, "/dev/vfio/vfio");
	assert_shadow("/sys/class/../bus/pci", true, "/sys/bus/pci");
}

static void links_are_followed_where_the_kernel_would(void **state)
{
	(void)state;
	assert_shadow(LINK, true, DEVICE);
	assert_shadow(LINK, false, LINK);
	assert_shadow(LINK "/vendor", false, DEVICE "/vendor");
	assert_shadow(LINK "/driver/bind", false, "/sys/bus/pci/drivers/vfio-pci/bind");
	assert_shadow(LINK "/../f00d:01:00.0/vendor", true, DEVICE "/vendor");
	assert_shadow(LINK "/..", true, BUS);
}

static void a_slash_at_the_end_asks_for_a_directory(void **state)
{
	struct path_at at;

	(void)state;
	assert_shadow(LINK "/", false, DEVICE "/");
	path_resolve(&at, AT_FDCWD, "/dev/iommu/", true);
	assert_true(at.shadow);
	assert_int_equal(at.node.kind, NODE_NONE);
	assert_int_equal(at.path[strlen(at.path) - 1], '/');
}

static void what_the_shadow_lacks_is_looked_for_in_the_real_system(void **state)
{
	(void)state;
	assert_untouched(AT_FDCWD, "/dev/vfio-not-there");
	assert_real("/sys/bus/pci/not-there/x", "/sys/bus/pci/not-there/x");
	assert_real("/sys/bus/pci/gone/x", "/sys/devices/pcif00d:99/x");
	assert_real("/sys/bus/pci/..", "/sys/bus");
	assert_real(LINK "/../../../kernel", "/sys/kernel");
}

static void a_stand_in_is_never_followed(void **state)
{
	(void)state;
	assert_real("/sys/bus/pci/stand-in", "/sys/bus/pci/stand-in");
	assert_real("/sys/bus/pci/stand-in/below", "/sys/bus/pci/stand-in/below");
}

static void inside_a_file_there_is_nothing(void **state)
{
	struct path_at at;
	struct stat st;

	(void)state;
	path_resolve(&at, AT_FDCWD, "/dev/iommu/x/y", true);
	assert_int_equal(stat(at.path, &st), -1);
	assert_int_equal(errno, ENOTDIR);
	path_resolve(&at, AT_FDCWD, "/dev/iommu/../vfio/vfio", true);
	assert_int_equal(stat(at.path, &st), -1);
	assert_int_equal(errno, ENOTDIR);
	path_resolve(&at, AT_FDCWD, "/dev/vfio/nothing/../vfio", true);
	assert_int_equal(stat(at.path, &st), -1);
	assert_int_equal(errno, ENOENT);
}

static void what_cannot_be_walked_is_left_to_the_kernel(void **state)
{
	char *path = malloc(2 * PATH_MAX);

	(void)state;
	assert_untouched(AT_FDCWD, "/sys/bus/pci/loop");
	memset(path, 'x', 2 * PATH_MAX);
	memcpy(path, "/dev/vfio/", 10);
	path[2 * PATH_MAX - 1] = '\0';
	assert_untouched(AT_FDCWD, path);
	path[PATH_MAX - 1] = '\0';
	assert_untouched(AT_FDCWD, path);
	free(path);
}

static void relative_paths_start_in_the_shadow(void **state)
{
	char inside[PATH_MAX];
	struct path_at at;
	int fd;

	(void)state;
	snprintf(inside, sizeof(inside), "%s" DEVICE, root);
	fd = open(inside, O_RDONLY | O_DIRECTORY);
	fdtable_set_hint(fd, PATH_HINT_SHADOW);
	path_resolve(&at, fd, "driver/bind", true);
	assert_true(at.shadow);
	assert_string_equal(at.resolved, "/sys/bus/pci/drivers/vfio-pci/bind");
	path_resolve(&at, fd, "../../../class/net", true);
	assert_false(at.shadow);
	assert_string_equal(at.path, "/sys/class/net");
	close(fd);

	assert_int_equal(chdir(inside), 0);
	path_cwd_changed();
	assert_shadow("vendor", true, DEVICE "/vendor");
	assert_shadow("../f00d:01:00.0", true, DEVICE);
	assert_shadow(".", true, DEVICE);
	assert_real("../../../../usr", "/usr");
	assert_int_equal(chdir("/"), 0);
	path_cwd_changed();
	assert_shadow("dev/iommu", true, "/dev/iommu");
	assert_int_equal(chdir("/tmp"), 0);
	path_cwd_changed();
	assert_untouched(AT_FDCWD, "dev/iommu");
	assert_shadow("../dev/iommu", true, "/dev/iommu");
}

static void nodes_are_recognised_by_name(void **state)
{
	(void)state;
	assert_int_equal(path_node("/dev/iommu").kind, NODE_IOMMU);
	assert_int_equal(path_node("/dev/vfio/vfio").kind, NODE_CONTAINER);
	assert_int_equal(path_node("/dev/vfio/17").kind, NODE_GROUP);
	assert_int_equal(path_node("/dev/vfio/17").number, 17);
	assert_int_equal(path_node("/dev/vfio/devices/vfio3").kind, NODE_CDEV);
	assert_int_equal(path_node("/dev/vfio/devices/vfio3").number, 3);
	assert_int_equal(path_node(DEVICE "/config").kind, NODE_CONFIG);
	assert_int_equal(path_node("/dev/vfio/devices/vfio").kind, NODE_NONE);
	assert_int_equal(path_node("/dev/vfio/1x").kind, NODE_NONE);
	assert_int_equal(path_node("/dev/vfio/99999999999999999999").kind, NODE_NONE);
	assert_int_equal(path_node("/sys/bus/config").kind, NODE_NONE);
	assert_int_equal(path_node(DEVICE "/resource4").kind, NODE_RESOURCE);
	assert_int_equal(path_node(DEVICE "/resource4").number, 4);
	assert_int_equal(path_node(DEVICE "/resource").kind, NODE_NONE);
	assert_int_equal(path_node(DEVICE "/resource4_wc").kind, NODE_NONE);
}

/* Those that a write changes, or time. */
static void attributes_are_recognised_by_name(void **state)
{
	static const char *const attributes[] = {
		DEVICE "/reset",
		DEVICE "/uevent",
		DEVICE "/power/control",
		"/sys/bus/pci/drivers/vfio-pci/unbind",
		"/sys/bus/pci/rescan",
		"/sys/kernel/iommu_groups/12/type",
		"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
	};
	static const char *const others[] = {
		DEVICE "/vendor",
		DEVICE "/power",
		DEVICE "/resets",
		BUS "/reset",
		"/sys/kernel/iommu_groups/type",
		"/sys/kernel/iommu_groups/1x/type",
		"/sys/kernel/iommu_groups//type",
		"/sys/bus/pci/devices/unbind",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		assert_int_equal(path_node(attributes[i]).kind, NODE_ATTRIBUTE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(path_node(others[i]).kind, NODE_NONE);
}

static void trees_begin_where_their_names_say(void **state)
{
	static const struct {
		const char *name;
		bool emulated;
	} names[] = {
		{"/sys/class/vfio", true},
		{"/sys/class/vfio/3", true},
		{"/sys/class/vfi", false},
		{"/sys/class/vfio3", false},
		{"/sys/class/misc/vfio", true},
		{"/sys/class/misc", false},
		{"/sys/dev/char/510:3", true},
		{"/sys/dev/char/51:3", false},
		{"/sys/dev/char/10:196", true},
		{"/sys/dev/char/10:197", false},
		{"/proc/modules", true},
		{"/proc/module", false},
		{"/sys/module/vfio_pci_core", true},
		{"/sys/module/vfio_pci_cor", false},
		{"/", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(path_is_emulated(names[i].name), names[i].emulated);
	assert_true(path_is_shared("/sys/class/misc") && path_is_shared("/sys/dev/char"));
}

static void names_lose_the_shadow_root(void **state)
{
	char name[PATH_MAX];

	(void)state;
	snprintf(name, sizeof(name), "%s/dev/iommu", root);
	assert_string_equal(root_strip(name), "/dev/iommu");
	assert_string_equal(root_strip(root), "/");
	snprintf(name, sizeof(name), "%sx/dev", root);
	assert_null(root_strip(name));
	assert_null(root_strip("/dev/iommu"));
}

static void errno_is_left_alone(void **state)
{
	struct path_at at;

	(void)state;
	errno = 12345;
	path_resolve(&at, AT_FDCWD, LINK "/nothing/there", true);
	path_resolve(&at, AT_FDCWD, "/dev/iommu", true);
	assert_int_equal(errno, 12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_elsewhere_is_handed_on_as_it_is),
		cmocka_unit_test(an_emulated_path_leads_into_the_shadow),
		cmocka_unit_test(slashes_and_dots_do_not_matter),
		cmocka_unit_test(links_are_followed_where_the_kernel_would),
		cmocka_unit_test(a_slash_at_the_end_asks_for_a_directory),
		cmocka_unit_test(what_the_shadow_lacks_is_looked_for_in_the_real_system),
		cmocka_unit_test(a_stand_in_is_never_followed),
		cmocka_unit_test(inside_a_file_there_is_nothing),
		cmocka_unit_test(what_cannot_be_walked_is_left_to_the_kernel),
		cmocka_unit_test(relative_paths_start_in_the_shadow),
		cmocka_unit_test(nodes_are_recognised_by_name),
		cmocka_unit_test(attributes_are_recognised_by_name),
		cmocka_unit_test(trees_begin_where_their_names_say),
		cmocka_unit_test(names_lose_the_shadow_root),
		cmocka_unit_test(errno_is_left_alone),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
