/* SPDX-License-Identifier: MIT */
/* See store.h. What the kernel checks is in its order [SYSFS-WRITE], [SYSFS-DRIVER]. */
#include "preload/engine/store.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/pci_regs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caller.h"
#include "machine/machine.h"
#include "preload/engine/engine.h"
#include "preload/engine/entries.h"
#include "preload/engine/hotplug.h"
#include "preload/engine/ids.h"
#include "preload/engine/peers.h"
#include "preload/engine/raw_file.h"
#include "preload/process/own_stack.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "sysfs/attribute.h"

/* A write, as the functions below see it. */
struct write {
	const struct sysfs_attribute *attribute;
	const char *path;
	struct vfio_device *device; /* NULL: of a fixed attribute */
	struct uiommufd_caller *caller;
	const char *text;
	size_t len;
};

/* ---- numbers and words, as the kernel reads them [SYSFS-RULES.5] ---- */

/* All of @text is a number, perhaps with a newline: decimal, 0x... or 0... 0, -EINVAL, -ERANGE. */
static int parse_number(const char *text, unsigned long *number)
{
	const int saved = errno;
	char *end;
	int rc = 0;

	if (*text == '+')
		text++;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*number = strtoul(text, &end, 0);
	if (errno)
		rc = -ERANGE;
	errno = saved;
	if (*end == '\n')
		end++;
	return *end ? -EINVAL : rc;
}

/* Whether @text is @word, perhaps with a newline. */
static bool is_word(const char *text, const char *word)
{
	const size_t len = strlen(word);

	return strncmp(text, word, len) == 0 &&
	       (text[len] == '\0' || (text[len] == '\n' && text[len + 1] == '\0'));
}

static int parse_bool(const char *text, bool *value)
{
	switch (text[0]) {
	case 'y':
	case 'Y':
	case 't':
	case 'T':
	case '1':
		*value = true;
		return 0;
	case 'n':
	case 'N':
	case 'f':
	case 'F':
	case '0':
		*value = false;
		return 0;
	case 'o':
	case 'O':
		*value = tolower((unsigned char)text[1]) == 'n';
		return *value || tolower((unsigned char)text[1]) == 'f' ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* From now on the attribute shows @len bytes of @text. */
static int keep_bytes(const struct write *write, const char *text, size_t len)
{
	if (!write->device)
		return entries_write(NULL, write->path, text, len);
	return entries_write(write->device, write->attribute->name, text, len);
}

static int keep(const struct write *write, const char *text)
{
	return keep_bytes(write, text, strlen(text));
}

static int keep_number(const struct write *write, unsigned long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu\n", number);
	return keep(write, text);
}

/* ---- what is only kept ---- */

static int store_nothing(const struct write *write)
{
	(void)write;
	return -EACCES; /* its mode has kept a program from opening it for writing */
}

static int store_text(const struct write *write)
{
	return keep_bytes(write, write->text, write->len);
}

static int store_flag(const struct write *write)
{
	unsigned long number;

	if (parse_number(write->text, &number))
		return -EINVAL;
	return keep(write, number ? "1\n" : "0\n");
}

static int store_msi_bus(const struct write *write)
{
	unsigned long number;
	int rc;

	if (!caller_capable(write->caller, CAP_SYS_ADMIN))
		return -EPERM;
	if (parse_number(write->text, &number))
		return -EINVAL;
	rc = keep(write, number ? "1\n" : "0\n");
	if (!rc)
		vfio_device_permit_messages(write->device, number);
	return rc;
}

static int store_numa_node(const struct write *write)
{
	unsigned long number;
	char path[64];

	if (!caller_capable(write->caller, CAP_SYS_ADMIN))
		return -EPERM;
	if (is_word(write->text, "-1"))
		return keep(write, "-1\n");
	if (parse_number(write->text, &number))
		return -EINVAL;
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%lu", number);
	if (number && SYS(SYS_faccessat, AT_FDCWD, path, F_OK))
		return -EINVAL;
	return keep_number(write, number);
}

static int store_power_control(const struct write *write)
{
	if (is_word(write->text, "auto"))
		return keep(write, "auto\n");
	return is_word(write->text, "on") ? keep(write, "on\n") : -EINVAL;
}

static int store_parameter(const struct write *write)
{
	bool value;

	if (parse_bool(write->text, &value))
		return -EINVAL;
	return keep(write, value ? "Y\n" : "N\n");
}

static int store_number(const struct write *write)
{
	unsigned long number;
	int rc = parse_number(write->text, &number);

	if (!rc && number > UINT_MAX)
		rc = -ERANGE;
	return rc ? rc : keep_number(write, number);
}

static int store_io_error(const struct write *write)
{
	(void)write;
	return -EIO;
}

static int store_autoprobe(const struct write *write)
{
	return keep(write, write->text[0] == '0' ? "0\n" : "1\n");
}

static int store_driver_override(const struct write *write)
{
	char name[SYSFS_TEXT];

	if (write->len >= SYSFS_TEXT - 1)
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s\n", (int)strcspn(write->text, "\n"), write->text);
	return keep(write, name[0] == '\n' ? "(null)\n" : name);
}

static int store_uevent(const struct write *write)
{
	static const char *const actions[] = {"add",	"remove",  "change", "move",
					      "online", "offline", "bind",   "unbind"};
	const size_t len = strcspn(write->text, " \n");

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strlen(actions[i]) == len && strncmp(write->text, actions[i], len) == 0)
			return 0;
	}
	return -EINVAL;
}

