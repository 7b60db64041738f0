/* SPDX-License-Identifier: MIT */
/*
 * Descriptions of a machine: defaults, what is wrong with a bad one, and text that can be read
 * back.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/machine_internal.h"

struct fixture {
	struct machine *machine;
	char sysfs[64];
	char error[512];
};

/* Makes the directory @path below @root, and those above it. */
static void make_path(const char *root, const char *path)
{
	char full[256];

	for (size_t i = 1; i <= strlen(path); i++) {
		if (path[i] && path[i] != '/')
			continue;
		snprintf(full, sizeof(full), "%s/%.*s", root, (int)i, path);
		(void)mkdir(full, 0755);
	}
}

/* A machine on a system that has nothing in its /sys yet. */
static int setup(void **state)
{
	static struct fixture f;

	*state = &f;
	memset(&f, 0, sizeof(f));
	strcpy(f.sysfs, "/tmp/machine_test.XXXXXX");
	if (!mkdtemp(f.sysfs) || machine_create(&f.machine))
		return -1;
	f.machine->sysfs = f.sysfs;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	machine_destroy(f->machine);
	snprintf(command, sizeof(command), "rm -rf %s", f->sysfs);
	return system(command);
}

static int add(struct fixture *f, const char *text)
{
	return machine_add_device(f->machine, text, f->error, sizeof(f->error));
}

static int add_iommu(struct fixture *f, const char *text)
{
	return machine_add_iommu(f->machine, text, f->error, sizeof(f->error));
}

static void assert_refused(struct fixture *f, const char *text, const char *error)
{
	size_t iommus = f->machine->iommu_count, devices = f->machine->device_count,
	       groups = f->machine->group_count;

	f->error[0] = '\0';
	assert_int_equal(add(f, text), -EINVAL);
	assert_string_equal(f->error, error);
	assert_int_equal(f->machine->iommu_count, iommus);
	assert_int_equal(f->machine->device_count, devices);
	assert_int_equal(f->machine->group_count, groups);
}

static char *formatted(const struct machine *machine)
{
	static char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_int_equal(machine_format(machine, out), 0);
	fclose(out);
	return text;
}

static void a_device_alone_gets_every_default(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "edu"), 0);
	assert_string_equal(formatted(f->machine),
			    "iommu amd,name=amd0\n"
			    "device edu@0000:01:00.0,iommu=amd0,group=0,index=0\n");
}

static void devices_follow_each_other(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "edu@02:00.0"), 0);
	assert_int_equal(add(f, "edu"), 0);
	assert_int_equal(add(f, "edu,dma_mask=0xffff,delay_us=3"), 0);
	assert_string_equal(
		formatted(f->machine),
		"iommu amd,name=amd0\n"
		"device edu@0000:02:00.0,iommu=amd0,group=0,index=0\n"
		"device edu@0000:01:00.0,iommu=amd0,group=1,index=1\n"
		"device edu@0000:03:00.0,iommu=amd0,group=2,index=2,dma_mask=0xffff,delay_us=3\n");
	assert_string_equal(vfio_device_name(machine_device(f->machine, 1)), "0000:01:00.0");
	assert_null(machine_device(f->machine, 3));
	assert_ptr_equal(machine_find_device(f->machine, "0000:03:00.0"),
			 machine_device(f->machine, 2));
	assert_ptr_equal(machine_find_device(f->machine, "03:00.0"), machine_device(f->machine, 2));
	assert_null(machine_find_device(f->machine, "0000:04:00.0"));
	assert_null(machine_find_device(f->machine, "nonsense"));
}

static void settings_are_written_down_unless_they_are_the_default(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "edu,mmap=on,hostile=on"), 0);
	assert_int_equal(add(f, "edu,mmap=off,delay_us=3"), 0);
	assert_int_equal(machine_set_hostile(f->machine, "seed=3,rate=0.5", NULL, 0), 0);
	assert_int_equal(add(f, "edu,hostile=off"), 0);
	assert_string_equal(
		formatted(f->machine),
		"iommu amd,name=amd0\n"
		"hostile seed=3,rate=0.5\n"
		"device edu@0000:01:00.0,iommu=amd0,group=0,index=0\n"
		"device edu@0000:02:00.0,iommu=amd0,group=1,index=1,mmap=off,delay_us=3\n"
		"device edu@0000:03:00.0,iommu=amd0,group=2,index=2,hostile=off\n");
}

