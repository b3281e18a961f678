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
Folder = Annotated[  # torchrun takes --run for one of its own where it is given behind it; --dir it leaves alone
    Optional[str],  # noqa: UP045
    typer.Option("--run", "--dir", metavar="DIR", help="the folder to write; else runs/NAME-N"),
]


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

    train_system(name, settings or [], run, quiet, json, predict or [])


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
def crossval(
    name: System,
    settings: Settings = None,
    folds: Annotated[int, typer.Option("--folds", metavar="K", help="parts that the data is divided into")] = 5,
    group: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--group", metavar="COLUMN", help="rows of a table that share it stay in one fold"),
    ] = None,
    run: Folder = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Judge a system by K folds, each by what learnt from the others; the same command goes on after a kill."""
    from flori.cli.several import cross_validate

    cross_validate(name, settings or [], folds, group, run, quiet, json)


@app.command()
@guarded
def bag(
    name: System,
    settings: Settings = None,
    members: Annotated[int, typer.Option("--members", metavar="K", help="networks that are averaged")] = 5,
    bootstrap: Annotated[bool, typer.Option(help="each draws its training part anew, with replacement")] = True,
    run: Folder = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train K networks that differ by chance, and average their answers: one folder that predicts like a run."""
    from flori.cli.several import train_bag

    train_bag(name, settings or [], members, bootstrap, run, quiet, json)


@app.command()
@guarded
def tune(
    name: System,
    settings: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            metavar="[KEY=SPACE]…",
            help="what to search, as lr=log:1e-4:1 batch=32,64,128 model.dropout=0:0.5 'model.hidden=64|256,128'; "
            "key=value stays fixed",
        ),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="in all, over all workers of the study")] = 30,
    run: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--run", metavar="DIR", help="the folder to write, or to go on in; else runs/NAME-tune-N"),
    ] = None,
    storage: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="URL", help="a database that workers share; else DIR/study.db"),
    ] = None,
    sampler: Annotated[str, typer.Option(help="tpe, random, or grid (five points of a range)")] = "tpe",
    pruner: Annotated[str, typer.Option(help="ends poor trials early: median, halving, or none")] = "median",
    score: Annotated[Optional[str], typer.Option(help="what to compare on the valid part; else the task's")] = None,  # noqa: UP045
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Search for better settings; the same command goes on with a search, or works along with others."""
    from flori.cli.tuning import tune_system

    tune_system(name, settings or [], trials, run, storage, (sampler, pruner), score or "", quiet, json)


@app.command()
@guarded
def inspect(
    target: Annotated[
        str, typer.Argument(metavar="[NAME|RUN]", help="a system, or the folder of a run", show_default=False)
    ] = "",
    settings: Settings = None,
    attention: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--attention", metavar="SENTENCE", help="RUN: draw where the network looks"),
    ] = None,
    rates: Annotated[bool, typer.Option("--rates", help="which learning rate suits, by a range test")] = False,
    landscape: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--landscape",
            metavar="SURFACE|slice",
            help="the ways of all optimisers on rosenbrock, beale, himmelblau, saddle, quadratic or rastrigin; "
            "with --out FILE.html a page to play with; RUN: slice, the loss around its weights",
        ),
    ] = None,
    health: Annotated[
        bool, typer.Option("--health", help="activations, gradients, dead units, updates by layer; what to change")
    ] = False,
    layer: Annotated[Optional[int], typer.Option(min=1, help="attention: only this layer; else the last")] = None,  # noqa: UP045
    head: Annotated[Optional[int], typer.Option(min=1, help="attention: only this head; else all")] = None,  # noqa: UP045
    kind: Annotated[Optional[str], typer.Option(help="attention: cross, encoder or decoder")] = None,  # noqa: UP045
    capacity: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--capacity", metavar="KEY=V1,V2,…", help="losses as a setting grows; ; between lists"),
    ] = None,
    data_sizes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--data-sizes", metavar="N1,N2,…|auto", help="losses as the training part grows"),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="measure the memory of a step too, in a process of its own")
    ] = False,
    graph: Annotated[bool, typer.Option("--graph", help="draw the computational graph as SVG")] = False,
    depth: Annotated[Optional[int], typer.Option(min=0, help="graph: layers within layers down to here")] = None,  # noqa: UP045
    profile: Annotated[bool, typer.Option("--profile", help="where the time of training steps goes")] = False,
    modes: Annotated[bool, typer.Option("--modes", help="gradients in forward against reverse mode")] = False,
    order: Annotated[bool, typer.Option("--order", help="rows against columns, loops against vectors")] = False,
    scale: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--scale", metavar="N", min=1, max=65_536, help="step time and efficiency on up to N workers"),
    ] = None,
    bandwidth: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(metavar="GB/S", min=1e-6, help="scale: between two workers; else measured here"),
    ] = None,
    latency: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(metavar="µS", min=0, help="scale: of a message; else measured here"),
    ] = None,
    out: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--out", metavar="PATH", help="where to write what is drawn; else a name of its own here"),
    ] = None,
    json: Json = False,
) -> None:
    """What a network is and does: its layers, cost and memory, or one view a call."""
    from flori.cli.views import look

    asked = {
        "--attention": attention,
        "--graph": graph,
        "--profile": profile,
        "--modes": modes,
        "--order": order,
        "--health": health,
        "--rates": rates,
        "--landscape": landscape,
        "--capacity": capacity,
        "--data-sizes": data_sizes,
        "--scale": scale,
    }
    how: dict[str, object] = {"layer": layer, "head": head, "kind": kind, "measure": measure, "depth": depth}
    how |= {"bandwidth": bandwidth, "latency": latency}
    look(target, settings or [], out, json, asked, how)


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
