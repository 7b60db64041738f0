/* SPDX-License-Identifier: MIT */
/*
 * The description of a machine, as `uiommufd run` writes it for the preload.
 *
 * What must hold: any text is a machine or an error with a line that says why; and a machine is the
 * same after it has been written and read again.
 *
 * Input: the text.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "machine/machine.h"
#include "require.h"

/* *@text: @machine, from malloc(). */
static void write_machine(const struct machine *machine, char **text)
{
	size_t len;
	FILE *out = open_memstream(text, &len);

	require(out);
	require(!machine_format(machine, out));
	fclose(out);
}

/* Reads @text. NULL: it is no machine. */
static struct machine *read_machine(const void *text, size_t len)
{
	char error[256] = "";
	struct machine *machine;
	FILE *in;
	int rc;

	if (machine_create(&machine))
		return NULL;
	in = fmemopen((void *)text, len, "r");
	require(in);
	rc = machine_parse(machine, in, error, sizeof(error));
	fclose(in);
	if (!rc)
		return machine;
	require(rc < 0 && error[0] && !strchr(error, '\n'));
	machine_destroy(machine);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine *machine = size ? read_machine(data, size) : NULL;
	char *written, *again;

	if (!machine)
		return 0;
	write_machine(machine, &written);
	machine_destroy(machine);

	machine = read_machine(written, strlen(written));
	require(machine);
	write_machine(machine, &again);
	machine_destroy(machine);
	require(strcmp(written, again) == 0);
	free(written);
	free(again);
	return 0;
}
