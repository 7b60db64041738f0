#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The probes that uiommufd(1) lists are in the libraries, and a tracer that attaches to one sees it.

probes.py MAN-PAGE UIOMMUFD EDU_COPY LIBRARY...

A probe is a note of the library, read with readelf(1). gdb, if it is there, is the tracer: it attaches to a probe and counts
itself in the semaphore, as bpftrace does.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TIMEOUT = 100


def listed(page):
    """The probes in the man page: name and number of arguments."""
    found = re.findall(r"^\*(\w+)\*\((.*)\)$", Path(page).read_text(), re.M)
    return {name: len(arguments.split(", ")) for name, arguments in found}


def noted(library):
    """The probes in the notes of @library: name and numbers of arguments, and the semaphores."""
    text = subprocess.run(["readelf", "-nW", library], capture_output=True, text=True, check=True).stdout
    probes, semaphores = {}, set()
    for provider, name, semaphore, arguments in re.findall(
            r"Provider: (\w+)\s+Name: (\w+)\s+Location: \S+ Base: \S+ Semaphore: (\w+)\s+Arguments: (.*)", text):
        if provider == "uiommufd":
            probes.setdefault(name, set()).add(len(re.findall(r"-?[1248]@", arguments)))
            semaphores.add(int(semaphore, 16))
    return probes, semaphores


def traced(uiommufd, program, probe):
    """What gdb prints at the first hit of @probe."""
    script = f"""set breakpoint pending on
set debuginfod enabled off
handle SIGSEGV SIGBUS SIGSYS nostop noprint pass
break -probe-stap uiommufd:{probe}
commands
silent
printf "hit %s %d\\n", (char *)$_probe_arg0, (int)$_probe_arg2
kill
quit
end
run
"""
    with tempfile.NamedTemporaryFile("w", suffix=".gdb") as file:
        file.write(script)
        file.flush()
        command = [uiommufd, "run", "--device", "edu", "--", "gdb", "-q", "-batch", "-nx", "-x", file.name, "--args", program, "-n", "4096"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    return done.stdout + done.stderr


def main():
    page, uiommufd, edu_copy, *libraries = sys.argv[1:]
    wanted = listed(page)
    if not wanted:
        sys.exit(f"{page} lists no probes")
    for library in libraries:
        probes, semaphores = noted(library)
        if {name: {count} for name, count in wanted.items()} != probes:
            sys.exit(f"{library} has {probes}, {page} lists {wanted}")
        if len(semaphores) != 1 or not min(semaphores):
            sys.exit(f"{library}: the semaphores are at {semaphores}, not all at one place")
        print(f"[       OK ] {Path(library).name}: {len(probes)} probes")
    if not shutil.which("gdb"):
        print("[  SKIPPED ] there is no gdb")
        return
    text = traced(uiommufd, edu_copy, "dma_begin")
    if "ptrace: Operation not permitted" in text or "not trace" in text:
        print("[  SKIPPED ] gdb may not trace here")
        return
    if "hit 0000:01:00.0 4096" not in text:
        sys.exit(f"gdb did not see the probe:\n{text}")
    print("[       OK ] a tracer sees it")


if __name__ == "__main__":
    main()
