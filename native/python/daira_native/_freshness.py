"""Tells whether the built module still matches the sources beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

# What the module is built from, relative to native/: the same list as in py/build.rs.
_SOURCES = ("Cargo.toml", "crates", "py/Cargo.lock", "py/Cargo.toml", "py/build.rs", "py/src")
_NOT_BUILT = frozenset({"benches", "target", "tests"})


def refuse_stale(built_from: str, native: Path) -> None:
    """Raise ImportError if the sources lie in `native` and are not those of `built_from`.

    An installed wheel has no sources beside it and is always taken.
    """
    if not (native / "py" / "Cargo.toml").is_file():
        return
    if source_hash(native) != built_from:
        message = "daira_native was built from other sources than those in native/: run `make native`"
        raise ImportError(message)


def source_hash(native: Path) -> str:
    """SHA-256 over "relative path, NUL, hex SHA-256 of the content, newline" in order of paths."""
    lines = []
    for file in _source_files(native):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append(f"{file.relative_to(native).as_posix()}\0{content}\n".encode())
    return hashlib.sha256(b"".join(sorted(lines))).hexdigest()


def _source_files(native: Path) -> list[Path]:
    files: list[Path] = []
    for source in _SOURCES:
        path = native / source
        if path.is_file():
            files.append(path)
        elif path.is_dir():
            files.extend(_below(path))
    return files


def _below(folder: Path) -> list[Path]:
    files: list[Path] = []
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in _NOT_BUILT:
                files.extend(_below(path))
        elif path.name == "Cargo.toml" or path.suffix == ".rs":
            files.append(path)
    return files
