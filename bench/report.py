#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the benchmarks have measured, for machines and as a picture.

report.py --write LINES FILE      makes one JSON file of the lines that the benchmarks wrote
report.py --compare A B           two such files side by side: what became slower, faster, and which bars changed
report.py --picture FILE SVG      a bar for each row, relative to the reference of its table

A row is {"program", "table", "name", "median_ns", "best_ns", "reference_ns"}, a bar {"program", "table", "name", "unit",
"measured", "bar", "met"}. Comparing exits with 0 whatever it finds: times are for people (bench/README.md).
"""

import html
import json
import os
import platform
import sys
from pathlib import Path

NOISE = 0.05  # smaller differences of the best times are not shown


def write(lines, target):
    entries = [json.loads(line) for line in Path(lines).read_text().splitlines()]
    machine = {"processors": os.cpu_count(), "load": os.getloadavg()[0], "system": platform.platform()}
    Path(target).write_text(json.dumps({"format": 1, "machine": machine, "rows": entries}, indent=1) + "\n")


def read(path):
    data = json.loads(Path(path).read_text())
    if data.get("format") != 1:
        sys.exit(f"{path}: not of format 1")
    return data


def keyed(data, member):
    return {(row["program"], row["table"], row["name"]): row for row in data["rows"] if member in row}


def compare(a, b):
    before, after = read(a), read(b)
    for name, data in (("A", before), ("B", after)):
        print(f"{name}: {data['machine']['system']}, load {data['machine']['load']:.1f}")
    old, new = keyed(before, "best_ns"), keyed(after, "best_ns")
    changes = []
    for key in old.keys() & new.keys():
        if old[key]["best_ns"] > 0:
            changes.append((new[key]["best_ns"] / old[key]["best_ns"], key))
    print(f"\n{'B over A':>8} {'A ns':>12} {'B ns':>12}  (best times; differences below {NOISE:.0%} are left out)")
    for ratio, key in sorted(changes, reverse=True):
        if abs(ratio - 1) >= NOISE:
            print(f"{ratio:7.2f}x {old[key]['best_ns']:12.1f} {new[key]['best_ns']:12.1f}  {key[1]}: {key[2]}")
    for word, one, other in (("only in A", old, new), ("only in B", new, old)):
        for key in sorted(one.keys() - other.keys()):
            print(f"{word}: {key[1]}: {key[2]}")
    old, new = keyed(before, "bar"), keyed(after, "bar")
    for key in sorted(old.keys() & new.keys()):
        if old[key]["met"] != new[key]["met"]:
            print(f"bar {'met now' if new[key]['met'] else 'NOT MET any more'}: {key[2]}")


WIDTH, LABEL, BAR_HEIGHT, GAP = 960, 380, 16, 4


def picture(source, target):
    rows = [row for row in read(source)["rows"] if row.get("median_ns", 0) > 0]
    out, y, table = [], 0, None
    for row in rows:
        if (row["program"], row["table"]) != table:
            table = row["program"], row["table"]
            y += BAR_HEIGHT + 3 * GAP
            out.append(f'<text x="8" y="{y}" font-weight="bold">{html.escape(row["table"])}</text>')
            y += 2 * GAP
        ratio = row["median_ns"] / row["reference_ns"] if row["reference_ns"] else 1
        width = min(ratio, 8) / 8 * (WIDTH - LABEL - 170)
        colour = "#9aa5b1" if row["median_ns"] == row["reference_ns"] else "#2f6f9f" if ratio <= 1 else "#c2702e"
        out.append(f'<text x="{LABEL - 8}" y="{y + 12}" text-anchor="end">{html.escape(row["name"])}</text>')
        out.append(f'<rect x="{LABEL}" y="{y}" width="{max(width, 1):.1f}" height="{BAR_HEIGHT}" fill="{colour}"/>')
        out.append(f'<text x="{LABEL + width + 6:.1f}" y="{y + 12}">{row["median_ns"]:,.1f} ns, {ratio:.2f}x</text>')
        y += BAR_HEIGHT + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 12}" font-family="sans-serif" font-size="11">'
    body = "\n".join(out)
    Path(target).write_text(f'{head}\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')


def main():
    actions = {"--write": write, "--compare": compare, "--picture": picture}
    if len(sys.argv) != 4 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    actions[sys.argv[1]](sys.argv[2], sys.argv[3])


if __name__ == "__main__":
    main()
