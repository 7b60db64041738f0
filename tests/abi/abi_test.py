#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our ABI headers are Linux's: every structure, member, constant and macro of Linux 7.3, to the byte.

abi_test.py [--build-dir DIR] [--cc COMPILER...] [--cxx COMPILER...]

First, our headers compile beside the machine's and beside 7.3's, in either order, as C and C++, and give the same
constants (UIOMMUFD_OLDER_HEADERS: more folders with linux/vfio.h to try, separated by colons). Then sizes, offsets and
values of ours are compared with those of 7.3 (headers.py says where they come from); what ours lack must be in
not_provided.txt. Exit: 0 the same, 1 not, 77 there is nothing to compare with.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True  # The source folder stays clean.
import headers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SKIPPED = 77
NAMES = ("iommufd", "vfio")
# What ours have and Linux does not [EXT].
OWN = re.compile(r"IOMMU(FD_CMD)?_(RESV_IOVA_RANGES|DEV_IOVA_RANGES|IOVA_LOOKUP)(_(KIND|PERM|FLAG)_\w+)?"
                 r"|iommu_(resv_iova_ranges|dev_iova_ranges|iova_lookup)", re.A)
# A structure or an enum of an older header stays as it is; so does the number of its members.
OLDER_MAY_DIFFER = {"VFIO_CCW_NUM_IRQS"}


@dataclass
class Header:
    structs: dict = field(default_factory=dict)    # name -> [(member, whether it is a flexible array)]
    constants: dict = field(default_factory=dict)  # name -> tag of its enum, or ""
    macros: list = field(default_factory=list)     # with a value
    functions: dict = field(default_factory=dict)  # macro with parameters -> how many


# ---- reading a header ----


def read(cc, flags, name, path):
    """What the file PATH, included as <NAME>, declares itself."""
    command = [*cc, "-std=gnu11", *flags, "-E", "-dD", "-x", "c", "-"]
    text = subprocess.run(command, input=f"#include <{name}>\n", text=True, stdout=subprocess.PIPE, check=True).stdout
    header = Header()
    code = []
    ours = False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            ours = os.path.realpath(marker[1]) == os.path.realpath(path)
        elif ours and line.startswith("#"):
            read_macro(line, header)
        elif ours:
            code.append(line)
    read_declarations(tokens("\n".join(code)), header)
    return header


def read_macro(line, header):
    macro = re.match(r"#define (\w+)(\(([^)]*)\))?\s*(.*)", line)
    undefined = re.match(r"#undef (\w+)", line)
    if macro and macro[2]:
        header.functions[macro[1]] = len(macro[3].split(","))
    elif macro and macro[4]:
        header.macros.append(macro[1])
    elif undefined:
        header.macros = [name for name in header.macros if name != undefined[1]]
        header.functions.pop(undefined[1], None)


def tokens(text):
    """The tokens, without __attribute__((...))."""
    found = re.findall(r'\w+|"[^"]*"|[^\w\s]', text)
    out = []
    while found:
        token = found.pop(0)
        if token in ("__attribute__", "__extension__"):
            depth = 0
            while token == "__attribute__" and found:
                depth += {"(": 1, ")": -1}.get(found.pop(0), 0)
                if depth == 0:
                    break
        else:
            out.append(token)
    return out


def block(source):
    """Takes { ... } off the source; returns what is between."""
    assert source.pop(0) == "{"
    inside, depth = [], 1
    while True:
        token = source.pop(0)
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth == 0:
            return inside
        inside.append(token)


def until(source, end):
    out = []
    while source and source[0] != end:
        out.append(source.pop(0))
    if source:
        source.pop(0)
    return out


def read_declarations(source, header):
    while source:
        kind = source.pop(0)
        if kind in ("struct", "union", "enum") and "{" in source[:2]:
            tag = source.pop(0) if source[0] != "{" else ""
            inside = block(source)
            if kind == "enum":
                read_enum(inside, tag, header)
            else:
                assert kind == "struct" and tag, f"{kind} {tag}: not understood"
                header.structs[tag] = list(members(inside, ""))
            rest = until(source, ";")
            assert not rest, f"{tag}: {rest} not understood"
        elif kind != ";":
            rest = until(source, ";")
            raise AssertionError(f"{kind} {' '.join(rest)}: not understood")


def read_enum(inside, tag, header):
    while inside:
        name = until(inside, ",")
        if name:
            header.constants[name[0]] = tag


def members(source, prefix):
    """(name, flexible) of each member, those of anonymous structures and unions as their own."""
    while source:
        nested = source[0] in ("struct", "union") and "{" in source[1:3]
        if nested:
            source.pop(0)
            if source[0] != "{":
                source.pop(0)
            inside = block(source)
            declared = until(source, ";")
            if not declared:
                yield from members(inside, prefix)
                continue
            yield from members(inside, f"{prefix}{declared[0]}.")
        else:
            declared = until(source, ";")
        if "[" in declared:
            at = declared.index("[")
            yield prefix + declared[at - 1], declared[at + 1] == "]"
        else:
            assert re.fullmatch(r"[A-Za-z_]\w*", declared[-1]) and "," not in declared and ":" not in declared, declared
            yield prefix + declared[-1], False


