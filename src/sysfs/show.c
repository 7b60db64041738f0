/* SPDX-License-Identifier: MIT */
/*
 * What the attributes of a PCI device show: it is read from config space, as a program would, so
 * both always agree.
 */
#include "sysfs/show.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "sysfs/attribute.h"

enum {
	RESOURCES = 13, /* lines of the file: 6 BARs, the ROM, and those of virtual functions */
	ROM = 6,	/* behind the BARs */
	CPUS = 4096,	/* more than a line of text can show */
};

static unsigned int get(struct vfio_device *device, unsigned int off, unsigned int size)
{
	uint8_t bytes[4] = {0};
	unsigned int value = 0;

	assert(size <= sizeof(bytes));
	(void)vfio_device_config_read(device, off, bytes, size);
	for (unsigned int i = size; i-- > 0;)
		value = value << 8 | bytes[i];
	return value;
}

static int print(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int print(char *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, SYSFS_TEXT, format, args);
	va_end(args);
	return len < SYSFS_TEXT ? len : SYSFS_TEXT - 1;
}

/* More than there can be: the registers of a device that is gone are no list that ends. */
enum {
	MAX_CAPS = 48,
	MAX_EXT_CAPS = 480,
};

/* The offset of capability @id; 0: there is none. */
static unsigned int find_cap(struct vfio_device *device, unsigned int id)
{
	unsigned int cap = get(device, PCI_CAPABILITY_LIST, 1);

	for (unsigned int i = 0; cap && i < MAX_CAPS; i++) {
		if (get(device, cap, 1) == id)
			return cap;
		cap = get(device, cap + PCI_CAP_LIST_NEXT, 1);
	}
	return 0;
}

