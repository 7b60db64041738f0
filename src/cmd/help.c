/* SPDX-License-Identifier: MIT */
/* What `uiommufd --help` and `uiommufd COMMAND --help` print: the short form of uiommufd(1). */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

static const struct {
	const char *command; /* "": the overview */
	const char *text;
} helps[] = {
	{"", "Usage: uiommufd run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	     "       uiommufd machine [--name NAME] [OPTION]... | --stop NAME | --list\n"
	     "       uiommufd list [--json] [MODEL]\n"
	     "       uiommufd show [--json | --svg | --html] [--all] [PID | FILE]\n"
	     "       uiommufd top [--once | --count N] [--interval SECONDS] [PID]\n"
	     "       uiommufd lookup [--json] [--context N] [PID] IOAS-OR-HWPT IOVA\n"
	     "       uiommufd dump [--context N] [PID] IOAS-OR-HWPT\n"
	     "       uiommufd plug [--machine NAME | PID] MODEL[@BDF][,OPTION=VALUE]...\n"
	     "       uiommufd unplug [--machine NAME | PID] BDF\n"
	     "       uiommufd serve MODEL[,OPTION=VALUE]... --socket PATH [OPTION]...\n"
	     "       uiommufd profile [--svg] FILE\n"
	     "       uiommufd replay [OPTION]... TRACE\n"
	     "       uiommufd doctor\n"
	     "       uiommufd trace [OPTION]... TRACE | [OPTION]... -- PROGRAM [ARGUMENT]...\n"
	     "\n"
	     "Emulates IOMMUs and VFIO devices for unmodified programs: /dev/iommu, /dev/vfio\n"
	     "and their part of /sys, without privilege or hardware.\n"
	     "\n"
	     "  run      run a program against an emulated machine\n"
	     "  machine  start or end a machine that programs share and join\n"
	     "  list     kinds of IOMMU, models of devices, and their options\n"
	     "  show     the address spaces of a program that runs: windows, mappings,\n"
	     "           devices, page tables; as text, JSON, a picture or a page\n"
	     "  top      what its devices do, again and again\n"
	     "  lookup   how one IOVA of such a program is translated, level by level\n"
	     "  dump     all entries of its page tables\n"
	     "  plug     add a device to the machine of a program that runs\n"
	     "  unplug   pull a device out of it, without asking the program\n"
	     "  serve    a device for QEMU and other clients of vfio-user\n"
	     "  profile  print or draw the profile of a run\n"
	     "  replay   make the calls of a trace again, and compare\n"
	     "  trace    print the calls of a program as strace would\n"
	     "  doctor   say what of this machine limits a run, and how to lift it\n"
	     "\n"
	     "`uiommufd COMMAND --help` tells more, uiommufd(1) all.\n"},
	{"run",
	 "Usage: uiommufd run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	 "\n"
	 "Runs PROGRAM against an emulated IOMMU and emulated devices, which it and what it\n"
	 "starts find in /dev and /sys.\n"
	 "\n"
	 "  --iommu KIND[,OPTION=VALUE]...         add an IOMMU (default: one \"amd\")\n"
	 "  --device MODEL[@BDF][,OPTION=VALUE]... add a PCI device, bound to vfio-pci\n"
	 "  --container type1|iommufd|none         what /dev/vfio/vfio is (default: type1)\n"
	 "  --hostile seed=N[,rate=R][,kinds=K+K]  devices misbehave (default: they do not)\n"
	 "  --memlock LIMIT|unlimited              of locked memory (default: RLIMIT_MEMLOCK)\n"
	 "  --no-iommufd                           no /dev/iommu and no VFIO cdevs\n"
	 "  --mock                                 answer IOMMU_TEST_CMD as a test kernel\n"
	 "  --shared                               one machine for all that PROGRAM starts\n"
	 "  --join NAME                            on that of `uiommufd machine`, as it is\n"
	 "  --trace FILE                           record what happens, for a trace viewer\n"
	 "  --profile[=FILE]                       misses of a modelled IOTLB, and their cost\n"
	 "  --profile-model NAME=VALUE[,...]       iotlb, walk-cache, payload, read, ...\n"
	 "\n"
	 "Reports of mistakes:\n"
	 "  --error-exitcode N         exit with N if there was one\n"
	 "  --explain                  also calls whose refusal need not be a mistake\n"
	 "  --advice                   what works, and could be better or works by luck\n"
	 "  --leaks                    what is left at exit: mappings, objects, ...\n"
	 "  --double-fetch             what a device reads twice, and has changed in between\n"
	 "  --summary                  say at exit what was checked\n"
	 "  --suppressions FILE        not what FILE describes; --gen-suppressions helps\n"
	 "  --report FILE              as lines of JSON, too\n"
	 "  --log-file FILE            there instead of on standard error\n"
	 "  --quiet, --break, --stacks on|off, --history N, --max-reports N, --reports on|off\n"
	 "\n"
	 "`uiommufd list` names the kinds, the models and their options; a MODEL with a '/'\n"
	 "is the path of a shared object that has one. The exit status is\n"
	 "PROGRAM's; 2: wrong usage, 125: uiommufd failed, 126: PROGRAM cannot be executed,\n"
	 "127: PROGRAM was not found.\n"},
	{"machine",
	 "Usage: uiommufd machine [--name NAME] [OPTION]...\n"
	 "       uiommufd machine --stop NAME | --list\n"
	 "\n"
	 "Starts a machine that programs join by `uiommufd run --join NAME`, one after the other\n"
	 "or at once, and prints its name when it is there. It is served in the background\n"
	 "until it is stopped or gets SIGTERM, SIGINT or SIGHUP; its programs then get SIGTERM,\n"
	 "and SIGKILL two seconds later. Only its user's programs can join.\n"
	 "\n"
	 "  --name NAME      (default: the PID of this command)\n"
	 "  --stop NAME      end that machine, and wait until it has ended\n"
	 "  --list           print the names of those that are there\n"
	 "  --foreground     serve here instead of in the background\n"
	 "  --log-file FILE  lines about faults go there (default: nowhere, or here with\n"
	 "                   --foreground)\n"
	 "\n"
	 "--iommu, --device, --container, --no-iommufd, --mock, --memlock and --hostile are those\n"
	 "of `uiommufd run`.\n"},
	{"list",
	 "Usage: uiommufd list [--json] [MODEL]\n"
	 "\n"
	 "Prints the kinds of IOMMU and the models of devices that `uiommufd run` has, with\n"
	 "their options.\n"
	 "\n"
	 "  MODEL   only this model, or that in a shared object: its BARs, registers,\n"
	 "          capabilities and options\n"
	 "  --json  as JSON\n"},
	{"show",
	 "Usage: uiommufd show [--json | --svg | --html] [--all] [PID | FILE]\n"
	 "\n"
	 "Prints the state of a program under `uiommufd run`: of each IO address space what is\n"
	 "permitted, reserved (and by whom), allowed and mapped; page tables; devices, where\n"
	 "they would fit, and what keeps them from where they do not.\n"
	 "\n"
	 "  PID     the program, or a parent of it such as the run (default: the only one)\n"
	 "  FILE    what --json, or uiommufd_show() in an embedding program, wrote; -: stdin\n"
	 "  --json  as JSON\n"
	 "  --svg   as a picture\n"
	 "  --html  as a page to zoom and search in, with every mapping\n"
	 "  --all   with every mapping one by one, however many there are\n"
	 "  --machine NAME  instead of PID: a machine that programs share\n"},
	{"lookup",
	 "Usage: uiommufd lookup [--json] [--context N] [PID] IOAS-OR-HWPT IOVA\n"
	 "\n"
	 "Prints how IOVA is translated: the mapping it lies in and the memory behind it, and\n"
	 "the entry of each page table at each level; for a nested HWPT both stages.\n"
	 "IOAS-OR-HWPT is an ID as `uiommufd show` has it; IOVA may be 0x....\n"
	 "\n"
	 "  PID          the program, or a parent of it (default: the only one)\n"
	 "  --context N  of a program that has opened /dev/iommu several times (default: 0)\n"
	 "  --json       as JSON\n"
	 "  --machine NAME  instead of PID: a machine that programs share\n"},
	{"top",
	 "Usage: uiommufd top [--once | --count N] [--interval SECONDS] [--machine NAME | PID]\n"
	 "\n"
	 "Shows for each device that a running program has bound: the mappings that it can\n"
	 "reach, its DMA, register accesses and interrupts in a second, and its faults so far.\n"
	 "On a terminal as a screen that \"q\" and Ctrl-C leave; otherwise as lines.\n"
	 "\n"
	 "  PID  the program, or a parent of it such as the run (default: the only one)\n"
	 "  --once       totals instead, once, as lines\n"
	 "  --count N    N times, as lines\n"
	 "  --interval SECONDS  between two (default: 1)\n"
	 "  --machine NAME  instead of PID: a machine that programs share\n"},
	{"dump",
	 "Usage: uiommufd dump [--context N] [PID] IOAS-OR-HWPT\n"
	 "\n"
	 "Prints every present entry of a page table, or of all of an IOAS: its index and level,\n"
	 "IOVA and value, and where it leads. Leaves that go on where the one before ends are\n"
	 "one line. The arguments are those of lookup, --machine NAME too.\n"},
	{"plug",
	 "Usage: uiommufd plug [--machine NAME | PID] MODEL[@BDF][,OPTION=VALUE]...\n"
	 "\n"
	 "Adds a device to the machine of a program that runs, bound to vfio-pci: its files\n"
	 "appear in /dev and /sys. The device is described as for `run --device`.\n"
	 "\n"
	 "  PID  the program, or a parent of it such as the run (default: the only one)\n"
	 "  --machine NAME  instead of PID: a machine that programs share\n"},
	{"unplug",
	 "Usage: uiommufd unplug [--machine NAME | PID] BDF\n"
	 "\n"
	 "Pulls the device at BDF out of the machine of a program that runs, as a hand would:\n"
	 "at once it reads as ones, its DMA is refused, and its interrupts ERR and REQ are\n"
	 "signalled. Its files go when the program has closed it. (To have the kernel ask for\n"
	 "the device first, write to its file \"remove\" in sysfs, in the program's place.)\n"
	 "\n"
	 "  PID  the program, or a parent of it such as the run (default: the only one)\n"
	 "  --machine NAME  instead of PID: a machine that programs share\n"},
	{"serve",
	 "Usage: uiommufd serve MODEL[,OPTION=VALUE]... --socket PATH [OPTION]...\n"
	 "\n"
	 "Serves an emulated device behind an emulated IOMMU to one client of vfio-user at a\n"
	 "time, until SIGTERM, SIGINT or SIGHUP. MODEL and its options are those of\n"
	 "`uiommufd run --device`.\n"
	 "\n"
	 "  --socket PATH                  where clients connect\n"
	 "  --iommu KIND[,OPTION=VALUE]... the IOMMU (default: \"amd\")\n"
	 "  --timeout SECONDS              how long a client may take to answer DMA, or be in\n"
	 "                                 the middle of a message (default: 30; 0: for ever)\n"
	 "\n"
	 "The exit status is 0 after one of those signals; 2: wrong usage, 125: the socket\n"
	 "cannot be made, or the system fails.\n"},
	{"profile",
	 "Usage: uiommufd profile [--svg] FILE\n"
	 "\n"
	 "Prints FILE, which `uiommufd run --profile=FILE` has written: misses of the IOTLB and\n"
	 "their cost by device, mapping and call, and what larger pages would save.\n"
	 "\n"
	 "  --svg  as a picture of the address spaces\n"},
	{"replay",
	 "Usage: uiommufd replay [OPTION]... TRACE\n"
	 "\n"
	 "Makes the calls in TRACE, a file of `uiommufd run --trace`, again on a machine like the\n"
	 "recorded one, and prints which answers differ. Exits with 1 if one does.\n"
	 "\n"
	 "  --native             make them here: on a real /dev/iommu, or under another run\n"
	 "  --open RECORDED=NOW  open NOW where RECORDED was opened\n"
	 "  --pid PID            of this process (default: the first in the file)\n"},
	{"doctor",
	 "Usage: uiommufd doctor\n"
	 "\n"
	 "Tries what `uiommufd run` needs of this machine, and prints a line for each: \"ok\";\n"
	 "\"limit\", with what does not work and how to lift it; or \"stop\". Exits with 125 if\n"
	 "no program can be run here.\n"},
	{"trace",
	 "Usage: uiommufd trace [OPTION]... TRACE\n"
	 "       uiommufd trace [OPTION]... -- PROGRAM [ARGUMENT]...\n"
	 "\n"
	 "Prints the calls in TRACE, a file of `uiommufd run --trace`, as strace would; or runs\n"
	 "PROGRAM as `uiommufd run` does, with options of that, and prints its calls meanwhile,\n"
	 "to standard error.\n"
	 "\n"
	 "  --all        also mappings, DMA, faults, interrupts and register accesses\n"
	 "  -t, --times  the time of each, in seconds since the first\n"
	 "  -o FILE      print to FILE\n"},
};

static const char *find(const char *command)
{
	for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]); i++) {
		if (strcmp(helps[i].command, command) == 0)
			return helps[i].text;
	}
	return NULL;
}

bool help_wanted(const char *argument)
{
	return argument && (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0);
}

bool help_print(const char *command)
{
	const char *text = find(command);

	if (text)
		fputs(text, stdout);
	return text;
}
