#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what random sequences of system calls get here with what Linux answered, recorded.

differential.py UIOMMUFD SEQUENCES [--answers DIR] [--seeds FIRST LAST] [--show SEED]...

DIR has, per seed, a hash of all that Linux printed (answers.hash.xz: SEED HASH), and for some seeds the text
(answers.txt.xz, between `=== SEED` and `=== end`). Of each sequence that differs, the text is cut down to the steps that
the difference needs, and shown with Linux's. Succeeds if none differs but those of known.txt. Exit status 77: no user
namespace, in which the sequences have the rights that they had when they were recorded.
"""

import argparse
import lzma
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77
SHOWN = 5  # sequences
LINES = 8  # of each, from the first that differs
WIDTH = 100
END = "=== end\n"
# The number of a step begins a line; steps that print nothing leave only that.
NUMBERS = re.compile(r"(?:\d+ )+")


def lines_of(path):
    with lzma.open(path, "rt", errors="replace") as file:
        yield from file


def recorded_hashes(answers, first, last):
    pairs = (line.split() for line in lines_of(answers / "answers.hash.xz"))
    return {int(seed): value for seed, value in pairs if first <= int(seed) <= last}


def split_texts(lines):
    """{seed: text}, without what is only for readers of the recording."""
    texts, seed = {}, None
    for line in lines:
        if line == END:
            seed = None
        elif line.startswith("=== "):
            seed = int(line[4:].split(":")[0])
            texts[seed] = ""
        elif seed is not None:
            texts[seed] += re.sub(r"#B[^\n]*\n", "", line)
    return texts


def recorded_texts(answers, seeds):
    path = answers / "answers.txt.xz"
    texts = split_texts(lines_of(path)) if seeds and path.exists() else {}
    return {seed: texts[seed] for seed in seeds if seed in texts}


class Engine:
    """The program of sequences under `uiommufd run --mock`."""

    def __init__(self, uiommufd, program):
        self.command = ["unshare", "--user", "--map-root-user", uiommufd, "run", "--mock", "--", program]

    def output(self, arguments, text=""):
        done = subprocess.run(self.command + arguments, input=text, capture_output=True, text=True, errors="replace")
        if done.returncode:
            sys.exit(f"{done.stderr[-500:]}\n{' '.join(self.command)}: exit status {done.returncode}")
        return done.stdout

    def hashes(self, seeds):
        lines = self.output(["hash"], "".join(f"{seed}\n" for seed in seeds)).splitlines()
        return {int(seed): value for seed, value in map(str.split, lines)}

    def text(self, seed, steps=None):
        chosen = f":{','.join(map(str, steps))}" if steps is not None else ""
        texts = split_texts(self.output(["text"], f"{seed}{chosen}\n").splitlines(keepends=True))
        return texts.get(seed, "")


def by_step(text):
    """[(step, lines)] of those that print something; what follows the last one has step None."""
    found = [(None, [])]
    for line in text.splitlines():
        numbers = NUMBERS.match(line)
        if numbers and found[-1][1][:1] != ["-- dump"]:
            found.append((int(numbers[0].split()[-1]), []))
            line = line[numbers.end():]
        if line == "-- dump":
            found.append((None, []))
        found[-1][1].append(line)
    return [(step, lines) for step, lines in found if lines]


def first_difference(ours, theirs):
    """(index of the step, of its line), or None."""
    for index, (one, other) in enumerate(zip(ours, theirs)):
        if one != other:
            pairs = zip(one[1] + [None], other[1] + [None])
            return index, next(i for i, (a, b) in enumerate(pairs) if a != b)
    return None


def minimised(engine, seed, ours, theirs):
    """
    The steps that the difference needs: without any of them, either it goes away, or a step before it no longer answers
    as it did, and as it does in Linux. At the end of the sequence, where all that it made is looked at, all has to stay.
    """
    index, line = first_difference(ours, theirs)
    kept = [step for step, _ in ours[:index + 1] if step is not None]
    wrong = ours[index][1][line:line + 1]
    answers = dict(ours[:index])

    def stays(steps):
        again = by_step(engine.text(seed, steps))
        at = next((lines for step, lines in reversed(again) if step == ours[index][0]), [])
        if ours[index][0] is None and at != ours[index][1]:
            return False
        return wrong[0] in at and all(answers.get(step) == lines for step, lines in again if step in answers)

    if not wrong or None in (step for step, _ in ours[:index]):
        return kept
    for step in reversed(kept[:-1] if ours[index][0] is not None else kept):
        fewer = [other for other in kept if other != step]
        if stays(fewer):
            kept = fewer
    return kept


def side_by_side(ours, theirs):
    width = min(WIDTH, max(len(line) for line in ours + ["ours"]))
    for index in range(min(LINES, max(len(ours), len(theirs)))):
        pair = [lines[index] if index < len(lines) else "" for lines in (ours, theirs)]
        print(f"      {'  ' if pair[0] == pair[1] else '! '}{pair[0]:{width}} | {pair[1]}")


def show(engine, seed, text):
    ours, theirs = by_step(engine.text(seed)), by_step(text)
    difference = first_difference(ours, theirs)
    if not difference:
        print(f"seed {seed}: no difference")
        return
    index, line = difference
    steps = minimised(engine, seed, ours, theirs)
    print(f"seed {seed}, steps {','.join(map(str, steps)) or 'none'}:")
    for step, lines in ours[:index]:
        if step in steps:
            print(*(f"    {printed}" for printed in lines), sep="\n")
    for before in ours[index][1][max(0, line - 2):line]:
        print(f"    {before}")
    print("      ours | Linux:")
    side_by_side(ours[index][1][line:], theirs[index][1][line:])


def known_differences():
    lines = (HERE / "known.txt").read_text().splitlines()
    return {int(line.split()[0]) for line in lines if line and not line.startswith("#")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uiommufd")
    parser.add_argument("sequences")
    parser.add_argument("--answers", type=Path, default=HERE / "answers", metavar="DIR")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 1 << 62), metavar=("FIRST", "LAST"))
    parser.add_argument("--show", type=int, action="append", metavar="SEED", help="only these")
    args = parser.parse_args()
    if not shutil.which("unshare") or subprocess.run(["unshare", "--user", "--map-root-user", "true"],
                                                     capture_output=True).returncode:
        print("no user namespaces here")
        return SKIPPED
    engine = Engine(args.uiommufd, args.sequences)
    if args.show:
        for seed, text in recorded_texts(args.answers, args.show).items():
            show(engine, seed, text)
        return 0
    hashes = recorded_hashes(args.answers, *args.seeds)
    ours = engine.hashes(hashes)
    different = [seed for seed in hashes if ours[seed] != hashes[seed]]
    known = known_differences()
    new = [seed for seed in different if seed not in known]
    mended = [seed for seed in hashes if seed in known and seed not in different]
    texts = recorded_texts(args.answers, new[:SHOWN])
    for seed in new[:SHOWN]:
        if seed in texts:
            show(engine, seed, texts[seed])
    if new:
        print("different:", *new)
    if mended:
        print("in known.txt, and no longer different:", *mended)
    print(f"{len(hashes)} sequences, {len(different)} differ, {len(new)} of them not in known.txt")
    return bool(new) or not hashes


if __name__ == "__main__":
    sys.exit(main())
