#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The picture of `uiommufd show --svg` where there is much to draw: show_picture.py UIOMMUFD PID

The state of the program is given twins of a device, and an address space of many small mappings.
"""

import copy
import json
import re
import subprocess
import sys
import xml.dom.minidom

PAGE = 0x1000
TWINS = 5


def show(uiommufd, *arguments, state=None):
    return subprocess.run([uiommufd, "show", *arguments], input=state, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(number):
    """A mapping of one page in each four."""
    start = 4 * PAGE * number + PAGE
    rights = [["rw"], ["r"], ["w"], ["r", "rw"]][number % 4]
    return {"start": hex(start), "last": hex(start + PAGE - 1), "mappings": 1, "bytes": hex(PAGE), "rights": rights}


def crowd(state):
    """Equal devices, and 20 mappings in the first address space."""
    context = state["contexts"][0]
    device = context["devices"][0]
    for number in range(TWINS):
        twin = copy.deepcopy(device)
        twin.update(id=100 + number, name=f"0000:7{number}:00.0")
        context["devices"].append(twin)
    for ioas in context["ioases"]:
        ioas["mapped"] = {"mappings": 20, "bytes": hex(20 * PAGE), "runs": [run(i) for i in range(20)], "list": []}
        own = [range_ for range_ in ioas["reserved"] if range_.get("name") == device["name"]]
        for number in range(TWINS):
            ioas["reserved"] += [{**range_, "id": 100 + number, "name": f"0000:7{number}:00.0"} for range_ in own]
    return device["name"]


def main():
    uiommufd, pid = sys.argv[1:]
    state = json.loads(show(uiommufd, "--json", pid))
    name = crowd(state)
    picture = show(uiommufd, "--svg", "-", state=json.dumps(state))
    xml.dom.minidom.parseString(picture)
    assert f"{name} +{TWINS} " in picture and f"reserved: {name} +{TWINS}<" in picture
    assert "would permit" in picture or " permit<" in picture
    assert "0000:74:00.0 " not in re.sub("<title>.*?</title>", "", picture), "a twin has a row of its own"
    assert ", 0000:74:00.0</title>" in picture
    for number in range(20):
        assert f">{4 * PAGE * number + PAGE:#x}<" in picture.replace("_", ""), number
    for meaning in "mapped, read only: ", "mapped, write only: ", ", r+rw</title>", ">4 KiB</text>":
        assert meaning in picture, meaning
    assert "prefers-color-scheme:dark" in picture
    # Somebody else may have written the file.
    state["contexts"][0]["ioases"][0]["mapped"]["runs"][0]["rights"] = [None, "", 7]
    xml.dom.minidom.parseString(show(uiommufd, "--svg", "-", state=json.dumps(state)))


if __name__ == "__main__":
    main()
