/* SPDX-License-Identifier: MIT */
/* See device_requests.h. The world does not stand still for them, but where the machine changes. */
#include "preload/engine/device_requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/world.h"
#include "machine/machine.h"
#include "preload/engine/attribute_file.h"
#include "preload/engine/control.h"
#include "preload/engine/engine.h"
#include "preload/engine/hotplug.h"
#include "preload/engine/peers.h"
#include "preload/engine/store.h"
#include "sysfs/attribute.h"

enum {
	MOST_BYTES = 256, /* of registers */
};

/* Each answers in @answer, PEERS_ANSWER bytes; @rest is what follows the device's address. */
typedef int answer_fn(struct vfio_device *device, const char *rest, char *answer);

static int print_number(char *answer, int number)
{
	snprintf(answer, PEERS_ANSWER, "%d", number);
	return 0;
}

static int answer_use(struct vfio_device *device, const char *rest, char *answer)
{
	(void)rest;
	return print_number(answer, (int)vfio_device_files(device));
}

static int answer_request(struct vfio_device *device, const char *rest, char *answer)
{
	(void)rest;
	return print_number(answer, (int)hotplug_request(device));
}

static int answer_unbound(struct vfio_device *device, const char *rest, char *answer)
{
	(void)rest;
	vfio_device_unbound(device);
	return print_number(answer, 0);
}

static int answer_bind(struct vfio_device *device, const char *rest, char *answer)
{
	(void)rest;
	vfio_device_bind_driver(device);
	return print_number(answer, 0);
}

static bool ignore(void *arg, const char *other)
{
	(void)arg;
	(void)other;
	return true;
}

/* @rest: "here", from another process of the run, which tells them all. */
static int answer_pull(struct vfio_device *device, const char *rest, char *answer)
{
	hotplug_pull(device);
	if (*rest == '\0')
		peers_ask(ignore, NULL, "pull %s here", vfio_device_name(device));
	return print_number(answer, 0);
}

static int plug(const char *text, bool tell, int (*close)(FILE *), char *answer)
{
	int rc = hotplug_plug(text, close);

	if (!rc && tell)
		peers_ask(ignore, NULL, "plug-here %s", text);
	return rc ? rc : print_number(answer, 0);
}

static int answer_attribute(struct vfio_device *device, const char *rest, char *answer)
{
	const struct sysfs_attribute *attribute;
	int rc = -ENOENT;

	store_recall_enables(device);
	for (size_t i = 0; rc == -ENOENT && (attribute = sysfs_attribute_at(i)); i++) {
		if (attribute->live && !attribute->fixed && strcmp(attribute->name, rest) == 0)
			rc = sysfs_show(attribute, device, answer);
	}
	return rc < 0 ? rc : 0;
}

static int answer_config(struct vfio_device *device, const char *rest, char *answer)
{
	uint8_t bytes[MOST_BYTES];
	uint64_t off;
	size_t len;

	if (sscanf(rest, "%" SCNu64 " %zu", &off, &len) != 2)
		return -EINVAL;
	len = vfio_device_config_read(device, off, bytes, min_u64(len, sizeof(bytes)));
	answer[0] = '\0';
	for (size_t i = 0; i < len; i++)
		snprintf(answer + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int answer_poke(struct vfio_device *device, const char *rest, char *answer)
{
	uint8_t bytes[MOST_BYTES];
	unsigned int byte;
	size_t len = 0;
	uint64_t off;
	int used = 0;

	if (sscanf(rest, "%" SCNu64 " %n", &off, &used) != 1)
		return -EINVAL;
	for (rest += used; len < sizeof(bytes) && sscanf(rest, "%2x", &byte) == 1; rest += 2)
		bytes[len++] = (uint8_t)byte;
	(void)vfio_device_config_write(device, off, bytes, len);
	answer[0] = '\0';
	return 0;
}

static int answer_reset(struct vfio_device *device, const char *rest, char *answer)
{
	(void)rest;
	return print_number(answer, vfio_device_reset_function(device));
}

static const struct {
	const char *word;
	answer_fn *answer;
	bool used; /* only where a program uses the device */
} requests[] = {
	{"use", answer_use, false},	    {"request", answer_request, false},
	{"unbound", answer_unbound, false}, {"bind", answer_bind, false},
	{"pull", answer_pull, false},	    {"attribute", answer_attribute, true},
	{"config", answer_config, true},    {"poke", answer_poke, true},
	{"reset", answer_reset, true},
};

/* Finds the device, and answers request number @at about it. */
static int answer_about(size_t at, const char *bdf, const char *rest, char *answer)
{
	struct vfio_device *device = machine_find_device(engine_machine(), bdf);

	if (!device)
		return -ENODEV;
	if (requests[at].used && !vfio_device_is_enabled(device))
		return -ENOENT;
	return requests[at].answer(device, rest, answer);
}

/* The thread is in the world like one of the program's: a fork waits for it. */
static int run(size_t at, const char *bdf, const char *rest, char *answer)
{
	int rc = world_enter();

	if (rc)
		return rc;
	rc = answer_about(at, bdf, rest, answer);
	world_leave();
	return rc;
}

static int dispatch(const char *request, int (*close)(FILE *), char *answer)
{
	char word[16], bdf[16];
	int used = 0;

	if (strncmp(request, "plug ", 5) == 0)
		return plug(request + 5, true, close, answer);
	if (strncmp(request, "plug-here ", 10) == 0)
		return plug(request + 10, false, close, answer);
	if (sscanf(request, "%15s %15s %n", word, bdf, &used) != 2)
		return -ENOSYS;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(requests[i].word, word) == 0)
			return run(i, bdf, request + used, answer);
	}
	return -ENOSYS;
}

int device_request(const char *request, int (*close)(FILE *), char **text, size_t *len)
{
	char *answer = alloc_zeroed(PEERS_ANSWER);
	int rc;

	if (!answer)
		return -ENOMEM;
	rc = dispatch(request, close, answer);
	if (rc) {
		alloc_free(answer);
		return rc;
	}
	*text = answer;
	*len = strlen(answer);
	return 0;
}
