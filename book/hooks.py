# SPDX-License-Identifier: MIT
"""What the documents say to readers of the repository, for readers of the book."""

import re

OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+(?!docs/)[^)]*\)")


def on_page_markdown(markdown, **_):
    """Links to source files become their text: the book has no sources."""
    return OUTSIDE.sub(r"\1", markdown)
