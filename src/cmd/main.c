/* SPDX-License-Identifier: MIT */
/* uiommufd: runs programs against emulated IOMMUs and devices. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/config.h"

#define COMMANDS "run, list, show, lookup, --help, --version"

/* Those that print and end. */
static const struct {
	const char *name;
	int (*run)(char **args);
} printers[] = {
	{"list", cmd_list},
	{"show", cmd_show},
	{"lookup", cmd_lookup},
};

static const char help[] =
	"Usage: uiommufd run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	"       uiommufd list\n"
	"       uiommufd show [--json | --svg] [--all] [PID | FILE]\n"
	"       uiommufd lookup [--json] [--context N] [PID] IOAS-OR-HWPT IOVA\n"
	"\n"
	"Runs an unmodified program against an emulated IOMMU and emulated devices:\n"
	"/dev/iommu, /dev/vfio and their part of /sys, for this program only, without\n"
	"privilege or hardware.\n"
	"\n"
	"Options of run:\n"
	"  --iommu KIND[,OPTION=VALUE]          add an IOMMU (default: one \"amd\")\n"
	"  --device MODEL[@BDF][,OPTION=VALUE]  add a PCI device, bound to vfio-pci\n"
	"  --mock                               answer IOMMU_TEST_CMD as a test kernel\n"
	"\n"
	"`uiommufd list` names the kinds, the models and their options. show prints the\n"
	"address spaces of a program while it runs: windows, mappings, devices, tables;\n"
	"lookup how one IOVA is translated, level by level.\n"
	"The exit status is the program's; 2: wrong usage, 125: uiommufd failed,\n"
	"126: PROGRAM cannot be executed, 127: PROGRAM was not found.\n";

void cmd_complain(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "uiommufd: %s\n", line);
}

static int finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CMD_OK;
	cmd_complain("cannot write: %m");
	return CMD_FAILED;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : NULL;

	if (!what) {
		cmd_complain("what to do? There are: " COMMANDS);
		return CMD_USAGE;
	}
	if (strcmp(what, "run") == 0)
		return cmd_run(argv + 2);
	for (size_t i = 0; i < sizeof(printers) / sizeof(printers[0]); i++) {
		int status;

		if (strcmp(what, printers[i].name) != 0)
			continue;
		status = printers[i].run(argv + 2);
		return status ? status : finish_output();
	}
	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0 || strcmp(what, "help") == 0) {
		fputs(help, stdout);
		return finish_output();
	}
	if (strcmp(what, "--version") == 0) {
		puts("uiommufd " CONFIG_VERSION);
		return finish_output();
	}
	cmd_complain("\"%s\" is no command; there are: " COMMANDS, what);
	return CMD_USAGE;
}
