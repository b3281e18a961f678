"""flori inspect --landscape SURFACE --out FILE.html: a page that takes the steps of flori, by itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from flori.evaluation.landscape_page import DECAY, RATE_OF, SEEN
from flori.reference import optimisers as rules
from flori.training.surfaces import SURFACES
from flori.training.trajectories import OPTIONS, STEPS, ways
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command

TAKEN = 50  # steps
DEFAULTS = {
    "gd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9},
    "adagrad": {},
    "rmsprop": {"rho": 0.99, "momentum": 0.0},
    "adam": {"beta1": 0.9, "beta2": 0.999},
    "adamw": {"beta1": 0.9, "beta2": 0.999, "decay": DECAY},
    "muon": {"momentum": 0.95},
}
OTHERS = {
    "gd": {},
    "momentum": {"momentum": 0.6},
    "nesterov": {"momentum": 0.7},
    "adagrad": {},
    "rmsprop": {"rho": 0.9, "momentum": 0.3},
    "adam": {"beta1": 0.7, "beta2": 0.97},
    "adamw": {"beta1": 0.8, "beta2": 0.9, "decay": 0.4},
    "muon": {"momentum": 0.8},
}
RULES = {
    "gd": rules.gradient_descent,
    "momentum": rules.momentum,
    "nesterov": rules.nesterov,
    "adagrad": rules.adagrad,
    "rmsprop": rules.rmsprop,
    "adam": rules.adam,
    "adamw": rules.adamw,
}
SCALED = ("gd", "momentum", "nesterov", "muon")  # the others divide each slope by its own length


class Parts(HTMLParser):
    """Of a page: its elements, and the text of its script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open = tag
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.open in ("script", "style"):
            self.texts[self.open] = self.texts.get(self.open, "") + data

    def handle_endtag(self, tag):
        self.open = ""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "ways.html"
    result = command("inspect", "--landscape", "beale", "--out", str(path), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["page"] == str(path) and told["surfaces"] == [*SURFACES] and told["optimizers"] == [*RATE_OF]
    return Parts(path.read_text())


def carried(page):
    """What the page holds of flori."""
    return json.loads(re.search(r"^const FLORI = (.*);$", page.texts["script"], re.MULTILINE)[1])


def by_rule(surface, optimizer, settings, start, steps):
    """Points [steps + 1, 2] by the rules written out, on slopes of torch."""

    def slope(w):
        place = torch.tensor(w.reshape(2), requires_grad=True)
        return torch.autograd.grad(SURFACES[surface].height(*place), place)[0].numpy().reshape(w.shape)

    own, w = dict(settings), np.array(start, dtype=float)
    rates, decay = [own.pop("rate")] * steps, own.pop("decay", 0.0)
    names = {"momentum": "beta", "rho": "rho", "beta1": "beta1", "beta2": "beta2"}
    own = {names[name]: value for name, value in own.items()}
    if optimizer == "muon":
        return np.concatenate([[start], *rules.muon(w[None], slope, rates, decay, **own)])
    return np.stack([w, *RULES[optimizer](w, slope, rates, np.full(2, decay), **own)])


def in_node(script, ending, given=None):
    """What `ending`, an expression, is in JavaScript after the page's script."""
    if shutil.which("node") is None:
        pytest.skip(
            "node is not on the PATH: the page's script was not run (the page compares its own steps on opening)"
        )
    reading = "const given = JSON.parse(require('fs').readFileSync(0));"
    Path("page.js").write_text(f"{script}\n{reading}\nconsole.log(JSON.stringify({ending}));")
    done = subprocess.run(["node", "page.js"], input=json.dumps(given), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_optimiser_that_differs_is_on_the_page():
    assert set(RATE_OF) == {*OPTIONS, "adamw"} == set(DEFAULTS)


def test_the_page_is_whole_by_itself_and_runs_nothing_else(page):
    (policy,) = [found["content"] for _, found in page.elements if found.get("http-equiv") == "Content-Security-Policy"]
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.texts[tag].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy and [tag for tag, _ in page.elements].count(tag) == 1
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    for tag, found in page.elements:
        assert not {"src", "href", "style", "onclick", "oninput", "onload"} & found.keys(), (tag, found)
    assert not re.search(r"https?:|@import|url\(|innerHTML", "".join(page.texts.values()))
    assert carried(page)["first"] == "beale" and carried(page)["steps"] == STEPS


def test_every_control_has_a_name_and_the_script_finds_its_elements(page):
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    assert {*re.findall(r'\$\("([a-z-]+)"\)', page.texts["script"])} <= {*ids}
    tags = [tag for tag, _ in page.elements if tag in ("label", "input", "select")]
    assert tags[::2] == ["label"] * (len(tags) // 2) and "label" not in tags[1::2]  # each within one of its own
    assert all("aria-label" in found or found["id"] == "map" for tag, found in page.elements if tag == "canvas")
    assert any(found.get("aria-live") == "polite" for _, found in page.elements)


def test_the_ways_that_the_page_compares_with_are_those_of_the_rules(page):
    compared = carried(page)["witnesses"]
    assert {(way["surface"], way["optimizer"]) for way in compared} == {(s, o) for s in SURFACES for o in RATE_OF}
    for way in compared:
        settings = {"rate": way["rate"], **DEFAULTS[way["optimizer"]]}
        points = by_rule(way["surface"], way["optimizer"], settings, SURFACES[way["surface"]].start, max(SEEN))
        for step, point in way["points"].items():
            np.testing.assert_allclose(point, points[int(step)], rtol=1e-9, atol=1e-9, err_msg=str(way))


def test_the_script_takes_the_steps_of_the_rules(page):
    cases = []
    for surface, known in SURFACES.items():
        (low, high), (bottom, top) = known.box
        elsewhere = (low + 0.37 * (high - low), bottom + 0.61 * (top - bottom))
        for optimizer, rate in RATE_OF.items():
            cases += [
                (surface, optimizer, {"rate": rate, **DEFAULTS[optimizer]}, known.start),
                (surface, optimizer, {"rate": 0.31 * rate, **OTHERS[optimizer]}, elsewhere),
            ]
    found = in_node(page.texts["script"], f"given.map((one) => walk(...one, {TAKEN}))", cases)
    for case, way in zip(cases, found, strict=True):
        points = by_rule(*case, TAKEN)
        heights = [SURFACES[case[0]].at(*point) for point in points]
        np.testing.assert_allclose(way["points"], points, rtol=1e-9, atol=1e-9, err_msg=str(case))
        np.testing.assert_allclose(way["heights"], heights, rtol=1e-9, atol=1e-8, err_msg=str(case))


def test_the_script_finds_the_best_rates_that_the_picture_has(page):
    found = in_node(
        page.texts["script"],
        "Object.keys(OPTIMIZERS).map((name) => [name, bestRate('saddle', name, OPTIMIZERS[name].settings, "
        "FLORI.surfaces.saddle.start, FLORI.steps)])",
    )
    few = [*islice(ways(SURFACES["saddle"]), 3)]
    assert {way.optimizer: way.rate for way in few}.items() <= dict(found).items() and len(few) == 3


def test_what_became_of_a_way_is_said(page):
    cases = {
        "diverged": ("quadratic", {"rate": 0.5}, 1000),  # to where numbers end
        "at rest, not lowest": ("rastrigin", {"rate": 0.002}, 200),
        "on its way": ("rosenbrock", {"rate": 0.001}, 50),
        "off the map": ("himmelblau", {"rate": 0.0105}, 0),
        "at the lowest since step ": ("himmelblau", {"rate": 0.01}, 200),
    }
    starts = [(-7.0, -0.5) if words == "off the map" else SURFACES[case[0]].start for words, case in cases.items()]
    given = [(*case, start) for case, start in zip(cases.values(), starts, strict=True)]
    said = in_node(page.texts["script"], "given.map(([s, o, n, w]) => outcome(s, walk(s, 'gd', o, w, n)))", given)
    assert all(found.startswith(words) for found, words in zip(said, cases, strict=True)), said


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("0.2 * Math.sqrt(2)", "0.2", {("muon", surface) for surface in SURFACES}),
        ("slope: (x, y) => [x, 100 * y]", "slope: (x, y) => [x, 99 * y]", {(name, "quadratic") for name in SCALED}),
        ("(Math.sqrt(m.r) + 1e-10)", "(Math.sqrt(m.r) + 1e-7)", None),
        ("settings: { momentum: 0.95 }", "settings: { momentum: 0.949 }", {("muon", surface) for surface in SURFACES}),
    ],
)
def test_the_page_notices_steps_that_are_not_those_of_flori(page, right, wrong, told):
    script = page.texts["script"]
    assert script.count(right) == 1
    found = "mismatches().map((way) => [way.optimizer, way.surface])"
    assert in_node(script, found) == []
    noticed = {tuple(one) for one in in_node(script.replace(right, wrong), found)}
    assert noticed and (noticed == told or (told is None and {name for name, _ in noticed} == {"adagrad"}))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--landscape", "beale", "--out", "x.jpg"), ("--out x.jpg", ".png or .html")),
        (("--landscape", "beale", "--out", "nowhere/x.html"), ("--out nowhere/x.html", "in a folder that is there")),
        (("--landscape", "beal", "--out", "x.html"), ("did you mean 'beale'?",)),
        (("nowhere", "--landscape", "slice", "--out", "x.html"), ("--out x.html", ".png")),
        (("--landscape", "beale", "steps=3", "--out", "x.html"), ("is of no system or run (steps=3)",)),
    ],
)
def test_what_cannot_be_written_is_refused(words, says):
    assert_refused(command("inspect", *words), *says)
    assert not [*Path.cwd().iterdir()]
