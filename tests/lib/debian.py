# SPDX-License-Identifier: MIT
"""Packages of a Debian suite that need not be the machine's own, unpacked into a folder and never installed.

Suite.open(suite, folder) tries the machine's mirror, then the usual one. It works with an apt that has sources, lists and state of
its own in FOLDER, so that neither the machine's sources nor its packages change. Everything raises Unavailable, with the
reason, if it cannot be done.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

FALLBACK_MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SECONDS = 120


class Unavailable(Exception):
    pass


class Suite:
    """The packages of one suite, as one mirror has them."""

    @classmethod
    def open(cls, suite, folder):
        for tool in ("apt-get", "apt-cache", "apt-config", "dpkg"):
            if not shutil.which(tool):
                raise Unavailable(f"no {tool} to fetch packages of Debian with")
        if not KEYRING.is_file():
            raise Unavailable(f"no {KEYRING} to check packages of Debian with")
        reasons = []
        for mirror in mirrors():
            try:
                return cls(mirror, suite, folder)
            except Unavailable as reason:
                reasons.append(str(reason))
                shutil.rmtree(folder, ignore_errors=True)
        raise Unavailable("; ".join(reasons))

    def __init__(self, mirror, suite, folder):
        self.mirror, self.suite, self.folder = mirror, suite, folder
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("lists/partial", "cache/archives/partial", "state"):
            (folder / name).mkdir(parents=True)
        (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
        (folder / "apt.conf").write_text(configuration(folder))
        # Of an index that it cannot fetch, apt-get says a warning and succeeds.
        self.run("apt-get", "-o", "APT::Update::Error-Mode=any", "update")

    def __str__(self):
        return f"{self.mirror} {self.suite}"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command, seconds=SECONDS):
        environment = dict(os.environ, APT_CONFIG=str(self.folder / "apt.conf"), LC_ALL="C")
        try:
            return subprocess.run(command, env=environment, cwd=self.folder, text=True, timeout=seconds,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  check=True).stdout
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{self}: {command[0]} takes longer than {seconds} s") from None
        except subprocess.CalledProcessError as error:
            said = [line for line in error.stdout.splitlines() if line.startswith(("E:", "W:"))]
            raise Unavailable(f"{self}: {command[0]}: {said[0] if said else 'failed'}") from None

    def names(self, prefix):
        return self.run("apt-cache", "pkgnames", prefix).split()

    def versions(self, package):
        """The newest first."""
        rows = [line.split("|") for line in self.run("apt-cache", "madison", package).splitlines()]
        return [row[1].strip() for row in rows if len(row) > 1 and row[0].strip() == package]

    def unpack(self, package, version, target, seconds=SECONDS):
        self.run("apt-get", "-qq", "download", f"{package}={version}", seconds=seconds)
        files = list(self.folder.glob(f"{package}_*.deb"))
        if len(files) != 1:
            raise Unavailable(f"apt-get download left {len(files)} packages")
        self.run("dpkg", "-x", str(files[0]), str(target), seconds=seconds)
        files[0].unlink()
        print(f"fetched {package} {version} from {self}", flush=True)


def configuration(apt):
    """An apt.conf that leaves the machine alone: from the machine's it takes only how to reach the network."""
    dump = subprocess.run(["apt-config", "dump"], text=True, capture_output=True, check=False).stdout
    network = [line for line in dump.splitlines() if line.lower().startswith("acquire::")]
    return "\n".join([
        *network,
        'Acquire::Retries "1";',
        'Acquire::Languages "none";',
        'Dir::Etc::main "/dev/null";',
        'Dir::Etc::parts "/dev/null";',
        'Dir::Etc::preferences "/dev/null";',
        'Dir::Etc::preferencesparts "/dev/null";',
        f'Dir::Etc::sourcelist "{apt}/sources.list";',
        'Dir::Etc::sourceparts "/dev/null";',
        f'Dir::State "{apt}/state";',
        f'Dir::State::lists "{apt}/lists";',
        'Dir::State::status "/dev/null";',
        f'Dir::Cache "{apt}/cache";',
        'Dir::Log "/dev/null";',
        # The folder is the caller's, and apt's own user could not write there.
        'APT::Sandbox::User "root";' if os.geteuid() == 0 else "",
    ]) + "\n"


def mirrors():
    """Debian's mirror as the machine's apt has it, and the usual one."""
    found = []
    if operating_system().get("ID") == "debian":
        codename = operating_system().get("VERSION_CODENAME")
        found = [uri.rstrip("/") for uri, suites in apt_sources() if codename in suites]
    return list(dict.fromkeys([*found, FALLBACK_MIRROR]))


def operating_system():
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def apt_sources(etc=Path("/etc/apt")):
    """(URI, suites) of each source of packages with the component main."""
    lists = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
    for file in lists:
        if file.is_file():
            for line in file.read_text().splitlines():
                match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)", line.split("#")[0])
                if match and "main" in match[3].split():
                    yield match[1], [match[2]]
    for file in sorted((etc / "sources.list.d").glob("*.sources")):
        text = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("#"))
        for stanza in re.split(r"\n\s*\n", text):
            fields = {}
            for match in re.finditer(r"^([\w-]+):((?:.*)(?:\n[ \t]+.*)*)", stanza, re.M):
                fields[match[1].lower()] = match[2].split()
            if "deb" in fields.get("types", []) and "main" in fields.get("components", []):
                if fields.get("enabled", ["yes"])[0].lower() not in ("no", "false", "0"):
                    for uri in fields.get("uris", []):
                        yield uri, fields.get("suites", [])
