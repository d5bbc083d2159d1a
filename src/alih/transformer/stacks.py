"""Encoder and decoder: embeddings and positions below a stack of blocks (sections 3.1 and 3.4).

Shapes: b sequences, s source tokens, t target tokens, d = d_model, h heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPastAndCrossAttentions

from alih.transformer.attention import padding_mask
from alih.transformer.blocks import DecoderBlock, EncoderBlock
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.positions import positions


class AlihTransformerPreTrainedModel(PreTrainedModel):
    """What encoder, decoder and the whole share: configuration and initialisation."""

    config_class = AlihTransformerConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _supports_sdpa = True
    _no_split_modules: set[str] | list[str] | None = ["EncoderBlock", "DecoderBlock"]  # noqa: RUF012 (the base class's)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Embeddings from N(0, 1/d), so that scaled by √d they have variance one; matrices after Glorot and Bengio."""
        super()._init_weights(module)  # type: ignore[no-untyped-call]
        if isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.d_model**-0.5)
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)


class _Stack(AlihTransformerPreTrainedModel):
    """Embeddings times √d (section 3.4), plus positions (section 3.5), dropout (section 5.4); the last norm."""

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = positions(config.positions, config.d_model, config.max_position_embeddings)
        # Blocks that normalise what they read leave the last sum unnormalised.
        self.norm = nn.LayerNorm(config.d_model) if config.norm_first else nn.Identity()

    def embed(self, input_ids: Tensor | None, inputs_embeds: Tensor | None, start: int = 0) -> Tensor:
        """(b, t) token ids, or (b, t, d) embeddings in their place, → (b, t, d)."""
        embedded = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds  # (b, t, d)
        placed: Tensor = self.positions(embedded * self.config.d_model**0.5, start)  # (b, t, d)
        return F.dropout(placed, self.config.dropout, self.training)

    def get_input_embeddings(self) -> nn.Module:
        """The embedding matrix."""
        return self.embed_tokens

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding matrix."""
        assert isinstance(value, nn.Embedding)
        self.embed_tokens = value


class AlihTransformerEncoder(_Stack):
    """The encoder: N blocks over the source (section 3.1)."""

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.blocks = nn.ModuleList(EncoderBlock(config, layer) for layer in range(config.layers))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> BaseModelOutput | tuple[object, ...]:
        """(b, s) token ids → (b, s, d); attention_mask (b, s) is zero on padding."""
        show = bool(self.config.output_attentions if output_attentions is None else output_attentions)
        keep = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        hidden = self.embed(input_ids, inputs_embeds)  # (b, s, d)
        mask = padding_mask(attention_mask)  # (b, 1, 1, s)
        states, shown = [hidden], []
        for block in self.blocks:
            hidden, weights = block(hidden, mask, return_weights=show)  # (b, s, d), (b, h, s, s)
            states.append(hidden)
            shown.append(weights)
        hidden = self.norm(hidden)  # (b, s, d)
        output = BaseModelOutput(
            last_hidden_state=hidden,
            hidden_states=(*states[:-1], hidden) if keep else None,
            attentions=tuple(shown) if show else None,
        )
        return output if return_dict is not False else output.to_tuple()


class AlihTransformerDecoder(_Stack):
    """The decoder: N blocks over the target so far, looking at the encoder's output (section 3.1)."""

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.blocks = nn.ModuleList(DecoderBlock(config, layer) for layer in range(config.layers))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        input_ids: Tensor | None = None,
        memory: Tensor | None = None,
        attention_mask: Tensor | None = None,
        memory_attention_mask: Tensor | None = None,
        past_key_values: EncoderDecoderCache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseModelOutputWithPastAndCrossAttentions:
        """(b, t) token ids, those in the cache left out, and memory (b, s, d) → (b, t, d).

        `attention_mask` (b, all positions so far) and `memory_attention_mask` (b, s) are zero on padding.
        """
        assert memory is not None
        if past_key_values is None and use_cache:
            past_key_values = EncoderDecoderCache(DynamicCache(), DynamicCache())
        start = 0 if past_key_values is None else past_key_values.get_seq_length()
        hidden = self.embed(input_ids, inputs_embeds, start)  # (b, t, d)
        mask = padding_mask(attention_mask)  # (b, 1, 1, start + t)
        memory_mask = padding_mask(memory_attention_mask)  # (b, 1, 1, s)
        states, owns, crosses = [hidden], [], []
        for block in self.blocks:
            hidden, own, cross = block(
                hidden, memory, mask, memory_mask, cache=past_key_values, return_weights=output_attentions
            )  # (b, t, d), (b, h, t, start + t), (b, h, t, s)
            states.append(hidden)
            owns.append(own)
            crosses.append(cross)
        hidden = self.norm(hidden)  # (b, t, d)
        return BaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=hidden,
            past_key_values=past_key_values,
            hidden_states=(*states[:-1], hidden) if output_hidden_states else None,
            attentions=tuple(owns) if output_attentions else None,
            cross_attentions=tuple(crosses) if output_attentions else None,
        )
