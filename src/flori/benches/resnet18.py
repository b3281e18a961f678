"""resnet18 beside torchvision's, in an ordinary loop and in one with bfloat16 and channels-last done by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd import backward
from torch.utils.data import DataLoader, Dataset
from torchvision.models import resnet18
from torchvision.transforms import v2

from flori import models
from flori.benches.timing import Contestant, Race
from flori.benches.training import endless
from flori.core.device import computing
from flori.core.overrides import apply_values
from flori.data.examples import Part
from flori.data.named import NAMED, folder, is_here
from flori.data.picture_files import in_memory
from flori.data.preparation import PicturePreparation
from flori.models.shapes import layers
from flori.recipes.assembly import Assembly, assemble
from flori.recipes.catalogue import find

SECONDS = 6.0  # a round, for each: a step takes a second or two


class Transformed(Dataset[tuple[Tensor, int]]):
    """Pictures in memory, each through torchvision's usual transforms when it is asked for."""

    def __init__(self, part: Part, prepared: PicturePreparation) -> None:
        self.images, self.targets = in_memory(part.inputs), part.targets
        self.transform = v2.Compose(
            [
                v2.RandomCrop(prepared.size, padding=4),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(prepared.mean, prepared.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(self.images[i]), int(self.targets[i])


def network(classes: int, channels: int) -> nn.Module:
    """torchvision's ResNet-18 with the stem for small pictures."""
    model = resnet18(num_classes=classes)
    model.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def torchvision_loop(run: Assembly, by_hand: bool) -> Contestant:
    """torchvision's network, a DataLoader without workers (on two cores they make it slower), SGD, cross-entropy.

    `by_hand`: with bfloat16 by autocast, the channels last, and the update in one kernel.
    """
    part, codec = run.data.parts["train"], run.data.codec
    prepared: PicturePreparation = codec.preparation
    loader = DataLoader(Transformed(part, prepared), run.recipe.training.batch, shuffle=True)
    model, loss = network(codec.outputs, prepared.channels), nn.CrossEntropyLoss(label_smoothing=0.1)
    form = torch.channels_last if by_hand else torch.contiguous_format
    model.to(memory_format=form)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=5e-4, nesterov=True, fused=by_hand or None)
    while True:
        for x, y in loader:
            optimizer.zero_grad()
            with computing(torch.device("cpu"), "bfloat16" if by_hand else "float32"):
                value = loss(model(x.contiguous(memory_format=form)), y)
            backward(value)
            optimizer.step()
            yield len(y)


def source() -> str:
    """CIFAR-10, whole or in part, where it is already there; else the embedded digits: a bench fetches nothing."""
    if is_here(NAMED["cifar10"]):
        return "cifar10"
    return "cifar10-5k" if folder("cifar10-5k").is_dir() else "digits"


def races() -> list[Race]:
    """One, on the same pictures of 32×32 in colour."""
    recipe = apply_values(find("resnet18"), {"data": source(), "data.size": 32, "data.channels": 3, "device": "cpu"})
    run = assemble(recipe)
    contestants = {
        "torchvision, float32": torchvision_loop(run, by_hand=False),
        "torchvision, bfloat16 by hand": torchvision_loop(run, by_hand=True),
        "flori": endless(run),
    }
    return [Race(f"training on {source()}", "examples", contestants, SECONDS, work())]


def work() -> float:
    """Floating-point operations of training on one example: two for each multiply-add, three times as many for the
    gradients with respect to inputs and weights as well."""
    found = layers(models.resnet18(10, (3, 32, 32)), torch.zeros(1, 3, 32, 32))
    return 6.0 * sum(layer["multiply_adds"] for layer in found)
