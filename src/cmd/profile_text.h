/* SPDX-License-Identifier: MIT */
/* Profiles (profile/profile_json.c) as text and as pictures. */
#ifndef CMD_PROFILE_TEXT_H
#define CMD_PROFILE_TEXT_H

#include <stdint.h>
#include <stdio.h>

struct json_object;

/* @file: what `uiommufd run --profile=FILE` writes, with a profile for each process. */
void profile_text(struct json_object *file, FILE *out);
void profile_svg(struct json_object *file, FILE *out);

/*
 * What walks cost a device that keeps its link busy: the time that it waits, as a part of all, in
 * thousandths. @model: the settings of the profile.
 */
unsigned int profile_lost(struct json_object *model, uint64_t bytes, uint64_t reads);

#endif
