"""flori inspect: the views and what draws each. Nothing of a view is imported before it is asked for."""

from __future__ import annotations

from typing import Any

from flori.cli.inspecting import must_be_named, must_be_of_the_view, the_one


def look(
    target: str, words: list[str], out: str | None, as_json: bool, asked: dict[str, Any], how: dict[str, Any]
) -> None:
    """Show the one view of those asked for, by option; without any the summary. `how`: options of single views."""
    view = the_one(asked)
    must_be_of_the_view(view, {**how, "out": out})
    if view not in ("--landscape", "--order"):
        must_be_named(view, target)
    match view:
        case "":
            from flori.cli.summary import summarise

            summarise(target, words, how["measure"], as_json)
        case "--attention":
            from flori.cli.inspecting import draw_attention

            shown = (how["kind"], how["layer"], how["head"])
            draw_attention(target, asked[view], *shown, out or "attention.png", as_json)
        case "--graph":
            from flori.cli.graphing import draw_graph

            draw_graph(target, words, how["depth"], out, as_json)
        case "--profile":
            from flori.cli.profiling import profile_steps

            profile_steps(target, words, as_json)
        case "--modes":
            from flori.cli.modes import compare_modes

            compare_modes(target, words, out, as_json)
        case "--order":
            from flori.cli.orders import compare_orders

            compare_orders(target, words, as_json)
        case "--rates":
            from flori.cli.rates import find_rate

            find_rate(target, words, out or "rates.png", as_json)
        case "--landscape":
            from flori.cli.landscapes import draw_landscape

            draw_landscape(asked[view], target, words, out or "landscape.png", as_json)
        case "--health":
            from flori.cli.health import inspect_health

            inspect_health(target, words, out or "health.png", as_json)
        case "--capacity":
            from flori.cli.curves import draw_capacity

            draw_capacity(target, words, asked[view], out or "capacity.png", as_json)
        case "--data-sizes":
            from flori.cli.curves import draw_data_sizes

            draw_data_sizes(target, words, asked[view], out or "data-sizes.png", as_json)
        case "--scale":
            from flori.cli.scales import predict_scale

            predict_scale(target, words, asked[view], (how["bandwidth"], how["latency"]), out, as_json)
