/* SPDX-License-Identifier: MIT */
#include "server/server_thread.h"

#include <pthread.h>
#include <signal.h>

int server_thread(void *(*function)(void *), void *arg)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	sigset_t blocked, former;
	pthread_attr_t attributes;
	pthread_t thread;
	int rc;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&blocked, own[i]);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &blocked, &former);
	rc = pthread_create(&thread, &attributes, function, arg);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	pthread_attr_destroy(&attributes);
	return -rc;
}
