"""A table of Inception layers as one network, with auxiliary heads that look on while it trains."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from flori.layers.inception import Conv, Layer, made_of, outputs


class InceptionNetwork(nn.Module):
    """Layers one after the other by name, then average pooling, dropout and the classifier `fc`.

    `heads` names the layers that give logits, the main one first. The layers that the others of them are part of
    look on: in training mode they see the maps at their place in the table, and the output is (logits, theirs, …).
    """

    def __init__(
        self,
        table: Mapping[str, Layer],
        inputs: int,
        classes: int,
        *,
        width: float,
        dropout: float,
        heads: tuple[str, ...] = ("fc",),
        auxiliary_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads, self.auxiliary_weight = heads, auxiliary_weight
        self.aside = {head.split(".")[0] for head in heads[1:]}
        channels = inputs
        for name, layer in table.items():
            self.add_module(name, made_of(layer, channels, width))
            channels = outputs(self.get_submodule(name), channels)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """[N, C, H, W] → logits [N, K], in training mode with auxiliary heads (logits, auxiliary logits, …)."""
        auxiliary = []
        for name, layer in self.named_children():
            if name not in self.aside:
                x = layer(x)
            elif self.training:
                auxiliary.append(layer(x))
        return (x, *auxiliary) if auxiliary else x


def _initialise(network: InceptionNetwork) -> None:
    """He's normal weights (He et al. 2015); the layers that give logits start near zero: all classes alike."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    for head in network.heads:
        nn.init.normal_(network.get_parameter(f"{head}.weight"), std=0.01)


def unshrunk(stem: Mapping[str, Layer]) -> dict[str, Layer]:
    """A stem for small pictures: nothing in it makes the maps smaller, poolings are left out, the channels stay."""
    found: dict[str, Layer] = {}
    for name, layer in stem.items():
        if isinstance(layer, Conv):
            found[name] = _unshrunk(layer)
        elif isinstance(layer, Mapping):
            found[name] = {path: [_unshrunk(c) for c in steps if isinstance(c, Conv)] for path, steps in layer.items()}
    return found


def _unshrunk(conv: Conv) -> Conv:
    return Conv(conv.channels, 3 if conv.stride > 1 else conv.kernel)
