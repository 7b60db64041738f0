/* SPDX-License-Identifier: MIT */
/* A refusal is explained by the latest text of the thread; without one, by the error itself. */
#include "checker/call_report.h"

#include <errno.h>
#include <stdio.h>

#include "base/last_error.h"
#include "report/counts.h"
#include "report/report.h"
#include "trace/call_table.h"
#include "trace/error_name.h"
#include "vfio/vfio.h"

static bool mistakes_expected;

void call_report_expect_mistakes(void)
{
	mistakes_expected = true;
}

static __attribute__((noinline)) void observe_begin(struct call *call, int fd,
						    struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_device *device = vfio_device_from_file(call->file);
	struct origin blamed;
	const char *role;

	call->observed = true;
	if (recording()) {
		(void)origin_take_blame(&blamed, &role);
		count_add(COUNT_CALLS, 1);
	}
	call->event = (struct event_call){
		.object = call->file,
		.file = call->file->ops->name,
		.device = device ? vfio_device_name(device) : "",
		.caller = caller,
		.arg = arg,
		.cmd = call->cmd,
		.fd = fd,
	};
	event_call_begin(&call->event);
}

void call_begin(struct call *call, struct uiommufd_file *file, int fd,
		struct uiommufd_caller *caller, unsigned int cmd, uint64_t arg)
{
	last_error_clear();
	call->file = file;
	call->cmd = cmd;
	call->observed = false;
	if (observed())
		observe_begin(call, fd, caller, arg);
}

/* For a refusal without a text of its own. */
static const char *usual_reason(int error)
{
	switch (error) {
	case EFAULT:
		return "the argument, or memory that it points to, cannot be read or written";
	case ENOTTY:
		return "the file has no such command";
	case ENOENT:
		return "there is no such object";
	case EBADF:
		return "a descriptor that it names is not open";
	case EBADFD:
		return "a descriptor that it names is of another kind of file";
	case E2BIG:
		return "the structure is longer than is known, and the rest is not zero";
	case ENOMEM:
		return "no memory, or over the memlock limit";
	case EBUSY:
		return "something that it names is in use";
	case EOPNOTSUPP:
		return "a flag, a reserved member or a type is not supported";
	case EINVAL:
		return "a member has a value that it cannot have";
	default:
		return "see the reference";
	}
}

static bool is_wanted(enum refusal_kind kind, long result)
{
	if (!report_started())
		return false;
	if (kind == REFUSAL_MISTAKE && !mistakes_expected)
		return true;
	return result < 0 && report_settings()->explain;
}

/* Reports the call unless it need not be reported. */
static void report_call(const struct call *call, long result)
{
	const enum refusal_kind kind = last_error_kind();
	const struct call_info *info;
	const char *name, *why = last_error_text(), *role;
	const int error = result < 0 ? (int)-result : 0;
	struct origin now, blamed;
	struct report *report;
	char number[32];

	if (__builtin_expect(!error && kind == REFUSAL_NONE, 1) || !is_wanted(kind, result))
		return;
	info = call_find(call->cmd, vfio_device_from_file(call->file));
	snprintf(number, sizeof(number), "ioctl 0x%x", call->cmd);
	name = info ? info->name : number;
	if (kind == REFUSAL_NONE)
		why = usual_reason(error);
	origin_capture(&now);
	report = report_begin(error ? "call-refused" : "call-without-effect", "");
	if (error)
		report_headline(report, "%s refused, %s: %s", name, error_name(error), why);
	else
		report_headline(report, "%s: %s", name, why);
	report_key(report, call->cmd);
	report_key(report, (uint64_t)error);
	report_key(report, last_error_reason());
	report_string(report, "call", name);
	if (error)
		report_string(report, "error", error_name(error));
	report_origin(report, "caller", &now, "called");
	if (origin_take_blame(&blamed, &role))
		report_origin(report, "blamed", &blamed, "%s", role);
	report_end(report);
}

void call_end(struct call *call, long result)
{
	if (call->observed)
		event_call_end(&call->event, result, last_error_text());
	report_call(call, result);
}