# ---- asking the compiler ----

PRELUDE = r"""
#include <stddef.h>
#include <stdio.h>
#define KIND(x) _Generic((x), char: "char", signed char: "s8", unsigned char: "u8", short: "s16", \
	unsigned short: "u16", int: "int", unsigned int: "unsigned", long: "long", \
	unsigned long: "unsigned long", long long: "long long", unsigned long long: "unsigned long long", \
	unsigned long long *: "unsigned long long *", unsigned char *: "u8[]", unsigned int *: "u32[]", \
	int *: "s32[]", char *: "string", default: "other")
#define STRUCT(s) printf("struct %s\tsize %zu, alignment %zu\n", #s, sizeof(struct s), _Alignof(struct s))
#define MEMBER(s, m) printf("member %s.%s\toffset %zu, size %zu, alignment %zu, %s\n", #s, #m, offsetof(struct s, m), \
	sizeof(((struct s *)0)->m), _Alignof(__typeof__(((struct s *)0)->m)), KIND(((struct s *)0)->m))
#define FLEXIBLE(s, m) printf("member %s.%s\toffset %zu, elements of size %zu, %s\n", #s, #m, \
	offsetof(struct s, m), sizeof(((struct s *)0)->m[0]), KIND(((struct s *)0)->m[0]))
#define CONSTANT(tag, c) printf("constant %s\t%lld, enum %s\n", #c, (long long)(c), tag)
#define MACRO(c) printf("macro %s\t%lld, %s\n", #c, (long long)(c), KIND(c))
#define STRING(c) printf("macro %s\t%s\n", #c, c)
#define CALL(f, x) printf("macro %s(%d)\t%lld\n", #f, x, (long long)f(x))
"""


def facts(cc, flags, name, header):
    """{what: its size, offset, value...} of everything the header declares."""
    lines = []
    for struct, fields in header.structs.items():
        lines.append(f"STRUCT({struct});")
        lines += [f"{'FLEXIBLE' if flexible else 'MEMBER'}({struct}, {member});" for member, flexible in fields]
    lines += [f'CONSTANT("{tag}", {constant});' for constant, tag in header.constants.items()]
    for macro in header.macros:
        lines.append(f'#ifdef {macro}\n{"STRING" if macro.endswith("_STRING") else "MACRO"}({macro});\n#endif')
    for function, parameters in header.functions.items():
        assert parameters == 1, f"{function}: {parameters} parameters, not understood"
        lines += [f"CALL({function}, {argument});" for argument in range(32)]
    source = f"#include <{name}>\n{PRELUDE}int main(void)\n{{\n" + "\n".join(lines) + "\nreturn 0;\n}\n"
    said = run_program([*cc, "-std=gnu11", "-w", *flags, "-x", "c"], source)
    return dict(line.split("\t", 1) for line in said.splitlines())


def run_program(command, source):
    """Compiles and runs; what it printed. RuntimeError with what the compiler said."""
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/program"
        result = subprocess.run([*command, "-", "-o", program], input=source, text=True, capture_output=True)
        if result.returncode:
            raise RuntimeError(result.stderr)
        return subprocess.run([program], text=True, stdout=subprocess.PIPE, check=True).stdout


# ---- beside the kernel's headers ----


def inclusion_jobs(arguments, folders):
    """Our headers alone, before and after those of each folder (None: the machine's), in each language."""
    languages = [("C11", [*arguments.cc, "-std=c11", "-x", "c"])]
    if arguments.cxx:
        languages.append(("C++11", [*arguments.cxx, "-std=c++11", "-x", "c++"]))
        languages.append(("C++20", [*arguments.cxx, "-std=c++20", "-x", "c++"]))
    ours = "".join(f"#include <uiommufd/{name}.h>\n" for name in NAMES)
    theirs = "".join(f"#if __has_include(<linux/{name}.h>)\n#include <linux/{name}.h>\n#endif\n" for name in NAMES)
    for language, command in languages:
        yield f"{language}, ours alone", command, ours + ours, False
        for folder in folders:
            flags = [*command, *(["-isystem", str(folder)] if folder else [])]
            where = folder or "the machine's headers"
            yield f"{language}, ours before {where}", flags, ours + theirs + ours, False
            yield f"{language}, ours after {where}", flags, theirs + ours + theirs, True


