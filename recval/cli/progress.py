"""What is shown on stderr while a command works; nothing where stderr is not a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress

    from recval.recipes.stages import Stage


def working(what: str) -> AbstractContextManager[object]:
    """Show that something is being done whose length is not known."""
    return Console(stderr=True).status(f"{what} …")


@contextmanager
def continuable(folder: Path, *, quiet: bool) -> Iterator[Stage]:
    """Give what opens a stage of what is written to a folder; say how to continue where it is interrupted."""
    try:
        with stages(quiet=quiet) as stage:
            yield stage
    except KeyboardInterrupt:
        typer.echo(f"interrupted; run the same command again to continue in {folder}", err=True)
        raise typer.Exit(130) from None


@contextmanager
def stages(*, quiet: bool) -> Iterator[Stage]:
    """Give what opens a stage of work as a bar, which moves by fractions of tasks."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
        waiting = progress.add_task("preparing", total=None)

        @contextmanager
        def stage(name: str, tasks: int) -> Iterator[Callable[[int, float], None]]:
            progress.update(waiting, visible=False)
            yield _bar(progress, name, tasks)

        yield stage


def _bar(progress: Progress, name: str, tasks: int) -> Callable[[int, float], None]:
    """Add a bar; what is returned is told the position of a task and how far it is."""
    task = progress.add_task(name if tasks == 1 else f"{name} ({tasks})", total=tasks)
    done = [0.0] * tasks

    def on_progress(position: int, fraction: float) -> None:
        done[position] = fraction
        progress.update(task, completed=sum(done))

    return on_progress
