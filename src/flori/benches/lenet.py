"""lenet beside the books' loop and a plain loop over tensors."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor, nn
from torch.autograd import backward
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from flori.benches.timing import Contestant, Race
from flori.benches.training import endless
from flori.core.overrides import apply_values
from flori.data import named
from flori.data.picture_files import in_memory
from flori.recipes.assembly import assemble
from flori.recipes.catalogue import find

BATCH = 256
SECONDS = 1.0  # a round, for each


class Decoded(Dataset[tuple[Tensor, int]]):
    """The books' data set: each picture through PIL and ToTensor, each time that it is asked for."""

    def __init__(self, images: Tensor, targets: Tensor) -> None:
        self.images, self.targets, self.transform = images.squeeze(1).numpy(), targets.tolist(), ToTensor()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[i])), self.targets[i]


def network(activation: type[nn.Module], pool: type[nn.Module]) -> nn.Sequential:
    """LeNet as one writes it by hand."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), activation(), pool(2)),
        *(nn.Conv2d(6, 16, 5), activation(), pool(2), nn.Flatten()),
        *(nn.Linear(400, 120), activation(), nn.Linear(120, 84), activation(), nn.Linear(84, 10)),
    )


def books(images: Tensor, targets: Tensor) -> Contestant:
    """The books' loop: DataLoader, sigmoid, average pooling, SGD with momentum 0.9, float32.

    No workers: on two cores they make it slower.
    """
    loader = DataLoader(Decoded(images, targets), BATCH, shuffle=True)
    model, loss = network(nn.Sigmoid, nn.AvgPool2d), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.9, momentum=0.9)
    while True:
        for x, y in loader:
            optimizer.zero_grad()
            backward(loss(model(x), y))
            optimizer.step()
            yield len(y)


def plain(images: Tensor, targets: Tensor) -> Contestant:
    """A loop over whole tensors in float32: ReLU and max pooling, SGD with momentum 0.9."""
    model, loss = network(nn.ReLU, nn.MaxPool2d), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    while True:
        for index in torch.randperm(len(targets)).split(BATCH):
            x, y = images[index].float() / 255, targets[index]
            optimizer.zero_grad()
            backward(loss(model(x), y))
            optimizer.step()
            yield len(y)


def ours(source: str) -> Contestant:
    """flori's own loop with lenet's recipe as it is, for ever."""
    return endless(assemble(apply_values(find("lenet"), {"data": source})))


def source() -> str:
    """Fashion-MNIST where it is already there, else the embedded digits: a bench fetches nothing."""
    return "fashion-mnist" if named.is_here(named.NAMED["fashion-mnist"]) else "digits"


def races() -> list[Race]:
    """One, on the same pictures of 28×28."""
    data = assemble(apply_values(find("lenet"), {"data": source()})).data.parts["train"]
    contestants = {
        "books' loop": books(in_memory(data.inputs), data.targets),
        "plain float32": plain(in_memory(data.inputs), data.targets),
        "flori": ours(source()),
    }
    return [Race(f"training on {source()}", "examples", contestants, SECONDS)]
