#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of documents.py and blocks.py, each with documents of its own: documents_test.py"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import documents
import blocks  # from the folder that documents.py names

SCRIPT = Path(documents.__file__)


def block(language, text, *marks):
    return "\n".join([*(f"<!-- test: {mark} -->" for mark in marks), f"```{language}", text, "```", ""])


class Documents(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.write("README.md", "")
        self.write("CONTRIBUTING.md", "")
        self.write("build/there", "")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def check(self, what, text):
        self.write("docs/page.md", text)
        more = {"commands": [self.root / "build"], "code": ["cc"]}.get(what, [])
        done = subprocess.run([sys.executable, SCRIPT, what, self.root, *more], stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout

    def passes(self, what, *text):
        status, output = self.check(what, "\n".join(text))
        self.assertEqual(status, 0, output)
        return output

    def fails(self, why, what, *text):
        status, output = self.check(what, "\n".join(text))
        self.assertEqual(status, 1, output)
        self.assertIn(why, output)

    # ---- marks ----

    def test_a_mark_is_one_of_those_that_there_are(self):
        self.fails("docs/page.md:2: there is no mark 'volatil'", "marks", block("sh", "true", "volatil x"))

    def test_a_mark_has_a_block(self):
        self.fails("docs/page.md:2: marks, and no block below them", "marks", "<!-- test: needs sh -->\n\n```sh\ntrue\n```")

    def test_what_runs_beside_has_a_sign_that_it_is_ready(self):
        self.fails("'while' needs 'until'", "marks", block("sh", "true", "while sleep 100"))

    def test_no_more_blocks_are_skipped_than_may_be(self):
        most = documents.SKIPPED_AT_MOST
        skipped = [block("sh", "true", "skip it is long")] * (most + 1)
        self.fails(f"{most + 1} blocks are skipped, of at most {most}", "marks", *skipped)
        self.passes("marks", *skipped[1:])

    def test_text_has_no_commands(self):
        self.fails("commands in a block of text", "marks", block("text", "$ true"))

    # ---- blocks that others run ----

    def test_the_other_test_exists(self):
        self.fails("there is no tests/one.sh", "marks", block("sh", "run me", "by tests/one.sh"))

    def test_the_other_test_is_run(self):
        self.write("tests/one.sh", "run me\n")
        self.fails("nothing runs tests/one.sh", "marks", block("sh", "run me", "by tests/one.sh"))

    def test_the_other_test_has_the_commands(self):
        self.write("tests/meson.build", "test('one', 'one.sh')\n")
        self.write("tests/one.sh", "run me\n")
        self.passes("marks", block("sh", "run me   # now", "by tests/one.sh"))
        self.fails("tests/one.sh has no line: run him", "marks", block("sh", "run him", "by tests/one.sh"))

    def test_the_other_test_may_take_them_from_the_document(self):
        self.write("tests/meson.build", "test('one', 'one.sh', 'two.py')\n")
        self.write("tests/one.sh", 'sh "$source/tests/lib/blocks.py" docs/page.md tests/one.sh\n')
        self.write("tests/two.py", 'marked("docs/page.md", "tests/two.py")\n')
        self.passes("marks", block("sh", "run him", "by tests/one.sh"), block("sh", "run him", "by tests/two.py"))
        self.write("tests/two.py", 'marked("docs/other.md", "tests/two.py")  # blocks of docs/page.md\n')
        self.fails("tests/two.py has no line", "marks", block("sh", "run him", "by tests/two.py"))

    def test_blocks_of_others_are_counted_and_not_run(self):
        output = self.passes("commands", block("sh", "false", "by tests/one.sh"), block("sh", "true"))
        self.assertIn("1 blocks run, 1 run by other tests, 0 excerpts, 0 skipped", output)
        self.assertIn("0 blocks run, 1 run by", self.passes("code", block("c", "wrong", "by tests/one.sh")))

    def test_blocks_are_found_by_their_test(self):
        self.write("docs/page.md", block("sh", "a \\\n  b  # c\n# d", "by tests/x") + block("sh", "e", "by tests/y"))
        [found] = blocks.marked("docs/page.md", "tests/x", root=self.root)
        self.assertEqual(found.commands(), ["a b"])
        with self.assertRaises(SystemExit):
            blocks.marked("docs/page.md", "tests/x", 2, root=self.root)

    # ---- excerpts ----

    def test_an_excerpt_has_lines_of_its_file(self):
        self.write("src/a.c", "one\n\ttwo\nthree\nfour\nfive\n")
        self.passes("marks", block("c", "two\nthree", "excerpt src/a.c"))
        self.passes("marks", block("c", "\tone\n...\nfour\n\tfive", "excerpt src/a.c"))
        self.fails("src/a.c does not have these lines", "marks", block("c", "two\nfour", "excerpt src/a.c"))
        self.fails("src/a.c does not have these lines", "marks", block("c", "four\n...\none", "excerpt src/a.c"))
        self.fails("src/a.c does not have these lines", "marks", block("c", "thr", "excerpt src/a.c"))
        self.fails("there is no src/b.c", "marks", block("c", "two", "excerpt src/b.c"))

    # ---- commands ----

    def test_what_is_printed_is_what_is_shown(self):
        self.passes("commands", block("console", "$ printf 'a\\nb\\nc\\n'\na\n...\nc"))
        self.fails("prints, with status 0", "commands", block("console", "$ echo a\nb"))

    def test_text_may_be_what_a_command_prints(self):
        self.passes("commands", block("text", "b 2\n...\nd", "from printf 'a\\nb 1\\nc\\nd\\ne\\n'", "volatile \\d"))
        self.fails("not among what echo b prints", "commands", block("text", "a", "from echo b"))
        self.assertIn("0 blocks run", self.passes("commands", block("text", "a")))

    def test_a_synopsis_has_options_that_there_are(self):
        self.write("build/uiommufd", "#!/bin/sh\necho 'run, --that OPTION, --device\n  size   bytes'\n")
        (self.root / "build/uiommufd").chmod(0o755)
        self.passes("commands", block("text", "uiommufd run [--that OPTION]\n    [--that X] --device disk[,size=N]", "synopsis"))
        self.fails("has no '--this", "commands", block("text", "uiommufd run --this", "synopsis"))
        self.fails("has no '(?m)^  speed '", "commands", block("text", "uiommufd run --device disk\n  [,size=N][,speed=N]", "synopsis"))

    def test_the_status_is_that_of_the_mark(self):
        self.passes("commands", block("sh", "exit 3", "status 3"), block("console", "$ true\n$ exit 2", "status 2"))
        self.fails("status 0", "commands", block("sh", "true", "status 3"))
        self.fails("with status 2", "commands", block("console", "$ exit 2\n$ exit 2", "status 2"))

    def test_a_script_prints_what_matches(self):
        self.passes("commands", block("sh", "echo 12 34", "prints \\d\\s\\d"))
        self.fails("prints nothing that is 'x'", "commands", block("sh", "echo 12", "prints \\d", "prints x"))

    def test_a_part_is_replaced(self):
        self.passes("commands", block("sh", "cat /a/there", "replace /a/ by build/"))
        self.fails("nothing to replace: b by c", "commands", block("sh", "true", "replace b by c"))

    def test_a_block_may_be_a_file_for_others(self):
        self.passes("commands", block("console", "$ cat a.c\nint a;"), block("c", "int a;", "file a.c"))
        self.fails("does not compile", "code", block("c", "wrong", "file a.c"))

    def test_the_tree_and_the_build_are_there(self):
        self.passes("commands", block("sh", "cat source/README.md build/there ./here", "where ./here is source/README.md"))

    def test_a_block_runs_under_a_command(self):
        self.passes("commands", block("sh", 'test "$A" = 1', "under env A=1"))

    def test_what_is_left_running_is_seen_by_what_comes_then_and_ended(self):
        self.passes("commands", block("sh", "sleep 1000 & echo $! >pid", "then kill -0 $(cat pid)"))
        self.fails("status 1", "commands", block("sh", "true", "then false"))

    def test_a_block_runs_beside_a_command_that_is_ready(self):
        beside = ["while sh -c 'sleep 0.1; echo ready; sleep 1000'", "until ready"]
        self.passes("commands", block("sh", "kill -0 $BESIDE", *beside))
        self.fails("prints nothing that is 'ready'", "commands", block("sh", "true", "while echo no", "until ready"))

    def test_what_is_not_here_is_counted(self):
        output = self.passes("commands", block("sh", "false", "needs no-such-program"), block("sh", "false", "needs sh /no/such/file"))
        self.assertIn("2 not run for want of a program", output)
        self.passes("commands", block("sh", "true", "needs sh /etc"))


if __name__ == "__main__":
    unittest.main()
