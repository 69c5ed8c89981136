"""The command line: ``mineeco run | demo | inspect``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mineeco_xr.errors import MineecoError

if TYPE_CHECKING:
    from mineeco_xr.workflows.output import RunFolder

app = typer.Typer(
    name="mineeco",
    help="Mining ecology on rasters: run a case, see the demo, look into a file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the outputs.")]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="Address of a running Dask scheduler.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Worker processes to start here.")
]
Memory = Annotated[str, typer.Option("--memory", help="Memory limit of each worker process.")]
Resume = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Go on with an interrupted run, or begin anew.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the cube of another run in the same folder.")
]


@app.command()
def run(
    case: Annotated[Path, typer.Argument(help="Configuration of the run, a TOML file.")],
    out: Out,
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = "2GiB",
    resume: Resume = True,
    overwrite: Overwrite = False,
) -> None:
    """Run a case: read, compute, and write cube, tables, maps, figures and report."""
    from mineeco_xr.workflows.run import cluster, run_case

    begin = time.perf_counter()
    with cluster(scheduler, workers, memory):
        folder = run_case(case, out, resume=resume, overwrite=overwrite, say=_say)
    _finished(folder, begin)


@app.command()
def demo(
    out: Out = Path("out/demo"),
    size: Annotated[int, typer.Option("--size", min=64, help="Cells a side.")] = 512,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another coalfield.")] = 0,
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = "2GiB",
) -> None:
    """Make a synthetic coalfield and run the systems on it; needs no data."""
    from mineeco_xr.workflows.demo import demo as run_demo
    from mineeco_xr.workflows.run import cluster

    begin = time.perf_counter()
    with cluster(scheduler, workers, memory):
        folder = run_demo(out, size=size, seed=seed, say=_say)
    _finished(folder, begin)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A Zarr cube, GeoTIFF or NetCDF file.")],
) -> None:
    """Say what a file or cube holds: grid, dates, variables, units. Reads no pixels."""
    from mineeco_xr.workflows.inspect import inspect_path

    typer.echo(inspect_path(path))


def _say(text: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False).print(f"[bold]•[/bold] {text}")


def _finished(folder: RunFolder, begin: float) -> None:
    """Say what came out, what took longest, what the reader must know, and where it all is."""
    for line in folder.summary():
        typer.echo(line)
    seconds = time.perf_counter() - begin
    typer.echo(f"Done in {seconds:.1f} s. The report is {folder.root / 'report.html'}")


def main() -> None:
    """Run the command line; an error of ours is one sentence, not a traceback."""
    try:
        app()
    except (MineecoError, OSError) as error:
        typer.secho(f"{type(error).__name__}: {error}", fg=typer.colors.RED, err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
