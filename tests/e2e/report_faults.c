/* SPDX-License-Identifier: MIT */
/*
 * Usage: report_faults N...: for each N, N reads by the device from one line of the program, each
 * at another IOVA that nothing is mapped at; 0: an UNMAP of nothing, which is no mistake.
 */
#include "reports_rig.h"

static void read_nothing(const struct rig *rig, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++)
		dma_read(rig, 0x400000 + i * PAGE, 4);
}

static void unmap_nothing(const struct rig *rig)
{
	(void)unmap(rig, 0x400000, PAGE);
}

int main(int argc, char **argv)
{
	struct rig rig = open_rig();

	must(attach(&rig), "ATTACH");
	for (int i = 1; i < argc; i++) {
		unsigned int times = (unsigned int)strtoul(argv[i], NULL, 10);

		if (times)
			read_nothing(&rig, times);
		else
			unmap_nothing(&rig);
	}
	return 0;
}
