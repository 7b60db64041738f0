/* SPDX-License-Identifier: MIT */
/*
 * What `uiommufd run` costs a program. System calls on files that are not emulated: through the C
 * library's function, and through syscall(), which is the reference. MAP and UNMAP of one page:
 * with reports and stacks, and with --reports off, in turns.
 *
 * Started without arguments, it starts itself under `uiommufd run` of the build that it belongs to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>
#include <uiommufd/vfio.h>

#include "../tests/lib/page.h"
#include "bench.h"
#include "mock/test_abi.h"

enum {
	OPERATIONS = 20000,
	TURNS = 5,
	STARTS = 20,
	MOCK_OPERATIONS = 1000,
};

#define IOVA UINT64_C(0x100000)

struct vfio_rig {
	int zero; /* a file that is not emulated */
	int iommufd;
	uint32_t ioas;
	char *page;
	struct uiommufd *embedded; /* a context of the library that this program links */
	uint32_t embedded_ioas;
};

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "preload_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void read_by_library(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;
	char byte;

	while (ops--)
		check(read(rig->zero, &byte, 1) == 1, "read");
}

static void read_by_syscall(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;
	char byte;

	while (ops--)
		check(syscall(SYS_read, rig->zero, &byte, 1) == 1, "read");
}

static void ioctl_by_library(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--)
		check(ioctl(rig->zero, FIOCLEX) == 0, "ioctl");
}

static void ioctl_by_syscall(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--)
		check(syscall(SYS_ioctl, rig->zero, FIOCLEX) == 0, "ioctl");
}

/* A call that does little: it looks the IOAS up, and reads one of its members. */
static struct iommu_option huge_pages(uint32_t ioas)
{
	return (struct iommu_option){
		.size = sizeof(struct iommu_option),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_GET,
		.object_id = ioas,
	};
}

static void option_by_ioctl(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--) {
		struct iommu_option option = huge_pages(rig->ioas);

		check(ioctl(rig->iommufd, IOMMU_OPTION, &option) == 0, "OPTION");
	}
}

static void option_by_embedding(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--) {
		struct iommu_option option = huge_pages(rig->embedded_ioas);

		check(uiommufd_ioctl(rig->embedded, NULL, IOMMU_OPTION, (uintptr_t)&option) == 0,
		      "OPTION");
	}
}

static void map_page(const struct vfio_rig *rig, uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.ioas_id = rig->ioas,
		.user_va = (uintptr_t)rig->page,
		.length = PAGE,
		.iova = iova,
	};

	check(ioctl(rig->iommufd, IOMMU_IOAS_MAP, &map) == 0, "MAP");
}

static void map_unmap_by_ioctl(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	while (ops--) {
		struct iommu_ioas_unmap unmap = {
			.size = sizeof(unmap), .ioas_id = rig->ioas, .iova = IOVA, .length = PAGE};

		map_page(rig, IOVA);
		check(ioctl(rig->iommufd, IOMMU_IOAS_UNMAP, &unmap) == 0, "UNMAP");
	}
}

static void open_program(struct vfio_rig *rig)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	int device = open("/dev/vfio/devices/vfio0", O_RDWR);

	check(device >= 0, "vfio0");
	rig->iommufd = open("/dev/iommu", O_RDWR);
	check(rig->iommufd >= 0, "/dev/iommu");
	bind.iommufd = rig->iommufd;
	check(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind) == 0, "bind");
	check(ioctl(rig->iommufd, IOMMU_IOAS_ALLOC, &alloc) == 0, "IOAS_ALLOC");
	attach.pt_id = alloc.out_ioas_id;
	check(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) == 0, "attach");
	rig->ioas = alloc.out_ioas_id;
}

static void open_embedded(struct vfio_rig *rig)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	check(uiommufd_open(NULL, &rig->embedded) == 0, "uiommufd_open");
	check(uiommufd_ioctl(rig->embedded, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&alloc) == 0,
	      "IOAS_ALLOC");
	rig->embedded_ioas = alloc.out_ioas_id;
}

/* Returns what the second costs more, in ns. */
static double compare(struct vfio_rig *rig, const char *without, void (*first)(void *, uint64_t),
		      const char *with, void (*second)(void *, uint64_t))
{
	const struct bench_case a = {.body = first, .arg = rig, .ops = OPERATIONS};
	const struct bench_case b = {.body = second, .arg = rig, .ops = OPERATIONS};
	struct bench_pair pair = bench_pair(&a, &b);

	bench_row(without, pair.first, pair.first);
	bench_row(with, pair.second, pair.first);
	return pair.second.min - pair.first.min;
}

