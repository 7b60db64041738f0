/* SPDX-License-Identifier: MIT */
/* Traces and profiles of this process, as the options of `uiommufd run` want them. */
#ifndef PRELOAD_ENGINE_WATCH_H
#define PRELOAD_ENGINE_WATCH_H

/* Starts what is wanted. Context: before the machine is there, and while no thread uses it. */
void watch_start(void);

/* In the child of a fork. */
void watch_fork_child(void);

#endif
