#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs built with the sanitizers of gcc and clang run under `uiommufd run` without any setting.

A right program (sanitized.c) is silent and exits with 0; a planted mistake of its own is still reported. Each sanitizer
is tried with each compiler that has its runtime.

Usage: sanitizers.py UIOMMUFD SOURCE-ROOT
Exit: 0 passed, 1 failed, 77 skipped: no compiler has a runtime.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Sanitizer: flags, mistakes with what must be in the report.
SANITIZERS = {
    "address": (["-fsanitize=address"], {"overflow": "heap-buffer-overflow", "leak": "detected memory leaks",
                                         "crash": "SEGV on unknown address"}),
    "thread": (["-fsanitize=thread"], {"race": "data race", "device-race": "data race", "crash": "SEGV on unknown address"}),
    "undefined": (["-fsanitize=undefined"], {"undefined": "signed integer overflow"}),
    "leak": (["-fsanitize=leak"], {"leak": "detected memory leaks"}),
    "memory": (["-fsanitize=memory"], {"uninitialised": "use-of-uninitialized-value"}),
    "address,undefined": (["-fsanitize=address,undefined"], {"overflow": "heap-buffer-overflow",
                                                             "undefined": "signed integer overflow"}),
}


def linked(name, path):
    """How the runtime of AddressSanitizer is linked: as is the compiler's default, and the other way."""
    yield "", []
    if name == "gcc":
        yield " static", ["-static-libasan"]
    else:
        runtime = subprocess.run([path, "-print-runtime-dir"], stdout=subprocess.PIPE, text=True).stdout.strip()
        yield " shared", ["-shared-libasan", "-Wl,-rpath," + runtime]


def compilers():
    for name in ("gcc", "clang"):
        path = shutil.which(os.environ.get(name.upper(), name)) or shutil.which(name + "-14")
        if path:
            yield name, path


class Run:
    def __init__(self, uiommufd, root, scratch):
        self.uiommufd, self.root, self.scratch = uiommufd, Path(root), Path(scratch)
        self.failed = self.passed = self.skipped = 0

    def build(self, compiler, flags, name):
        program = self.scratch / name
        sources = [self.root / "tests/e2e/sanitized.c", self.root / "examples/edu.c", self.root / "examples/files.c"]
        command = [compiler, "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-I", self.root / "include", *flags, *sources,
                   "-o", program, "-lpthread"]
        built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return program if built.returncode == 0 else None

    def run(self, program, *arguments):
        environment = {key: value for key, value in os.environ.items() if not key.endswith("SAN_OPTIONS")}
        # Debian has no unversioned symbolizer; reports are told apart without one.
        command = [self.uiommufd, "run", "--device", "edu@0000:c1:00.0", "--", program, *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=100,
                              env=environment, errors="replace")

    def result(self, name, good, done):
        print(f"[       OK ] {name}" if good else f"[  FAILED  ] {name}", flush=True)
        self.passed += good
        self.failed += not good
        if not good:
            print(f"status {done.returncode}\n{done.stdout}{done.stderr}"[:6000])

    def try_all(self, name, program, mistakes):
        done = self.run(program)
        self.result(f"a right program with {name} is silent",
                    done.returncode == 0 and done.stdout.endswith("done\n") and not done.stderr, done)
        for mistake, text in mistakes.items():
            done = self.run(program, mistake)
            self.result(f"{name} reports {mistake}", text in done.stderr, done)

    def skip(self, name):
        print(f"[  SKIPPED ] {name}: the compiler has no runtime for it", flush=True)
        self.skipped += 1


def main():
    with tempfile.TemporaryDirectory() as scratch:
        run = Run(sys.argv[1], sys.argv[2], scratch)
        for name, path in compilers():
            for sanitizer, (flags, mistakes) in SANITIZERS.items():
                for way, options in linked(name, path) if sanitizer == "address" else [("", [])]:
                    title = f"{name} {sanitizer}{way}"
                    program = run.build(path, flags + options, title.replace(" ", "_").replace(",", "_"))
                    if program:
                        run.try_all(title, program, mistakes)
                    else:
                        run.skip(title)
    if not run.passed and not run.failed:
        sys.exit(77)
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
