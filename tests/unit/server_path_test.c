/* SPDX-License-Identifier: MIT */
/* Where a path of a program in another process leads. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit.h"
#include "server/union_path.h"

static char root[64];

static const char *in_root(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", root, name);
	return path;
}

static void lay_out(void)
{
	static const char *const folders[] = {
		"/dev",
		"/dev/vfio",
		"/dev/vfio/devices",
		"/sys",
		"/sys/bus",
		"/sys/bus/pci",
		"/sys/bus/pci/devices",
		"/sys/devices",
		"/sys/devices/pci0000:c1",
		"/sys/devices/pci0000:c1/0000:c1:00.0",
	};
	static const char *const files[] = {
		"/dev/iommu",
		"/dev/vfio/devices/vfio0",
		"/sys/devices/pci0000:c1/0000:c1:00.0/vendor",
		"/sys/devices/pci0000:c1/0000:c1:00.0/config",
	};

	strcpy(root, "/tmp/uiommufd-server-path-XXXXXX");
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		assert_int_equal(mkdir(in_root(folders[i]), 0700), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		close(open(in_root(files[i]), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlink("/dev/null", in_root("/dev/null")), 0);
	assert_int_equal(symlink("../../../devices/pci0000:c1/0000:c1:00.0",
				 in_root("/sys/bus/pci/devices/0000:c1:00.0")),
			 0);
	assert_int_equal(symlink("loop", in_root("/dev/vfio/loop")), 0);
	union_set_root(root);
}

static void clean_up(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void paths_lead_where_they_do(void **state)
{
	static const struct {
		const char *from, *path;
		bool follow;
		enum union_kind kind;
		const char *name; /* NULL: does not matter */
		enum node_kind node;
	} cases[] = {
		{"", "/dev/iommu", true, UNION_EMULATED, "/dev/iommu", NODE_IOMMU},
		{"", "//dev/./vfio/../iommu", true, UNION_EMULATED, "/dev/iommu", NODE_IOMMU},
		{"/dev", "iommu", true, UNION_EMULATED, "/dev/iommu", NODE_IOMMU},
		{"", "/dev", true, UNION_FOREIGN, NULL, NODE_NONE},
		{"", "/sys/bus/pci/devices/0000:c1:00.0", false, UNION_EMULATED,
		 "/sys/bus/pci/devices/0000:c1:00.0", NODE_NONE},
		{"", "/sys/bus/pci/devices/0000:c1:00.0/", false, UNION_EMULATED,
		 "/sys/devices/pci0000:c1/0000:c1:00.0", NODE_NONE},
		{"", "/sys/bus/pci/devices/0000:c1:00.0//", true, UNION_EMULATED,
		 "/sys/devices/pci0000:c1/0000:c1:00.0", NODE_NONE},
		{"", "/dev/vfio/..", true, UNION_REAL, "/dev", NODE_NONE},
		{"", "/dev/vfio/../null", true, UNION_REAL, "/dev/null", NODE_NONE},
		{"/home", "../dev/iommu", true, UNION_EMULATED, "/dev/iommu", NODE_IOMMU},
		{"", "/../dev/iommu", true, UNION_EMULATED, "/dev/iommu", NODE_IOMMU},
		{"", "/dev/vfio/devices/vfio0", true, UNION_EMULATED, NULL, NODE_CDEV},
		{"", "/dev/vfio/devices/vfio7", true, UNION_MISSING, NULL, NODE_NONE},
		{"", "/dev/vfio/devices", true, UNION_EMULATED, NULL, NODE_NONE},
		{"", "/sys/bus/pci/devices/0000:c1:00.0/config", true, UNION_EMULATED,
		 "/sys/devices/pci0000:c1/0000:c1:00.0/config", NODE_CONFIG},
		{"", "/sys/bus/pci/devices/0000:c1:00.0", false, UNION_EMULATED,
		 "/sys/bus/pci/devices/0000:c1:00.0", NODE_NONE},
		{"", "/sys/bus/pci/devices/0000:c1:00.0", true, UNION_EMULATED,
		 "/sys/devices/pci0000:c1/0000:c1:00.0", NODE_NONE},
		{"", "/dev/null", true, UNION_FOREIGN, NULL, NODE_NONE},
		{"", "/dev/zero", true, UNION_FOREIGN, NULL, NODE_NONE},
		{"", "/etc/passwd", true, UNION_FOREIGN, NULL, NODE_NONE},
		{"", "/device", true, UNION_FOREIGN, NULL, NODE_NONE},
		{"/home", "iommu", true, UNION_FOREIGN, NULL, NODE_NONE},
		{"", "/", true, UNION_FOREIGN, NULL, NODE_NONE},
		{"", "/dev/vfio/loop", true, UNION_FOREIGN, NULL, NODE_NONE},
	};

	(void)state;
	lay_out();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct union_path path;

		union_walk(&path, cases[i].from, cases[i].path, cases[i].follow);
		if (path.kind != cases[i].kind)
			print_message("%s from \"%s\"\n", cases[i].path, cases[i].from);
		assert_int_equal(path.kind, cases[i].kind);
		if (cases[i].name)
			assert_string_equal(path.name, cases[i].name);
		assert_int_equal(path.node.kind, cases[i].node);
	}
	clean_up();
}

static void a_directory_of_the_shadow_root_is_the_one_that_it_lies_over(void **state)
{
	struct union_path path;
	char from[128];

	(void)state;
	lay_out();
	snprintf(from, sizeof(from), "%s/dev", root);
	union_walk(&path, from, "iommu", true);
	assert_int_equal(path.kind, UNION_EMULATED);
	assert_string_equal(path.name, "/dev/iommu");
	/* The kernel would look for these in the shadow root. */
	union_walk(&path, from, "null", true);
	assert_int_equal(path.kind, UNION_REAL);
	assert_string_equal(path.name, "/dev/null");
	union_walk(&path, from, "../etc/passwd", true);
	assert_int_equal(path.kind, UNION_REAL);
	assert_string_equal(path.name, "/etc/passwd");
	assert_null(union_strip("/dev/iommu"));
	assert_string_equal(union_strip(root), "/");
	clean_up();
}

static void paths_that_are_too_long_are_the_kernels(void **state)
{
	static char text[PATH_MAX];
	struct union_path path;

	(void)state;
	lay_out();
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "/dev/", 5);
	union_walk(&path, "", text, true);
	assert_int_equal(path.kind, UNION_FOREIGN);
	for (size_t i = 0; i + 2 < sizeof(text) - 1; i += 2)
		memcpy(text + i, "/x", 2);
	memcpy(text, "/dev", 4);
	union_walk(&path, "", text, true);
	assert_int_equal(path.kind, UNION_FOREIGN);
	for (size_t i = 4; i + 3 < sizeof(text) - 1; i += 3)
		memcpy(text + i, "/..", 3);
	union_walk(&path, "", text, true);
	assert_int_not_equal(path.kind, UNION_EMULATED);
	clean_up();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_lead_where_they_do),
		cmocka_unit_test(a_directory_of_the_shadow_root_is_the_one_that_it_lies_over),
		cmocka_unit_test(paths_that_are_too_long_are_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