static char *new_page(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	check(page != MAP_FAILED, "mmap");
	return page;
}

static struct vfio_rig open_rig(void)
{
	struct vfio_rig rig = {.zero = open("/dev/zero", O_RDONLY | O_CLOEXEC)};

	check(rig.zero >= 0, "/dev/zero");
	rig.page = new_page();
	open_program(&rig);
	return rig;
}

/* ---- with --mock ---- */

static void map_by_ioctl(void *arg, uint64_t ops)
{
	const struct vfio_rig *rig = arg;

	for (uint64_t i = 0; i < ops; i++)
		map_page(rig, MOCK_APERTURE_START + i * PAGE);
}

static void unmap_all(void *arg)
{
	const struct vfio_rig *rig = arg;
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = rig->ioas, .length = UINT64_MAX};

	check(ioctl(rig->iommufd, IOMMU_IOAS_UNMAP, &unmap) == 0, "UNMAP");
}

/* Prints the nanoseconds of a MAP into the tables of a mock device, for measure_mock(). */
static int measure_mock_mapping(void)
{
	struct vfio_rig rig = {.iommufd = open("/dev/iommu", O_RDWR)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_test_cmd attach = {.size = sizeof(attach), .op = IOMMU_TEST_OP_MOCK_DOMAIN};
	const struct bench_case mapping = {
		.body = map_by_ioctl, .teardown = unmap_all, .arg = &rig, .ops = MOCK_OPERATIONS};

	check(rig.iommufd >= 0, "/dev/iommu");
	rig.page = new_page();
	check(ioctl(rig.iommufd, IOMMU_IOAS_ALLOC, &alloc) == 0, "IOAS_ALLOC");
	rig.ioas = attach.id = alloc.out_ioas_id;
	check(ioctl(rig.iommufd, IOMMU_TEST_CMD, &attach) == 0, "MOCK_DOMAIN");
	printf("%f\n", bench_run(&mapping).min);
	return 0;
}

/* Prints the nanoseconds of a MAP and an UNMAP, for compare_mapping(). */
static int measure_mapping(void)
{
	struct vfio_rig rig = open_rig();
	const struct bench_case mapping = {
		.body = map_unmap_by_ioctl, .arg = &rig, .ops = OPERATIONS};

	printf("%f\n", bench_run(&mapping).min);
	return 0;
}

/* The number that the shell's command @line prints. */
static double printed_by(const char *line)
{
	double number = 0;
	FILE *out = popen(line, "r");

	check(out && fscanf(out, "%lf", &number) == 1 && !pclose(out), line);
	return number;
}

/* What measure_mapping() prints under @command run --reports @reports. */
static double mapping_with(const char *command, const char *self, const char *reports)
{
	char line[3 * PATH_MAX];

	check((size_t)snprintf(line, sizeof(line),
			       "'%s' run --reports %s --device edu -- '%s' mapping", command,
			       reports, self) < sizeof(line),
	      "path");
	return printed_by(line);
}

static void compare_mapping(const char *command, const char *self)
{
	double without[TURNS], with[TURNS], ratios[TURNS];
	struct bench_result first, second;

	for (unsigned int i = 0; i < TURNS; i++) {
		without[i] = mapping_with(command, self, "off");
		with[i] = mapping_with(command, self, "on");
		ratios[i] = with[i] / without[i];
	}
	/* The median sorts: the least is the first then. */
	first.median = bench_median(without, TURNS);
	first.min = without[0];
	second.median = bench_median(with, TURNS);
	second.min = with[0];
	bench_table("MAP and UNMAP of a page under uiommufd run");
	bench_row("--reports off", first, first);
	bench_row("reports and stacks, the default", second, first);
	bench_at_most("MAP and UNMAP with reports and stacks over those without",
		      bench_median(ratios, TURNS), 3, "");
	fflush(stdout);
}

static void measure_mock(const char *command, const char *self)
{
	char line[3 * PATH_MAX];
	double times[TURNS];
	struct bench_result result;

	check((size_t)snprintf(line, sizeof(line), "'%s' run --reports off --mock -- '%s' mock",
			       command, self) < sizeof(line),
	      "path");
	for (unsigned int i = 0; i < TURNS; i++)
		times[i] = printed_by(line);
	result.median = bench_median(times, TURNS);
	result.min = times[0];
	bench_table("MAP of a page under uiommufd run --mock");
	bench_row("into the tables of a mock device", result, result);
	bench_at_most("MAP 4K under --mock", result.min / 1000, 1, " us");
	fflush(stdout);
}

static void start_true(void *arg, uint64_t ops)
{
	char *const argv[] = {(char *)"true", NULL};

	(void)arg;
	while (ops--) {
		pid_t child;
		int status;

		check(posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) == 0, "true");
		check(waitpid(child, &status, 0) == child && status == 0, "true");
	}
}

