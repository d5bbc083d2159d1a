"""The whole Transformer in Hugging Face form: figure 1, with one embedding matrix at its three places (section 3.4)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin
from transformers.cache_utils import EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput, Seq2SeqModelOutput

from alih.errors import ModelError
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.cross_entropy import IGNORED, smoothed_cross_entropy
from alih.transformer.stacks import AlihTransformerDecoder, AlihTransformerEncoder, AlihTransformerPreTrainedModel


def shift_right(labels: Tensor, start: int, pad: int) -> Tensor:
    """(b, t) labels → (b, t) decoder inputs: each token is predicted from those before it (section 3.1)."""
    shifted = torch.cat((labels.new_full((len(labels), 1), start), labels[:, :-1]), dim=1)
    return shifted.masked_fill(shifted == IGNORED, pad)


class AlihTransformerModel(AlihTransformerPreTrainedModel):
    """Encoder and decoder, below the projection to the vocabulary; source and target share their embeddings."""

    _tied_weights_keys = {  # noqa: RUF012 (the base class's)
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    }

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = AlihTransformerEncoder(config)
        self.decoder = AlihTransformerDecoder(config)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """The shared embedding matrix."""
        return self.shared

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the shared embedding matrix."""
        assert isinstance(value, nn.Embedding)
        self.shared = self.encoder.embed_tokens = self.decoder.embed_tokens = value

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: BaseModelOutput | tuple[Any, ...] | None = None,
        past_key_values: EncoderDecoderCache | None = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Seq2SeqModelOutput | tuple[Any, ...]:
        """Source (b, s) and target (b, t) token ids → (b, t, d).

        Args:
            input_ids: source tokens (b, s); or `inputs_embeds` (b, s, d) in their place.
            attention_mask: (b, s), zero on padding.
            decoder_input_ids: target tokens (b, t), those in the cache left out; or `decoder_inputs_embeds`.
            decoder_attention_mask: (b, all positions so far), zero on padding.
            encoder_outputs: what the encoder gave before; the source is not read then.
            past_key_values: the cache of keys and values.
            inputs_embeds: embedded source.
            decoder_inputs_embeds: embedded target.
            use_cache: fill and return a cache.
            output_attentions: return the weights of every head of all three attentions.
            output_hidden_states: return what enters each block and what leaves the last.
            return_dict: False for a plain tuple.

        Raises:
            ModelError: no target was given.
        """
        if decoder_input_ids is None and decoder_inputs_embeds is None:
            raise ModelError("alih-transformer: no decoder_input_ids; give them, or labels to learn from")
        show = bool(self.config.output_attentions if output_attentions is None else output_attentions)
        keep = bool(self.config.output_hidden_states if output_hidden_states is None else output_hidden_states)
        if encoder_outputs is None:
            encoder_outputs = self.encoder(input_ids, attention_mask, inputs_embeds, show, keep)
        elif not isinstance(encoder_outputs, BaseModelOutput):
            encoder_outputs = BaseModelOutput(*encoder_outputs)
        assert isinstance(encoder_outputs, BaseModelOutput)
        decoded = self.decoder(
            decoder_input_ids,
            encoder_outputs.last_hidden_state,  # (b, s, d)
            decoder_attention_mask,
            attention_mask,
            past_key_values,
            decoder_inputs_embeds,
            bool(use_cache),
            show,
            keep,
        )
        output = Seq2SeqModelOutput(
            last_hidden_state=decoded.last_hidden_state,  # (b, t, d)
            past_key_values=decoded.past_key_values,
            decoder_hidden_states=decoded.hidden_states,
            decoder_attentions=decoded.attentions,
            cross_attentions=decoded.cross_attentions,
            encoder_last_hidden_state=encoder_outputs.last_hidden_state,
            encoder_hidden_states=encoder_outputs.hidden_states,
            encoder_attentions=encoder_outputs.attentions,
        )
        return output if return_dict is not False else output.to_tuple()


class AlihTransformerForConditionalGeneration(AlihTransformerPreTrainedModel, GenerationMixin):
    """The Transformer that writes: the decoder's output times the embedding matrix gives the logits (section 3.4).

    `generate` decodes greedily, by sampling or by beams, with a cache. Its `length_penalty` α divides scores by
    length^α; the paper's rule (section 6.1) is `alih.transformer.length_penalty.PaperLengthPenalty`.
    """

    _tied_weights_keys = {"lm_head.weight": "model.shared.weight"}  # noqa: RUF012 (the base class's)

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.model = AlihTransformerModel(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """(b, t) labels → (b, t) decoder inputs; data collators of transformers call it."""
        return shift_right(labels, self.config.decoder_start_token_id, self.config.pad_token_id)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: BaseModelOutput | tuple[Any, ...] | None = None,
        past_key_values: EncoderDecoderCache | None = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Seq2SeqLMOutput | tuple[Any, ...]:
        """As `AlihTransformerModel.forward`, to logits (b, t, vocabulary).

        With `labels` (b, t), −100 or the padding token where there is none, the loss is the mean cross-entropy a
        token in nats; in training with label smoothing (section 5.4). Decoder inputs are the labels shifted, unless
        given.
        """
        if labels is not None and decoder_input_ids is None and decoder_inputs_embeds is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        output = self.model(
            input_ids,
            attention_mask,
            decoder_input_ids,
            decoder_attention_mask,
            encoder_outputs,
            past_key_values,
            inputs_embeds,
            decoder_inputs_embeds,
            use_cache=self.config.use_cache and labels is None if use_cache is None else use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        logits = self.lm_head(output.last_hidden_state)  # (b, t, vocabulary)
        loss = None
        if labels is not None:
            told = labels.masked_fill(labels == self.config.pad_token_id, IGNORED)
            smoothing = self.config.label_smoothing if self.training else 0.0
            loss = smoothed_cross_entropy(logits.flatten(0, 1).float(), told.flatten(), smoothing)
        told_output = Seq2SeqLMOutput(
            loss=loss, logits=logits, **{k: v for k, v in output.items() if k != "last_hidden_state"}
        )
        return told_output if return_dict is not False else told_output.to_tuple()
