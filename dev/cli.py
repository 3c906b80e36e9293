"""`daira`: run the platform on one machine, load real graphs into it, read the codes it sends, examine the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from dev.errors import DevError
from dev.ledger_commands import ledger
from dev.saga_commands import saga
from dev.settings import parse_settings


class _TidyGroup(click.Group):
    """Commands whose expected errors are told in one message, without a traceback, with exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except DevError as error:
            click.echo(f"daira: {error.problem}", err=True)
            click.echo(f"  {error.remedy}", err=True)
            sys.exit(1)


@click.group(cls=_TidyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """DAIRA on one machine."""


@main.command()
def run() -> None:
    """Start stores, services, workers and the gateway; Ctrl-C drains them all."""
    # Imported here so that `daira --help` and `daira doctor` work before everything is installed.
    from dev.run import run_platform  # noqa: PLC0415

    run_platform(parse_settings(os.environ), os.environ)


@main.command()
def doctor() -> None:
    """Say what this machine has and lacks for DAIRA."""
    from dev.doctor import examine  # noqa: PLC0415

    findings = examine(parse_settings(os.environ))
    for finding in findings:
        click.echo(
            f"{click.style('ok     ', fg='green') if finding.good else click.style('PROBLEM', fg='red')} {finding.text}"
        )
    sys.exit(0 if all(finding.good for finding in findings) else 1)


@main.group(cls=_TidyGroup)
def keys() -> None:
    """Keys: those that sign access tokens, and those by which services know one another."""


@keys.command("list")
def keys_list() -> None:
    """Show the keys that sign access tokens, and what each is for now."""
    from dev.signing_keys import show_keys  # noqa: PLC0415

    show_keys(parse_settings(os.environ), "list")


@keys.command("rotate")
def keys_rotate() -> None:
    """Let the next key sign as soon as every service knows it."""
    from dev.signing_keys import show_keys  # noqa: PLC0415

    show_keys(parse_settings(os.environ), "rotate")


@keys.command("revoke")
@click.argument("kid")
def keys_revoke(kid: str) -> None:
    """Revoke a key that leaked: the next one signs at once, and what it signed is refused within a minute."""
    from dev.signing_keys import show_keys  # noqa: PLC0415

    show_keys(parse_settings(os.environ), "revoke", kid)


@keys.command("service")
@click.argument("service")
@click.option("--bundle", required=True, type=click.Path(path_type=Path), help="The trust bundle; made if not there.")
def keys_service(service: str, bundle: Path) -> None:
    """Make a key pair: print the private half as a setting, and add the public half to the trust bundle."""
    from dev.service_keys import add_key  # noqa: PLC0415

    click.echo(f"SERVICE_SIGNING_KEY={add_key(service, bundle)}")


@main.command()
@click.option("--graph", required=True, type=click.Path(path_type=Path), help="Edges: `a b` or `a,b` a line.")
@click.option("--posts", type=click.Path(path_type=Path), help="CSV whose first column is the text of a post.")
@click.option("--posts-count", type=click.IntRange(0, 5_000_000), help="How many posts; default: each text once.")
@click.option(
    "--days", type=click.IntRange(1, 365), default=30, show_default=True, help="Spread posts over so many last days."
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=2024, show_default=True, help="Same seed, same data.")
@click.option(
    "--likes-per-post", type=click.FloatRange(0, 100), default=2.0, show_default=True, help="Likes given, on average."
)
@click.option(
    "--both-ways", is_flag=True, help="An undirected edge becomes two follows, not one in a direction by seed."
)
def load(
    graph: Path,
    posts: Path | None,
    posts_count: int | None,
    days: int,
    seed: int,
    likes_per_post: float,
    *,
    both_ways: bool,
) -> None:
    """Fill the platform with a social graph and texts from files."""
    from dev.loader.command import LoadOrder, load_files  # noqa: PLC0415

    order = LoadOrder(
        graph=graph,
        posts=posts,
        posts_count=posts_count,
        days=days,
        seed=seed,
        likes_per_post=likes_per_post,
        both_ways=both_ways,
    )
    load_files(order, parse_settings(os.environ), os.environ)


@main.command()
@click.option("--phone", default="", help="Only messages to this number, in any spelling.")
@click.option("--count", type=click.IntRange(1, 200), default=10, show_default=True, help="How many of the last.")
@click.option("--follow", is_flag=True, help="Go on with those that come, until Ctrl-C.")
def codes(phone: str, count: int, *, follow: bool) -> None:
    """Show the one-time codes that would have been sent to phones."""
    from dev.code_inbox import InboxOrder, show_codes  # noqa: PLC0415

    show_codes(InboxOrder(phone, count, follow), parse_settings(os.environ), click.echo)


@main.group(cls=_TidyGroup)
def audit() -> None:
    """The log of every security event."""


@audit.command("verify")
@click.option("--checkpoint", multiple=True, help="A signed checkpoint from outside, or a file of them; repeatable.")
def audit_verify(checkpoint: tuple[str, ...]) -> None:
    """Check every row against the chain, and the chain against what was signed; exit 1 if anything is wrong."""
    from dev.audit_log import verify_log  # noqa: PLC0415

    sys.exit(0 if verify_log(parse_settings(os.environ), checkpoint) else 1)


@audit.command("show")
@click.option("--user", "user_id", type=click.IntRange(1), required=True, help="User id.")
def audit_show(user_id: int) -> None:
    """Show the last 100 rows about a person."""
    from dev.audit_log import show_entries  # noqa: PLC0415

    show_entries(parse_settings(os.environ), user_id)


main.add_command(saga)
main.add_command(ledger)

if __name__ == "__main__":
    main()
