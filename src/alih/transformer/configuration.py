"""Configuration of the Transformer: the names are the paper's (sections 3 and 5.4, table 3)."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PreTrainedConfig

from alih.errors import ModelError


class AlihTransformerConfig(PreTrainedConfig):
    """An encoder–decoder Transformer (Vaswani et al. 2017, arXiv 1706.03762); the defaults are its base model.

    Args:
        vocab_size: tokens of the vocabulary that source and target share.
        d_model: width of embeddings and blocks.
        layers: N, the blocks of the encoder, and as many of the decoder.
        heads: h, the attention heads of each attention.
        d_ff: inner width of the feed-forward network.
        dropout: P_drop of section 5.4, on sub-layer outputs and on embeddings plus positions.
        attention_dropout: the same on attention weights (the paper's text has none).
        activation_dropout: the same within the feed-forward network (the paper's text has none).
        norm_first: pre-norm instead of the paper's post-norm; a last layer norm then ends encoder and decoder.
        positions: "sinusoidal" as in the paper, "learned", "rotary" or "none".
        max_position_embeddings: number of learned positions; the other kinds have no limit.
        label_smoothing: ε_ls of section 5.4, in the training loss.

    Raises:
        ModelError: a value that describes no network.
    """

    model_type: ClassVar[str] = "alih-transformer"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_hidden_layers": "layers",
        "num_attention_heads": "heads",
    }
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    vocab_size: int = 37000
    d_model: int = 512
    layers: int = 6
    heads: int = 8
    d_ff: int = 2048
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    norm_first: bool = False
    positions: str = "sinusoidal"
    max_position_embeddings: int = 1024
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
        for name in ("vocab_size", "d_model", "layers", "heads", "d_ff", "max_position_embeddings"):
            if getattr(self, name) < 1:
                raise ModelError(f"alih-transformer: {name} is {getattr(self, name)}; give a positive number")
        for name in ("dropout", "attention_dropout", "activation_dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ModelError(f"alih-transformer: {name} is {getattr(self, name)}; give a number from 0 to below 1")
        if self.d_model % self.heads:
            raise ModelError(
                f"alih-transformer: d_model={self.d_model} is no multiple of heads={self.heads}; choose heads that "
                "divide the width"
            )
        width = self.d_model if self.positions == "sinusoidal" else self.d_model // self.heads
        if self.positions in ("sinusoidal", "rotary") and width % 2:
            raise ModelError(f"alih-transformer: {self.positions} positions need an even width, not {width}")
        if self.positions not in ("sinusoidal", "learned", "rotary", "none"):
            raise ModelError(f"alih-transformer: positions={self.positions!r}; sinusoidal, learned, rotary or none")
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
