/* SPDX-License-Identifier: MIT */
/* The subcommands of `uiommufd`. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <limits.h>
#include <stdbool.h>

/* Exit statuses of the command itself, like those of env(1) and timeout(1). */
enum cmd_status {
	CMD_OK = 0,
	CMD_USAGE = 2,	      /* the command line is wrong */
	CMD_FAILED = 125,     /* uiommufd itself failed */
	CMD_CANNOT_RUN = 126, /* the program exists but cannot be executed */
	CMD_NOT_FOUND = 127,
};

/* The arguments after the subcommand, ended by NULL. Return the exit status. */
int cmd_run(char **args);
int cmd_machine(char **args);
int cmd_list(char **args);
int cmd_show(char **args);
int cmd_top(char **args);
int cmd_lookup(char **args);
int cmd_dump(char **args);
int cmd_plug(char **args);
int cmd_unplug(char **args);
int cmd_serve(char **args);
int cmd_trace(char **args);
int cmd_profile(char **args);
int cmd_replay(char **args);
int cmd_doctor(char **args);

/*
 * The value of option @name at *@args, "--name VALUE" or "--name=VALUE"; moves *@args to its last
 * word. NULL: it is another option. *@missing: it has no value.
 */
const char *cmd_option_value(char ***args, const char *name, bool *missing);

/*
 * Names of files are meant from where the command was started; the program may go elsewhere.
 * False: the absolute path of @name is too long.
 */
bool cmd_absolute(const char *name, char path[PATH_MAX]);

/* Prints one line to standard error, after "uiommufd: ". */
void cmd_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Ends a process that was forked from the command and has not become another program: nothing that
 * exit() does is done twice.
 */
void cmd_leave(int status) __attribute__((noreturn));

/* "--help", "-h". @argument may be NULL. */
bool help_wanted(const char *argument);

/* Prints the help of @command, or the overview (""). False: there is no such command. */
bool help_print(const char *command);

#endif
