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

/* The variable in the program's environment that names the shadow root, canonical. */
#define LAYOUT_ROOT_VARIABLE "UIOMMUFD_ROOT"

#define LAYOUT_LIBRARY "libuiommufd-preload.so"

/* The file in the root with the description of the machine, from machine_format(). */
#define LAYOUT_MACHINE "machine"

/*
 * The directory in the root for the sockets of processes that answer `uiommufd show`
 * (preload/engine/control.h), each named for its PID. Without the directory no process answers.
 */
#define LAYOUT_CONTROL "control"

/* The file in the root with the settings of reports (report/report_settings.h). */
#define LAYOUT_REPORTS "reports"

/* The file in the root that is not empty any more when a process has printed a report. */
#define LAYOUT_REPORTED "reported"

/* The socket in the root where names of the program's functions are asked for. */
#define LAYOUT_SYMBOLS "symbols"

/* The file in the root that the run keeps locked; unlocked, it is over (cmd/tree.c). */
#define LAYOUT_LOCK "lock"

/*
 * The emulated trees: these and what is below them. LAYOUT_SYS_PCI_BUSES is the beginning of the
 * names of directories.
 */
#define LAYOUT_DEV_IOMMU     "/dev/iommu"
#define LAYOUT_DEV_VFIO	     "/dev/vfio"
#define LAYOUT_SYS_PCI	     "/sys/bus/pci"
#define LAYOUT_SYS_VFIO	     "/sys/class/vfio-dev"
#define LAYOUT_SYS_GROUPS    "/sys/kernel/iommu_groups"
#define LAYOUT_SYS_DEBUG     "/sys/kernel/debug" /* with --mock */
#define LAYOUT_SYS_IOMMUFD   "/sys/module/iommufd"
#define LAYOUT_SYS_VFIO_CORE "/sys/module/vfio"
#define LAYOUT_SYS_VFIO_PCI  "/sys/module/vfio_pci"
#define LAYOUT_SYS_PCI_BUSES "/sys/devices/pci"

/* How names of memory files begin that are placeholders of descriptors without a path. */
#define LAYOUT_MEMFD_PREFIX "uiommufd:"

/* Device numbers; those that Linux assigns dynamically have values that it would assign, too. */
enum layout_device_number {
	LAYOUT_MISC_MAJOR = 10,
	LAYOUT_IOMMU_MINOR = 124,
	LAYOUT_CONTAINER_MINOR = 196,
	LAYOUT_GROUP_MAJOR = 510,
	LAYOUT_CDEV_MAJOR = 511,
};

#endif
