/* SPDX-License-Identifier: MIT */
/* Threads of the server: no signal is delivered to them, except what they cause themselves. */
#ifndef SERVER_SERVER_THREAD_H
#define SERVER_SERVER_THREAD_H

/* Starts a thread, which nobody waits for. 0 or a negative errno. */
int server_thread(void *(*function)(void *), void *arg);

#endif
