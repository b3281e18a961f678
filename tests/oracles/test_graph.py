"""The computational graph of every system: whole, without cycles, and a picture that is well-formed."""

import xml.etree.ElementTree as ElementTree

import pytest
import torch
from tests.oracles.systems import small
from torch import nn

from flori import models
from flori.evaluation.graph_drawing import drawn
from flori.evaluation.layered import GAP, layered
from flori.models.boxes import Box
from flori.models.graph import graph

DEEP = ("lenet", "googlenet", "resnet18", "seq2seq-attention", "transformer", "transformer-lm")


@pytest.mark.parametrize(
    ("system", "depth"),
    [*((system, depth) for system in models.BUILDERS for depth in (None, 0)), *((system, 3) for system in DEEP)],
)
def test_every_system_draws(system, depth):
    model, given = small(system)
    boxes = graph(model, *given, depth=depth)
    learnt = sum(p.numel() for p in model.parameters())
    tied = model.embedding.weight.numel() if system == "transformer-lm" else 0
    tied += model.target_embedding.weight.numel() if system == "transformer" else 0
    assert sum(box.parameters for box in boxes) == learnt + (tied if depth != 0 else 0)  # tied ones stand twice
    assert all(source < i for i, box in enumerate(boxes) for source in box.above)
    read = {source for box in boxes for source in box.above}
    assert all(i in read or box.kind.startswith("output") for i, box in enumerate(boxes))
    if depth == 0:
        assert sum(bool(box.above) and not box.kind.startswith("output") for box in boxes) == 1
    page = ElementTree.fromstring(drawn(boxes, system))
    written = [text.text for text in page.iter("{http://www.w3.org/2000/svg}text")]
    assert len(written) >= len(boxes) + 1 and all(box.name in written for box in boxes if box.name)


class Branches(nn.Module):
    """x + f(x), then three equal layers in a row, then a product with itself; one weight is used by no layer."""

    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3))
        self.same = nn.Sequential(*(nn.Linear(3, 3) for _ in range(3)))
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        y = self.same(x + self.f(x))
        return (y * self.scale).transpose(0, 1) @ y


def test_a_graph_by_hand():
    boxes = graph(Branches(), torch.zeros(7, 3), depth=2)
    assert [(box.name, box.kind, box.parameters, box.above, box.count) for box in boxes] == [
        ("", "x", 0, (), 1),
        ("f.0", "Linear", 20, (0,), 1),
        ("f.1", "ReLU", 0, (1,), 1),
        ("f.2", "Linear", 18, (2,), 1),
        ("", "add", 0, (0, 3), 1),
        ("same.0–2", "Linear", 36, (4,), 3),
        ("", "mul", 3, (5,), 1),
        ("", "matrix product", 0, (5, 6), 1),
        ("", "output", 0, (7,), 1),
    ]
    whole = [(box.name, box.kind) for box in graph(Branches(), torch.zeros(7, 3), depth=0)]
    assert whole == [("", "x"), ("", "Branches"), ("", "output")]


def test_text_in_a_picture_is_escaped():
    page = drawn([Box("", "<b>&"), Box("a<script>", "Line]]>ar", above=(0,))], 'run "<x>"')
    assert "<script>" not in page and ElementTree.fromstring(page) is not None


def test_boxes_of_a_rank_do_not_touch():
    above = [(), (), (0,), (0, 1), (1,), (2, 3, 4), (0, 5), (6, 1)]
    widths = [31.0, 57.0, 83.0, 29.0, 101.0, 13.0, 71.0, 47.0]
    found = layered(above, widths)
    for i, sources in enumerate(above):
        assert all(found.ranks[source] < found.ranks[i] for source in sources)
        for j in range(i):
            if found.ranks[i] == found.ranks[j]:
                apart = abs(found.middles[i] - found.middles[j])
                assert apart >= (widths[i] + widths[j]) / 2 + GAP - 1e-6
    assert len(found.lines[0, 6]) == found.ranks[6] - found.ranks[0] + 1
    assert min(m - w / 2 for m, w in zip(found.middles, widths, strict=True)) >= -1e-6
