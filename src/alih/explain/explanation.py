"""`explain`: run a model once over a text and keep every number that its attention was made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alih import files
from alih.errors import DataError, ModelError, OptionError
from alih.explain.capture import Attention, Role, collect, is_causal, watch
from alih.explain.embedding import Embedded, embedded, watch_positions
from alih.explain.steps import Step, filled_masks, next_tokens, write_on
from alih.explain.tokens import Token, describe
from alih.pretrained.kinds import trained_as
from alih.pretrained.open import find

#: What the model does with a text: turns it into vectors, fills masks, goes on writing, or writes another text.
Kind = Literal["encoder", "masked", "causal", "translator"]
#: Most tokens of a text: attention takes memory with their square.
MOST_TOKENS = 512
#: Tokens written where the text is to be gone on with, and in a translation.
WRITTEN = {"causal": 8, "translator": 48}


@dataclass(frozen=True)
class _Opened:
    """A text model to look into; `max_length` is None where nothing limits a text."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    kind: Kind
    max_length: int | None


@dataclass(frozen=True)
class Explanation:
    """What a model computed for one text.

    Args:
        model: its name.
        family: its architecture ("bert").
        kind: what it does with a text: "encoder", "masked", "causal" or "translator".
        text: as given.
        tokens: of the text; in a causal model those written after it, too.
        target: tokens that an encoder–decoder wrote, its start token first; empty for other models.
        embedded: what enters the first block, for each stack of blocks.
        attention: every attention of every layer; see `of` for one of them.
        steps: each token that came out, or each mask.
        layer: of the head that is worked out, from 0.
        head: likewise.
        written: the text that came out; empty where none is written.
        given: that text was given, rather than written by the model.
        cut_from: number of tokens the text had, if it was cut; None otherwise.
    """

    model: str
    family: str
    kind: Kind
    text: str
    tokens: list[Token]
    target: list[Token]
    embedded: list[Embedded]
    attention: list[Attention]
    steps: list[Step]
    layer: int
    head: int
    written: str = ""
    given: bool = False
    cut_from: int | None = None

    @property
    def roles(self) -> list[Role]:
        """Which of the three attentions there are, in the order of figure 1."""
        there = {one.role for one in self.attention}
        known: tuple[Role, ...] = ("encoder", "decoder", "cross")
        return [role for role in known if role in there]

    def of(self, role: Role) -> list[Attention]:
        """The attentions of one role, by layer."""
        return [one for one in self.attention if one.role == role]

    def sides(self, role: Role) -> tuple[list[Token], list[Token]]:
        """The tokens of the queries and of the keys."""
        own = self.target if self.target and role == "decoder" else self.tokens
        return (self.target, self.tokens) if role == "cross" else (own, own)

    def html(self, lang: Literal["en", "id"] = "en") -> str:
        """The page: self-contained, without script or network."""
        from alih.explain.page import render

        return render(self, lang)

    def save(self, path: str | Path, lang: Literal["en", "id"] = "en") -> Path:
        """Write the page."""
        written = Path(path)
        files.write_text(written, self.html(lang))
        return written

    def to_json(self) -> str:
        """Everything as JSON; `alih.explain.schema` says what is in it."""
        from alih.explain.schema import as_dict

        return json.dumps(as_dict(self), ensure_ascii=False, allow_nan=False)

    def pictures(self, folder: str | Path) -> list[Path]:
        """Write the maps of each attention as PNG files; needs matplotlib."""
        from alih.explain.pictures import draw

        return draw(self, Path(folder))

    def _repr_html_(self) -> str:
        """In a notebook: the page in a frame of its own, so that its style stays there."""
        from html import escape

        return f'<iframe srcdoc="{escape(self.html())}" style="width:100%;height:80vh;border:0" sandbox></iframe>'


