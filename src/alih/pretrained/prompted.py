"""A causal language model as a classifier: the class whose label is the likeliest continuation of a prompt.

The score of class c for a text x is log p(label_c | prefix, x, suffix) + bias_c, the label's tokens multiplied (Brown
et al. 2020, arXiv 2005.14165, section 2.4); the bias calibrates (see `alih.tasks.classification.likelihood`).

Labels of several tokens share their first ones. All their beginnings form a tree, which is run as one sequence behind
the text: each token sees the prompt and its own beginning, nothing else, so one pass scores every class.

A pair of texts, which the tokenizer sets apart, is taken apart again: each has its place in the prompt.

Shapes: b texts, s tokens, p tokens of the prefix, n tokens of the tree, v vocabulary, c classes.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from alih.errors import ModelError

#: Most logits held at once, numbers: a quarter of a gigabyte.
_MOST_LOGITS = 1 << 26
#: Labels, the longest ones, that both ways of scoring are compared on.
_TRIED = 4


class AlihPromptedConfig(PreTrainedConfig):
    """Configuration of a prompted classifier.

    Args:
        backbone_config: the language model's own configuration (or its dictionary, with `model_type`).
        prefix_ids: tokens before the text: special tokens, instructions, examples.
        suffix_ids: tokens between the text and the label.
        label_ids: of each class, the tokens of its label; none is the beginning of another.
        bias: of each class, what is added to its log-likelihood; empty for zeros.
        leading: special tokens that the tokenizer puts before a text; they are taken off, the prefix has its own.
        trailing: those that it puts after a text.
        room: most tokens of a text, or of both of a pair together; longer ones lose their end, of a pair the longer one
            first.
        as_tree: whether this architecture runs labels as one tree; otherwise one after another.
        template: what the prompt was made from (Jinja).
        examples: how many examples the prefix shows.
        between_ids: special tokens that the tokenizer puts between the texts of a pair; none where texts are single.
        middle_ids: tokens of the prompt between the texts of a pair.
        pair_first: in the prompt the second text of a pair stands before the first one.
        pad_token_id: the language model's padding token.

    Raises:
        ModelError: there is no backbone in it.
    """

    model_type: ClassVar[str] = "alih-prompted"
    sub_configs: ClassVar[dict[str, Any]] = {"backbone_config": AutoConfig}

    backbone_config: dict[str, Any] | PreTrainedConfig | None = None
    prefix_ids: list[int] | None = None
    suffix_ids: list[int] | None = None
    label_ids: list[list[int]] | None = None
    bias: list[float] | None = None
    leading: int = 0
    trailing: int = 0
    room: int = 0
    as_tree: bool = True
    template: str = ""
    examples: int = 0
    between_ids: list[int] | None = None
    middle_ids: list[int] | None = None
    pair_first: bool = False
    pad_token_id: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        """Turn the backbone's dictionary into its configuration."""
        if isinstance(self.backbone_config, dict):
            entries = dict(self.backbone_config)
            model_type = entries.pop("model_type", None)
            if not isinstance(model_type, str):
                raise ModelError("alih-prompted: backbone_config in config.json has no model_type; the file is damaged")
            self.backbone_config = AutoConfig.for_model(model_type, **entries)
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]

    @property
    def longest(self) -> int:
        """Most tokens of a text or pair as the tokenizer gives it, special ones included."""
        return self.leading + self.room + self.trailing + len(self.between_ids or [])

    @property
    def backbone(self) -> PreTrainedConfig:
        """The language model's configuration.

        Raises:
            ModelError: there is none.
        """
        if not isinstance(self.backbone_config, PreTrainedConfig):
            raise ModelError("alih-prompted: config.json has no backbone_config; the file is damaged")
        return self.backbone_config