/* Prints the nanoseconds that a program takes from its start to its end, for compare_start(). */
static int measure_start(void)
{
	const struct bench_case start = {.body = start_true, .ops = STARTS};

	printf("%f\n", bench_run(&start).min);
	return 0;
}

static void compare_start(const char *command, const char *self)
{
	char plain[2 * PATH_MAX], emulated[3 * PATH_MAX];
	double without[TURNS], with[TURNS];
	struct bench_result first, second;

	snprintf(plain, sizeof(plain), "'%s' start", self);
	snprintf(emulated, sizeof(emulated), "'%s' run --device edu -- '%s' start", command, self);
	for (unsigned int i = 0; i < TURNS; i++) {
		without[i] = printed_by(plain);
		with[i] = printed_by(emulated);
	}
	first.median = bench_median(without, TURNS);
	first.min = without[0];
	second.median = bench_median(with, TURNS);
	second.min = with[0];
	bench_table("the start and end of a program that opens nothing of ours (true)");
	bench_row("without uiommufd", first, first);
	bench_row("in a run, started by a program of it", second, first);
	bench_at_most("what the start of a program costs more in a run",
		      (second.min - first.min) / 1e6, 10, " ms");
	fflush(stdout);
}

/* Prints the nanoseconds since @then, the time when the program was asked for. */
static int say_reached(const char *then)
{
	printf("%llu\n", (unsigned long long)bench_now() - strtoull(then, NULL, 10));
	return 0;
}

/* How long it takes to the program's main(), which the shell's command @prefix starts. */
static struct bench_result reach(const char *prefix, const char *self)
{
	char line[3 * PATH_MAX];
	double times[STARTS];
	struct bench_result result;

	for (unsigned int i = 0; i < STARTS; i++) {
		check((size_t)snprintf(line, sizeof(line), "exec %s '%s' reached %llu", prefix,
				       self, (unsigned long long)bench_now()) < sizeof(line),
		      "path");
		times[i] = printed_by(line);
	}
	result.median = bench_median(times, STARTS);
	result.min = times[0];
	return result;
}

static void compare_reaching(const char *command, const char *self)
{
	char prefix[2 * PATH_MAX];
	struct bench_result without, with;

	snprintf(prefix, sizeof(prefix), "'%s' run --device edu --", command);
	without = reach("", self);
	with = reach(prefix, self);
	bench_table("from the shell to main()");
	bench_row("without uiommufd", without, without);
	bench_row("by uiommufd run", with, without);
	bench_at_most("what uiommufd run takes until its program is in main()",
		      (with.min - without.min) / 1e6, 5, " ms");
	fflush(stdout);
}

static int measure(void)
{
	struct vfio_rig rig = open_rig();
	double extra;

	bench_table("a program under uiommufd run");
	extra = compare(&rig, "read of another file, syscall()", read_by_syscall,
			"the same, read()", read_by_library);
	bench_at_most("what a read() of another file costs more under uiommufd run", extra, 20,
		      " ns");
	extra = compare(&rig, "ioctl of another file, syscall()", ioctl_by_syscall,
			"the same, ioctl()", ioctl_by_library);
	bench_at_most("what an ioctl() of another file costs more under uiommufd run", extra, 20,
		      " ns");
	open_embedded(&rig);
	bench_table("IOMMU_OPTION, which does little");
	extra = compare(&rig, "uiommufd_ioctl() of an embedding program", option_by_embedding,
			"ioctl() of a program under uiommufd run", option_by_ioctl);
	bench_at_most("what an ioctl of ours costs more than the embedded call", extra, 30, " ns");
	uiommufd_close(rig.embedded);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench_paths paths;

	if (argc > 1 && strcmp(argv[1], "start") == 0)
		return measure_start();
	if (argc > 1 && strcmp(argv[1], "mock") == 0)
		return measure_mock_mapping();
	if (argc > 2 && strcmp(argv[1], "reached") == 0)
		return say_reached(argv[2]);
	if (argc > 1)
		return strcmp(argv[1], "mapping") == 0 ? measure_mapping() : measure();
	bench_paths(&paths);
	compare_start(paths.command, paths.self);
	compare_reaching(paths.command, paths.self);
	compare_mapping(paths.command, paths.self);
	measure_mock(paths.command, paths.self);
	execl(paths.command, paths.command, "run", "--device", "edu", "--", paths.self, "inside",
	      (char *)NULL);
	check(false, paths.command);
	return 1;
}
