#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The book is built without a warning, has each document as a page in its contents, and its links lead somewhere.

book.py ROOT MKDOCS
"""

import html.parser
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

failures = []


class Page(html.parser.HTMLParser):
    """What a page can be asked for, and what it asks for."""

    def __init__(self, path):
        super().__init__()
        self.anchors = set()
        self.links = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        self.links += [attrs[name] for name in ("href", "src") if attrs.get(name)]


def check_link(site, pages, path, link):
    url = urllib.parse.urlsplit(link)
    if url.scheme or url.netloc:
        return
    target = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        failures.append(f"{path.relative_to(site)}: {link}: there is no such file")
    elif url.fragment and target in pages and urllib.parse.unquote(url.fragment) not in pages[target].anchors:
        failures.append(f"{path.relative_to(site)}: {link}: no such place in it")


def main():
    root, mkdocs = Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder).resolve()
        done = subprocess.run([mkdocs, "build", "--quiet", "--strict", "--config-file", root / "book/mkdocs.yml",
                               "--site-dir", site], capture_output=True, text=True)
        if done.returncode or done.stderr:
            sys.exit(f"mkdocs: status {done.returncode}\n{done.stdout}{done.stderr}")
        pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
        for path, page in pages.items():
            for link in page.links:
                check_link(site, pages, path, link)
        contents = {(site / urllib.parse.unquote(link)).resolve() for link in pages[site / "index.html"].links}
        for document in sorted((root / "docs").rglob("*.md")):
            name = document.relative_to(root / "docs")
            if name.parts[0] == "man":
                continue
            made = site / name.with_suffix(".html")
            made = made.with_name("index.html") if name.name == "README.md" else made
            if made not in pages:
                failures.append(f"docs/{name} is no page")
            elif made not in contents and made != site / "index.html":
                failures.append(f"docs/{name} is not in the contents")
    for failure in failures:
        print(failure)
    print(f"{len(pages)} pages, {len(failures)} failures")
    sys.exit(bool(failures) or not pages)


if __name__ == "__main__":
    main()
