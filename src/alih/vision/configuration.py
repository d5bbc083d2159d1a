"""Configurations of the ResNet and the VGG for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from transformers import PreTrainedConfig

from alih.errors import ModelError


class AlihResNetConfig(PreTrainedConfig):
    """A ResNet for small images (He et al. 2015, arXiv 1512.03385, section 4.2).

    Args:
        num_channels: channels of the image.
        hidden_sizes: channels of each stage; the paper's are 16, 32, 64. Every stage after the first halves the map.
        blocks_per_stage: n, the basic blocks in each stage; three stages have depth 6n + 2 (n = 3: ResNet-20).
        shortcut: how a shortcut crosses a change of shape: "A" subsamples and fills the new channels with zeros
            (no parameters), "B" projects with a 1×1 convolution.
        classifier_dropout: chance of zeroing a pooled feature in training, 0 to 1.

    Raises:
        ModelError: a value that describes no network.
    """

    model_type: ClassVar[str] = "alih-resnet"

    num_channels: int = 3
    hidden_sizes: Sequence[int] = (16, 32, 64)
    blocks_per_stage: int = 3
    shortcut: str = "A"
    classifier_dropout: float = 0.0

    def __post_init__(self, **kwargs: Any) -> None:
        """Check the values, in words."""
        self.hidden_sizes = list(self.hidden_sizes)
        _positive("alih-resnet", num_channels=self.num_channels, blocks_per_stage=self.blocks_per_stage)
        _widths("alih-resnet", "hidden_sizes", self.hidden_sizes)
        _fraction("alih-resnet", "classifier_dropout", self.classifier_dropout)
        if self.shortcut not in ("A", "B"):
            raise ModelError(
                f'alih-resnet: shortcut is {self.shortcut!r}; give "A" (zero padding) or "B" (1×1 projection)'
            )
        if self.shortcut == "A" and any(b < a for a, b in zip(self.hidden_sizes, self.hidden_sizes[1:], strict=False)):
            raise ModelError(
                f'alih-resnet: shortcut "A" can only add channels, but hidden_sizes {self.hidden_sizes} shrink; '
                'give growing hidden_sizes or shortcut "B"'
            )
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]

    @property
    def depth(self) -> int:
        """Layers with weights, counted as the paper does: two a block, the stem and the classifier."""
        return 2 * self.blocks_per_stage * len(self.hidden_sizes) + 2


class AlihVggConfig(PreTrainedConfig):
    """A VGG, by default for small images (Simonyan and Zisserman 2014, arXiv 1409.1556, table 1).

    Args:
        num_channels: channels of the image.
        layout: the 3×3 convolutions in order, as their output channels; "M" is a 2×2 maximum pool after one of them.
        batch_norm: normalise after every convolution (torchvision's `vgg*_bn`).
        pooled_size: side of the map that average pooling leaves; 1 is global pooling, torchvision's is 7.
        neck_sizes: widths of the fully connected hidden layers; torchvision's are 4096 and 4096, none by default.
        neck_dropout: chance of zeroing a feature between two hidden layers, 0 to 1.
        classifier_dropout: chance of zeroing a feature that the classifier reads, 0 to 1.

    Raises:
        ModelError: a value that describes no network.
    """

    model_type: ClassVar[str] = "alih-vgg"

    num_channels: int = 3
    layout: Sequence[int | str] = (32, "M", 64, 64, "M", 128, 128, "M", 256)
    batch_norm: bool = True
    pooled_size: int = 1
    neck_sizes: Sequence[int] = ()
    neck_dropout: float = 0.5
    classifier_dropout: float = 0.0

    def __post_init__(self, **kwargs: Any) -> None:
        """Check the values, in words."""
        self.layout = list(self.layout)
        self.neck_sizes = list(self.neck_sizes)
        _positive("alih-vgg", num_channels=self.num_channels, pooled_size=self.pooled_size)
        _widths("alih-vgg", "layout", [item for item in self.layout if item != "M"])
        if self.neck_sizes:
            _widths("alih-vgg", "neck_sizes", self.neck_sizes)
        _fraction("alih-vgg", "neck_dropout", self.neck_dropout)
        _fraction("alih-vgg", "classifier_dropout", self.classifier_dropout)
        if any(item == "M" and (i == 0 or self.layout[i - 1] == "M") for i, item in enumerate(self.layout)):
            raise ModelError(f'alih-vgg: in layout {self.layout} each "M" (pool) must follow a convolution')
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]

    @property
    def units(self) -> list[tuple[int, bool]]:
        """Each convolution in order: its output channels, and whether a pool follows it."""
        following = [*self.layout[1:], None]
        return [(int(item), after == "M") for item, after in zip(self.layout, following, strict=True) if item != "M"]

    @property
    def smallest_image(self) -> int:
        """Smallest image side in pixels that leaves something to pool after every halving."""
        return int(2 ** sum(pool for _, pool in self.units))


def _positive(model_type: str, **values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ModelError(f"{model_type}: {name} is {value!r}; give a whole number of at least 1")


def _widths(model_type: str, name: str, widths: Sequence[Any]) -> None:
    if not widths or not all(isinstance(width, int) and width > 0 for width in widths):
        raise ModelError(f"{model_type}: {name} is {list(widths)!r}; give one positive number of channels a layer")


def _fraction(model_type: str, name: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise ModelError(f"{model_type}: {name} is {value!r}; give a chance from 0 to below 1")