/* ---- resets ---- */

static bool take_answer(void *arg, const char *answer)
{
	if (answer)
		*(int *)arg = atoi(answer);
	return !answer;
}

/* Where the device is open; otherwise here, where nothing sees the difference. */
static int store_reset(const struct write *write)
{
	int rc = 1; /* no answer */
	unsigned long number;

	if (parse_number(write->text, &number) || number != 1)
		return -EINVAL;
	if (!vfio_device_is_enabled(write->device))
		peers_ask(take_answer, &rc, "reset %s", vfio_device_name(write->device));
	return rc <= 0 ? rc : vfio_device_reset_function(write->device);
}

/*
 * *@set: the methods that @text, a list of words, names; the device knows each. @list, of the size
 * of SYSFS_TEXT, gets them with a space between and a newline behind; NULL: of no interest.
 */
static int parse_methods(struct vfio_device *device, const char *text, unsigned int *set,
			 char *list)
{
	const unsigned int known = vfio_device_known_resets(device);

	size_t listed = 0;

	*set = 0;
	for (text += strspn(text, " \n"); *text; text += strspn(text, " \n")) {
		const size_t len = strcspn(text, " \n");
		unsigned int i = 0;

		while (pci_reset_word(i) && (strlen(pci_reset_word(i)) != len ||
					     strncmp(pci_reset_word(i), text, len) != 0))
			i++;
		if (!pci_reset_word(i) || !(known & 1u << i))
			return -EINVAL;
		*set |= 1u << i;
		if (list)
			listed += (size_t)snprintf(list + listed, SYSFS_TEXT - listed, "%s%s",
						   listed ? " " : "", pci_reset_word(i));
		text += len;
	}
	if (list)
		snprintf(list + listed, SYSFS_TEXT - listed, "%s", listed ? "\n" : "");
	return 0;
}

static int store_reset_method(const struct write *write)
{
	unsigned int set = vfio_device_known_resets(write->device);
	char list[SYSFS_TEXT];
	int rc = 0;

	if (is_word(write->text, "default")) {
		vfio_device_set_resets(write->device, set);
		(void)sysfs_show(write->attribute, write->device, list);
		return keep(write, list);
	}
	rc = parse_methods(write->device, write->text, &set, list);
	if (rc)
		return rc;
	vfio_device_set_resets(write->device, set);
	return keep(write, list);
}

void store_recall(struct vfio_device *device)
{
	char text[SYSFS_TEXT];
	unsigned int set;

	if (entries_read(device, "reset_method", text, sizeof(text)) >= 0 &&
	    !parse_methods(device, text, &set, NULL))
		vfio_device_set_resets(device, set);
	if (entries_read(device, "msi_bus", text, sizeof(text)) > 0)
		vfio_device_permit_messages(device, text[0] != '0');
}

static unsigned int enables_of(struct vfio_device *device)
{
	char text[32];

	return entries_read(device, "enable", text, sizeof(text)) > 0
		       ? (unsigned int)strtoul(text, NULL, 10)
		       : 0;
}

void store_recall_enables(struct vfio_device *device)
{
	vfio_device_set_enables(device, enables_of(device));
}

/* The first of those who enable a device, and the last, switch it. */
static void switch_device(struct vfio_device *device, bool on)
{
	uint8_t bytes[2];
	uint16_t command;

	if (raw_read(device, PCI_COMMAND, bytes, sizeof(bytes)) != sizeof(bytes))
		return;
	command = (uint16_t)(bytes[0] | bytes[1] << 8);
	command = on ? vfio_device_decoding_command(device)
		     : command & (uint16_t)~PCI_COMMAND_MASTER;
	bytes[0] = (uint8_t)command;
	bytes[1] = (uint8_t)(command >> 8);
	(void)raw_write(device, PCI_COMMAND, bytes, sizeof(bytes));
}

