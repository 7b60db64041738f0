/* SPDX-License-Identifier: MIT */
/* Reports of what is left at exit: mappings, objects, descriptors, interrupts, work of devices. */
#ifndef CHECKER_LEAK_REPORT_H
#define CHECKER_LEAK_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "report/origin.h"

enum {
	LEAK_FILES = 256
};

/* The emulated files that the program has open, each once. */
struct leak_files {
	struct leak_file {
		const struct uiommufd_file *file; /* only its address is of use */
		const char *name;
		int fd; /* the lowest descriptor */
		struct origin opened;
		bool excess; /* another file of the same name is open, too */
	} files[LEAK_FILES];
	size_t count;
};

/* Adds @fd, which is open on @file; ignores copies, and what there is no space for. */
void leak_add_file(struct leak_files *files, int fd, const struct uiommufd_file *file,
		   const struct origin *opened);

/*
 * Reports what is left: mappings and objects by the call site that has made them, descriptors of
 * @files, interrupts that are enabled, and devices that are busy. Context: at the end of the
 * process, with no lock held. Every process holds its contexts and devices open until it ends, so
 * that is no leak; that one of them is open twice is.
 */
void leak_report(const struct leak_files *files);

#endif
