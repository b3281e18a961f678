"""The table of commands: words → one function each."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from flori.cli.guard import guarded

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The classic systems of deep learning as one tool for your own data.",
    epilog="Begin with: flori train lenet   ·   every value of a recipe: flori show lenet",
)

System = Annotated[str, typer.Argument(metavar="NAME", help="a system, as in flori list")]
Settings = Annotated[Optional[list[str]], typer.Argument(metavar="[KEY=VALUE]…", help="values of the recipe")]  # noqa: UP045 - typer reads the hint
RunPath = Annotated[str, typer.Argument(metavar="RUN", help="the folder of a run")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress")]
Flip = Annotated[bool, typer.Option("--flip", help="average each picture's probabilities with its mirror image's")]
Folder = Annotated[Optional[str], typer.Option("--run", metavar="DIR", help="the folder to write; else runs/NAME-N")]  # noqa: UP045


def _version(wanted: bool) -> None:
    if wanted:
        import flori

        print(f"flori {flori.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="the version")] = False,
) -> None:
    """The classic systems of deep learning as one tool for your own data."""


@app.command("list")
@guarded
def list_(
    task: Annotated[Optional[str], typer.Option(help="only systems for this task")] = None,  # noqa: UP045
    json: Json = False,
) -> None:
    """Every system: task, default data, score reached."""
    from flori.cli.listing import list_systems

    list_systems(task, json)


@app.command()
@guarded
def show(
    name: System,
    settings: Settings = None,
    json: Json = False,
    equation: Annotated[bool, typer.Option("--equation", help="the system's equations as code")] = False,
) -> None:
    """The whole recipe, each value with its meaning; shapes and parameters by layer."""
    from flori.cli.showing import show_system

    show_system(name, settings or [], json, equation)


@app.command()
@guarded
def train(
    name: System,
    settings: Settings = None,
    run: Folder = None,
    predict: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--predict", metavar="INPUT", help="then answer for it: predictions.csv in the run's folder"),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train a system on data, and write a run folder."""
    from flori.cli.training import train_system

    train_system(name, settings or [], run, predict or [], quiet, json)


@app.command()
@guarded
def resume(run: RunPath, quiet: Quiet = False, json: Json = False) -> None:
    """Go on with a run that was stopped or killed, to the very weights of one that never stopped."""
    from flori.cli.training import resume_run

    resume_run(run, quiet, json)


@app.command()
@guarded
def evaluate(run: RunPath, settings: Settings = None, flip: Flip = False, json: Json = False) -> None:
    """Score a run on its test part, or on other data with data=…; by class, and what is taken for what."""
    from flori.cli.using import evaluate_run

    evaluate_run(run, settings or [], flip, json)


@app.command()
@guarded
def predict(
    run: RunPath,
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT…", help="pictures, folders of pictures, tables, texts, or .txt files")
    ],
    out: Annotated[Optional[str], typer.Option("--out", metavar="DIR", help="write predictions.csv there too")] = None,  # noqa: UP045
    flip: Flip = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="list bad pictures and leave them out")] = False,
    length: Annotated[int, typer.Option(min=1, help="tokens that a text goes on for")] = 200,
    temperature: Annotated[float, typer.Option(help="of what is drawn; 0: the likeliest always")] = 0.8,
    top_k: Annotated[Optional[int], typer.Option(help="draw from so many likeliest tokens")] = None,  # noqa: UP045
    top_p: Annotated[Optional[float], typer.Option(help="draw from the likeliest that make up so much")] = None,  # noqa: UP045
    beams: Annotated[int, typer.Option(min=1, max=256, help="translations searched side by side")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="of what is drawn")] = 0,
    json: Json = False,
) -> None:
    """Answers for pictures or rows of a table; a text that goes on, a translation, tags or the class of a text."""
    from flori.cli.using import predict_inputs

    how = {"length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p, "beams": beams, "seed": seed}
    predict_inputs(run, inputs, out, flip, skip_bad, json, **how)


@app.command()
@guarded
def inspect(
    target: Annotated[str, typer.Argument(metavar="NAME|RUN", help="a system, or the folder of a run")],
    settings: Settings = None,
    attention: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--attention", metavar="SENTENCE", help="RUN: draw where the network looks"),
    ] = None,
    layer: Annotated[Optional[int], typer.Option(min=1, help="attention: only this layer; else the last")] = None,  # noqa: UP045
    head: Annotated[Optional[int], typer.Option(min=1, help="attention: only this head; else all")] = None,  # noqa: UP045
    kind: Annotated[Optional[str], typer.Option(help="attention: cross, encoder or decoder")] = None,  # noqa: UP045
    out: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--out", metavar="PATH", help="where to write what is drawn; else a name of its own here"),
    ] = None,
    json: Json = False,
) -> None:
    """What a network is and does: one view a call, such as the attention of a run for a sentence."""
    from flori.cli.inspecting import draw_attention, the_one

    view = the_one({"--attention": attention})
    if view == "--attention" and attention is not None:
        draw_attention(target, attention, kind, layer, head, out or "attention.png", json)


@app.command()
@guarded
def data(
    source: Annotated[str, typer.Argument(metavar="PATH|NAME", help="a named set, or a file or folder")],
    settings: Settings = None,
    pictures: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--pictures", metavar="DIR", help="write a few examples of each class there, to look at"),
    ] = None,
    json: Json = False,
) -> None:
    """What is in a data set, and everything that is wrong with it."""
    from flori.cli.looking import look_at_data

    look_at_data(source, settings or [], pictures, json)


@app.command()
@guarded
def bench(
    names: Annotated[Optional[list[str]], typer.Argument(metavar="[NAME]…", help="systems; all that have one")] = None,  # noqa: UP045
    json: Json = False,
) -> None:
    """Side by side, in one process, with what people would use instead."""
    from flori.cli.benching import bench_systems

    bench_systems(names or [], json)
