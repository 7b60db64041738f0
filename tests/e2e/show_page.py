#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `uiommufd show --html`: show_page.py UIOMMUFD PID

It is well-formed, asks for nothing from elsewhere, and has the state, which cannot end the element that it is in.
"""

import json
import subprocess
import sys
from html.parser import HTMLParser

EVIL = "</script><script>alert(1)</script><!--"
VOID = {"meta", "input"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.states, self.scripts, self.asked = [], [], 0, []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.asked += [attrs[name] for name in ("src", "href", "action") if name in attrs]
        self.scripts += tag == "script"
        if tag not in VOID:
            self.open.append((tag, attrs.get("id")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == ("script", "state"):
            self.states.append(data)


def show(uiommufd, *arguments, state=None):
    return subprocess.run([uiommufd, "show", *arguments], input=state, check=True, stdout=subprocess.PIPE, text=True).stdout


def check_page(uiommufd, state):
    page = Page()
    page.feed(show(uiommufd, "--html", "-", state=json.dumps(state)))
    page.close()
    assert not page.open and not page.asked, (page.open, page.asked)
    assert page.scripts == 2, page.scripts
    assert json.loads("".join(page.states)) == state


def main():
    uiommufd, pid = sys.argv[1:]
    state = json.loads(show(uiommufd, "--json", "--all", pid))
    assert state["contexts"]
    check_page(uiommufd, state)
    state["program"] = EVIL
    check_page(uiommufd, state)
    assert "<title>" in show(uiommufd, "--html", pid)


if __name__ == "__main__":
    main()
