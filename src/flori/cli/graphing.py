"""flori inspect --graph: a network's computational graph as SVG."""

from __future__ import annotations

from flori.cli.inspecting import picture_path
from flori.cli.layers import codec_of
from flori.cli.printing import print_json
from flori.cli.targets import recipe_of

BATCH = 5  # examples that it is drawn for: a prime, so that it is not taken for another size


def draw_graph(target: str, settings: list[str], depth: int | None, out: str | None, as_json: bool) -> None:
    """Write the graph that a network trains by, on examples as its data has them; nothing is fetched."""
    recipe = recipe_of(target, settings)
    path = picture_path(out or f"{recipe.system}-graph.svg", ".svg")
    import torch

    from flori.artifacts.writing import write
    from flori.evaluation.graph_drawing import drawn
    from flori.models.graph import graph
    from flori.recipes.assembly import build_model

    codec = codec_of(recipe)
    model, inputs = build_model(recipe, codec).train(), [torch.cat([t] * BATCH) for t in codec.sample()]
    boxes = graph(model, *inputs, depth=depth)
    count = sum(p.numel() for p in model.parameters())
    write(path, drawn(boxes, f"{recipe.system}: {count:,} parameters, shapes of one example"))
    if as_json:
        names = {"name": "name", "kind": "kind", "shape": "shape", "parameters": "parameters", "count": "count"}
        rows = [{**{word: getattr(box, name) for word, name in names.items()}, "from": box.above} for box in boxes]
        print_json({"system": recipe.system, "picture": str(path), "boxes": rows})
    else:
        deeper = "" if depth is not None else "; --depth draws more or less of it"
        print(f"{path}: {recipe.system}, {len(boxes)} boxes{deeper}")
