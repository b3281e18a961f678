"""flori data: what a set holds, and everything that is wrong with it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from flori.cli.guard import MEND
from flori.cli.printing import print_json, print_table
from flori.core.errors import UserError
from flori.core.overrides import apply
from flori.core.paths import is_address, path_of
from flori.core.recipe import Data, Recipe

EACH = 2  # pictures written of each class


def look_at_data(source: str, words: list[str], pictures: str | None, as_json: bool) -> None:
    """Print what is in a set; exit status 2 if anything is wrong with it."""
    import typer

    document, raw = _described(_options(source, words))
    if pictures is not None and raw is not None:
        document["written"] = _write_pictures(path_of(pictures), raw, source)
    if as_json:
        print_json(document)
    else:
        _print(document)
    if document["faults"]:
        raise typer.Exit(MEND)


def _options(source: str, words: list[str]) -> Data:
    empty = dataclasses.make_dataclass("Options", [])()
    blank = Recipe("data", "", (), empty)
    return apply(blank, [f"data={source}", *words]).data


def _described(options: Data) -> tuple[dict[str, Any], Any]:
    """What is there, as a document, and the set itself where it can be read at all."""
    from flori.cli.looking_text import described as described_text
    from flori.data import named_texts
    from flori.data.examples import PictureSet
    from flori.data.fetching import spoken
    from flori.data.sources import place, reached

    try:
        with spoken(options.source):
            path: Any = place(options.source)
            if is_address(options.source):
                path = reached(options)
            elif not path.exists():
                path = named_texts.fetched(options.source)
            text = described_text(path, options) if isinstance(path, Path) else None
            if text is not None:
                return {"data": options.source, "faults": [], **text}, None
            raw = _read(dataclasses.replace(options, on_bad="skip"))
    except UserError as problem:
        return {"data": options.source, "kind": "unreadable", "faults": str(problem).splitlines()}, None
    faults = [str(fault) for fault in raw.skipped]
    described = _of_pictures(raw) if isinstance(raw, PictureSet) else _of_table(raw, options)
    return {"data": options.source, **described, "faults": faults}, raw


def _read(options: Data) -> Any:
    """As for training, but a table may be looked at before its target is known."""
    from flori.data import sources, tables
    from flori.data.columns import TABLE_ENDINGS
    from flori.data.named import NAMED

    if options.source in NAMED or options.target or not path_of(options.source).exists() | is_address(options.source):
        return sources.read(options)
    path = sources.reached(options)
    if not isinstance(path, Path) or path.suffix.lower() not in TABLE_ENDINGS or not path.is_file():
        return sources.read(options)
    return tables.describe(
        path,
        ignore=options.ignore,
        categories=options.categories,
        identifier=options.id,
        encoding=options.encoding,
    )


def _of_pictures(raw: Any) -> dict[str, Any]:
    counts = {
        part: examples.targets.bincount(minlength=len(raw.labels)).tolist() for part, examples in raw.parts.items()
    }
    from flori.data.doubts import doubts

    _, channels, height, width = next(iter(raw.parts.values())).images.shape
    return {
        "kind": "pictures",
        "size": [height, width],
        "channels": channels,
        "examples": {part: len(examples) for part, examples in raw.parts.items()},
        "classes": {label: {part: counts[part][i] for part in counts} for i, label in enumerate(raw.labels)},
        "notes": doubts(raw),
    }


def _of_table(raw: Any, options: Data) -> dict[str, Any]:
    from flori.data.columns import useful
    from flori.data.identifiers import without_identifier

    wanted = {raw.target, *options.categories}
    frame, _, named_by = without_identifier(raw.parts["train"].frame, raw.identifier, wanted)
    frame, left_out = useful(frame, wanted)
    columns = []
    for name, column in frame.items():
        text = column.dtype == object
        columns.append(
            {
                "name": name,
                "kind": "category" if text else "number",
                "missing": int(column.isna().sum()),
                "different": int(column.nunique()),
                "range": list(map(str, column.value_counts().index[:3])) if text else _ends(column),
            }
        )
    return {
        "kind": "table",
        "examples": {"train": len(frame)},
        "target": raw.target or None,
        "columns": columns,
        "notes": named_by + left_out,
    }


def _ends(numbers: Any) -> list[float]:
    """The least and the greatest; none where no number is left."""
    return [float(numbers.min()), float(numbers.max())] if numbers.notna().any() else []


def _print(document: dict[str, Any]) -> None:
    if document["kind"] == "unreadable":
        print("\n".join(document["faults"]))
        return
    counts = ", ".join(f"{number:,} {part}" for part, number in document["examples"].items())
    if "unit" in document:
        print(f"{document['data']}: {document['kind']}: {counts} {document['unit']}\n")
        if document["rows"]:
            print_table(document["head"], document["rows"])
    elif document["kind"] == "pictures":
        height, width = document["size"]
        colour = "in colour" if document["channels"] == 3 else "grey"
        classes = f"{len(document['classes'])} classes"
        print(f"{document['data']}: pictures of {height}×{width}, {colour}: {counts}, {classes}\n")
        parts = list(document["examples"])
        rows = [[label, *(f"{found[part]:,}" for part in parts)] for label, found in document["classes"].items()]
        print_table(["class", *parts], rows, numbers=range(1, len(parts) + 1))
    else:
        target = f", to predict {document['target']}" if document["target"] else ""
        print(f"{document['data']}: a table: {counts}, {len(document['columns'])} columns{target}\n")
        rows = [
            [c["name"], c["kind"], f"{c['missing']:,}", f"{c['different']:,}", _range(c)] for c in document["columns"]
        ]
        print_table(["column", "kind", "missing", "different", "range"], rows, numbers=[2, 3])
    if document["notes"]:
        print("\n".join(["", *document["notes"]]))
    for place in document.get("written", [])[:1]:
        print(f"\nwritten: {place} and {len(document['written']) - 1} more")
    faults = document["faults"]
    print("\nnothing is wrong" if not faults else f"\n{len(faults)} faults:\n  " + "\n  ".join(faults))


def _range(column: dict[str, Any]) -> str:
    if column["kind"] == "category":
        more = " …" if column["different"] > 3 else ""
        return ", ".join(column["range"]) + more
    return " to ".join(f"{end:.6g}" for end in column["range"])


def _write_pictures(folder: Path, raw: Any, source: str) -> list[str]:
    """The last pictures of each class of the last part, as PNG by class: to look at, and to predict."""
    import torch
    from PIL import Image

    from flori.artifacts.writing import saying_why
    from flori.data.examples import PictureSet
    from flori.data.picture_files import in_memory

    if not isinstance(raw, PictureSet):
        raise UserError(f"--pictures: {source} is a table")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--pictures: {folder} is not a folder")
    part, written = list(raw.parts.values())[-1], []
    for number, label in enumerate(raw.labels):
        place = folder / label.replace("/", "-")
        for i in (part.targets == number).nonzero().flatten().tolist()[-EACH:]:
            path = place / f"{i}.png"
            with saying_why(path):
                place.mkdir(parents=True, exist_ok=True)
                image = in_memory(part.images[torch.tensor([i])])[0].permute(1, 2, 0).squeeze(2).numpy()
                Image.fromarray(image).save(path)
            written.append(str(path))
    return written