def check_inclusion(arguments, folders, known, complete):
    """All names are there in each order, with the same values, and the structures with the same sizes unless an older
    header came first. Returns the failures. COMPLETE: the folder whose structures are those of ours."""
    lines = []
    for header in known.values():
        lines += [f'printf("struct {struct} %zu\\n", sizeof(struct {struct}));' for struct in header.structs]
        lines += [f'printf("{name} %lld\\n", (long long)({name}));' for name in [*header.constants, *header.macros]
                  if not name.endswith("_STRING")]
    body = "#include <stdio.h>\nint main(void)\n{\n" + "\n".join(lines) + "\nreturn 0;\n}\n"

    def run(job):
        name, command, includes, after = job
        flags = ["-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include")]
        # Before the rest, so that what the headers need is theirs to include.
        try:
            return name, after, run_program([*command, *flags], includes + body)
        except RuntimeError as error:
            return name, after, error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(run, inclusion_jobs(arguments, folders)))
    reference = results[0][2]
    failures = []
    broken = set()
    for name, after, said in results:
        if isinstance(said, RuntimeError):
            broken.add(name)
            failures.append(f"{name}: does not compile\n{said}")
            continue
        if isinstance(reference, RuntimeError):
            continue
        older = after and not (complete and name.endswith(str(complete)))
        for expected, got in zip(reference.splitlines(), said.splitlines(), strict=True):
            word = expected.split()[0]
            if expected != got and not (older and (word == "struct" or word in OLDER_MAY_DIFFER)):
                broken.add(name)
                failures.append(f"{name}: {got}, not {expected.split()[-1]}")
    print(f"{len(results) - len(broken)} of {len(results)} ways to include them work")
    return failures


# ---- comparing ----


def not_provided():
    """{name: reason}"""
    out = {}
    for line in (HERE / "not_provided.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, colon, reason = line.partition(":")
            if not colon or not reason.strip():
                sys.exit(f"not_provided.txt: no reason: {line}")
            out[name.strip()] = reason.strip()
    return out


def name_of(what):
    """The name that declares it: of a member its structure's."""
    return re.match(r"\w+ (\w+)", what)[1]


def compare(kernel, ours, excused):
    failures = []
    unused = set(excused)
    for what, value in kernel.items():
        if what not in ours:
            unused.discard(name_of(what))
            if name_of(what) not in excused:
                failures.append(f"missing: {what} ({value})")
        elif ours[what] != value:
            failures.append(f"{what}: {ours[what]}; Linux: {value}")
    failures += [f"not in Linux: {what}" for what in ours if what not in kernel and not OWN.fullmatch(name_of(what))]
    failures += [f"not_provided.txt: {name} is provided, or not in Linux" for name in sorted(unused)]
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", type=Path, default=os.environ.get("MESON_BUILD_ROOT"),
                        help="where fetched headers are kept (default: build-abi in the source)")
    parser.add_argument("--cc", nargs="+", default=os.environ.get("CC", "cc").split())
    parser.add_argument("--cxx", nargs="+", default=os.environ.get("CXX", "c++").split())
    arguments = parser.parse_args()
    if not shutil.which(arguments.cxx[0]):
        print(f"no {arguments.cxx[0]}: not tried as C++")
        arguments.cxx = None
    cache = Path(arguments.build_dir or ROOT / "build-abi").resolve() / "linux-headers"

    reason = None
    try:
        kernel = headers.find(cache)
    except headers.Unavailable as unavailable:
        kernel, reason = None, unavailable

    our_flags = ["-I", str(ROOT / "include")]
    ours = {name: read(arguments.cc, our_flags, f"uiommufd/{name}.h", ROOT / "include" / "uiommufd" / f"{name}.h")
            for name in NAMES}
    failures = []
    if kernel:
        print(f"comparing with Linux {headers.version_of(kernel) or '?'} in {kernel}")
        flags = ["-isystem", str(kernel)]
        theirs_facts, our_facts = {}, {}
        for name in NAMES:
            theirs = read(arguments.cc, flags, f"linux/{name}.h", kernel / "linux" / f"{name}.h")
            theirs_facts.update(facts(arguments.cc, flags, f"linux/{name}.h", theirs))
            our_facts.update(facts(arguments.cc, our_flags, f"uiommufd/{name}.h", ours[name]))
        failures += compare(theirs_facts, our_facts, not_provided())
        kinds = [what.split()[0] for what in theirs_facts]
        counts = ", ".join(f"{kinds.count(kind)} {kind}s" for kind in dict.fromkeys(kinds))
        print(f"{counts}: {len(failures)} differences")

    older = [Path(folder) for folder in os.environ.get("UIOMMUFD_OLDER_HEADERS", "").split(":") if folder]
    failures += check_inclusion(arguments, [None, *([kernel] if kernel else []), *older], ours, kernel)

    for failure in failures:
        print(f"FAIL: {failure}")
    if failures:
        sys.exit(1)
    if not kernel:
        print(f"SKIPPED: the comparison with Linux {headers.VERSION}: {reason}")
        sys.exit(SKIPPED)


if __name__ == "__main__":
    main()
