#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs drivers that others wrote against the emulated devices: tests/clients/run.py BUILD [CLIENT]...

The clients are libvfn, xNVMe, SPDK, libvfio-user and a Linux guest. LIBVFN, XNVME, SPDK and LIBVFIO_USER name trees in which they were
built; otherwise each is fetched from its public repository and built in BUILD/client-tests. KERNEL names the guest's kernel; otherwise
it is Debian's. A client that cannot be had is skipped, with the reason. Fails if a check fails, or if none passes.
"""

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, namedtuple
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "abi")]
import headers
from debian import Suite, Unavailable

SECONDS = 300
BUILD_SECONDS = 3600
BDF = "0000:01:00.0"

# status: the exit status, or -signal. present, absent: what the output must and must not match.
Check = namedtuple("Check", "name machine command status present absent", defaults=(0, "", ""))
REPORT = "^uiommufd: "


class Bench:
    """Runs checks, each with a log, and counts."""

    def __init__(self, uiommufd, work):
        self.uiommufd, self.work = uiommufd, work
        self.counts = Counter()

    def run(self, client, check, environment=None):
        log = self.work / f"{client}-{check.name.replace(' ', '-')}.log"
        command = [str(word) for word in check.command]
        if check.machine is not None:
            command = [self.uiommufd, "run", *check.machine, "--", *command]
        with log.open("w") as out:
            out.write(f"$ {shlex.join(command)}\n")
            out.flush()
            try:
                status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False,
                                        cwd=self.work, env={**os.environ, **(environment or {})}, timeout=SECONDS).returncode
                wrong = f"exit status {status}" if status != check.status else ""
            except subprocess.TimeoutExpired:
                wrong = f"still running after {SECONDS} s"
        said = log.read_text(errors="replace").split("\n", 1)[1]
        if not wrong and not re.search(check.present, said, re.M):
            wrong = f"its output lacks {check.present!r}"
        if not wrong and check.absent and re.search(check.absent, said, re.M):
            wrong = f"its output has {check.absent!r}"
        if wrong:
            self.fail(check.name, f"{wrong}: {log}")
        else:
            self.counts["passed"] += 1
            print(f"  passed {check.name}", flush=True)

    def fail(self, what, why):
        self.counts["failed"] += 1
        print(f"  FAILED {what}: {why}", flush=True)

    def skip(self, what, why):
        self.counts["skipped"] += 1
        print(f"  skipped {what}: {why}", flush=True)


# ---- getting a client ----

def call(log, *command, cwd=None):
    """Runs one step of a build."""
    with log.open("a") as out:
        out.write(f"$ {shlex.join(map(str, command))}\n")
        out.flush()
        try:
            subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=True,
                           timeout=BUILD_SECONDS)
        except OSError as error:
            raise Unavailable(error) from None
        except subprocess.SubprocessError:
            said = log.read_text(errors="replace").splitlines()[-1]
            raise Unavailable(f"{' '.join(map(str, command[:2]))} failed: {said} ({log})") from None


def fetch(work, client):
    """Its source at the commit that is tested."""
    source = work / client.name
    if (source / ".git/fetched").exists():
        return source
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    log = work / f"{client.name}-build.log"
    log.write_text("")
    print(f"  fetching {client.repository}", flush=True)
    call(log, "git", "init", "--quiet", cwd=source)
    call(log, "git", "fetch", "--quiet", "--depth", "1", client.repository, client.commit, cwd=source)
    call(log, "git", "checkout", "--quiet", "FETCH_HEAD", cwd=source)
    (source / ".git/fetched").touch()
    return source


def need_package(module, package):
    if subprocess.run(["pkg-config", "--exists", module], check=False).returncode:
        raise Unavailable(f"{module} is not installed (Debian: {package})")


def find_built(tree, program):
    """The build directory in @tree, or @tree itself, that has @program; the newest."""
    found = [folder for folder in (tree, *tree.glob("*/")) if (folder / program).is_file()]
    return max(found, key=lambda folder: (folder / program).stat().st_mtime, default=None)


# ---- libvfn ----

class Libvfn:
    name, variable = "libvfn", "LIBVFN"
    repository, commit = "https://github.com/SamsungDS/libvfn.git", "c2acee36bf05d86c40febe840f2f0317a9acf1af"
    program = "tests/device/open"

    @staticmethod
    def build(work, source, log):
        need_package("libnvme", "libnvme-dev")
        include = headers.find(work.parent / "linux-headers")
        call(log, "meson", "setup", source / "build", source, "-Ddocs=disabled", "-Dwerror=false", "-Dlibnvme=enabled",
             f"-Dlinux-headers={include}")
        call(log, "ninja", "-C", source / "build")

    @staticmethod
    def checks(built):
        nvme = ["--device", f"nvme@{BDF}"]
        for way, options in (("iommufd", []), ("container", ["--no-iommufd"])):
            for test in ("open", "identify", "io", "flush", "aer", "timeout"):
                yield Check(f"{test} {way}", options + nvme, [built / "tests/device" / test, "-d", BDF, "-N", "1"],
                            present=r"^ok 1", absent=r"^not ok")
        for example, arguments, present in (("identify", [], "^vid 0x1b36"), ("io", ["-N", "1", "-r"], "wrote 4096 bytes"),
                                            ("eventfd", [], "wrote 4096 bytes"), ("regs", [], r"^PMRMSC")):
            yield Check(f"example {example}", nvme, [built / "examples" / example, "-d", BDF, *arguments], present=present)
        yield Check("example cmb", ["--iommu", "intel", "--device", f"nvme@{BDF},cmb=512K"],
                    [built / "examples/cmb", "-d", BDF], present="VER field value is 10400")

    @classmethod
    def test(cls, bench, built):
        for check in cls.checks(built):
            bench.run(cls.name, check)


# ---- xNVMe ----

class LibvfnRelease:
    """The version of libvfn that xNVMe is written for."""
    name = "libvfn-5.1.0"
    repository, commit = Libvfn.repository, "7dce643d7fed5b90403db5e167a4656e8d0ad7aa"


class Xnvme:
    name, variable = "xnvme", "XNVME"
    repository, commit = "https://github.com/xnvme/xnvme.git", "d835467a9d52f91b5e2c571508a67a84b2085645"
    program = "tools/xnvme"
    OPTIONS = ["--buildtype=debug", "-Db_lto=false", "-Dwith-libvfn=enabled", "-Dtests=false", "-Dexamples=false",
               *(f"-Dwith-{name}=disabled" for name in ("spdk", "cuda", "hip", "libaio", "liburing", "isal"))]

    @classmethod
    def build(cls, work, source, log):
        vfn, prefix = fetch(work, LibvfnRelease), work / "libvfn-root"
        call(log, "meson", "setup", vfn / "build", vfn, f"--prefix={prefix}", "--libdir=lib", "-Ddocs=disabled", "-Dlibnvme=disabled",
             "-Dwerror=false")
        call(log, "ninja", "-C", vfn / "build", "install")
        call(log, "env", f"PKG_CONFIG_PATH={prefix}/lib/pkgconfig", "meson", "setup", source / "build", source, *cls.OPTIONS)
        call(log, "ninja", "-C", source / "build")

    @classmethod
    def test(cls, bench, built):
        disk, data = bench.work / "xnvme-disk", bench.work / "xnvme-data"
        with disk.open("wb") as file:
            file.truncate(64 << 20)
        data.write_bytes(os.urandom(4096))
        libraries = ":".join(filter(None, (str(built / "lib"), str(bench.work / "libvfn-root/lib"), os.environ.get("LD_LIBRARY_PATH"))))
        nvme, last = ["--device", f"nvme@{BDF},file={disk}"], ["--be", "libvfn"]
        blocks = [BDF, "--dev-nsid", "1", "--slba", "8"]
        for tool, command, arguments, present in (
                ("xnvme", "info", [BDF, "--dev-nsid", "1"], "type: XNVME_GEO_CONVENTIONAL"),
                ("xnvme", "idfy-ctrlr", [BDF], "subnqn: 'nqn.2014-08.org.nvmexpress:uuid"),
                ("xnvme", "log-health", [BDF, "--nsid", "0xffffffff"], "avail_spare: 100"),
                ("xnvme", "feature-get", [BDF, "--fid", "0x7"], "feat: { nsqa: 15, ncqa: 15 }"),
                ("lblk", "write", [*blocks, "--nlb", "7", "--data-input", data], "Sending the command"),
                ("lblk", "compare", [*blocks, "--nlb", "7", "--data-input", data], "Sending the command"),
                ("lblk", "write-zeros", [*blocks, "--nlb", "3"], "")):
            bench.run(cls.name, Check(f"{tool} {command}", nvme, [built / "tools" / tool, command, *arguments, *last], present=present,
                                        absent=REPORT), {"LD_LIBRARY_PATH": libraries})
        with disk.open("rb") as file:
            file.seek(4096)
            if file.read(4096) != bytes(2048) + data.read_bytes()[2048:]:
                bench.fail("blocks", "the disk does not have what was written")


# ---- SPDK ----

class Spdk:
    name, variable = "spdk", "SPDK"
    repository, commit = "https://github.com/spdk/spdk.git", "3230130e6a4114a97991d7e27cecd5ab64b696c3"
    program = "build/bin/spdk_nvme_identify"
    OPTIONS = ["--disable-tests", "--disable-unit-tests", "--without-crypto", "--without-vhost", "--without-virtio",
               "--without-vfio-user", "--without-nvme-cuse", "--without-ublk", "--without-uring", "--without-rdma"]

    @classmethod
    def build(cls, _work, source, log):
        need_package("uuid", "uuid-dev")
        call(log, "git", "submodule", "update", "--init", "--depth", "1", cwd=source)
        call(log, "./configure", *cls.OPTIONS, cwd=source)
        call(log, "make", f"-j{os.cpu_count()}", cwd=source)

    @classmethod
    def test(cls, bench, tree):
        nvme = ["--device", f"nvme@{BDF}"]
        target = ["-r", f"trtype:PCIe traddr:{BDF}"]
        # It may have been built with shared libraries.
        libraries = ":".join(filter(None, (str(tree / "build/lib"), os.environ.get("LD_LIBRARY_PATH"))))
        environment = {"LD_LIBRARY_PATH": libraries}
        small = ["--no-huge", "-s", "256"]
        bench.run(cls.name, Check("identify", nvme, [tree / cls.program, *target, *small],
                                  present=r"Serial Number: +UIOMMUFD", absent=REPORT), environment)
        # IOPS of the line for the namespace.
        bench.run(cls.name, Check("perf", nvme, [tree / "build/bin/spdk_nvme_perf", *target, *small, "-q", "4", "-o", "4096",
                                                 "-w", "randrw", "-M", "50", "-t", "2"],
                                  present=r"^Total +: +[1-9]", absent=REPORT), environment)
        if int(Path("/proc/sys/vm/nr_hugepages").read_text()):
            bench.run(cls.name, Check("hello_world", nvme, [tree / "build/examples/hello_world", *target, "-d", "64"],
                                      present="^Hello world!$", absent=REPORT), environment)
        else:
            bench.skip("hello_world", "it needs huge pages (as root: sysctl vm.nr_hugepages=64)")


# ---- libvfio-user ----

class LibvfioUser:
    name, variable = "libvfio-user", "LIBVFIO_USER"
    repository, commit = "https://github.com/nutanix/libvfio-user.git", "efd091bce1c1c2da64a1a935911a7c2300c848b2"
    program = "samples/gpio-pci-idio-16"

    @staticmethod
    def build(_work, source, log):
        need_package("json-c", "libjson-c-dev")
        need_package("cmocka", "libcmocka-dev")
        call(log, "meson", "setup", source / "build", source)
        call(log, "ninja", "-C", source / "build")

    @staticmethod
    @contextmanager
    def server(*command, log):
        """Runs a server until the end of the block, which gets why there is none, or None; its socket is the last word."""
        with log.open("w") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as server:
            try:
                end = time.monotonic() + SECONDS
                while not Path(command[-1]).exists() and server.poll() is None and time.monotonic() < end:
                    time.sleep(0.01)
                # One that fails does so within a moment of making its socket.
                time.sleep(0.5)
                yield None if server.poll() is None else (log.read_text().splitlines() or ["it ends at once"])[-1]
            finally:
                server.send_signal(signal.SIGTERM)
                try:
                    server.wait(10)
                except subprocess.TimeoutExpired:
                    server.kill()

    @classmethod
    def test(cls, bench, built):
        with tempfile.TemporaryDirectory() as folder:
            for sample in ("gpio-pci-idio-16", "server"):
                path = f"{folder}/{sample}"
                with cls.server(str(built / "samples" / sample), path, log=bench.work / f"{sample}.log") as missing:
                    if missing:
                        bench.skip(sample, f"it does not start: {missing}")
                        continue
                    bench.run(cls.name, Check(sample, ["--device", f"vfio-user@{BDF},socket={path}"],
                                              [sys.executable, HERE / "samples.py", sample, BDF], present="^done$"))
            model, path = bench.work / "sample.so", f"{folder}/served"
            call(bench.work / "sample-build.log", "cc", "-shared", "-fPIC", "-I", HERE.parent.parent / "include", "-o", model,
                 HERE / "sample_device.c")
            with cls.server(bench.uiommufd, "serve", model, "--socket", path, log=bench.work / "serve.log"):
                # Its own server reaches memory of a descriptor by messages as well, to show how; then it waits for these.
                bench.run(cls.name, Check("client", None, ["timeout", "10", "stdbuf", "-oL", built / "samples/client", path], status=124,
                                          present=r"^client: INTx triggered!$"))


# ---- a guest ----

class Guest:
    """Debian's kernel in QEMU, with our disk; guest.py says what is checked."""
    name, variable = "guest", "KERNEL"
    suite, package = "bookworm", "linux-image-cloud-amd64"

    @classmethod
    def kernel(cls, work):
        given = os.environ.get(cls.variable)
        if given:
            return Path(given).resolve()
        unpacked = work / "kernel"
        if not list(unpacked.glob("boot/vmlinuz-*")):
            with Suite.open(cls.suite, work / "apt") as suite:
                image = next((name for name in suite.names("linux-image-") if re.fullmatch(r"linux-image-[\d.]+-\d+-cloud-amd64", name)), None)
                if not image:
                    raise Unavailable(f"{suite} has no {cls.package}")
                suite.unpack(image, suite.versions(image)[0], unpacked)
        return next(unpacked.glob("boot/vmlinuz-*"))

    @classmethod
    def test(cls, bench, _tree):
        for tool in (os.environ.get("QEMU", "qemu-system-x86_64"), "busybox", "mkfs.ext4", "e2fsck", "debugfs"):
            if not shutil.which(tool):
                raise Unavailable(f"no {tool}")
        bench.run(cls.name, Check("ext4 survives a kill", None, [sys.executable, HERE / "guest.py", bench.uiommufd, cls.kernel(bench.work),
                                                                 bench.work / "guest"], present="^done$", absent=REPORT))


