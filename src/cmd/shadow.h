/* SPDX-License-Identifier: MIT */
/*
 * The shadow root of a run (preload/start/layout.h). See tree->error for what has failed.
 */
#ifndef CMD_SHADOW_H
#define CMD_SHADOW_H

#include "cmd/tree.h"
#include "machine/machine.h"

/* Fills @tree with @machine. */
void shadow_fill(struct tree *tree, const struct machine *machine);

/* Adds to a tree that is filled what device @index of @machine has, which is new. */
void shadow_add_device(struct tree *tree, const struct machine *machine, size_t index);

/*
 * Adds what the server of device @index says of it, if it has one. Processes of the program need
 * it before they make the device.
 */
void shadow_add_identity(struct tree *tree, const struct machine *machine, size_t index);

/* Replaces the description of the machine. */
void shadow_replace_machine(struct tree *tree, const struct machine *machine);

/* ---- for the files that make it up ---- */

/* A device of a class: its directory, with links from its class and from its number. */
struct shadow_class {
	const char *class;  /* its directory, /sys/class/... */
	char name[32];	    /* in it */
	char dir[192];	    /* the directory of the device */
	char node[64];	    /* in /dev */
	const char *mode;   /* of the node, as in its uevent; NULL: it says nothing */
	const char *parent; /* the device that it is one of; NULL: none */
	unsigned int major, minor;
};
void shadow_add_class(struct tree *tree, const struct shadow_class *entry);

/* The sysfs directory of device @index of @machine, and the links to it. */
void shadow_add_pci(struct tree *tree, const struct machine *machine, size_t index);

/* The IOMMUs; and the links between one and device @index behind it, whose directory is @dir. */
void shadow_add_iommus(struct tree *tree, const struct machine *machine);
void shadow_link_iommu(struct tree *tree, const struct machine *machine, size_t index,
		       const char *dir);

/* The modules, as they are loaded, and their lines in /proc. */
void shadow_add_modules(struct tree *tree, const struct machine *machine);
void shadow_add_proc(struct tree *tree, const struct machine *machine);

#endif
