/* SPDX-License-Identifier: MIT */
/*
 * What the control thread (control.h) answers about devices. A request begins with a word and the
 * address of a device, unless it says otherwise:
 *
 * 	use BDF			how many files of it are open
 * 	request BDF		the same; it is unbound from now on, and wanted back
 * 	unbound BDF		no process has a file of it any more
 * 	bind BDF		it is bound
 * 	attribute BDF NAME	a live attribute, if a program uses the device here
 * 	config BDF OFFSET LEN	registers, as two hexadecimal digits for each byte; as above
 * 	poke BDF OFFSET DIGITS	writes them; as above
 * 	reset BDF		resets it: 0 or a negative errno; as above
 * 	pull BDF [here]		pulls it out, here or in all processes of the run
 * 	plug TEXT		plugs a device in, in all of them: a line as of machine_format()
 * 	plug-here TEXT		the same, here
 */
#ifndef PRELOAD_ENGINE_DEVICE_REQUESTS_H
#define PRELOAD_ENGINE_DEVICE_REQUESTS_H

#include <stddef.h>
#include <stdio.h>

/*
 * Answers @request; @close: as inquiry_answer().
 *
 * *@text: @len bytes and a NUL, from alloc(), owned by the caller. -ENOSYS: @request is none of
 * these; -ENODEV, -ENOENT; or what plugging in fails with.
 */
int device_request(const char *request, int (*close)(FILE *), char **text, size_t *len);

#endif
