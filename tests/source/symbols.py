# SPDX-License-Identifier: MIT
"""The symbol lists of object files, archives and shared objects, from nm."""

import os
import subprocess
from collections import namedtuple

# What is in an archive is named by its member, anything else by the file.
Symbol = namedtuple("Symbol", "member name type")


def read(path, *options, versions=False):
    command = [os.environ.get("NM", "nm"), "-A", "-P", *options, str(path)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in output.splitlines():
        where, _, rest = line.partition(": ")
        member = where[where.index("[") + 1:-1] if where.endswith("]") else os.path.basename(where)
        name, kind = rest.split()[:2]
        yield Symbol(member, name if versions else name.partition("@")[0], kind)
