/* SPDX-License-Identifier: MIT */
/*
 * What the command lays out and the preload library finds: the shadow root, a private directory
 * that mirrors the emulated part of /dev and /sys (ROOT/dev/iommu, ROOT/sys/bus/pci/devices/...),
 * and the numbers of the device nodes.
 *
 * In the shadow root, a symbolic link with a relative text is a link of the emulated or of the real
 * system. A link with an absolute text is a stand-in: it makes a listing of its directory show an
 * entry that only the real system has. It is never followed; the real entry is used instead.
 */
#ifndef PRELOAD_START_LAYOUT_H
#define PRELOAD_START_LAYOUT_H

/*
 * The file in the root that is there if a server answers the system calls of programs that cannot
 * load the library (server/program_server.h).
 */
#define LAYOUT_SERVED "served"

/* The variable in the program's environment that names the shadow root, canonical. */
#define LAYOUT_ROOT_VARIABLE "UIOMMUFD_ROOT"

/* How the names of shadow roots begin, and everybody's file system in memory, where they may be. */
#define LAYOUT_PREFIX "uiommufd-"
#define LAYOUT_MEMORY "/dev/shm"

#define LAYOUT_LIBRARY "libuiommufd-preload.so"

/* What programs of a shared machine load (client/). */
#define LAYOUT_CLIENT_LIBRARY "libuiommufd-client.so"

/* The file in the root with the description of the machine, from machine_format(). */
#define LAYOUT_MACHINE "machine"

/* The file in the root with the limit of locked memory in bytes; without it, RLIMIT_MEMLOCK. */
#define LAYOUT_MEMLOCK "memlock"

/*
 * The directory in the root for the sockets of processes that answer `uiommufd show`
 * (preload/engine/control.h), each named for its PID. Without the directory no process answers.
 */
#define LAYOUT_CONTROL "control"

/* The socket in that directory of the server, if there is one (server/control_socket.h). */
#define LAYOUT_SERVER "server"

/*
 * The directory in the root for entries that are not there now, as those of a driver that is not
 * bound: each is moved here, its path with '!' for '/' as its name (preload/engine/entries.h).
 */
#define LAYOUT_ABSENT "absent"

/* The file in the root with the IDs that vfio-pci has been taught (preload/engine/ids.h). */
#define LAYOUT_IDS "ids"

/* The file in the root with the settings of reports (report/report_settings.h). */
#define LAYOUT_REPORTS "reports"

/* The file in the root that is not empty any more when a process has printed a report. */
#define LAYOUT_REPORTED "reported"

/* The file in the root with what is wanted of traces and profiles (preload/engine/watch.h). */
#define LAYOUT_WATCH "watch"

/* The file in the root with the names of the trace files, a line each. */
#define LAYOUT_TRACES "traces"

/* The directory in the root where processes leave their profiles (profile/profile_json.h). */
#define LAYOUT_PROFILES "profiles"

/* The socket in the root where names of the program's functions are asked for. */
#define LAYOUT_SYMBOLS "symbols"

/*
 * The directory in the root with what vfio-user servers say of their devices, in a file for each,
 * named for its BDF (machine_set_identities()).
 */
#define LAYOUT_IDENTITIES "vfio-user"

/* The file in the root that the run keeps locked; unlocked, it is over (cmd/tree.c). */
#define LAYOUT_LOCK "lock"

/* The emulated trees: these, those of base/dev_names.h, and what is below them. */
#define LAYOUT_SYS_PCI		"/sys/bus/pci"
#define LAYOUT_SYS_VFIO		"/sys/class/vfio-dev"
#define LAYOUT_SYS_CLASS_GROUPS "/sys/class/vfio"
#define LAYOUT_SYS_CLASS_IOMMU	"/sys/class/iommu"
#define LAYOUT_SYS_CLASS_MISC	"/sys/class/misc" /* /iommu and /vfio */
#define LAYOUT_SYS_GROUPS	"/sys/kernel/iommu_groups"
#define LAYOUT_SYS_DEBUG	"/sys/kernel/debug"    /* with --mock */
#define LAYOUT_SYS_VIRTUAL	"/sys/devices/virtual" /* /vfio, /iommu, /misc/iommu, /misc/vfio */
#define LAYOUT_SYS_IOMMUFD	"/sys/module/iommufd"
#define LAYOUT_SYS_VFIO_CORE	"/sys/module/vfio"
#define LAYOUT_SYS_VFIO_PCI	"/sys/module/vfio_pci"
#define LAYOUT_SYS_PCI_CORE	"/sys/module/vfio_pci_core"
#define LAYOUT_SYS_TYPE1	"/sys/module/vfio_iommu_type1"
#define LAYOUT_SYS_IRQBYPASS	"/sys/module/irqbypass"
#define LAYOUT_PROC_MODULES	"/proc/modules"
#define LAYOUT_PROC_DEVICES	"/proc/devices"
#define LAYOUT_PROC_MISC	"/proc/misc"
#define LAYOUT_PROC_PCI		"/proc/bus/pci/devices"

/* These begin the names of such trees. */
#define LAYOUT_SYS_PCI_BUSES "/sys/devices/pci"
#define LAYOUT_SYS_NUMBERS   "/sys/dev/char/"	      /* with the numbers below */
#define LAYOUT_SYS_PLATFORM  "/sys/devices/platform/" /* IOMMUs: arm-smmu-v3., riscv-iommu. */

/* How names of memory files begin that are placeholders of descriptors without a path. */
#define LAYOUT_MEMFD_PREFIX "uiommufd:"

/* Device numbers; those that Linux assigns dynamically have values that it would assign, too. */
#define LAYOUT_MISC_MAJOR      10
#define LAYOUT_IOMMU_MINOR     263
#define LAYOUT_CONTAINER_MINOR 196
#define LAYOUT_GROUP_MAJOR     510
#define LAYOUT_CDEV_MAJOR      511

/* Two of them as text: "510:7". */
#define LAYOUT_TEXT_OF(number)	    #number
#define LAYOUT_TEXT(number)	    LAYOUT_TEXT_OF(number)
#define LAYOUT_NUMBER(major, minor) LAYOUT_TEXT(major) ":" LAYOUT_TEXT(minor)

#endif