static void defaults_keep_clear_of_the_system(void **state)
{
	struct fixture *f = *state;

	make_path(f->sysfs, "bus/pci/devices/0000:01:00.0");
	make_path(f->sysfs, "class/vfio-dev/vfio0");
	make_path(f->sysfs, "kernel/iommu_groups/0");
	make_path(f->sysfs, "kernel/iommu_groups/17");
	make_path(f->sysfs, "kernel/iommu_groups/3");
	assert_int_equal(add(f, "edu"), 0);
	assert_string_equal(formatted(f->machine),
			    "iommu amd,name=amd0\n"
			    "device edu@0000:02:00.0,iommu=amd0,group=18,index=1\n");
	assert_refused(f, "edu@0000:01:00.0",
		       "0000:01:00.0 is taken: this system has a device there");
	assert_refused(f, "edu,group=17", "group=17 is taken: this system has one");
	assert_refused(f, "edu,index=0", "index=0 is taken: this system has a vfio0");
}

static void a_run_keeps_what_is_still_open(void **state)
{
	struct fixture *f = *state;
	char run[sizeof(f->sysfs) + 8];

	make_path(f->sysfs, "kernel/iommu_groups/2");
	make_path(f->sysfs, "run/bus/pci/devices/0000:01:00.0");
	make_path(f->sysfs, "run/kernel/iommu_groups/3");
	snprintf(run, sizeof(run), "%s/run", f->sysfs);
	machine_set_run(f->machine, run);
	assert_int_equal(add(f, "edu"), 0);
	assert_string_equal(formatted(f->machine),
			    "iommu amd,name=amd0\n"
			    "device edu@0000:02:00.0,iommu=amd0,group=4,index=0\n");
	assert_refused(f, "edu@0000:01:00.0",
		       "0000:01:00.0 is taken: what was there is still open");
	assert_refused(f, "edu,group=3", "group=3 is taken: a device of it is still open");
}

static void what_was_pulled_out_leaves_its_number(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "edu"), 0);
	assert_non_null(machine_find_cdev(f->machine, 0));
	vfio_device_pull(machine_device(f->machine, 0));
	assert_null(machine_find_cdev(f->machine, 0));
	assert_int_equal(add(f, "edu,index=0"), 0);
	assert_string_equal(vfio_device_name(machine_find_cdev(f->machine, 0)), "0000:02:00.0");
}

static void mistakes_are_explained(void **state)
{
	struct fixture *f = *state;

	assert_refused(
		f, "ahci",
		"no device model is called \"ahci\"; there are: e1000, edu, ioat, nvme, vfio-user");
	assert_refused(
		f, "",
		"no device model is called \"\"; there are: e1000, edu, ioat, nvme, vfio-user");
	assert_refused(f, "edu@1:0.0", "\"1:0.0\" is no PCI address: write 0000:01:00.0");
	assert_refused(f, "edu@0000:01:20.0",
		       "\"0000:01:20.0\" is no PCI address: write 0000:01:00.0");
	assert_refused(f, "edu@0000:01:00.8",
		       "\"0000:01:00.8\" is no PCI address: write 0000:01:00.0");
	assert_refused(f, "edu,speed=9",
		       "edu has no option \"speed\"; there are: iommu, group, index, mmap, "
		       "doorbells, hostile, romfile, dma_mask, delay_us, pasid");
	assert_refused(f, "edu,fast", "\"fast\" is no option: write name=value");
	assert_refused(f, "edu,dma_mask", "\"dma_mask\" is no option: write name=value");
	assert_refused(f, "edu,group", "\"group\" is no option: write name=value");
	assert_refused(f, "edu,group=1,group=2", "option group is given twice");
	assert_refused(f, "edu,group=x", "group=x: not a number from 0 to 1048576");
	assert_refused(f, "edu,index=4096", "index=4096: not a number from 0 to 4095");
	assert_refused(f, "edu,mmap=no", "mmap=no: write on or off");
	assert_refused(f, "edu,iommu=intel", "no IOMMU is called \"intel\"; there are: amd0");
	assert_refused(f, "edu\n", "a text is one line");
	assert_refused(f, "edu,delay_us=soon",
		       "edu does not take these options: delay_us=soon (microseconds that each DMA "
		       "takes, up to 1000000; default 0)");
	assert_int_equal(add(f, "edu"), 0);
	assert_refused(f, "edu@0000:01:00.0", "two devices are at 0000:01:00.0");
	assert_refused(f, "edu,index=0", "two devices have index=0");
}

