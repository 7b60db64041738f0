/* SPDX-License-Identifier: MIT */
/* No state. Cost with a trace: reading the name of a thread when it is another one than before. */
#include "server/trace_thread.h"

#include <stdint.h>

#include "server/proc_file.h"
#include "trace/trace.h"

void trace_thread_set(pid_t pid, pid_t tid, int task)
{
	char name[PROC_FILE_NAME];
	uint64_t process = (uint64_t)pid;

	if (!tracing() || trace_acts_for(tid))
		return;
	if (!pid && !proc_file_number(task, "status", "\nTgid:", 10, &process))
		return;
	proc_file_name(task, name);
	trace_act_for((pid_t)process, tid, name);
}