def explain(
    model: str | Path | tuple[PreTrainedModel, PreTrainedTokenizerBase],
    text: str,
    *,
    layer: int = 1,
    head: int = 1,
    to: str | None = None,
    revision: str | None = None,
    allow_pickle: bool = False,
) -> Explanation:
    """Show what a text model computes for a text.

    Args:
        model: built-in name, run folder, folder or Hub id; or a model with its tokenizer.
        text: what it reads.
        layer: whose Q, K, V are worked out, from 1.
        head: likewise.
        to: what the decoder writes: "translate" (or None) lets it write, any other text is what it is made to write.
        revision: of a model on the Hub.
        allow_pickle: also read pickled weights, as tensors only.

    Raises:
        DataError: an empty text.
        OptionError: a layer or head that is not there, a target for a model without a decoder.
        ModelError: no such model, one for pictures, or one whose attention cannot be captured.
    """
    if not text.strip():
        raise DataError('the text is empty; write one, for example: alih explain alih/minilm "a fine day"')
    opened = _given(*model) if isinstance(model, tuple) else _open(model, revision=revision, allow_pickle=allow_pickle)
    _check_places(opened.model, layer, head, opened.name)
    if to is not None and opened.kind not in ("causal", "translator"):
        raise OptionError(f"--to: {opened.name} writes no text, it only reads. Leave --to out.")
    network = opened.model
    before = network.training, network.config._attn_implementation
    network.train(False)
    if before[1] != "eager":
        network.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            return _run(opened, text, layer - 1, head - 1, None if to == "translate" else to)
    finally:
        network.train(before[0])
        if before[1] not in (None, "eager"):
            network.set_attn_implementation(before[1])


def _open(name: str | Path, *, revision: str | None, allow_pickle: bool) -> _Opened:
    """Open a model as it was trained, a language model's output layer kept."""
    checkpoint = find(name, revision, allow_pickle=allow_pickle)
    if checkpoint.kind == "image":
        raise ModelError(
            f"{checkpoint.name} reads pictures, and alih explain shows how a model reads a text. Name a text model, "
            f"for example alih/minilm; what is inside this one says: alih inspect {checkpoint.name}"
        )
    form = trained_as(checkpoint.config)
    opened = checkpoint.load(form)
    kind: Kind = "translator" if form == "seq2seq" else form
    return _Opened(opened.name, opened.model, opened.tokenizer, kind, opened.max_length)


