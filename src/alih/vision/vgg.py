"""VGG (Simonyan and Zisserman 2014, arXiv 1409.1556, table 1), for small images or as torchvision builds it.

Module layout, for whoever freezes or cuts it (paths within `AlihVggForImageClassification`):

    stem    vgg.stem             the first unit: 3×3 convolution (batch norm) ReLU (pool)
    blocks  vgg.blocks.<i>       one flat list of the other units, one convolution each
    pooler  vgg.pooler           average pooling to pooled_size × pooled_size, flattened; no parameters
    neck    vgg.neck             the fully connected hidden layers; empty (no parameters) where neck_sizes is empty
    head    dropout, classifier  applied one after another to (batch, features), what the neck gives

Shapes: b images, c channels of the image, h × w pixels; d channels of the unit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndNoAttention, ImageClassifierOutput

from alih.errors import ModelError
from alih.vision.configuration import AlihVggConfig


class AlihVggBlock(nn.Module):
    """One unit: 3×3 convolution, batch norm where asked for, ReLU, and a 2×2 maximum pool where asked for."""

    def __init__(self, in_width: int, width: int, *, batch_norm: bool, pool: bool) -> None:
        super().__init__()
        # The bias adds nothing before batch norm; torchvision keeps it there, so its weights fit only with it.
        self.conv = nn.Conv2d(in_width, width, kernel_size=3, padding=1)
        self.norm: nn.Module = nn.BatchNorm2d(width) if batch_norm else nn.Identity()
        self.activation = nn.ReLU()
        self.pool: nn.Module = nn.MaxPool2d(2) if pool else nn.Identity()

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, d_in, h, w) → (b, d, h, w), or (b, d, ⌊h/2⌋, ⌊w/2⌋) with the pool."""
        out: Tensor = self.pool(self.activation(self.norm(self.conv(hidden))))
        return out


class AlihVggStem(AlihVggBlock):
    """The first unit, which also checks what it is given.

    Raises:
        ModelError: images of another number of channels, or too small for the network's pools.
    """

    def __init__(self, config: AlihVggConfig) -> None:
        width, pool = config.units[0]
        super().__init__(config.num_channels, width, batch_norm=config.batch_norm, pool=pool)
        self.smallest = config.smallest_image

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, c, h, w) → (b, d, h, w), or (b, d, ⌊h/2⌋, ⌊w/2⌋) with the pool."""
        if hidden.ndim != 4 or hidden.shape[1] != self.conv.in_channels or min(hidden.shape[2:]) < self.smallest:
            raise ModelError(
                f"alih-vgg: images of shape {tuple(hidden.shape)}; it reads (batch, {self.conv.in_channels}, height, "
                f"width) with sides of at least {self.smallest}: convert them with the model's image processor"
            )
        return super().forward(hidden)


class AlihVggPreTrainedModel(PreTrainedModel):
    """What the base model and the classifier share: configuration, names and initial weights."""

    config_class = AlihVggConfig
    config: AlihVggConfig
    base_model_prefix = "vgg"
    main_input_name = "pixel_values"
    input_modalities = "image"
    _no_split_modules: set[str] | list[str] | None = ["AlihVggBlock"]  # noqa: RUF012 (declared so by the base class)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Convolutions as in He et al. 2015 (arXiv 1502.01852, equation 14); linear ones N(0, 0.01²), VGG 3.1."""
        super()._init_weights(module)  # type: ignore[no-untyped-call]
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            init.normal_(module.weight, std=0.01)


class AlihVggModel(AlihVggPreTrainedModel):
    """The network below its head; `forward` gives the last map and the features that the head reads."""

    def __init__(self, config: AlihVggConfig) -> None:
        super().__init__(config)
        units = config.units
        self.stem = AlihVggStem(config)
        self.blocks = nn.ModuleList(
            AlihVggBlock(units[i - 1][0], units[i][0], batch_norm=config.batch_norm, pool=units[i][1])
            for i in range(1, len(units))
        )
        self.pooler = nn.Sequential(nn.AdaptiveAvgPool2d(config.pooled_size), nn.Flatten())
        self.neck = nn.Sequential(*_neck_layers(config))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        pixel_values: Tensor,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> BaseModelOutputWithPoolingAndNoAttention | tuple[Any, ...]:
        """Images to maps and features.

        Args:
            pixel_values: (b, c, h, w), sides of at least `config.smallest_image`, normalised by the image processor.
            output_hidden_states: also give the stem's output and every block's.
            return_dict: False gives a tuple.
        """
        if output_hidden_states is None:
            output_hidden_states = bool(self.config.output_hidden_states)
        hidden = self.stem(pixel_values)
        states = [hidden]
        for block in self.blocks:
            hidden = block(hidden)
            states.append(hidden)
        output = BaseModelOutputWithPoolingAndNoAttention(
            last_hidden_state=hidden,
            pooler_output=self.neck(self.pooler(hidden)),  # (b, features_width(config))
            hidden_states=tuple(states) if output_hidden_states else None,
        )
        return output.to_tuple() if _as_tuple(return_dict, self.config) else output


class AlihVggForImageClassification(AlihVggPreTrainedModel):
    """The network with a linear head over the features."""

    def __init__(self, config: AlihVggConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.vgg = AlihVggModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(features_width(config), config.num_labels or 0)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> ImageClassifierOutput | tuple[Any, ...]:
        """Images to logits, and to a loss where labels are given.

        Args:
            pixel_values: (b, c, h, w).
            labels: (b,) class numbers, (b, classes) zeros and ones, or (b,) / (b, targets) values, as
                `config.problem_type` says; found from their type where it is None.
            output_hidden_states: also give the stem's output and every block's.
            return_dict: False gives a tuple.
        """
        base = self.vgg(pixel_values, output_hidden_states=output_hidden_states, return_dict=True)
        logits = self.classifier(self.dropout(base.pooler_output))  # (b, num_labels)
        loss = None if labels is None else self.loss_function(labels, logits, self.config)
        output = ImageClassifierOutput(loss=loss, logits=logits, hidden_states=base.hidden_states)
        return output.to_tuple() if _as_tuple(return_dict, self.config) else output


def features_width(config: AlihVggConfig) -> int:
    """How many features the head reads: the last hidden layer's width, or what pooling leaves."""
    if config.neck_sizes:
        return list(config.neck_sizes)[-1]
    return config.units[-1][0] * config.pooled_size**2


def _neck_layers(config: AlihVggConfig) -> list[nn.Module]:
    """Linear, ReLU for each hidden layer, dropout between two of them (the last dropout is the head's)."""
    layers: list[nn.Module] = []
    in_width = config.units[-1][0] * config.pooled_size**2
    for width in config.neck_sizes:
        if layers:
            layers.append(nn.Dropout(config.neck_dropout))
        layers += [nn.Linear(in_width, width), nn.ReLU()]
        in_width = width
    return layers


def _as_tuple(return_dict: bool | None, config: AlihVggConfig) -> bool:
    return not (config.return_dict if return_dict is None else return_dict)
