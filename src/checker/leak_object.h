/* SPDX-License-Identifier: MIT */
/* Leaks of objects, for leak_report.c. */
#ifndef CHECKER_LEAK_OBJECT_H
#define CHECKER_LEAK_OBJECT_H

#include <stdbool.h>

#include "iommufd/object/object.h"

/*
 * Reports the objects that are left, by type and call site. @explained: an object that another
 * report has told of. Context: no lock held.
 */
void leak_report_objects(bool (*explained)(const struct iommufd_object *object));

#endif
