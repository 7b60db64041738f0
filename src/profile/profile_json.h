/* SPDX-License-Identifier: MIT */
/* A profile as JSON (docs/profile.md has the members). */
#ifndef PROFILE_PROFILE_JSON_H
#define PROFILE_PROFILE_JSON_H

struct json;
struct profile_state;

/* Context: the owner of @state holds its lock; names of functions may take seconds. */
void profile_to_json(const struct profile_state *state, struct json *json);

#endif
