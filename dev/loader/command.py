"""`daira load`: files in, a loaded platform out, with a progress bar."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dev.endpoints import gather, needs_postgres
from dev.errors import DevError
from dev.home import Home
from dev.loader.batches import batch_id
from dev.loader.community import Calendar, Community
from dev.loader.edges import Graph, read_graph
from dev.loader.importing import ImportOrder, Outcome, import_community
from dev.loader.spread import spread
from dev.loader.texts import Texts, read_texts
from dev.ports import PortClaims
from dev.settings import DEFAULT_PORTS, ROOT, DevSettings
from dev.stores.embedded import EmbeddedStores
from dev.supervisor.port_plan import plan_ports

# Every account of a load has this password; a load is for trying things out.
LOAD_PASSWORD = "daira-load"  # noqa: S105 - documented, and of made-up people only
LOADED_SERVICES = ("auth", "social")
Row = TypeVar("Row")


@dataclass(frozen=True)
class LoadOrder:
    """What the person asked to load. `posts_count` None means each text once."""

    graph: Path
    posts: Path | None
    posts_count: int | None
    days: int
    seed: int
    likes_per_post: float
    both_ways: bool


class RichProgress:
    """Bars on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:>10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def track(self, label: str, rows: Iterable[Row], total: int) -> Iterable[Row]:
        """The rows, counted as they are taken."""
        return self._progress.track(rows, total=total, description=label)

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def load_files(order: LoadOrder, settings: DevSettings, environment: Mapping[str, str]) -> None:
    """Read the files and load them; raises DevError when they cannot be read or the stores are away."""
    progress = RichProgress(Console())
    began = time.monotonic()
    graph = read_graph(order.graph, progress.say)
    texts = read_texts(order.posts, progress.say) if order.posts else Texts(bodies=[], repeated=0, broken=0)
    progress.say(_read_words(order, graph, texts))
    with _databases(settings, environment, progress.say) as urls, progress:
        outcome = asyncio.run(import_community(_import_order(order, graph, texts, urls), progress))
    progress.say(_outcome_words(outcome, time.monotonic() - began))
    if outcome.someone:
        progress.say(f"sign in as {outcome.someone}, password {LOAD_PASSWORD} (everyone's)")


def _import_order(order: LoadOrder, graph: Graph, texts: Texts, urls: Mapping[str, str]) -> ImportOrder:
    count = order.posts_count if order.posts_count is not None else len(texts.bodies)
    # By what the files hold and not where they are; the graph's name is in its people's handles.
    files = {"graph": _digest(order.graph), "posts": _digest(order.posts) if order.posts else ""}
    batch = batch_id(asdict(order) | files | {"posts_count": count, "label": order.graph.stem})

    def draw(calendar: Calendar) -> Community:
        return spread(
            graph,
            texts.bodies,
            calendar,
            label=order.graph.stem,
            batch=batch,
            seed=order.seed,
            posts_count=count,
            likes_per_post=order.likes_per_post,
            both_ways=order.both_ways,
        )

    return ImportOrder(
        batch=batch,
        auth_url=urls["AUTH_DATABASE_URL"],
        social_url=urls["SOCIAL_DATABASE_URL"],
        days=order.days,
        draw=draw,
        password=LOAD_PASSWORD,
    )


@contextmanager
def _databases(
    settings: DevSettings, environment: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[Mapping[str, str]]:
    """The URLs of the databases: of the run that is up, of the servers named, or of stores started for the load."""
    home = Home(settings.home)
    running = home.endpoints()
    if running:
        yield running
        return
    with home.hold():
        claims = PortClaims()
        ports, _ = plan_ports(DEFAULT_PORTS, settings.named_ports, claims)
        secrets = home.secrets()
        stores = EmbeddedStores(settings, home, ports, secrets)
        stores.redis = None
        try:
            if needs_postgres(settings):
                say("DAIRA does not run here; starting its PostgreSQL for the load …")
                stores.start(say)
            postgres_url = stores.postgres.url if stores.postgres else ""
            endpoints = gather(settings, ports, secrets, postgres_url=postgres_url, redis_url="")
            urls = endpoints.store_urls
            for service in LOADED_SERVICES:
                _migrate(service, {**environment, **urls})
            yield urls
        finally:
            stores.stop()
            claims.release()


def _migrate(service: str, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", f"services.{service}.migrate"]
    answer = subprocess.run(command, env=dict(environment), cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        told = "\n".join((answer.stdout + answer.stderr).strip().splitlines()[-5:])
        raise DevError(f"The migrations of {service} failed:\n{told}", "Put that right and load again.")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_words(order: LoadOrder, graph: Graph, texts: Texts) -> str:
    ways = "each in both directions" if order.both_ways else f"each in one direction chosen by seed {order.seed}"
    words = f"{order.graph.name}: {len(graph.names):,} people, {len(graph.edges):,} edges, {ways}"
    if order.posts:
        words += f"\n{order.posts.name}: {len(texts.bodies):,} texts"
    return words


def _outcome_words(outcome: Outcome, seconds: float) -> str:
    counts = ", ".join(f"{outcome.counts.get(name, 0):,} {name}" for name in ("people", "follows", "posts", "likes"))
    if not outcome.changed:
        return f"this load is there already ({counts}); nothing was changed"
    return f"loaded {counts} in {seconds:.0f} s"