# ---- all ----

CLIENTS = (Libvfn, Xnvme, Spdk, LibvfioUser, Guest)


def built_tree(work, client):
    if client is Guest:
        return None
    given = os.environ.get(client.variable)
    if not given:
        source = fetch(work, client)
        if not find_built(source, client.program):
            print("  building", flush=True)
            client.build(work, source, work / f"{client.name}-build.log")
        given = source
    built = find_built(Path(given).resolve(), client.program)
    if not built:
        raise Unavailable(f"{given} has no {client.program}")
    return built


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("clients", metavar="CLIENT", nargs="*", help=", ".join(client.name for client in CLIENTS))
    arguments = parser.parse_args()
    work = arguments.build.resolve() / "client-tests"
    work.mkdir(exist_ok=True)
    bench = Bench(str(arguments.build.resolve() / "uiommufd"), work)
    for client in CLIENTS:
        if arguments.clients and client.name not in arguments.clients:
            continue
        print(f"{client.name}:", flush=True)
        try:
            client.test(bench, built_tree(work, client))
        except Unavailable as reason:
            bench.skip(client.name, reason)
    print(", ".join(f"{bench.counts[word]} {word}" for word in ("passed", "failed", "skipped")))
    sys.exit(bench.counts["failed"] != 0 or not bench.counts["passed"])


if __name__ == "__main__":
    main()