def _given(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> _Opened:
    """A model that is there already; what it does with a text says the mapping its class is in."""
    most = getattr(model.config, "max_position_embeddings", None)
    stated = [one for one in (most, tokenizer.model_max_length) if isinstance(one, int) and 0 < one < 10**6]
    config: Any = type(model.config)
    mappings: tuple[tuple[Kind, Any], ...] = (
        ("translator", MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING),
        ("causal", MODEL_FOR_CAUSAL_LM_MAPPING),
        ("masked", MODEL_FOR_MASKED_LM_MAPPING),
    )
    kinds = [kind for kind, mapping in mappings if config in mapping and mapping[config] is type(model)]
    return _Opened(type(model).__name__, model, tokenizer, (*kinds, "encoder")[0], min(stated, default=None))


def _check_places(model: PreTrainedModel, layer: int, head: int, name: str) -> None:
    config: Any = model.config
    # Encoder and decoder may differ in size: what is shown of both has to be there in both.
    layers = [config.num_hidden_layers, *_told(config, "encoder_layers", "decoder_layers", "num_decoder_layers")]
    heads = [config.num_attention_heads, *_told(config, "encoder_attention_heads", "decoder_attention_heads")]
    limits = {"layer": (layer, min(layers)), "head": (head, min(heads))}
    for what, (value, most) in limits.items():
        if not 1 <= value <= most:
            raise OptionError(f"--{what} {value}: {name} has {what}s 1 to {most}. Choose one of them.")


def _told(config: Any, *names: str) -> list[int]:
    if not config.is_encoder_decoder:
        return []
    return [int(getattr(config, name)) for name in names if isinstance(getattr(config, name, None), int)]


def _run(opened: _Opened, text: str, layer: int, head: int, to: str | None) -> Explanation:
    model, tokenizer, kind = opened.model, opened.tokenizer, opened.kind
    most = min(opened.max_length or MOST_TOKENS, MOST_TOKENS)
    every: list[int] = tokenizer(text, truncation=False, verbose=False).input_ids
    if kind == "causal" and every and every[-1] == tokenizer.eos_token_id and len(every) > 1:
        every = every[:-1]  # an end token would end what is to be gone on with
    if not every:
        raise DataError("the text has no tokens that this model knows; write another one")
    cut_from = len(every) if len(every) > most else None
    read = every
    if cut_from is not None:
        if kind == "causal" and most > 2 * WRITTEN["causal"]:
            most_read = most - WRITTEN["causal"]  # room for what comes next
        else:
            most_read = most
        # The tokenizer cuts, so that special tokens at the end stay.
        read = tokenizer(text, truncation=True, max_length=most_read, verbose=False).input_ids[:most_read]
    ids = torch.tensor([read])
    mask = torch.ones_like(ids)
    inputs: dict[str, Tensor] = {"input_ids": ids, "attention_mask": mask}
    target: Tensor | None = None
    if kind == "causal":
        ids = _go_on(model, tokenizer, ids, mask, to, most)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    elif kind == "translator":
        target = _target(model, tokenizer, ids, mask, to, most)
        inputs["decoder_input_ids"] = target
    with watch(model) as seen, watch_positions(model) as added:
        output: Any = model(**inputs, output_attentions=True, output_hidden_states=True, **_without_cache(kind))
        attention = collect(model, seen, output)
    sides: list[Embedded] = []
    if target is not None:
        for side, numbers, states in (
            ("encoder", ids, output.encoder_hidden_states),
            ("decoder", target, output.decoder_hidden_states),
        ):
            sides.append(embedded(model, side, numbers[0], states[0][0], added, seen, attention))  # type: ignore[arg-type]
    else:
        side_here: Literal["encoder", "decoder"] = "decoder" if is_causal(model) else "encoder"
        sides.append(embedded(model, side_here, ids[0], output.hidden_states[0][0], added, seen, attention))
    steps: list[Step] = []
    shown = ids[0].tolist()
    if target is not None:
        cross = [one for one in attention if one.role == "cross"]
        steps = next_tokens(output.logits[0], target[0].tolist(), 1, cross, tokenizer)
    elif kind == "causal":
        steps = next_tokens(output.logits[0], shown, len(read), attention, tokenizer)
    elif kind == "masked":
        steps = filled_masks(output.logits[0], shown, attention, tokenizer)
    new = target[0, 1:] if target is not None else ids[0, len(read) :]
    written = str(tokenizer.decode(new, skip_special_tokens=True)).strip()
    return Explanation(
        model=opened.name,
        family=str(model.config.model_type),
        kind=kind,
        text=text,
        tokens=describe(tokenizer, shown, len(read)),
        target=[] if target is None else describe(tokenizer, target[0].tolist(), 1),
        embedded=sides,
        attention=attention,
        steps=steps,
        layer=layer,
        head=head,
        written=written,
        given=to is not None,
        cut_from=cut_from,
    )


def _without_cache(kind: Kind) -> dict[str, bool]:
    return {"use_cache": False} if kind in ("causal", "translator") else {}


def _go_on(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, ids: Tensor, mask: Tensor, to: str | None, most: int
) -> Tensor:
    """The text and what follows it: given, or written by the model as far as there is room."""
    room = min(most - ids.shape[1], WRITTEN["causal"])
    if to is not None:
        given = tokenizer(to, add_special_tokens=False).input_ids[: max(0, most - ids.shape[1])]
        return torch.cat((ids, torch.tensor([given], dtype=torch.long)), dim=1)
    return ids if room < 1 else write_on(model, ids, mask, tokenizer, room)


def _target(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, ids: Tensor, mask: Tensor, to: str | None, most: int
) -> Tensor:
    """What the decoder writes, its start token first."""
    if to is None:
        return write_on(model, ids, mask, tokenizer, min(most - 1, WRITTEN["translator"]))
    start = model.config.decoder_start_token_id
    if start is None:
        raise ModelError(f"{type(model).__name__}: its configuration names no decoder_start_token_id")
    given = tokenizer(text_target=to, truncation=True, max_length=most - 1).input_ids
    return torch.tensor([[int(start), *given]])