@dataclass(frozen=True)
class LabelTree:
    """The beginnings of all labels, as one sequence.

    Args:
        tokens: (n,) the tree's tokens, each after its parent.
        parents: (n,) place of the token before it; −1 for a first token.
        depths: (n,) 1 for a first token.
        reads: of each class, what its likelihood is made of: (place after which, token); place 0 is the prompt's last
            token, place k + 1 the tree's token k.
    """

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    reads: list[list[tuple[int, int]]] = field(default_factory=list)

    @classmethod
    def of(cls, label_ids: Sequence[Sequence[int]]) -> LabelTree:
        """Make it; a label's last token is read off, and never run."""
        tree = cls()
        known: dict[tuple[int, ...], int] = {}
        for label in label_ids:
            place = -1
            reads = [(0, label[0])]
            for depth in range(1, len(label)):
                beginning = tuple(label[:depth])
                if beginning not in known:
                    known[beginning] = len(tree.tokens)
                    tree.tokens.append(label[depth - 1])
                    tree.parents.append(place)
                    tree.depths.append(depth)
                place = known[beginning]
                reads.append((place + 1, label[depth]))
            tree.reads.append(reads)
        return tree

    def sees(self) -> Tensor:
        """(n, n) bool: what each token sees of the tree: itself, and the tokens that it continues."""
        found = torch.eye(len(self.tokens), dtype=torch.bool)
        for place, parent in enumerate(self.parents):
            if parent >= 0:
                found[place] |= found[parent]
        return found


