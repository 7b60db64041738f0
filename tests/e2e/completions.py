#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each option that --help lists is completed, in each shell that is here: completions.py UIOMMUFD COMPLETIONS

zsh needs a terminal to complete, so of its script only the syntax and the words that it offers are tried.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

UIOMMUFD, SCRIPTS = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
COMMAND = re.compile(r"^       ?uiommufd (\w+)|^Usage: uiommufd (\w+)", re.M)

OPTION = re.compile(r"(?<![\w'`-])--[a-z][a-z-]*[a-z]")
# Of another command.
MENTIONED = {"plug": {"--device"}, "serve": {"--device"}}


def output(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, timeout=60, **options).stdout


def helps():
    """Each command with the options that its help names, "" with the commands."""
    commands = sorted({first or second for first, second in COMMAND.findall(output(UIOMMUFD, "--help"))})
    yield [""], set(commands)
    for command in commands:
        text = output(UIOMMUFD, command, "--help").split("\n\n", 1)[1]
        yield [command, "--"], set(OPTION.findall(text)) - MENTIONED.get(command, set()) | {"--help"}


def bash(words):
    script = f"""source {SCRIPTS}/uiommufd.bash
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _uiommufd "$1"; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return output("bash", "-c", script, "-", UIOMMUFD, *words)


def fish(words):
    line = " ".join([str(UIOMMUFD), *words])
    # fish knows the command by its basename.
    return output("fish", "--no-config", "-c", f"source {SCRIPTS}/uiommufd.fish; complete -C '{line}'")


def zsh(words):
    what, command = ("options", words[0]) if words[0] else ("commands", "")
    script = f"""compadd() {{ }}; words=(x y); CURRENT=2; source {SCRIPTS}/_uiommufd
        _uiommufd_words {UIOMMUFD} {what} {command}; echo --help; """
    return output("zsh", "-f", "-c", script)


def main():
    failures = 0
    for shell in (bash, fish, zsh):
        if not shutil.which(shell.__name__):
            print(f"[  SKIPPED ] {shell.__name__}: not installed")
            continue
        missing = [f"{' '.join(words)}: {sorted(wanted - offered)}"
                   for words, wanted in helps()
                   if not wanted <= (offered := {line.split("\t")[0] for line in shell(words).split("\n")})]
        print(*missing, sep="\n", end="\n" if missing else "")
        print(f"[{'  FAILED  ' if missing else '       OK '}] {shell.__name__}_completes_what_help_lists")
        failures += bool(missing)
    print(f"{len(list(helps()))} helps, {sum(len(wanted) for _, wanted in helps())} words")
    models = bash(["run", "--device", ""]).split()
    kinds = bash(["run", "--iommu", "a"]).split()
    right = "edu" in models and "nvme" in models and "amd" not in models and kinds == ["amd"]
    print(f"[{'       OK ' if right else '  FAILED  '}] bash_completes_models_and_kinds")
    sys.exit(1 if failures or not right else 0)


if __name__ == "__main__":
    main()
