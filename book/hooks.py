# SPDX-License-Identifier: MIT
"""What the documents say to readers of the repository, for readers of the book."""

import re

# Two names beside each other in a heading, which the Markdown of the book takes for a text and its target.
NEIGHBOURS = re.compile(r"^(#.*)\[([\w-]+)\] (?=\[)", re.M)
OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+(?!docs/)[^)]*\)")


def anchor(heading, separator):
    """The repository's anchors, which the documents link to: without punctuation, a separator for each space."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def on_config(config, **_):
    config["mdx_configs"]["toc"]["slugify"] = anchor
    return config


def apart(match):
    """The first is a link of its own if it names a section, else a mark."""
    before, name = match.groups()
    return f"{before}[{name}][] " if name.isupper() else rf"{before}\[{name}\] "


def on_page_markdown(markdown, **_):
    """Links to source files become their text: the book has no sources."""
    return NEIGHBOURS.sub(apart, OUTSIDE.sub(r"\1", markdown))