static void a_flag_needs_no_value_and_a_path_becomes_absolute(void **state)
{
	struct fixture *f = *state;
	char expected[PATH_MAX + 256], directory[PATH_MAX];
	FILE *file = fopen("machine_test.disk", "we");

	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), 1 << 20), 0);
	fclose(file);
	assert_int_equal(add(f, "nvme,readonly,file=machine_test.disk"), 0);
	unlink("machine_test.disk");
	assert_non_null(getcwd(directory, sizeof(directory)));
	snprintf(expected, sizeof(expected),
		 "iommu amd,name=amd0\n"
		 "device nvme@0000:01:00.0,iommu=amd0,group=0,index=0,readonly=on,"
		 "file=%s/machine_test.disk\n",
		 directory);
	assert_string_equal(formatted(f->machine), expected);
}

/* A model that knows better says what is wrong. */
static void a_model_explains_what_it_refuses(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "nvme,size=5000", "size=5000 is no multiple of 4096");
	assert_refused(f, "nvme,file=/nonexistent/disk",
		       "file=/nonexistent/disk: No such file or directory");
	assert_refused(f, "nvme,file=/", "file=/: Is a directory");
	assert_refused(f, "nvme,file=/dev/null,readonly",
		       "file=/dev/null: neither a file nor a block device");
	assert_refused(f, "nvme,lba=1024",
		       "lba=1024 is refused: it is bytes of a block, 512 or 4096; default 512");
}

static void iommus_are_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add_iommu(f, "amd"), 0);
	assert_int_equal(add_iommu(f, "amd"), 0);
	assert_int_equal(add_iommu(f, "amd,name=second.one"), 0);
	assert_int_equal(add(f, "edu,iommu=second.one"), 0);
	assert_int_equal(add(f, "edu,iommu=amd1"), 0);
	assert_int_equal(add(f, "edu"), 0);
	assert_string_equal(iommu_name(machine_device_iommu(f->machine, 0)), "second.one");
	assert_string_equal(iommu_name(machine_device_iommu(f->machine, 1)), "amd1");
	assert_string_equal(iommu_name(machine_device_iommu(f->machine, 2)), "amd0");
	assert_string_equal(iommu_name(machine_iommu(f->machine, 1)), "amd1");
	assert_null(machine_iommu(f->machine, 3));

	assert_int_equal(add_iommu(f, "amd,name=amd1"), -EINVAL);
	assert_string_equal(f->error, "two IOMMUs are called \"amd1\"");
	assert_int_equal(add_iommu(f, "amd,name=a/b"), -EINVAL);
	assert_string_equal(f->error, "\"a/b\" is no name for an IOMMU: letters, digits, '_', '-' "
				      "and '.', at most 31");
	assert_int_equal(add_iommu(f, "amd,size=1"), -EINVAL);
	assert_string_equal(
		f->error, "IOMMUs have no option \"size\"; there are: name, aperture, hole, iotlb");
	assert_int_equal(add_iommu(f, "amd,iotlb=maybe"), -EINVAL);
	assert_string_equal(f->error, "iotlb=maybe: write on or off");
	assert_int_equal(add_iommu(f, "amd,name"), -EINVAL);
	assert_string_equal(f->error, "\"name\" is no option: write name=value");
	assert_int_equal(add_iommu(f, "amd@01:00.0"), -EINVAL);
	assert_int_equal(add_iommu(f, "cray"), -EINVAL);
	assert_non_null(strstr(f->error, "no kind of IOMMU is called \"cray\"; there are: "));
	assert_non_null(strstr(f->error, "amd"));
}

