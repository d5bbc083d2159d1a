"""VGG built as torchvision and as timm build it, from their published structure, to compare with."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

# torchvision.models.vgg.cfgs: table 1 of the paper, columns A, B, D and E.
LAYOUTS: dict[str, list[int | str]] = {
    "vgg11": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "vgg13": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "vgg16": [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    "vgg19": [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}


def narrowed(name: str, by: int = 16) -> list[int | str]:
    """The layout with fewer channels, so that a test is quick."""
    return [item if isinstance(item, str) else item // by for item in LAYOUTS[name]]


def features(layout: list[int | str], batch_norm: bool) -> nn.Sequential:
    """Both libraries' `features`."""
    layers: list[nn.Module] = []
    width = 3
    for item in layout:
        if isinstance(item, str):
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(width, item, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(item))
        layers.append(nn.ReLU(inplace=True))
        width = item
    return nn.Sequential(*layers)


class TorchvisionVgg(nn.Module):
    """torchvision.models.VGG."""

    def __init__(self, layout: list[int | str], *, batch_norm: bool, hidden: int, classes: int) -> None:
        super().__init__()
        self.features = features(layout, batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        width = int(layout[-2])
        self.classifier = nn.Sequential(
            nn.Linear(width * 7 * 7, hidden),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(hidden, classes),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(image)), 1))


class TimmVgg(nn.Module):
    """timm.models.vgg.VGG: hidden layers as convolutions (`ConvMlp`), then a pooled linear head (`ClassifierHead`)."""

    def __init__(self, layout: list[int | str], *, batch_norm: bool, hidden: int, classes: int) -> None:
        super().__init__()
        self.features = features(layout, batch_norm)
        width = int(layout[-2])
        self.pre_logits = nn.Sequential(
            OrderedDict(
                fc1=nn.Conv2d(width, hidden, 7), act1=nn.ReLU(), fc2=nn.Conv2d(hidden, hidden, 1), act2=nn.ReLU()
            )
        )
        self.head = nn.Module()
        self.head.fc = nn.Linear(hidden, classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.head.fc(self.pre_logits(self.features(image)).mean(dim=(2, 3)))  # type: ignore[operator]