def cut_longest(first: list[int], second: list[int], room: int) -> tuple[list[int], list[int]]:
    """Cut two texts to so many tokens together: the longer one first, as tokenizers do (`longest_first`)."""
    if len(first) + len(second) <= room:
        return first, second
    short = min(len(first), len(second), room // 2)
    long = room - short
    return (first[:short], second[:long]) if len(first) <= len(second) else (first[:long], second[:short])


class AlihPromptedForSequenceClassification(PreTrainedModel):
    """A causal language model that classifies by the likelihood of labels.

    Args:
        config: its configuration.
        backbone: the language model; built from the configuration if not given.
    """

    config_class = AlihPromptedConfig
    config: AlihPromptedConfig
    base_model_prefix = "backbone"
    _supports_sdpa = True
    _supports_attention_backend = True

    def __init__(self, config: AlihPromptedConfig, backbone: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.backbone = AutoModelForCausalLM.from_config(config.backbone) if backbone is None else backbone
        if not config.label_ids or any(not label for label in config.label_ids):
            raise ModelError("alih-prompted: config.json has a class without label_ids; the file is damaged")
        self._tree = LabelTree.of(config.label_ids)
        self._kept: tuple[Any, list[tuple[Tensor, Tensor]]] | None = None
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def around(cls, backbone: PreTrainedModel, classes: Sequence[str], **told: Any) -> Self:
        """Put a prompt around a language model; see `AlihPromptedConfig` for what is told of it."""
        attention = backbone.config._attn_implementation  # a configuration put inside another one forgets it
        config = AlihPromptedConfig(backbone_config=backbone.config, pad_token_id=backbone.config.pad_token_id, **told)
        loose: Any = config
        loose.id2label = dict(enumerate(classes))
        loose.label2id = {label: number for number, label in enumerate(classes)}
        loose.problem_type = "single_label_classification"
        config._attn_implementation = attention
        made = cls(config, backbone)
        made.train(False)
        return made

    def get_input_embeddings(self) -> nn.Module:
        """The language model's token embeddings."""
        embeddings: nn.Module = self.backbone.get_input_embeddings()
        return embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the language model's token embeddings."""
        self.backbone.set_input_embeddings(value)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **_others: Any,
    ) -> SequenceClassifierOutput | tuple[Any, ...]:
        """Tokens of texts to the log-likelihood of each class, calibrated.

        Args:
            input_ids: (b, s) tokens of the texts or pairs alone, as the tokenizer gives them, filled up on the right.
            attention_mask: (b, s), 1 at tokens and 0 at padding; None means that there is no padding.
            labels: (b,) class numbers, for a loss.
            return_dict: False gives a tuple.

        Raises:
            ModelError: it reads pairs, and was given a single text.
        """
        texts = self._texts(input_ids, attention_mask)
        score = self._by_tree if self.config.as_tree else self._one_by_one
        logits = score(texts)
        if self.config.bias:
            logits = logits + torch.tensor(self.config.bias, dtype=torch.float64).to(logits)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        output = SequenceClassifierOutput(loss=loss, logits=logits)
        as_dict = self.config.return_dict if return_dict is None else return_dict
        return output if as_dict else output.to_tuple()

    def tokens(self, length: int) -> int:
        """Tokens that a text of so many (special ones included) makes the language model read, prompt and all."""
        config = self.config
        text = min(max(length - (config.longest - config.room), 0), config.room) + len(config.middle_ids or [])
        label_ids = config.label_ids or []
        labels = len(self._tree.tokens) if config.as_tree else sum(map(len, label_ids))
        copies = 1 if config.as_tree else len(label_ids)
        return copies * (len(config.prefix_ids or []) + text + len(config.suffix_ids or [])) + labels

    def _texts(self, input_ids: Tensor, attention_mask: Tensor | None) -> list[list[int]]:
        """Tokens of each text without special tokens, cut to the room there is; of a pair both, and what is between."""
        rows = input_ids.tolist()
        lengths = [input_ids.shape[1]] * len(rows) if attention_mask is None else attention_mask.sum(dim=1).tolist()
        first, after = self.config.leading, self.config.trailing
        cut = [row[first : max(first, length - after)] for row, length in zip(rows, lengths, strict=True)]
        if self.config.between_ids:
            return [self._of_pair(row, self.config.between_ids) for row in cut]
        return [text[: self.config.room] for text in cut]

    def _of_pair(self, row: list[int], between: list[int]) -> list[int]:
        """Both texts of a pair, in the prompt's order, with what the prompt has between them."""
        n = len(between)
        at = next((place for place in range(len(row) - n + 1) if row[place : place + n] == between), None)
        if at is None:
            raise ModelError("this model classifies pairs of texts: give its tokenizer both, tokenizer(first, second).")
        first, second = cut_longest(row[:at], row[at + n :], self.config.room)
        if self.config.pair_first:
            first, second = second, first
        return first + (self.config.middle_ids or []) + second

    def _by_tree(self, texts: list[list[int]]) -> Tensor:
        """(b, c): prompts filled up on the left, and the tree behind each; one pass."""
        most = max(1, _MOST_LOGITS // ((len(self._tree.tokens) + 1) * int(self.config.backbone.vocab_size)))
        return torch.cat([self._pass(texts[start : start + most]) for start in range(0, len(texts), most)])

    def _pass(self, texts: list[list[int]]) -> Tensor:
        tree, on = self._tree, self.device
        prefix, suffix = self.config.prefix_ids or [], self.config.suffix_ids or []
        cached, n = len(prefix) - 1, len(tree.tokens)
        # The prefix's last token runs with the text: an empty text and suffix leave something to read off.
        own = [prefix[cached:] + text + suffix if prefix else text + suffix for text in texts]
        cached = max(cached, 0)
        longest = max(len(row) for row in own)
        pads = torch.tensor([longest - len(row) for row in own], device=on)
        fill = int(self.config.pad_token_id or 0)
        ids = torch.tensor([[fill] * (longest - len(row)) + row + tree.tokens for row in own], device=on)
        place = torch.arange(longest + n, device=on)
        lengths = longest - pads
        depths = torch.tensor(tree.depths, dtype=torch.long, device=on)
        along = (place[:longest] - pads[:, None]).clamp_min(0)
        positions = cached + torch.cat([along, lengths[:, None] - 1 + depths], dim=1)

        sees = torch.zeros(longest + n, longest + n, dtype=torch.bool, device=on)
        sees[:, :longest] = place[:, None] >= place[:longest]
        sees[longest:, longest:] = tree.sees().to(on)
        real = place >= pads[:, None]  # (b, s + n)
        # Padding sees itself: a row of a softmax with nothing in it has no value.
        seen = (sees & real[:, None, :]) | torch.eye(longest + n, dtype=torch.bool, device=on)
        seen = torch.cat([torch.ones(len(own), longest + n, cached, dtype=torch.bool, device=on), seen], dim=2)
        dtype = self._embeddings().dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=on).masked_fill(~seen, torch.finfo(dtype).min)[:, None]

        arguments = self._arguments(n + 1)
        if cached:
            arguments |= {"past_key_values": self._prefix(len(own)), "use_cache": True}
        found = self.backbone(input_ids=ids, attention_mask=mask, position_ids=positions, **arguments).logits
        found = found[:, -(n + 1) :].float()  # (b, n + 1, v)
        return self._read(found)

    def _read(self, found: Tensor) -> Tensor:
        """Logits after the prompt and after each token of the tree, (b, n + 1, v), to log-likelihoods (b, c)."""
        total = torch.logsumexp(found, dim=-1)
        every = [(number, place, token) for number, reads in enumerate(self._tree.reads) for place, token in reads]
        numbers, places, tokens = torch.tensor(every, device=found.device).T
        each = found[:, places, tokens] - total[:, places]
        return torch.zeros(len(found), len(self._tree.reads), device=found.device).index_add(1, numbers, each)

    def _arguments(self, last: int) -> dict[str, Any]:
        """What keeps a pass from making logits that nobody reads, where the architecture takes it."""
        takes = inspect.signature(type(self.backbone).forward).parameters
        return {"use_cache": False} | ({"logits_to_keep": last} if "logits_to_keep" in takes else {})

    def _embeddings(self) -> Tensor:
        weight = self.get_input_embeddings().weight
        assert isinstance(weight, Tensor)
        return weight

    def _prefix(self, rows: int) -> DynamicCache:
        """Keys and values of the prefix but its last token, for so many rows; computed once."""
        embeddings = self._embeddings()
        # Under autocast the values have another type, so they are not shared with a pass without it.
        sign = (embeddings.data_ptr(), embeddings.device, torch.is_autocast_enabled(embeddings.device.type))
        if self._kept is None or self._kept[0] != sign:
            ids = torch.tensor([(self.config.prefix_ids or [])[:-1]], device=self.device)
            cache = DynamicCache(config=self.config.backbone)
            with torch.no_grad():
                self.backbone(input_ids=ids, past_key_values=cache, **(self._arguments(1) | {"use_cache": True}))
            layers: Any = cache.layers
            self._kept = sign, [(layer.keys, layer.values) for layer in layers]
        found = DynamicCache(config=self.config.backbone)
        for number, (keys, values) in enumerate(self._kept[1]):
            found.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), number)
        return found

    def _one_by_one(self, texts: list[list[int]], some: Sequence[int] | None = None) -> Tensor:
        """(b, c): every label (or some) behind every prompt, one pass each; for architectures that run no tree."""
        prefix, suffix = self.config.prefix_ids or [], self.config.suffix_ids or []
        fill, on = int(self.config.pad_token_id or 0), self.device
        columns = []
        labels = self.config.label_ids or []
        for label in labels if some is None else [labels[number] for number in some]:
            starts = [len(prefix) + len(text) + len(suffix) for text in texts]
            longest = max(starts) + len(label)
            rows = [prefix + text + suffix + list(label) for text in texts]
            ids = torch.tensor([row + [fill] * (longest - len(row)) for row in rows], device=on)
            real = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=on)
            found = self.backbone(input_ids=ids, attention_mask=real).logits.float()
            start = torch.tensor(starts, device=on)[:, None]
            places = start - 1 + torch.arange(len(label), device=on)  # (b, tokens of the label)
            after = found.gather(1, places[:, :, None].expand(-1, -1, found.shape[-1])).log_softmax(dim=-1)
            wanted = torch.tensor(list(label), device=on).expand(len(texts), -1)
            columns.append(after.gather(2, wanted[:, :, None]).sum(dim=(1, 2)))
        return torch.stack(columns, dim=1)

    @torch.no_grad()
    def choose_pass(self, input_ids: Tensor, attention_mask: Tensor, tolerance: float = 1e-3) -> None:
        """Find out whether this architecture runs the tree as it runs one label after another; otherwise do without.

        Args:
            input_ids: (b, s) texts to try it on, of different lengths.
            attention_mask: (b, s).
            tolerance: largest difference of a log-likelihood, nats.
        """
        texts = self._texts(input_ids, attention_mask)
        labels = self.config.label_ids or []
        some = sorted(range(len(labels)), key=lambda number: -len(labels[number]))[:_TRIED]
        wanted = self._one_by_one(texts, some)
        try:
            found = self._by_tree(texts)[:, some]
            self.config.as_tree = bool((found - wanted).abs().max() <= tolerance * max(1.0, float(wanted.abs().max())))
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError):
            self.config.as_tree = False
