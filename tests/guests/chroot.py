# SPDX-License-Identifier: MIT
"""A Debian that has a newer QEMU than this machine, in a folder: made once by debootstrap, entered by chroot in a mount namespace of its own.

Only the packages of Debian are fetched. Nothing is installed on the machine itself, and no mount outlives the program that runs inside.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "kernel"), str(HERE.parent / "abi")]
import debian

SUITE = "trixie"
BACKPORTS = "trixie-backports"
PACKAGES = ("qemu-system-x86", "liburcu8t64", "libjson-c5")  # the last two: what uiommufd is linked with
ENTER = """
mount --bind "$2" "$1/mnt/build" && mount --bind "$3" "$1/mnt/work" &&
mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" && mount --rbind /dev "$1/dev" || exit
root=$1
shift 3
exec chroot "$root" "$@"
"""


def install(root):
    """Fills @root, a fresh folder."""
    mirror = debian.mirrors()[0] if debian.mirrors() else debian.FALLBACK_MIRROR
    subprocess.run(["debootstrap", "--variant=minbase", SUITE, root, mirror], check=True, stdout=subprocess.DEVNULL)
    (root / "etc/apt/sources.list.d/backports.list").write_text(f"deb {mirror} {BACKPORTS} main\n")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C")
    apt = ["chroot", root, "apt-get", "-qq", "-o", "APT::Sandbox::User=root"]
    subprocess.run([*apt, "update"], check=True, env=environment)
    subprocess.run([*apt, "install", "--no-install-recommends", "-t", BACKPORTS, *PACKAGES], check=True, env=environment,
                   stdout=subprocess.DEVNULL)
    for name in ("build", "work"):
        (root / "mnt" / name).mkdir()


class Chroot:
    """Programs in it see @build as /mnt/build, and @work as /mnt/work."""

    def __init__(self, cache, build, work):
        self.root, self.build, self.work = cache / "chroot", build, work
        if self.root.is_dir():
            return
        for tool in ("debootstrap", "unshare", "chroot"):
            if not shutil.which(tool):
                raise debian.Unavailable(f"no {tool}")
        if os.geteuid():
            raise debian.Unavailable("only root can make and enter a chroot")
        partial = cache / "chroot.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            install(partial)
        except subprocess.CalledProcessError as error:
            raise debian.Unavailable(f"{error.cmd[0]} failed") from None
        partial.rename(self.root)

    def start(self, command, output):
        """Starts @command, in a session of its own; what it says goes to the file @output."""
        return subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter", self.root, self.build,
                                 self.work, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                start_new_session=True)
