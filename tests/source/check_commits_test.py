#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of scripts/check-commits, each in a repository of its own: check_commits_test.py SCRIPT"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from blocks import marked

SCRIPT = Path(sys.argv.pop(1)).resolve()
BODY = "It was wrong, and this is the answer."
IDENTITY = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
}


def lines(count, word="line"):
    return "".join(f"{word} {i}\n" for i in range(count))


class CheckCommits(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.git("init", "--quiet")
        self.base = self.commit("base", {"old.c": lines(500)})

    def git(self, *arguments, root=None):
        return subprocess.run(["git", *arguments], cwd=root or self.root, env={**os.environ, **IDENTITY}, check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    def commit(self, message, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def check(self, *arguments, root=None):
        done = subprocess.run([SCRIPT, *arguments], cwd=root or self.root, env={**os.environ, **IDENTITY},
                              stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout

    def assert_passes(self, *arguments, **options):
        status, output = self.check(*arguments, **options)
        self.assertEqual(status, 0, output)
        return output

    def assert_refused(self, why):
        status, output = self.check(self.base)
        self.assertEqual(status, 1, output)
        self.assertIn(why, output)

    def test_a_small_commit_with_a_reason_passes(self):
        self.commit("s" * 72 + "\n\n" + BODY, {"new.c": lines(400)})
        self.assertIn("1 of 1", self.assert_passes(self.base))

    def test_the_message_in_the_document_passes(self):
        [block] = marked("CONTRIBUTING.md", "tests/source/check_commits_test.py")
        self.commit("\n".join(block.lines), {"new.c": lines(400)})
        self.assert_passes(self.base)

    def test_a_subject_of_73_columns_is_refused(self):
        self.commit("s" * 73 + "\n\n" + BODY, {})
        self.assert_refused("73 columns")

    def test_a_subject_that_goes_on_in_the_second_line_is_refused(self):
        self.commit("s" * 40 + "\n" + "s" * 40, {})
        self.assert_refused("81 columns")

    def test_a_commit_without_a_body_is_refused(self):
        self.commit("subject", {})
        self.assert_refused("no body")

    def test_trailers_are_no_body(self):
        self.commit("subject\n\nSigned-off-by: A <a@example.org>", {})
        self.assert_refused("no body")

    def test_401_new_lines_are_refused(self):
        self.commit("subject\n\n" + BODY, {"new.c": lines(200, "a"), "more.c": lines(201, "b")})
        self.assert_refused("401 lines")

    def test_401_removed_lines_are_refused(self):
        self.commit("subject\n\n" + BODY, {"old.c": lines(99)})
        self.assert_refused("401 lines")

    def test_a_replaced_line_counts_once(self):
        self.commit("subject\n\n" + BODY, {"old.c": lines(400, "new") + "".join(f"line {i}\n" for i in range(400, 500))})
        self.assert_passes(self.base)

    def test_a_large_commit_that_gives_its_reason_passes(self):
        self.commit("subject\n\n" + BODY + "\n\nSize: one rename", {"new.c": lines(401)})
        self.assert_passes(self.base)

    def test_a_moved_file_does_not_count(self):
        (self.root / "old.c").unlink()
        self.commit("subject\n\n" + BODY, {"folder/new.c": "head\n" + lines(500)})
        self.assert_passes(self.base)

    def test_lines_that_move_between_files_do_not_count(self):
        self.commit("subject\n\n" + BODY, {"old.c": "head\n", "new.c": "".join("\t" + f"line {i}\n" for i in range(500))})
        self.assert_passes(self.base)

    def test_generated_files_do_not_count(self):
        self.commit("subject\n\n" + BODY, {".gitattributes": "*.svg linguist-generated\n", "a picture.svg": lines(600)})
        self.assert_passes(self.base)

    def test_each_commit_is_looked_at_alone(self):
        self.commit("one\n\n" + BODY, {"one.c": lines(300)})
        self.commit("two\n\n" + BODY, {"two.c": lines(300)})
        self.commit("three", {})
        status, output = self.check(self.base)
        self.assertEqual(status, 1)
        self.assertIn("2 of 3", output)

    def test_commits_before_the_base_are_not_looked_at(self):
        self.commit("no body", {})
        self.assertIn("0 of 0", self.assert_passes("HEAD"))

    def test_an_unknown_base_is_skipped(self):
        self.commit("no body", {})
        self.assertIn("skipped", self.assert_passes("0" * 40))
        self.assertIn("skipped", self.assert_passes(""))
        self.assertIn("skipped", self.assert_passes())

    def test_a_shallow_clone_is_skipped(self):
        self.commit("no body", {})
        clone = self.root / "clone"
        self.git("clone", "--quiet", "--depth", "1", self.root.as_uri(), str(clone))
        self.assertIn("skipped", self.assert_passes(self.base, root=clone))

    def test_a_folder_without_history_is_skipped(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("skipped", self.assert_passes(self.base, root=folder))


if __name__ == "__main__":
    unittest.main()