static unsigned int find_ext_cap(struct vfio_device *device, unsigned int id)
{
	unsigned int cap = PCI_CFG_SPACE_SIZE;

	for (unsigned int i = 0; cap && i < MAX_EXT_CAPS; i++) {
		const unsigned int header = get(device, cap, 4);

		if (PCI_EXT_CAP_ID(header) == id)
			return cap;
		cap = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

/* ---- which devices have it ---- */

bool has_always(struct vfio_device *device)
{
	(void)device;
	return true;
}

bool has_reset(struct vfio_device *device)
{
	return vfio_device_reset_methods(device) != 0;
}

bool has_link(struct vfio_device *device)
{
	return find_cap(device, PCI_CAP_ID_EXP) != 0;
}

static unsigned int class_code(struct vfio_device *device)
{
	return get(device, PCI_CLASS_PROG, 1) | get(device, PCI_CLASS_DEVICE, 2) << 8;
}

bool has_display(struct vfio_device *device)
{
	return class_code(device) >> 8 == 0x0300; /* a VGA controller */
}

bool has_serial(struct vfio_device *device)
{
	return find_ext_cap(device, PCI_EXT_CAP_ID_DSN) != 0;
}

bool has_errors(struct vfio_device *device)
{
	return find_ext_cap(device, PCI_EXT_CAP_ID_ERR) != 0;
}

/* ---- what it is ---- */

int show_vendor(struct vfio_device *device, char *text)
{
	return print(text, "0x%04x\n", get(device, PCI_VENDOR_ID, 2));
}

int show_device(struct vfio_device *device, char *text)
{
	return print(text, "0x%04x\n", get(device, PCI_DEVICE_ID, 2));
}

int show_subsystem_vendor(struct vfio_device *device, char *text)
{
	return print(text, "0x%04x\n", get(device, PCI_SUBSYSTEM_VENDOR_ID, 2));
}

int show_subsystem_device(struct vfio_device *device, char *text)
{
	return print(text, "0x%04x\n", get(device, PCI_SUBSYSTEM_ID, 2));
}

int show_class(struct vfio_device *device, char *text)
{
	return print(text, "0x%06x\n", class_code(device));
}

int show_revision(struct vfio_device *device, char *text)
{
	return print(text, "0x%02x\n", get(device, PCI_REVISION_ID, 1));
}

/* The text by which modules are found for the device, without an end of line. */
static void format_alias(struct vfio_device *device, char alias[128])
{
	const unsigned int code = class_code(device);

	snprintf(alias, 128, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X",
		 get(device, PCI_VENDOR_ID, 2), get(device, PCI_DEVICE_ID, 2),
		 get(device, PCI_SUBSYSTEM_VENDOR_ID, 2), get(device, PCI_SUBSYSTEM_ID, 2),
		 code >> 16 & 0xff, code >> 8 & 0xff, code & 0xff);
}

int show_modalias(struct vfio_device *device, char *text)
{
	char alias[128];

	format_alias(device, alias);
	return print(text, "%s\n", alias);
}

int show_uevent(struct vfio_device *device, char *text)
{
	char alias[128];

	format_alias(device, alias);
	return print(text,
		     "%sPCI_CLASS=%04X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n"
		     "PCI_SLOT_NAME=%s\nMODALIAS=%s\n",
		     vfio_device_is_bound(device) ? "DRIVER=vfio-pci\n" : "", class_code(device),
		     get(device, PCI_VENDOR_ID, 2), get(device, PCI_DEVICE_ID, 2),
		     get(device, PCI_SUBSYSTEM_VENDOR_ID, 2), get(device, PCI_SUBSYSTEM_ID, 2),
		     vfio_device_name(device), alias);
}

int show_resource(struct vfio_device *device, char *text)
{
	int len = 0;

	for (unsigned int i = 0; i < RESOURCES; i++) {
		uint64_t start = 0, end = 0, flags = 0;

		if (i <= ROM)
			vfio_device_resource(device, i, &start, &end, &flags);
		len += snprintf(text + len, (size_t)(SYSFS_TEXT - len),
				"0x%016llx 0x%016llx 0x%016llx\n", (unsigned long long)start,
				(unsigned long long)end, (unsigned long long)flags);
	}
	return len;
}

int show_serial_number(struct vfio_device *device, char *text)
{
	const unsigned int cap = find_ext_cap(device, PCI_EXT_CAP_ID_DSN);
	const unsigned int low = get(device, cap + 4, 4), high = get(device, cap + 8, 4);

	return print(text, "%02x-%02x-%02x-%02x-%02x-%02x-%02x-%02x\n", high >> 24,
		     high >> 16 & 0xff, high >> 8 & 0xff, high & 0xff, low >> 24, low >> 16 & 0xff,
		     low >> 8 & 0xff, low & 0xff);
}

/* ---- the link ---- */

static int print_speed(char *text, unsigned int speed)
{
	static const char *const speeds[] = {NULL, "2.5", "5.0", "8.0", "16.0", "32.0", "64.0"};

	if (!speed || speed >= sizeof(speeds) / sizeof(speeds[0]))
		return print(text, "Unknown\n");
	return print(text, "%s GT/s PCIe\n", speeds[speed]);
}

static unsigned int link_register(struct vfio_device *device, unsigned int off, unsigned int size)
{
	return get(device, find_cap(device, PCI_CAP_ID_EXP) + off, size);
}

int show_current_link_speed(struct vfio_device *device, char *text)
{
	return print_speed(text, link_register(device, PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_CLS);
}

int show_max_link_speed(struct vfio_device *device, char *text)
{
	return print_speed(text, link_register(device, PCI_EXP_LNKCAP, 4) & PCI_EXP_LNKCAP_SLS);
}

int show_current_link_width(struct vfio_device *device, char *text)
{
	const unsigned int status = link_register(device, PCI_EXP_LNKSTA, 2);

	return print(text, "%u\n", (status & PCI_EXP_LNKSTA_NLW) >> PCI_EXP_LNKSTA_NLW_SHIFT);
}

int show_max_link_width(struct vfio_device *device, char *text)
{
	return print(text, "%u\n",
		     (link_register(device, PCI_EXP_LNKCAP, 4) & PCI_EXP_LNKCAP_MLW) >> 4);
}

/* ---- errors: none ever occurs ---- */

static int print_errors(char *text, const char *const *names, const char *total)
{
	int len = 0;

	for (; *names; names++)
		len += snprintf(text + len, (size_t)(SYSFS_TEXT - len), "%s 0\n", *names);
	return len + snprintf(text + len, (size_t)(SYSFS_TEXT - len), "%s 0\n", total);
}

static const char *const uncorrectable[] = {
	"Undefined",
	"DLP",
	"SDES",
	"TLP",
	"FCP",
	"CmpltTO",
	"CmpltAbrt",
	"UnxCmplt",
	"RxOF",
	"MalfTLP",
	"ECRC",
	"UnsupReq",
	"ACSViol",
	"UncorrIntErr",
	"BlockedTLP",
	"AtomicOpBlocked",
	"TLPBlockedErr",
	"PoisonTLPBlocked",
	NULL,
};

int show_errors_correctable(struct vfio_device *device, char *text)
{
	static const char *const correctable[] = {
		"RxErr",       "BadTLP",     "BadDLLP",	 "Rollover", "Timeout",
		"NonFatalErr", "CorrIntErr", "HeaderOF", NULL,
	};

	(void)device;
	return print_errors(text, correctable, "TOTAL_ERR_COR");
}

int show_errors_fatal(struct vfio_device *device, char *text)
{
	(void)device;
	return print_errors(text, uncorrectable, "TOTAL_ERR_FATAL");
}

int show_errors_nonfatal(struct vfio_device *device, char *text)
{
	(void)device;
	return print_errors(text, uncorrectable, "TOTAL_ERR_NONFATAL");
}

/* ---- what state it is in ---- */

int show_irq(struct vfio_device *device, char *text)
{
	return print(text, "%u\n", vfio_device_irq_number(device));
}

int show_enable(struct vfio_device *device, char *text)
{
	return print(text, "%u\n", vfio_device_enables(device) + vfio_device_is_enabled(device));
}

int show_power_state(struct vfio_device *device, char *text)
{
	static const char *const states[] = {"D0", "D1", "D2", "D3hot"};
	const unsigned int pm = find_cap(device, PCI_CAP_ID_PM);

	/* The kernel does not know what a driver has left, and what it has enabled is awake. */
	if (!vfio_device_is_bound(device) && !vfio_device_enables(device))
		return print(text, "unknown\n");
	return print(text, "%s\n",
		     pm ? states[get(device, pm + PCI_PM_CTRL, 1) & PCI_PM_CTRL_STATE_MASK] : "D0");
}

int show_runtime_status(struct vfio_device *device, char *text)
{
	const bool idle = vfio_device_is_bound(device) && !vfio_device_is_enabled(device);

	return print(text, "%s\n", idle ? "suspended" : "active");
}

int show_driver(struct vfio_device *device, char *text)
{
	(void)device;
	return print(text, "vfio-pci\n");
}

int show_reset_method(struct vfio_device *device, char *text)
{
	const unsigned int methods = vfio_device_reset_methods(device);
	int len = 0;

	for (unsigned int i = 0; pci_reset_word(i); i++) {
		if (methods & 1u << i)
			len += snprintf(text + len, (size_t)(SYSFS_TEXT - len), "%s%s",
					len ? " " : "", pci_reset_word(i));
	}
	return len + snprintf(text + len, (size_t)(SYSFS_TEXT - len), "\n");
}

/* ---- processors: a device is near all of them ---- */

/* The first line of the real file @path, without its end; "" if there is none. */
static void read_line(const char *path, char *text, size_t size)
{
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : sys_read(fd, text, size - 1);

	text[len < 0 ? 0 : len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (fd >= 0)
		(void)sys_close(fd);
}

/* Sets the bits that @list, "0-3,8", names. Returns one more than the highest. */
static unsigned int parse_list(const char *list, uint8_t bits[CPUS / 4])
{
	unsigned long first, last = 0;
	char *end;

	for (; *list; list = *end ? end + 1 : end) {
		first = last = strtoul(list, &end, 10);
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long i = first; i <= last && i < CPUS; i++)
			bits[i / 4] |= (uint8_t)(1 << i % 4);
		if (*end && *end != ',')
			break;
	}
	return last < CPUS ? (unsigned int)last + 1 : CPUS;
}

int show_local_cpulist(struct vfio_device *device, char *text)
{
	char list[1024];

	(void)device;
	read_line("/sys/devices/system/cpu/online", list, sizeof(list));
	return print(text, "%s\n", list[0] ? list : "0");
}

int show_local_cpus(struct vfio_device *device, char *text)
{
	uint8_t digits[CPUS / 4] = {0}, unused[CPUS / 4] = {0};
	char list[1024];
	unsigned int count;
	int len = 0;

	(void)device;
	read_line("/sys/devices/system/cpu/possible", list, sizeof(list));
	count = (parse_list(list, unused) + 3) / 4;
	read_line("/sys/devices/system/cpu/online", list, sizeof(list));
	(void)parse_list(list[0] ? list : "0", digits);
	for (unsigned int i = count; i-- > 0;) {
		len += snprintf(text + len, (size_t)(SYSFS_TEXT - len), "%x%s", digits[i],
				i && i % 8 == 0 ? "," : "");
	}
	return len + snprintf(text + len, (size_t)(SYSFS_TEXT - len), "\n");
}

/* ---- the same for all ---- */

int show_mask_bits(struct vfio_device *device, char *text)
{
	(void)device;
	return print(text, "32\n"); /* vfio-pci sets no mask */
}

int show_zero(struct vfio_device *device, char *text)
{
	(void)device;
	return print(text, "0\n");
}

int show_one(struct vfio_device *device, char *text)
{
	(void)device;
	return print(text, "1\n");
}

int show_minus_one(struct vfio_device *device, char *text)
{
	(void)device;
	return print(text, "-1\n");
}

int show_auto(struct vfio_device *device, char *text)
{
	(void)device;
	return print(text, "auto\n");
}

int show_blank(struct vfio_device *device, char *text)
{
	(void)device;
	text[0] = '\0';
	return 0;
}

int show_io_error(struct vfio_device *device, char *text)
{
	text[0] = '\0';
	(void)device;
	return -EIO;
}
