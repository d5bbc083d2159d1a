"""ResNet for small images: the CIFAR network of He et al. 2015 (arXiv 1512.03385, section 4.2) in Hugging Face form.

Module layout, for whoever freezes or cuts it (paths within `AlihResNetForImageClassification`):

    stem    resnet.stem          3×3 convolution, batch norm, ReLU: the map keeps the image's size
    blocks  resnet.blocks.<i>    one flat list of basic blocks; the first of each later stage halves the map
    pooler  resnet.pooler        global average, no parameters: (batch, channels)
    head    dropout, classifier  applied one after another to (batch, channels)

Shapes: b images, c channels of the image, h × w pixels; d channels in the block, s its stride.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndNoAttention, ImageClassifierOutput

from alih.errors import ModelError
from alih.vision.configuration import AlihResNetConfig


class AlihResNetStem(nn.Module):
    """3×3 convolution, batch norm, ReLU.

    Raises:
        ModelError: images of another number of channels.
    """

    def __init__(self, num_channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(num_channels, width, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(b, c, h, w) → (b, d, h, w)."""
        if pixel_values.ndim != 4 or pixel_values.shape[1] != self.conv.in_channels:
            raise ModelError(
                f"alih-resnet: images of shape {tuple(pixel_values.shape)}; it reads "
                f"(batch, {self.conv.in_channels}, height, width): convert them with the model's image processor"
            )
        hidden: Tensor = F.relu(self.norm(self.conv(pixel_values)))
        return hidden


class AlihResNetZeroPad(nn.Module):
    """Shortcut of option A (section 3.3): every s-th position, new channels filled with zeros; no parameters.

    The zeros are split before and after the old channels; the paper leaves their place open, and the published
    CIFAR weights have them so.
    """

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.before = (width - in_width) // 2
        self.after = width - in_width - self.before

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, d_in, h, w) → (b, d, ⌈h/s⌉, ⌈w/s⌉)."""
        kept = hidden[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, self.before, self.after))


class AlihResNetBlock(nn.Module):
    """The basic block of figure 2: x ↦ ReLU(F(x) + shortcut(x)), F two 3×3 convolutions with batch norm."""

    def __init__(self, in_width: int, width: int, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module
        if stride == 1 and in_width == width:
            self.shortcut = nn.Identity()
        elif shortcut == "A":
            self.shortcut = AlihResNetZeroPad(in_width, width, stride)
        else:
            projection = nn.Conv2d(in_width, width, kernel_size=1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(width))

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, d_in, h, w) → (b, d, ⌈h/s⌉, ⌈w/s⌉)."""
        residual = F.relu(self.norm1(self.conv1(hidden)))
        residual = self.norm2(self.conv2(residual))
        return F.relu(residual + self.shortcut(hidden))


class AlihResNetPreTrainedModel(PreTrainedModel):
    """What the base model and the classifier share: configuration, names and initial weights."""

    config_class = AlihResNetConfig
    config: AlihResNetConfig
    base_model_prefix = "resnet"
    main_input_name = "pixel_values"
    input_modalities = "image"
    _no_split_modules: set[str] | list[str] | None = ["AlihResNetBlock"]  # noqa: RUF012 (declared so by the base class)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Convolutions as in He et al. 2015 (arXiv 1502.01852, equation 14); the rest as torch does."""
        super()._init_weights(module)  # type: ignore[no-untyped-call]
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            init.uniform_(module.weight, -bound, bound)
            init.uniform_(module.bias, -bound, bound)


class AlihResNetModel(AlihResNetPreTrainedModel):
    """The network below its head; `forward` gives the last map and its global average."""

    def __init__(self, config: AlihResNetConfig) -> None:
        super().__init__(config)
        widths = list(config.hidden_sizes)
        self.stem = AlihResNetStem(config.num_channels, widths[0])
        blocks, in_width = [], widths[0]
        for stage, width in enumerate(widths):
            for position in range(config.blocks_per_stage):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(AlihResNetBlock(in_width, width, stride, config.shortcut))
                in_width = width
        self.blocks = nn.ModuleList(blocks)
        self.pooler = nn.AdaptiveAvgPool2d(1)
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
            pixel_values: (b, c, h, w), any h and w; as the image processor normalised them.
            output_hidden_states: also give the stem's output and every block's.
            return_dict: False gives a tuple.
        """
        if output_hidden_states is None:
            output_hidden_states = bool(self.config.output_hidden_states)
        hidden = self.stem(pixel_values)  # (b, d_0, h, w)
        states = [hidden]
        for block in self.blocks:
            hidden = block(hidden)
            states.append(hidden)
        output = BaseModelOutputWithPoolingAndNoAttention(
            last_hidden_state=hidden,  # (b, d, ⌈h/4⌉, ⌈w/4⌉) for three stages
            pooler_output=self.pooler(hidden).flatten(1),  # (b, d)
            hidden_states=tuple(states) if output_hidden_states else None,
        )
        return output.to_tuple() if _as_tuple(return_dict, self.config) else output


class AlihResNetForImageClassification(AlihResNetPreTrainedModel):
    """The network with a linear head over the globally pooled features."""

    def __init__(self, config: AlihResNetConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.resnet = AlihResNetModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(list(config.hidden_sizes)[-1], config.num_labels or 0)
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
        base = self.resnet(pixel_values, output_hidden_states=output_hidden_states, return_dict=True)
        logits = self.classifier(self.dropout(base.pooler_output))  # (b, num_labels)
        loss = None if labels is None else self.loss_function(labels, logits, self.config)
        output = ImageClassifierOutput(loss=loss, logits=logits, hidden_states=base.hidden_states)
        return output.to_tuple() if _as_tuple(return_dict, self.config) else output


def _as_tuple(return_dict: bool | None, config: AlihResNetConfig) -> bool:
    return not (config.return_dict if return_dict is None else return_dict)
