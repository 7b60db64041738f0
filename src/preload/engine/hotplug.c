/* SPDX-License-Identifier: MIT */
/*
 * See hotplug.h.
 *
 * Waiting polls: what is waited for happens in other processes, too, and may be their end.
 */
#include "preload/engine/hotplug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/world.h"
#include "machine/machine.h"
#include "preload/engine/engine.h"
#include "preload/engine/entries.h"
#include "preload/engine/ids.h"
#include "preload/engine/peers.h"
#include "preload/start/real.h"
#include "sysfs/attribute.h"

enum {
	POLL_MS = 10,
	REQUEST_MS = 10000, /* how often the kernel asks again */
	STOP_MS = 1000,	    /* for calls into the engine to end */
};

/* ---- what the others have open ---- */

/* A process that does not say how many it has has some. */
static bool add_count(void *arg, const char *answer)
{
	*(unsigned int *)arg += answer ? (unsigned int)strtoul(answer, NULL, 10) : 1;
	return true;
}

/* How many files of @device are open in all processes; @request: and asks for it. */
static unsigned int count_files(struct vfio_device *device, bool request)
{
	unsigned int files = vfio_device_files(device);

	if (request)
		vfio_device_request(device);
	peers_ask(add_count, &files, "%s %s", request ? "request" : "use",
		  vfio_device_name(device));
	return files;
}

bool hotplug_is_used(struct vfio_device *device)
{
	peers_settle();
	return count_files(device, false) != 0;
}

static bool ignore(void *arg, const char *answer)
{
	(void)arg;
	(void)answer;
	return true;
}

/*
 * Waits outside of the world: meanwhile the program may fork, and close what is waited for. As in
 * the kernel, no signal ends the wait but one that ends the process.
 */
static void wait_for_files(struct vfio_device *device)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};

	peers_settle();
	world_leave();
	for (unsigned int i = 0; count_files(device, i % (REQUEST_MS / POLL_MS) == 0); i++) {
		SYS(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, NULL);
		if (world_enter() == 0) {
			peers_settle();
			world_leave();
		}
	}
	(void)world_enter();
}

/* ---- binding ---- */

/* Whether the entries of @set are there for a device of the group of @device. */
static bool group_has(enum entry_set set, struct vfio_device *device)
{
	struct machine *machine = engine_machine();
	struct vfio_device *other;
	unsigned int group = 0;

	for (size_t i = 0; (other = machine_device(machine, i)); i++) {
		if (other == device)
			group = machine_device_group(machine, i);
	}
	for (size_t i = 0; (other = machine_device(machine, i)); i++) {
		if (machine_device_group(machine, i) == group && entries_are_there(set, other))
			return true;
	}
	return false;
}

/* Nothing has the device open any more. */
static void finish_unbind(struct vfio_device *device)
{
	vfio_device_unbound(device);
	peers_ask(ignore, NULL, "unbound %s", vfio_device_name(device));
	if (!group_has(ENTRIES_DRIVER, device))
		(void)entries_take(ENTRIES_GROUP, device);
}

int hotplug_unbind(struct vfio_device *device)
{
	if (entries_take(ENTRIES_DRIVER, device))
		return -ENODEV;
	vfio_device_unbind_driver(device);
	wait_for_files(device);
	finish_unbind(device);
	return 0;
}

bool hotplug_matches(struct vfio_device *device)
{
	char override[SYSFS_TEXT];
	int len = entries_read(device, "driver_override", override, sizeof(override));

	if (len < 0)
		return false;
	override[strcspn(override, "\n")] = '\0';
	if (strcmp(override, "(null)") != 0)
		return strcmp(override, "vfio-pci") == 0;
	return ids_match(device);
}

int hotplug_bind(struct vfio_device *device)
{
	int rc;

	if (!hotplug_matches(device))
		return -ENODEV;
	if (entries_are_there(ENTRIES_DRIVER, device))
		return -EBUSY;
	(void)entries_put(ENTRIES_GROUP, device);
	rc = entries_put(ENTRIES_DRIVER, device);
	if (rc)
		return rc == -ENOENT ? -EBUSY : rc;
	vfio_device_bind_driver(device);
	peers_ask(ignore, NULL, "bind %s", vfio_device_name(device));
	return 0;
}

