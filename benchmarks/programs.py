"""
The C programs of `load/`, compiled when they are first needed.

They need gcc (or another C compiler in $CC) and nothing else. A program is compiled again when its source, or the
header that they share, is newer than it.
"""

import os
import shutil
import subprocess
from pathlib import Path

LOAD = Path(__file__).parent / "load"
BUILD = LOAD / "build"
FLAGS = ["-O3", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Werror"]


def compiler() -> str | None:
    """Find the C compiler, `None` when the machine has none."""
    return shutil.which(os.environ.get("CC", "gcc"))


def program(name: str) -> str:
    """Give the path of a compiled program of `load/`, compiling it if need be."""
    source, target = LOAD / f"{name}.c", BUILD / name
    newest = max(file.stat().st_mtime for file in (source, LOAD / "measure.h"))
    if target.exists() and target.stat().st_mtime > newest:
        return str(target)
    cc = compiler()
    if cc is None:
        raise SystemExit("the benchmarks need a C compiler: apt-get install gcc libc6-dev (or set CC)")
    BUILD.mkdir(exist_ok=True)
    fresh = target.with_suffix(f".{os.getpid()}")
    subprocess.run([cc, *FLAGS, str(source), "-o", str(fresh)], check=True)
    fresh.replace(target)
    return str(target)
