/* SPDX-License-Identifier: MIT */
/*
 * Traces and profiles of the machine in this process, as the options of `uiommufd run` want them.
 *
 * Also part of the server of machines that programs share (server/), with another root_path().
 */
#ifndef PRELOAD_ENGINE_WATCH_H
#define PRELOAD_ENGINE_WATCH_H

/* Starts what is wanted. Context: before the machine is there, and while no thread uses it. */
void watch_start(void);

/* In the child of a fork. */
void watch_fork_child(void);

/* At the end of the program. Context: inside the engine. */
void watch_finish(void);

#endif
