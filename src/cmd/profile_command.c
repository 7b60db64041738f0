/* SPDX-License-Identifier: MIT */
/* `uiommufd profile`: prints what `uiommufd run --profile=FILE` has written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cmd/cmd.h"
#include "cmd/profile_text.h"
#include "cmd/state.h"

int cmd_profile(char **args)
{
	const char *file = NULL;
	struct json_object *profile;
	bool svg = false;

	for (; *args; args++) {
		if (strcmp(*args, "--svg") == 0)
			svg = true;
		else if (!file && (*args)[0] != '-')
			file = *args;
		else
			file = "";
	}
	if (!file || !*file) {
		cmd_complain("profile what? Usage: uiommufd profile [--svg] FILE");
		return CMD_USAGE;
	}
	if (access(file, R_OK)) {
		cmd_complain("%s: %s", file, strerror(errno));
		return CMD_FAILED;
	}
	profile = json_object_from_file(file);
	if (!profile || state_number(profile, "format") != 1 || !state_get(profile, "profiles")) {
		cmd_complain("%s: it is no profile of uiommufd", file);
		json_object_put(profile);
		return CMD_FAILED;
	}
	(svg ? profile_svg : profile_text)(profile, stdout);
	json_object_put(profile);
	return CMD_OK;
}
