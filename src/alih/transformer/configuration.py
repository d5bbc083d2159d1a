"""Configuration of the Transformer."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PreTrainedConfig

from alih.errors import ModelError

POSITIONS = ("sinusoidal", "learned", "rotary", "none")


class AlihTransformerConfig(PreTrainedConfig):
    """Sizes of an encoder–decoder (arXiv 1706.03762); the defaults are the paper's base model, table 3.

    Args:
        vocab_size: tokens, shared by source and target.
        d_model: features of a position.
        encoder_layers: blocks of the encoder.
        decoder_layers: blocks of the decoder.
        num_heads: attention heads; divides d_model.
        d_ff: inner features of the feed-forward network.
        dropout: chance of zeroing a feature of a sub-layer's output and of the embeddings in training (section 5.4).
        attention_dropout: chance of zeroing an attention weight in training; the paper names none.
        positions: "sinusoidal" (section 3.5), "learned", "rotary", or "none" (the encoder then sees a bag of tokens).
        max_positions: longest sequence of learned positions; the others know no limit.
        pre_norm: normalise what enters a sub-layer; the paper normalises what leaves it.
        layer_norm_eps: added to the variance in every normalisation.
        label_smoothing: ε of section 5.4, in the loss of training mode.

    Raises:
        ModelError: a value that describes no network.
    """

    model_type: ClassVar[str] = "alih-transformer"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "num_heads",
        "num_hidden_layers": "encoder_layers",
    }

    vocab_size: int = 37000
    d_model: int = 512
    encoder_layers: int = 6
    decoder_layers: int = 6
    num_heads: int = 8
    d_ff: int = 2048
    dropout: float = 0.1
    attention_dropout: float = 0.0
    positions: str = "sinusoidal"
    max_positions: int = 1024
    pre_norm: bool = False
    layer_norm_eps: float = 1e-5
    label_smoothing: float = 0.1
    use_cache: bool = True
    is_encoder_decoder: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 1

    def __post_init__(self, **kwargs: Any) -> None:
        """Check the values, in words."""
        for name in ("vocab_size", "d_model", "encoder_layers", "decoder_layers", "num_heads", "d_ff", "max_positions"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ModelError(f"alih-transformer: {name} is {value!r}; give a whole number of at least 1")
        for name in ("dropout", "attention_dropout", "label_smoothing"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ModelError(f"alih-transformer: {name} is {getattr(self, name)!r}; give a share from 0 to below 1")
        if self.d_model % self.num_heads:
            raise ModelError(
                f"alih-transformer: d_model {self.d_model} is not divisible by num_heads {self.num_heads}; "
                "every head takes an equal share of the features"
            )
        if self.positions not in POSITIONS:
            raise ModelError(f"alih-transformer: positions is {self.positions!r}; give one of {', '.join(POSITIONS)}")
        pairs = {"sinusoidal": self.d_model, "rotary": self.d_model // self.num_heads}.get(self.positions, 0)
        if pairs % 2:
            raise ModelError(
                f"alih-transformer: {self.positions} positions need an even number of features, not {pairs}; "
                "change d_model or num_heads"
            )
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
