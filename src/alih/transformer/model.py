"""The whole Transformer in Hugging Face form: encoder–decoder, output layer, loss, generation (arXiv 1706.03762).

Module layout, for whoever freezes or looks inside (paths within `AlihTransformerForConditionalGeneration`):

    model.encoder.embedding        also the decoder's embedding and the output matrix, unless tie_word_embeddings is off
    model.encoder.blocks.<i>       self_attention, feed_forward; model.encoder.norm after the last, in pre-norm
    model.decoder.blocks.<i>       self_attention, cross_attention, feed_forward; model.decoder.norm likewise
    lm_head                        (b, n, d) → (b, n, vocabulary)

Shapes: b sequences, m tokens of the source, n of the target, d = d_model, v tokens in the vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache, EncoderDecoderCache, GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput, Seq2SeqModelOutput

from alih.errors import ModelError
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.stacks import Decoder, Encoder

#: What the loss skips, as everywhere in torch and transformers.
IGNORED = -100


class AlihTransformerPreTrainedModel(PreTrainedModel):
    """What both models share: configuration, names and initial weights."""

    config_class = AlihTransformerConfig
    config: AlihTransformerConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _supports_sdpa = True
    _no_split_modules: set[str] | list[str] | None = ["EncoderBlock", "DecoderBlock"]  # noqa: RUF012 (declared so by the base class)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Glorot's uniform matrices (as in the paper's code); embeddings of variance 1/d, so that √d makes it one."""
        super()._init_weights(module)  # type: ignore[no-untyped-call]
        if isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.d_model**-0.5)
            if module.padding_idx is not None and not getattr(module.weight, "_is_hf_initialized", False):
                init.zeros_(module.weight[module.padding_idx])