static int store_enable(const struct write *write)
{
	const unsigned int count = enables_of(write->device);
	unsigned long number;
	int rc;

	if (!caller_capable(write->caller, CAP_SYS_ADMIN))
		return -EPERM;
	if (parse_number(write->text, &number))
		return -EINVAL;
	if (entries_are_there(ENTRIES_DRIVER, write->device))
		return -EBUSY;
	if (!number && !count)
		return -EIO;
	rc = keep_number(write, number ? count + 1 : count - 1);
	if (rc)
		return rc;
	store_recall_enables(write->device);
	if (number ? !count : count == 1)
		switch_device(write->device, number);
	return 0;
}

/* ---- devices that come and go ---- */

static int store_remove(const struct write *write)
{
	unsigned long number;

	if (parse_number(write->text, &number))
		return -EINVAL;
	if (number)
		hotplug_remove(write->device);
	return 0;
}

static int store_rescan(const struct write *write)
{
	unsigned long number;

	if (parse_number(write->text, &number))
		return -EINVAL;
	if (number)
		hotplug_rescan();
	return 0;
}

/* The device whose address is written, if it is there; or NULL. */
static struct vfio_device *named_device(const struct write *write)
{
	struct vfio_device *device;

	for (size_t i = 0; (device = machine_device(engine_machine(), i)); i++) {
		if (is_word(write->text, vfio_device_name(device)))
			return entries_are_there(ENTRIES_DEVICE, device) ? device : NULL;
	}
	return NULL;
}

static int store_bind(const struct write *write)
{
	struct vfio_device *device = named_device(write);

	return device ? hotplug_bind(device) : -ENODEV;
}

static int store_unbind(const struct write *write)
{
	struct vfio_device *device = named_device(write);

	return device ? hotplug_unbind(device) : -ENODEV;
}

static int store_probe(const struct write *write)
{
	struct vfio_device *device = named_device(write);

	if (!device)
		return -ENODEV;
	(void)hotplug_bind(device);
	return 0;
}

/* Whether a program uses a device of the group whose number @path has. */
static bool group_is_used(const char *path)
{
	const char *number = path + strlen(LAYOUT_SYS_GROUPS "/");
	struct vfio_device *device;

	for (size_t i = 0; (device = machine_device(engine_machine(), i)); i++) {
		if (machine_device_group(engine_machine(), i) == strtoul(number, NULL, 10) &&
		    hotplug_is_used(device))
			return true;
	}
	return false;
}

/* The type of a group's default domain [SYSFS-GROUP.3]; what is written is shown from now on. */
static int store_group_type(const struct write *write)
{
	static const char *const types[] = {"identity", "DMA", "DMA-FQ"};

	if (!caller_capable(write->caller, CAP_SYS_ADMIN) ||
	    !caller_capable(write->caller, CAP_SYS_RAWIO))
		return -EACCES;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		char line[16];

		if (!is_word(write->text, types[i]))
			continue;
		snprintf(line, sizeof(line), "%s\n", types[i]);
		return group_is_used(write->path) ? -EPERM : keep(write, line);
	}
	if (!is_word(write->text, "auto"))
		return -EINVAL;
	return group_is_used(write->path) ? -EPERM : keep(write, "DMA\n");
}

static int store_new_id(const struct write *write)
{
	struct vfio_device *device;
	int rc = ids_add(write->text);

	if (rc)
		return rc;
	for (size_t i = 0; (device = machine_device(engine_machine(), i)); i++) {
		if (entries_are_there(ENTRIES_DEVICE, device))
			(void)hotplug_bind(device);
	}
	return 0;
}

static int store_remove_id(const struct write *write)
{
	return ids_remove(write->text);
}

/* ---- the table ---- */

#define ATTRIBUTE(name_, mode_, when_, show_, store_fn_, live_) store_##store_fn_,
#define FIXED(path_, mode_, text_, store_fn_)			store_##store_fn_,
static int (*const stores[])(const struct write *write) = {
#include "sysfs/attributes.def"
};

struct store_call {
	int (*store)(const struct write *write);
	const struct write *write;
	int rc;
};

static void call_store(void *arg)
{
	struct store_call *call = arg;

	call->rc = call->store(call->write);
}

int store_attribute(size_t index, const char *path, struct vfio_device *device,
		    struct uiommufd_caller *caller, const char *text, size_t len)
{
	const struct write write = {
		.attribute = sysfs_attribute_at(index),
		.path = path,
		.device = device,
		.caller = caller,
		.text = text,
		.len = len,
	};

	struct store_call call = {.store = stores[index], .write = &write};

	/* A device may go, or come with all its entries. */
	own_stack_call(call_store, &call);
	return call.rc;
}
