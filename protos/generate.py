"""Generates protos/gen from the .proto files; with --check only says whether what is committed is up to date."""

from __future__ import annotations

import filecmp
import re
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
GENERATED = PROTOS / "gen"


def generate(into: Path) -> None:
    """Writes messages, service stubs and their type stubs for every .proto below protos/daira."""
    scripts = Path(sys.executable).parent
    sources = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / "daira").rglob("*.proto"))
    with_services = [
        source for source in sources if re.search(r"^service ", (PROTOS / source).read_text("utf-8"), re.MULTILINE)
    ]
    mypy = [f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}", f"--mypy_out=quiet:{into}"]
    mypy_grpc = [f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}", f"--mypy_grpc_out=quiet:{into}"]
    include = ["protoc", f"-I{PROTOS}", f"-I{Path(protoc.__file__).parent / '_proto'}"]
    for arguments, files in (
        ([f"--python_out={into}", *mypy], sources),
        ([f"--grpc_python_out={into}", *mypy_grpc], with_services),
    ):
        if protoc.main([*include, *arguments, *files]) != 0:
            raise SystemExit("protoc failed: see above")


def files_below(folder: Path) -> dict[Path, Path]:
    """Every generated file by its path relative to the folder."""
    return {path.relative_to(folder): path for path in folder.rglob("*.py*") if path.suffix in {".py", ".pyi"}}


def main() -> None:
    """Generates beside, then swaps; or compares and exits 1 on a difference."""
    with tempfile.TemporaryDirectory() as fresh_name:
        fresh = Path(fresh_name)
        generate(fresh)
        if "--check" not in sys.argv[1:]:
            shutil.rmtree(GENERATED, ignore_errors=True)
            shutil.copytree(fresh, GENERATED)
            return
        new, old = files_below(fresh), files_below(GENERATED)
        stale = sorted(
            str(name)
            for name in new.keys() | old.keys()
            if name not in new or name not in old or not filecmp.cmp(new[name], old[name], shallow=False)
        )
        if stale:
            raise SystemExit("protos/gen is stale; run `make proto` and commit: " + ", ".join(stale))


if __name__ == "__main__":
    main()