static void devices_share_a_group_behind_one_iommu(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add_iommu(f, "amd"), 0);
	assert_int_equal(add_iommu(f, "amd"), 0);
	assert_int_equal(add(f, "edu,group=7"), 0);
	assert_int_equal(add(f, "edu,group=7"), 0);
	assert_int_equal(add(f, "edu"), 0);
	assert_int_equal(machine_device_group(f->machine, 0), 7);
	assert_int_equal(machine_device_group(f->machine, 1), 7);
	assert_int_equal(machine_device_group(f->machine, 2), 0);
	assert_int_equal(f->machine->group_count, 2);
	assert_refused(f, "edu,group=7,iommu=amd1",
		       "group=7 is behind IOMMU \"amd0\", not \"amd1\"");
}

static void a_machine_survives_a_round_trip_through_text(void **state)
{
	struct fixture *f = *state;
	struct machine *copy;
	char first[4096];
	FILE *in;

	assert_int_equal(add_iommu(f, "amd,name=left,iotlb=off"), 0);
	assert_int_equal(add_iommu(f, "amd"), 0);
	assert_int_equal(add(f, "edu,index=5"), 0);
	assert_int_equal(add(f, "edu@0001:ff:1f.7,iommu=left,dma_mask=0xff"), 0);
	assert_int_equal(add(f, "edu,group=9,index=2"), 0);
	machine_set_mock(f->machine, true);
	strcpy(first, formatted(f->machine));

	/* The text was checked once: it holds where such devices exist, too. */
	make_path(f->sysfs, "bus/pci/devices/0000:01:00.0");
	make_path(f->sysfs, "kernel/iommu_groups/9");
	assert_int_equal(machine_create(&copy), 0);
	copy->sysfs = f->sysfs;
	in = fmemopen(first, strlen(first), "r");
	assert_int_equal(machine_parse(copy, in, f->error, sizeof(f->error)), 0);
	fclose(in);
	assert_string_equal(formatted(copy), first);
	assert_true(machine_mock(copy));
	assert_int_equal(vfio_device_index(machine_device(copy, 0)), 0);
	assert_int_equal(vfio_device_index(machine_device(copy, 1)), 2);
	assert_int_equal(vfio_device_index(machine_device(copy, 2)), 5);
	machine_destroy(copy);
}

static void a_bad_line_is_named(void **state)
{
	struct fixture *f = *state;
	static char text[] = "iommu amd\n\ndevice ede\n", other[] = "iommu amd\nfrob\n";
	FILE *in = fmemopen(text, sizeof(text) - 1, "r");

	assert_int_equal(machine_parse(f->machine, in, f->error, sizeof(f->error)), -EINVAL);
	assert_string_equal(f->error, "line 3: no device model is called \"ede\"; there are: "
				      "e1000, edu, ioat, nvme, vfio-user");
	fclose(in);
	in = fmemopen(other, sizeof(other) - 1, "r");
	assert_int_equal(machine_parse(f->machine, in, f->error, sizeof(f->error)), -EINVAL);
	assert_string_equal(f->error, "line 2: \"frob\" is neither iommu, hostile, device, "
				      "container, no-iommufd nor mock");
	fclose(in);
}

static void the_text_of_an_error_may_be_left_out(void **state)
{
	struct fixture *f = *state;
	char small[8];

	assert_int_equal(machine_add_device(f->machine, "ahci", NULL, 0), -EINVAL);
	assert_int_equal(machine_add_device(f->machine, "ahci", small, sizeof(small)), -EINVAL);
	assert_string_equal(small, "no devi");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_device_alone_gets_every_default),
		TEST(devices_follow_each_other),
		TEST(settings_are_written_down_unless_they_are_the_default),
		TEST(defaults_keep_clear_of_the_system),
		TEST(a_run_keeps_what_is_still_open),
		TEST(what_was_pulled_out_leaves_its_number),
		TEST(mistakes_are_explained),
		TEST(a_flag_needs_no_value_and_a_path_becomes_absolute),
		TEST(a_model_explains_what_it_refuses),
		TEST(iommus_are_named),
		TEST(devices_share_a_group_behind_one_iommu),
		TEST(a_machine_survives_a_round_trip_through_text),
		TEST(a_bad_line_is_named),
		TEST(the_text_of_an_error_may_be_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
