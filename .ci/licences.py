#!/usr/bin/env python3
"""Checks what the product is built from: permissive licences only, and no C library but those that are named here.

Reads `cargo metadata` for the host's target. Exits 1 with every package that does not fit.
"""

import json
import re
import subprocess
import sys

ALLOWED = {
    "MIT", "MIT-0", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib",
    "MPL-2.0", "Unicode-3.0", "CC0-1.0", "0BSD", "BSL-1.0", "Unlicense", "CDLA-Permissive-2.0",
}
# Packages that may link native code: each carries its own C (ring also assembler), and needs nothing installed but a
# compiler.
MAY_LINK = {"ring", "libsqlite3-sys"}
FORBIDDEN = {"openssl", "openssl-sys", "native-tls", "snmptools", "netsnmp-sys", "aws-lc-sys"}


def fits(expression):
    """Whether an SPDX expression (with OR, AND and parentheses) can be satisfied by the allowed licences."""
    expression = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)
    words, position = [], 0
    while position < len(tokens):
        token = tokens[position]
        if position + 2 < len(tokens) and tokens[position + 1] == "WITH":
            token = " ".join(tokens[position : position + 3])
            position += 2
        words.append(token)
        position += 1
    python = " ".join(
        word if word in "()" else {"OR": "or", "AND": "and"}.get(word, str(word in ALLOWED)) for word in words
    )
    return bool(eval(python, {"__builtins__": {}}))  # only True, False, or, and, parentheses


def main():
    host = re.search(r"host: (\S+)", subprocess.check_output(["rustc", "-vV"], text=True)).group(1)
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    # Only what the product itself is built from: not what builds or tests it.
    reached, todo = set(), [metadata["resolve"]["root"]]
    while todo:
        package = todo.pop()
        if package in reached:
            continue
        reached.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    problems = []
    for identifier in sorted(reached):
        package = packages[identifier]
        name = f"{package['name']} {package['version']}"
        if not package["license"] or not fits(package["license"]):
            problems.append(f"{name}: licence {package['license']!r} is not allowed")
        if package["links"] and package["name"] not in MAY_LINK and "std" not in package["links"]:
            if any("custom-build" in target["kind"] for target in package["targets"]) and package["name"].endswith("-sys"):
                problems.append(f"{name}: links the native library {package['links']!r}")
        if package["name"] in FORBIDDEN:
            problems.append(f"{name}: must not be used")
    for problem in problems:
        print(problem)
    print(f"{len(reached)} packages checked, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
