"""A page to play with: ways of all optimisers down surfaces, taken and drawn by the reader's own browser.

One file without anything from elsewhere: its policy lets only this script and this style run. The rules are written a
second time, in JavaScript. So that they cannot be others unnoticed, the page carries ways that flori took itself,
takes each of them on opening and warns of any that comes out otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import jinja2

from flori.training.surfaces import SURFACES
from flori.training.trajectories import OPTIONS, RATES, STEPS, walks

SCRIPTS = ("landscape_rules.js", "landscape_drawing.js", "landscape_page.js")
DECAY = 0.01  # of adamw on the page: without any it is adam
RATE_OF = {
    "gd": 1e-3,
    "momentum": 1e-3,
    "nesterov": 1e-3,
    "adagrad": 0.1,
    "rmsprop": 0.01,
    "adam": 0.1,
    "adamw": 0.1,
    "muon": 0.1,
}
"""The optimisers of the page, each with a rate at which no surface throws it off."""
SEEN = (1, 2, 3, 5, 10, 20, 50)  # steps of a witness that are compared


def page(first: str, compared: Sequence[dict[str, Any]]) -> str:
    """The page as HTML; `first` is the surface that it begins with, `compared` are ways as of `witnesses`."""
    room = files("flori.evaluation")
    data = {"first": first, "steps": STEPS, "rates": RATES, "surfaces": _surfaces(), "witnesses": compared}
    parts = [
        '"use strict";',
        f"const FLORI = {_literal(data)};",
        *(room.joinpath(name).read_text("utf-8") for name in SCRIPTS),
    ]
    script = "\n".join(parts)
    style = room.joinpath("landscape_page.css").read_text("utf-8")
    template = jinja2.Environment(autoescape=True).from_string(room.joinpath("landscape_page.html").read_text("utf-8"))
    return template.render(script=script, style=style, script_hash=_hash(script), style_hash=_hash(style))


def witnesses() -> Iterator[dict[str, Any]]:
    """Each optimiser's way on each surface with its options by default: its points [x, y] at the steps `SEEN`."""
    for name, surface in SURFACES.items():
        for optimizer, rate in RATE_OF.items():
            options = {"weight_decay": DECAY} if optimizer == "adamw" else OPTIONS[optimizer]
            (way,) = walks(surface, optimizer, [rate], max(SEEN), **options)
            points = {step: way.points[step].tolist() for step in SEEN}
            yield {"surface": name, "optimizer": optimizer, "rate": rate, "points": points}


def _surfaces() -> dict[str, dict[str, Any]]:
    names = ("formula", "start", "box", "lowest", "least", "about")
    return {name: {word: getattr(surface, word) for word in names} for name, surface in SURFACES.items()}


def _literal(data: Any) -> str:
    """As a JavaScript literal that cannot end its script element."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
