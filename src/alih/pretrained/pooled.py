"""A classifier over masked mean pooling, for any text encoder: what sentence encoders are made for, and T5's encoder.

Sentence-BERT (Reimers and Gurevych 2019, arXiv 1908.10084, section 3) pools with the mean over the tokens:
u = Σ_t m_t h_t / Σ_t m_t, m the attention mask. sentence-transformers' optional L2 normalisation of u is not applied:
it would take the scale away that a linear head can use.

Shapes: b texts, s tokens, d hidden size.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from alih.errors import ModelError
from alih.pretrained.prompted import AlihPromptedConfig


class AlihPooledConfig(PreTrainedConfig):
    """Configuration of a mean-pooled classifier.

    Args:
        backbone_config: the encoder's own configuration (or its dictionary, with `model_type`).
        classifier_dropout: chance of zeroing a pooled feature in training, 0 to 1.
        pad_token_id: the backbone's padding token.

    Raises:
        ModelError: there is no backbone in it.
    """

    model_type: ClassVar[str] = "alih-pooled"
    sub_configs: ClassVar[dict[str, Any]] = {"backbone_config": AutoConfig}

    backbone_config: dict[str, Any] | PreTrainedConfig | None = None
    classifier_dropout: float = 0.1
    pad_token_id: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        """Turn the backbone's dictionary into its configuration."""
        if isinstance(self.backbone_config, dict):
            entries = dict(self.backbone_config)
            model_type = entries.pop("model_type", None)
            if not isinstance(model_type, str):
                raise ModelError("alih-pooled: backbone_config in config.json has no model_type; the file is damaged")
            self.backbone_config = AutoConfig.for_model(model_type, **entries)
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]

    @property
    def backbone(self) -> PreTrainedConfig:
        """The encoder's configuration.

        Raises:
            ModelError: there is none.
        """
        if not isinstance(self.backbone_config, PreTrainedConfig):
            raise ModelError("alih-pooled: config.json has no backbone_config; the file is damaged")
        return self.backbone_config

    @property
    def hidden_size(self) -> int:
        """Width of the pooled features."""
        return int(self.backbone.hidden_size)


def encoder_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """The configuration that describes the text encoder: the backbone's, or the text part of a composite one."""
    wraps = isinstance(config, AlihPooledConfig | AlihPromptedConfig)
    inner: PreTrainedConfig = config.backbone if wraps else config.get_text_config()
    return inner


def backbone_class(config: PreTrainedConfig) -> Any:
    """The Auto class that gives `config`'s encoder alone: T5's without its decoder, any other's base model."""
    return AutoModelForTextEncoding if config.model_type in ENCODERS_OF_PAIRS else AutoModel


def backbone_arguments(config: PreTrainedConfig) -> dict[str, Any]:
    """Arguments that leave out the encoder's own pooler, where it has one: nothing would read it."""
    mapping: Any = backbone_class(config)._model_mapping
    takes = inspect.signature(mapping[type(config)]).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in takes else {}


#: Encoder-decoder families whose encoder stands alone in transformers.
ENCODERS_OF_PAIRS = frozenset({"t5", "mt5", "umt5"})


class AlihPooledForSequenceClassification(PreTrainedModel):
    """backbone → masked mean over the tokens → dropout → linear classifier.

    Args:
        config: with the backbone's configuration inside.
        backbone: a ready encoder to take; None builds one with random weights.
    """

    config_class = AlihPooledConfig
    config: AlihPooledConfig
    base_model_prefix = "backbone"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: AlihPooledConfig, backbone: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        if backbone is None:
            encoder = config.backbone
            backbone = backbone_class(encoder).from_config(encoder, **backbone_arguments(encoder))
        self.backbone = backbone
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels or 1)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """The encoder's token embeddings."""
        embeddings: nn.Module = self.backbone.get_input_embeddings()
        return embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the encoder's token embeddings."""
        self.backbone.set_input_embeddings(value)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput | tuple[Any, ...]:
        """Tokens to logits, and to a loss where labels are given.

        Args:
            input_ids: (b, s) token numbers; or give `inputs_embeds`.
            attention_mask: (b, s), 1 at tokens and 0 at padding; None means that there is no padding.
            inputs_embeds: (b, s, d) in place of `input_ids`.
            labels: (b,) class numbers, (b, classes) zeros and ones, or (b,) values, as `config.problem_type` says.
            return_dict: False gives a tuple.
            kwargs: whatever else the encoder takes (`token_type_ids`, …).
        """
        encoded = self.backbone(
            input_ids=input_ids, attention_mask=attention_mask, inputs_embeds=inputs_embeds, return_dict=True, **kwargs
        )
        features = mean_pool(encoded.last_hidden_state, attention_mask)  # (b, d)
        logits = self.classifier(self.dropout(features))  # (b, num_labels)
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        output = SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=encoded.get("hidden_states"),
            attentions=encoded.get("attentions"),
        )
        as_dict = self.config.return_dict if return_dict is None else return_dict
        return output if as_dict else output.to_tuple()


def mean_pool(hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Mean over the tokens that are no padding: (b, s, d) and (b, s) to (b, d); an empty text gives zeros."""
    if attention_mask is None:
        return hidden.mean(dim=1)
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)  # (b, s, 1)
    return (hidden * mask).sum(dim=1) / torch.clamp(mask.sum(dim=1), min=1.0)
