"""The stacks of blocks: encoder and decoder, each with its embedding (arXiv 1706.03762, sections 3.1, 3.4 and 3.5).

Shapes: b sequences, m tokens of the source, n of the target, d = d_model, h heads.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPastAndCrossAttentions

from alih.transformer.blocks import DecoderBlock, EncoderBlock
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.masks import decoder_mask, padding_mask
from alih.transformer.positions import LearnedPositions, RotaryPositions, SinusoidalPositions


class Stack(nn.Module):
    """What encoder and decoder share: embeddings times √d plus positions (sections 3.4 and 3.5), and a last norm."""

    main_input_name = "input_ids"

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model, padding_idx=config.pad_token_id)
        self.scale = config.d_model**0.5
        self.positions: nn.Module | None = None
        self.rotary: RotaryPositions | None = None
        if config.positions == "sinusoidal":
            self.positions = SinusoidalPositions(config.d_model)
        elif config.positions == "learned":
            self.positions = LearnedPositions(config.max_positions, config.d_model)
        elif config.positions == "rotary":
            self.rotary = RotaryPositions(config.d_model // config.num_heads)
        self.dropout = nn.Dropout(config.dropout)
        # Post-norm blocks end in a norm of their own.
        self.norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_eps) if config.pre_norm else nn.Identity()

    def embed(self, input_ids: Tensor | None, inputs_embeds: Tensor | None, start: int = 0) -> Tensor:
        """Tokens (b, n), or their vectors (b, n, d), to what enters the first block (b, n, d)."""
        embedded = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds  # (b, n, d)
        embedded = embedded * self.scale
        if self.positions is not None:
            embedded = self.positions(embedded, start)  # (b, n, d)
        output: Tensor = self.dropout(embedded)
        return output


class Encoder(Stack):
    """N encoder blocks (section 3.1)."""

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.blocks = nn.ModuleList(EncoderBlock(config, layer) for layer in range(config.encoder_layers))

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> BaseModelOutput | tuple[Any, ...]:
        """Source to memory.

        Args:
            input_ids: (b, m) tokens.
            attention_mask: (b, m), zero at padding; found from the padding token where it is None.
            inputs_embeds: (b, m, d) embeddings in place of tokens, before the factor √d.
            output_attentions: also give the weights of every block, (b, h, m, m) each.
            output_hidden_states: also give what entered the first block and what left every block, (b, m, d) each.
            return_dict: False gives a tuple.
        """
        if attention_mask is None and input_ids is not None and self.config.pad_token_id is not None:
            attention_mask = input_ids != self.config.pad_token_id
        mask = padding_mask(attention_mask)  # (b, 1, 1, m) or None
        hidden = self.embed(input_ids, inputs_embeds)  # (b, m, d)
        rotation = None if self.rotary is None else self.rotary(hidden)
        states, attentions = [hidden], []
        for block in self.blocks:
            hidden, weights = block(hidden, mask, rotation, need_weights=bool(output_attentions))  # (b, m, d)
            states.append(hidden)
            attentions.append(weights)
        output = BaseModelOutput(
            last_hidden_state=self.norm(hidden),
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )
        return output.to_tuple() if return_dict is False else output


class Decoder(Stack):
    """N decoder blocks (section 3.1), each of which looks at the encoder's output."""

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.blocks = nn.ModuleList(DecoderBlock(config, layer) for layer in range(config.decoder_layers))

    def forward(
        self,
        input_ids: Tensor | None,
        memory: Tensor,
        attention_mask: Tensor | None = None,
        memory_attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        cache: EncoderDecoderCache | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseModelOutputWithPastAndCrossAttentions:
        """Target so far and memory to hidden states.

        Args:
            input_ids: (b, n) tokens that are not in the cache yet.
            memory: (b, m, d).
            attention_mask: (b, past + n), zero at padding; needed only where padding comes before tokens, since no
                token looks at what comes after it.
            memory_attention_mask: (b, m), zero at padding of the source.
            inputs_embeds: (b, n, d) embeddings in place of tokens, before the factor √d.
            cache: keys and values of earlier steps; changed in place.
            output_attentions: also give the weights of both attentions of every block.
            output_hidden_states: also give what entered the first block and what left every block.
        """
        past = 0 if cache is None else int(cache.get_seq_length())
        hidden = self.embed(input_ids, inputs_embeds, start=past)  # (b, n, d)
        mask, causal = decoder_mask(hidden.shape[1], past, padding_mask(attention_mask), hidden.device)
        memory_mask = padding_mask(memory_attention_mask)  # (b, 1, 1, m) or None
        rotation = None if self.rotary is None else self.rotary(hidden, past)
        states, attentions, cross_attentions = [hidden], [], []
        for block in self.blocks:
            hidden, weights, cross_weights = block(
                hidden,
                memory,
                mask,
                memory_mask,
                causal=causal,
                rotation=rotation,
                cache=cache,
                need_weights=output_attentions,
            )  # (b, n, d)
            states.append(hidden)
            attentions.append(weights)
            cross_attentions.append(cross_weights)
        return BaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=self.norm(hidden),
            past_key_values=cache,
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
            cross_attentions=tuple(cross_attentions) if output_attentions else None,
        )
