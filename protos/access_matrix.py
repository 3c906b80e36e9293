"""Writes docs/access.md: who may call which RPC, by the option that each carries; --check only says if it is fresh."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

PROTOS = Path(__file__).resolve().parent
MATRIX = PROTOS.parent / "docs" / "access.md"
SERVICES = ("analytics", "auth", "payments", "social")
HEAD = """# Who may call what

Made by `make proto` from the `(daira.common.v1.access)` option of each RPC: the same option that every server's
interceptor is compiled from. ● may call. *Anyone* may be nobody at all; a token that is sent anyway must be valid. A
*person* has an access token, a *service* a service token. What is left out is refused: UNAUTHENTICATED without a token,
PERMISSION_DENIED with the wrong one.

*Of people* says what is asked of a person beyond a token: `scope` must be the token's, one of the `roles` the
person's; `self` is a field of the request that must be their own id (or 0, for it), unless they have one of the roles.
`level 2` asks for two proved factors, `≤ 600 s` for a proof no older than that: refused with UNAUTHENTICATED, reason
STEP_UP_NEEDED, until the person proves again who they are.
"""


def files() -> Iterator[FileDescriptor]:
    """Every file of the contract that has services, by name."""
    if str(PROTOS / "gen") not in sys.path:
        sys.path.insert(0, str(PROTOS / "gen"))
    for path in sorted((PROTOS / "gen" / "daira").rglob("*_pb2_grpc.py")):
        module = ".".join(path.relative_to(PROTOS / "gen").with_suffix("").parts).removesuffix("_grpc")
        yield importlib.import_module(module).DESCRIPTOR


def methods() -> Iterator[MethodDescriptor]:
    """Every RPC, in the order of files, services and their text."""
    for file in files():
        for service in file.services_by_name.values():
            yield from service.methods


def callers(method: MethodDescriptor) -> tuple[bool, ...]:
    """Whether anyone, a person, and each of SERVICES may call it."""
    access_pb2 = importlib.import_module("daira.common.v1.access_pb2")
    access = method.GetOptions().Extensions[access_pb2.access]
    anyone = access_pb2.CALLER_PUBLIC in access.callers
    person = anyone or access_pb2.CALLER_USER in access.callers
    return anyone, person, *(anyone or name in access.services for name in SERVICES)


def of_people(method: MethodDescriptor) -> str:
    """What the method asks of people."""
    access = method.GetOptions().Extensions[importlib.import_module("daira.common.v1.access_pb2").access]
    asked = [
        f"scope `{' '.join(access.scopes)}`" if access.scopes else "",
        f"roles `{' '.join(access.roles)}`" if access.roles else "",
        f"self `{access.self_field}`" if access.self_field else "",
        f"level {access.min_level}" if access.min_level > 1 else "",
        f"≤ {access.max_age_s} s" if access.max_age_s else "",
    ]
    return ", ".join(part for part in asked if part)


def matrix() -> str:
    """The page."""
    lines = [
        HEAD,
        "| RPC | anyone | person | " + " | ".join(SERVICES) + " | of people |",
        "| --- |" + " --- |" * (3 + len(SERVICES)),
    ]
    for method in methods():
        cells = " | ".join("●" if may else "" for may in callers(method))
        lines.append(f"| `{method.full_name.removeprefix('daira.')}` | {cells} | {of_people(method)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the page, or exits 1 when it is stale."""
    if "--check" not in sys.argv[1:]:
        MATRIX.write_text(matrix(), "utf-8")
    elif not MATRIX.exists() or MATRIX.read_text("utf-8") != matrix():
        raise SystemExit("docs/access.md is stale; run `make proto` and commit it")


if __name__ == "__main__":
    main()
