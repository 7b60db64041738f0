/* SPDX-License-Identifier: MIT */
/* See new_machine.h. */
#include "cmd/new_machine.h"

#include <dlfcn.h>
#include <stddef.h>

#include "cmd/cmd.h"
#include "devices/plugin.h"

struct machine *new_machine(void)
{
	static const struct plugin_linker linker = {.open = dlopen, .symbol = dlsym};
	struct machine *machine;

	if (machine_create(&machine)) {
		cmd_complain("out of memory");
		return NULL;
	}
	machine_set_linker(machine, &linker);
	return machine;
}
