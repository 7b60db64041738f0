# SPDX-License-Identifier: MIT
"""Where the kernel's headers come from that abi_test.py compares ours with.

find(cache) returns the folder that has linux/iommufd.h of VERSION: that of UIOMMUFD_KERNEL_HEADERS; the one fetched
before; or Debian's package linux-libc-dev, fetched into CACHE by an apt with sources, lists and state of its own, so
that neither the machine's sources nor its packages change. Raises Unavailable, with the reason.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "7.3"
SUITE = "trixie-backports"
PACKAGE = "linux-libc-dev"
FALLBACK_MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
NEEDED = ("linux/iommufd.h", "linux/vfio.h")
UPDATE_SECONDS = 120


class Unavailable(Exception):
    pass


def find(cache):
    given = os.environ.get("UIOMMUFD_KERNEL_HEADERS")
    if given:
        folder = Path(given)
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            sys.exit(f"UIOMMUFD_KERNEL_HEADERS={given} has no {missing[0]}")
        if version_of(folder) not in (VERSION, None):
            raise Unavailable(f"UIOMMUFD_KERNEL_HEADERS={given} is Linux {version_of(folder)}, not {VERSION}")
        return folder
    folder = cache / "usr" / "include"
    if not all((folder / name).is_file() for name in NEEDED):
        fetch(cache)
    return folder


def version_of(folder):
    """Its version as "7.3"; None if it does not say."""
    try:
        text = (folder / "linux" / "version.h").read_text()
    except OSError:
        return None
    code = re.search(r"#define LINUX_VERSION_CODE (\d+)", text)
    return f"{int(code[1]) >> 16}.{int(code[1]) >> 8 & 255}" if code else None


def fetch(cache):
    for tool in ("apt-get", "apt-cache", "apt-config", "dpkg"):
        if not shutil.which(tool):
            raise Unavailable(f"no {tool} to fetch {PACKAGE} {VERSION} with")
    if not KEYRING.is_file():
        raise Unavailable(f"no {KEYRING} to check {PACKAGE} with")
    reasons = []
    for mirror in mirrors():
        try:
            fetch_from(mirror, cache)
            return
        except Unavailable as reason:
            reasons.append(str(reason))
        finally:
            shutil.rmtree(cache / "apt", ignore_errors=True)
    raise Unavailable("; ".join(reasons))


def fetch_from(mirror, cache):
    apt = cache / "apt"
    shutil.rmtree(apt, ignore_errors=True)
    for folder in ("lists/partial", "cache/archives/partial", "state"):
        (apt / folder).mkdir(parents=True)
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {SUITE} main\n")
    (apt / "apt.conf").write_text(configuration(apt))
    environment = dict(os.environ, APT_CONFIG=str(apt / "apt.conf"), LC_ALL="C")

    def run(*command):
        try:
            return subprocess.run(command, env=environment, cwd=apt, text=True, timeout=UPDATE_SECONDS,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  check=True).stdout
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{mirror} does not answer in {UPDATE_SECONDS} s") from None
        except subprocess.CalledProcessError as error:
            said = [line for line in error.stdout.splitlines() if line.startswith(("E:", "W:"))]
            raise Unavailable(f"{mirror} {SUITE}: {command[0]}: {said[0] if said else 'failed'}") from None

    # Of an index that it cannot fetch, apt-get says a warning and succeeds.
    run("apt-get", "-o", "APT::Update::Error-Mode=any", "update")
    rows = [line.split("|") for line in run("apt-cache", "madison", PACKAGE).splitlines()]
    versions = [row[1].strip() for row in rows if len(row) > 1 and row[0].strip() == PACKAGE]
    wanted = [version for version in versions if re.match(re.escape(VERSION) + r"(\.|~|-|$)", version)]
    if not wanted:
        raise Unavailable(f"{mirror} {SUITE} has {PACKAGE} {', '.join(versions) or 'in no version'}, not {VERSION}")
    run("apt-get", "-qq", "download", f"{PACKAGE}={wanted[0]}")
    packages = list(apt.glob(f"{PACKAGE}_*.deb"))
    if len(packages) != 1:
        raise Unavailable(f"apt-get download left {len(packages)} packages")
    run("dpkg", "-x", str(packages[0]), str(apt / "unpacked"))
    shutil.rmtree(cache / "usr", ignore_errors=True)
    (apt / "unpacked" / "usr").rename(cache / "usr")
    print(f"fetched {PACKAGE} {wanted[0]} from {mirror} {SUITE}")


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
