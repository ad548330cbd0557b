#!/usr/bin/env python3
"""The rules of the tree that a machine can hold.

  tidy.py SOURCE BUILD CHECK...     CHECK: includes functions words purity tests readmes
Each finding is one line: file, what was found, what to do instead. Exit 1 when there is any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Who may include whom. A folder may always include itself.
LAYERS: dict[str, set[str]] = {
    "scheduler": set(),
    "libk8s": set(),
    "operator": {"libk8s", "scheduler"},
    "tests": {"libk8s", "scheduler", "operator"},
    "bench": {"libk8s", "scheduler", "operator", "tests"},
}
# Inside libk8s the layers go one way: a folder may include only those before it (and itself).
LIBK8S_ORDER = ["base", "codec", "types", "http", "request", "transport", "workqueue", "watch",
                "leader", "events", "apiserver", "node"]
LIBK8S_UPWARD = {("types", "watch/codec"), ("types", "watch/informer"), ("types", "request"), ("codec", "http")}
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 700

# What the engine may not reach, and what to use instead.
BANNED_SYMBOLS = {
    r"clock_gettime|gettimeofday|system_clock|steady_clock|\btime@": "time arrives with the delta",
    r"\b(f?open(at)?|fopen|basic_[io]?f(ile)?stream|basic_filebuf)\b": "the caller does the I/O",
    r"\b(socket|connect|recv|send(to|msg)?)@": "the caller does the I/O",
    r"pthread_create|std::thread|pthread_mutex": "the engine is single-threaded",
    r"random_device|\bs?rand(om)?(_r)?@|getrandom|getentropy|mersenne": "nothing random in the engine",
    r"\b(printf|puts|_ZSt4cout|_ZSt4cerr)\b": "return a value; the caller prints",
}

INCLUDE = re.compile(r'^\s*#include "([^"]+)"')
FUNCTION_START = re.compile(r"^(\s*)(?!.*\b(namespace|class|struct|union|enum)\b[^()]*\{$)"
                            r"(?!\s*(if|for|while|switch|else|do|try|catch|return|case)\b)"
                            r"[^#/]*\)[^;=]*\{$")

# A line after which another statement begins.
STATEMENT_END = re.compile(r"([;{}]\s*(//.*)?|^\s*(//.*|#.*|template <.*>|(public|private|protected):)|^\s*)$")
LAMBDA = re.compile(r"\]\s*\([^()]*(\([^()]*\)[^()]*)*\)[^()]*\{$")
CONTROL = re.compile(r"\s*(}? ?else|if|for|while|switch|do|try|catch|return|case)\b")


def sources(root: Path, *folders: str, suffixes: tuple[str, ...] = (".cpp", ".hpp")) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def check_includes(root: Path) -> Iterator[str]:
    for path in sources(root, *LAYERS):
        top = path.relative_to(root).parts[0]
        for line in path.read_text().splitlines():
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1)
            other = target.split("/")[0]
            if other in LAYERS and other != top and other not in LAYERS[top]:
                yield f"{path.relative_to(root)}: includes {target}: {top}/ may not know {other}/"
            if top == other == "libk8s":
                yield from check_libk8s_edge(root, path, target)


def check_libk8s_edge(root: Path, path: Path, target: str) -> Iterator[str]:
    own = path.relative_to(root).parts[1]
    other = target.split("/")[1]
    if own == other or own not in LIBK8S_ORDER or other not in LIBK8S_ORDER:
        return
    allowed = any(own == a and target.startswith(f"libk8s/{b}") for a, b in LIBK8S_UPWARD)
    if LIBK8S_ORDER.index(other) > LIBK8S_ORDER.index(own) and not allowed:
        yield f"{path.relative_to(root)}: includes {target}: libk8s/{own} lies below libk8s/{other}"


RAW_STRING = re.compile(r'R"([^(\s]{0,16})\((.*?)\)\1"', re.DOTALL)


def code_lines(text: str) -> list[str]:
    """The lines of a file, with what stands in raw strings left out."""
    return RAW_STRING.sub(lambda match: '""' + "\n" * match.group().count("\n"), text).splitlines()


def functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """(first line, length) of each function, by the indentation that clang-format guarantees."""
    for start, line in enumerate(lines):
        if not FUNCTION_START.match(line):
            continue
        # Back to where the statement begins: parameters and initialisers take lines of their own.
        # A lambda ends where its own line begins.
        first = start
        while not LAMBDA.search(line) and first > 0 and not STATEMENT_END.search(lines[first - 1]):
            first -= 1
        if not FUNCTION_START.match(re.match(r"\s*", lines[first]).group() + line.strip()) or \
                CONTROL.match(lines[first]):
            continue
        closing = re.match(r"\s*", lines[first]).group() + "}"
        for end in range(start + 1, len(lines)):
            if lines[end].startswith(closing) and not lines[end].startswith(closing + " else"):
                yield start, end - start + 1
                break


def check_functions(root: Path) -> Iterator[str]:
    for path in sources(root, "libk8s", "scheduler", "operator", "tests", "bench"):
        lines = code_lines(path.read_text())
        name = path.relative_to(root)
        if len(lines) > MAX_FILE_LINES:
            yield f"{name}: {len(lines)} lines, at most {MAX_FILE_LINES}: split it by noun"
        for start, length in functions(lines):
            if length > MAX_FUNCTION_LINES:
                yield f"{name}:{start + 1}: a function of {length} lines, at most {MAX_FUNCTION_LINES}"


def check_words(root: Path) -> Iterator[str]:
    for path in sources(root, "libk8s", suffixes=(".cpp", ".hpp", ".proto", ".txt", ".md")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "fermi" in line.lower().replace("fermi_library(", "").replace("fermi_pch", ""):
                yield f"{path.relative_to(root)}:{number}: libk8s/ knows nothing of Fermi: {line.strip()}"


def check_purity(root: Path, build: Path) -> Iterator[str]:
    archives = sorted((build / "scheduler").rglob("*.a"))
    if not archives:
        yield f"{build}/scheduler: no library found: build first"
    for archive in archives:
        listing = subprocess.run(["nm", "-C", "--undefined-only", str(archive)],
                                 capture_output=True, text=True, check=True).stdout
        for pattern, instead in BANNED_SYMBOLS.items():
            for line in listing.splitlines():
                if re.search(pattern, line.strip() + "@"):
                    yield f"{archive.name}: reaches {line.strip()}: {instead}"


def check_tests(root: Path) -> Iterator[str]:
    lists = "\n".join(p.read_text() for p in sources(root, "tests", suffixes=(".txt",)))
    for path in sources(root, "tests", suffixes=(".cpp",)):
        if path.name not in lists:
            yield f"{path.relative_to(root)}: stands in no CMakeLists.txt, so it never runs"


def check_readmes(root: Path) -> Iterator[str]:
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True).stdout.splitlines()
    folders = {str(Path(name).parent) for name in tracked if name.endswith((".cpp", ".hpp", ".py", ".go"))}
    for folder in sorted(folders):
        parents = [root / folder, (root / folder).parent]
        if not any((p / "README.md").exists() for p in parents if p != root):
            yield f"{folder}/: has no README.md (nor has the folder above): say who may call whom"
    for top in sorted({name.split("/")[0] for name in tracked if "/" in name and not name.startswith(".")}):
        if not (root / top / "README.md").exists():
            yield f"{top}/: has no README.md: say what lies where in it, and who may call whom"


def main() -> int:
    root, build, checks = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    findings: list[str] = []
    for check in checks:
        run = globals()[f"check_{check}"]
        findings += run(root, build) if check == "purity" else run(root)
    print("\n".join(findings) if findings else f"tidy: {', '.join(checks)}: nothing found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