void hotplug_recall(struct vfio_device *device)
{
	const bool bound = entries_are_there(ENTRIES_DRIVER, device);

	if (bound == vfio_device_is_bound(device))
		return;
	if (bound)
		vfio_device_bind_driver(device);
	else
		vfio_device_unbind_driver(device);
}

/* ---- removing ---- */

/* Without a device there is no group. */
static void take_device(struct vfio_device *device)
{
	(void)entries_take(ENTRIES_DEVICE, device);
	if (!group_has(ENTRIES_DEVICE, device))
		(void)entries_take(ENTRIES_IOMMU_GROUP, device);
}

void hotplug_remove(struct vfio_device *device)
{
	(void)hotplug_unbind(device);
	take_device(device);
}

static bool probes_itself(void)
{
	char text[8];

	return entries_read(NULL, "/sys/bus/pci/drivers_autoprobe", text, sizeof(text)) < 1 ||
	       text[0] != '0';
}

/* What is found is a new device: nothing is left of what was written to the old one. */
static void find_again(struct vfio_device *device)
{
	static const char none[] = "(null)\n", on[] = "1\n", off[] = "0\n";

	if (entries_are_there(ENTRIES_DEVICE, device))
		return;
	(void)entries_put(ENTRIES_IOMMU_GROUP, device);
	if (entries_put(ENTRIES_DEVICE, device))
		return;
	(void)entries_write(device, "driver_override", none, sizeof(none) - 1);
	(void)entries_write(device, "enable", off, sizeof(off) - 1);
	(void)entries_write(device, "msi_bus", on, sizeof(on) - 1);
	if (probes_itself() && hotplug_matches(device))
		(void)hotplug_bind(device);
}

void hotplug_rescan(void)
{
	struct vfio_device *device;

	for (size_t i = 0; (device = machine_device(engine_machine(), i)); i++) {
		if (!vfio_device_is_gone(device))
			find_again(device);
	}
}

/* ---- requests ---- */

unsigned int hotplug_request(struct vfio_device *device)
{
	vfio_device_unbind_driver(device);
	vfio_device_request(device);
	return vfio_device_files(device);
}

/* The control thread's: a device has been pulled out and is still in the machine. */
static bool unsettled;

void hotplug_pull(struct vfio_device *device)
{
	unsettled = true;
	log_fault("%s has been pulled out", vfio_device_name(device));
	vfio_device_pull(device);
	(void)entries_take(ENTRIES_DRIVER, device);
}

/* Takes @device out of the machine, while no other thread reads that. */
static bool drop(struct vfio_device *device)
{
	bool done;

	if (!world_try_stop(STOP_MS))
		return false;
	done = machine_drop_device(engine_machine(), device) == 0;
	world_resume();
	return done;
}

bool hotplug_settle(void)
{
	struct vfio_device *device;
	bool left = false;

	if (!unsettled)
		return false;
	for (size_t i = 0; (device = machine_device(engine_machine(), i));) {
		if (!vfio_device_is_gone(device)) {
			i++;
			continue;
		}
		if (vfio_device_files(device)) {
			left = true;
			i++;
			continue;
		}
		vfio_device_unbound(device);
		if (!group_has(ENTRIES_DRIVER, device))
			(void)entries_take(ENTRIES_GROUP, device);
		take_device(device);
		if (!drop(device))
			return true;
	}
	unsettled = left;
	return left;
}

int hotplug_plug(const char *text, int (*close)(FILE *))
{
	char why[256] = "";
	char line[512];
	FILE *in;
	int rc;

	snprintf(line, sizeof(line), "%s\n", text);
	in = fmemopen(line, strlen(line), "r");
	if (!in)
		return -ENOMEM;
	rc = -EBUSY;
	if (world_try_stop(STOP_MS)) {
		rc = machine_parse(engine_machine(), in, why, sizeof(why));
		world_resume();
	}
	(void)close(in);
	if (rc)
		log_error("%s: %s", text, why);
	return rc;
}
