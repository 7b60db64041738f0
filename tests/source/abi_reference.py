#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The ABI is that of tests/source/abi-reference.txt: what a program that was compiled earlier relies on.

abi_reference.py ROOT LIBRARY CC...: compares. With --update in front it writes the file anew, for a release, or for
what was added. The reference has the exported names with their versions, prototypes, and of the public headers each
structure's size and members, and each constant. A line that has changed or gone breaks programs.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import symbols

REFERENCE = "tests/source/abi-reference.txt"
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\}(?: __attribute__\(\(.*?\)\))?;", re.S | re.M)
ENUM = re.compile(r"^enum \w* ?\{\n(.*?)^\};", re.S | re.M)
CONSTANT = re.compile(r"^#define ((?:UIOMMUFD|IOMMU|IOMMUFD|VFIO)_\w+)[ \t]+(\S.*)$", re.M)
FUNCTION = re.compile(r"^UIOMMUFD_(?:CALLER_)?API ([^;{]+?\));", re.M)
TYPEDEF = re.compile(r"^typedef ([^;]+);", re.M)
# Not numbers, or not of the ABI.
NOT_CONSTANTS = re.compile(r"_H$|_API$|_PLUGIN$|_MODEL$")


def members(body):
    """The names of the members of a structure; those of nested ones are covered by their offset and the size."""
    while re.search(r"\{[^{}]*\}", body):
        body = re.sub(r"(?:struct|union)[^{};]*\{[^{}]*\}(?: __attribute__\(\(.*?\)\))?", "nested", body, flags=re.S)
    for statement in body.split(";"):
        statement = re.sub(r"\[[^\]]*\]|__attribute__\(\(.*?\)\)+|:\s*\d+\s*$", "", statement).strip()
        pointer = re.search(r"\(\*(\w+)\)", statement)
        if pointer:
            yield pointer[1]
        elif statement and statement != "nested" and not re.search(r":\s*\d+", statement):
            yield from (re.search(r"(\w+)$", part.strip())[1] for part in statement.split(","))


def is_flexible(body, name):
    return re.search(rf"\b{name}\[\]", body)


def facts(header, text):
    """Statements of C that print the facts of a header."""
    plain = COMMENT.sub("", text)
    for struct, body in STRUCT.findall(plain):
        yield f'SIZE("struct {struct}", sizeof(struct {struct}));'
        if not struct.startswith("uiommufd"):
            continue
        for member in members(body):
            size = "0" if is_flexible(body, member) else f"sizeof(((struct {struct} *)0)->{member})"
            yield f'MEMBER("struct {struct}", "{member}", offsetof(struct {struct}, {member}), {size});'
    for body in ENUM.findall(plain):
        for name in re.findall(r"(?:^|,)\s*(\w+)", body):
            yield f'CONSTANT("{name}", {name});'
    for name, value in CONSTANT.findall(plain.replace("\\\n", " ")):
        if not NOT_CONSTANTS.search(name) and not value.startswith(("__attribute__", '"')):
            yield f'CONSTANT("{name}", {name});'


def prototypes(text):
    plain = COMMENT.sub("", text)
    for match in [*FUNCTION.findall(plain), *(f"typedef {match}" for match in TYPEDEF.findall(plain))]:
        yield re.sub(r"\s+", " ", match).strip()


def run(root, headers, compiler):
    source = "#include <stddef.h>\n#include <stdio.h>\n" + "".join(f"#include <uiommufd/{h.name}>\n" for h in headers)
    source += """
#define SIZE(name, size) printf("%s: %zu bytes\\n", name, (size_t)(size))
#define MEMBER(name, member, at, size) printf("%s.%s: %zu at %zu\\n", name, member, (size_t)(size), (size_t)(at))
#define CONSTANT(name, value) printf("%s = %#llx\\n", name, (unsigned long long)(value))
int main(void)
{
""" + "\n".join(fact for header in headers for fact in facts(header, header.read_text())) + "\nreturn 0;\n}\n"
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch, "facts")
        built = subprocess.run([*compiler, "-w", "-x", "c", "-I", root / "include", "-o", program, "-"],
                               input=source, text=True, capture_output=True, check=False)
        if built.returncode:
            sys.exit(built.stderr)
        return subprocess.run([program], text=True, capture_output=True, check=True).stdout.splitlines()


def describe(root, library, compiler):
    headers = sorted((root / "include/uiommufd").glob("*.h"))
    exported = symbols.read(library, "--dynamic", "--defined-only", "--with-symbol-versions", versions=True)
    lines = [f"exports {symbol.name}" for symbol in exported if symbol.name.startswith("uiommufd_")]
    lines += [line for header in headers for line in prototypes(header.read_text())]
    return sorted({*lines, *run(root, headers, compiler)})


def main():
    arguments = sys.argv[1:]
    update = arguments[0] == "--update"
    root, library, *compiler = arguments[update:]
    reference = Path(root, REFERENCE)
    now = describe(Path(root), library, compiler)
    if update:
        reference.write_text("\n".join(now) + "\n")
        return
    before = reference.read_text().splitlines()
    gone = sorted(set(before) - set(now))
    added = sorted(set(now) - set(before))
    print(*(f"- {line}" for line in gone), *(f"+ {line}" for line in added), sep="\n")
    if gone:
        print("what is gone or different breaks programs that were compiled before: it needs another soname")
    elif added:
        print("something was added: 'make abi-reference' notes it")
    print(f"{len(now)} facts, {len(gone)} gone, {len(added)} added")
    sys.exit(1 if gone or added else 0)


if __name__ == "__main__":
    main()