class AlihTransformerModel(AlihTransformerPreTrainedModel):
    """Encoder and decoder with one embedding matrix (figure 1 below the output layer)."""

    _tied_weights_keys = {"decoder.embedding.weight": "encoder.embedding.weight"}  # noqa: RUF012 (likewise)

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_encoder(self, *_: Any, **__: Any) -> Encoder:
        """The stack that reads the source."""
        return self.encoder

    def get_input_embeddings(self) -> nn.Module:
        """The embedding of source tokens."""
        return self.encoder.embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding of source tokens, and of target tokens where they are one."""
        self.encoder.embedding = value
        if self.config.tie_word_embeddings:
            self.decoder.embedding = value

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
        **_: Any,
    ) -> Seq2SeqModelOutput | tuple[Any, ...]:
        """Source and target so far to hidden states of the target.

        Args:
            input_ids: (b, m) source tokens.
            attention_mask: (b, m), zero at padding of the source; found from the padding token where it is None.
            decoder_input_ids: (b, n) target tokens, starting with `config.decoder_start_token_id`; with a cache, those
                that it does not hold yet.
            decoder_attention_mask: (b, past + n), zero at padding; needed only for padding on the left.
            encoder_outputs: the encoder's output, to run it only once.
            past_key_values: keys and values of earlier steps.
            inputs_embeds: (b, m, d) in place of `input_ids`.
            decoder_inputs_embeds: (b, n, d) in place of `decoder_input_ids`.
            use_cache: give keys and values for later steps; by default not in training mode.
            output_attentions: also give the weights of every attention: encoder (b, h, m, m), decoder
                (b, h, n, past + n), cross (b, h, n, m), one tensor a block.
            output_hidden_states: also give the hidden states of every block.
            return_dict: False gives a tuple.

        Raises:
            ModelError: no target tokens.
        """
        if decoder_input_ids is None and decoder_inputs_embeds is None:
            raise ModelError(
                "alih-transformer: no target: give labels, or decoder_input_ids, or call generate() to translate"
            )
        attentions = bool(self.config.output_attentions if output_attentions is None else output_attentions)
        states = bool(self.config.output_hidden_states if output_hidden_states is None else output_hidden_states)
        if attention_mask is None and input_ids is not None and self.config.pad_token_id is not None:
            attention_mask = input_ids != self.config.pad_token_id
        encoded: BaseModelOutput
        if encoder_outputs is None:
            encoded = self.encoder(input_ids, attention_mask, inputs_embeds, attentions, states)
        elif isinstance(encoder_outputs, BaseModelOutput):
            encoded = encoder_outputs
        else:
            encoded = BaseModelOutput(*encoder_outputs)
        if past_key_values is None and (not self.training if use_cache is None else use_cache):
            past_key_values = EncoderDecoderCache(DynamicCache(), DynamicCache())
        decoded = self.decoder(
            decoder_input_ids,
            encoded.last_hidden_state,
            decoder_attention_mask,
            attention_mask,
            decoder_inputs_embeds,
            past_key_values,
            attentions,
            states,
        )
        output = Seq2SeqModelOutput(
            last_hidden_state=decoded.last_hidden_state,  # (b, n, d)
            past_key_values=past_key_values,
            decoder_hidden_states=decoded.hidden_states,
            decoder_attentions=decoded.attentions,
            cross_attentions=decoded.cross_attentions,
            encoder_last_hidden_state=encoded.last_hidden_state,  # (b, m, d)
            encoder_hidden_states=encoded.hidden_states,
            encoder_attentions=encoded.attentions,
        )
        return output.to_tuple() if return_dict is False else output


class AlihTransformerForConditionalGeneration(AlihTransformerPreTrainedModel, GenerationMixin):
    """The Transformer with its output layer: the same matrix as the embeddings (section 3.4), then the softmax.

    `generate` samples, decodes greedily or by beams. Its `length_penalty` divides a beam's log probability by
    length^α; the paper's is of another form: see `alih.transformer.length_penalty`.
    """

    _tied_weights_keys = {  # noqa: RUF012 (declared so by the base class)
        "model.decoder.embedding.weight": "model.encoder.embedding.weight",
        "lm_head.weight": "model.encoder.embedding.weight",
    }

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__(config)
        self.model = AlihTransformerModel(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_encoder(self, *_: Any, **__: Any) -> Encoder:
        """The stack that reads the source."""
        return self.model.encoder

    def get_output_embeddings(self) -> nn.Linear:
        """The output layer."""
        return self.lm_head

    def set_output_embeddings(self, new_embeddings: Any) -> None:
        """Replace the output layer."""
        self.lm_head = new_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **inputs: Any,
    ) -> Seq2SeqLMOutput | tuple[Any, ...]:
        """Source and target so far to logits, and to a loss where labels are given.

        Args:
            input_ids: (b, m) source tokens.
            attention_mask: (b, m), zero at padding of the source.
            decoder_input_ids: (b, n) target tokens; the labels shifted right where it is None.
            labels: (b, n) target tokens, ended by the end token; padding and −100 do not count.
            return_dict: False gives a tuple.
            inputs: anything else that `AlihTransformerModel.forward` takes.
        """
        if labels is not None:
            if decoder_input_ids is None and inputs.get("decoder_inputs_embeds") is None:
                decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
            inputs.setdefault("use_cache", False)
        base = self.model(input_ids, attention_mask, decoder_input_ids, return_dict=True, **inputs)
        logits = self.lm_head(base.last_hidden_state)  # (b, n, v)
        output = Seq2SeqLMOutput(
            loss=None if labels is None else self._loss(logits, labels),
            logits=logits,
            **{name: value for name, value in base.items() if name != "last_hidden_state"},
        )
        return output.to_tuple() if return_dict is False else output

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """Shift right by one (figure 1): labels y₁ … yₙ become start, y₁ … yₙ₋₁; (b, n) → (b, n)."""
        pad = self.config.pad_token_id or 0
        shifted = F.pad(labels[:, :-1], (1, 0), value=self.config.decoder_start_token_id or 0)
        return shifted.masked_fill(shifted == IGNORED, pad)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of the tokens that count, in nats; smoothed in training mode alone (section 5.4).

        Smoothing gives the right token 1 − ε and spreads ε evenly over the whole vocabulary (Szegedy et al. 2015, arXiv
        1512.00567, section 7). In evaluation mode the loss is the plain one, so that its exponential is the perplexity.
        """
        counted = (
            labels
            if self.config.pad_token_id is None
            else labels.masked_fill(labels == self.config.pad_token_id, IGNORED)
        )
        smoothing = self.config.label_smoothing if self.training else 0.0
        return F.cross_entropy(
            logits.flatten(0, 1).float(), counted.flatten(), ignore_index=IGNORED, label_smoothing=smoothing
        )
