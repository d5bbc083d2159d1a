"""Zero-shot and few-shot for causal language models: the class whose label is the likeliest continuation, calibrated.

A language model prefers some labels whatever the text says. Calibration takes that away, with a bias per class:

- contextual (Zhao et al. 2021, arXiv 2102.09690, section 5): −log of what it says of texts without content;
- batch (Zhou et al. 2023, arXiv 2309.17249, section 3.2): −log of what it says on average of texts of the task, whose
  labels nobody has to know.

Zero-shot looks at no label: among templates it takes the one whose answers tell most about the text, by their mutual
information H(mean p) − mean H(p) (Sorensen et al. 2022, arXiv 2203.11364, section 3.2), and calibrates by batch.
Few-shot searches template, examples and calibration on training rows that are no examples.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alih.data.batch import encode
from alih.data.examples import Examples, Input
from alih.errors import DataError, OptionError
from alih.generate.prompt import CHAT_PAIR_TEMPLATE, CHAT_TEMPLATE, LABEL, PAIR, TEXT, PromptForm, uses
from alih.pretrained.families import anatomy_of
from alih.pretrained.open import Pretrained, language_model
from alih.pretrained.prompted import AlihPromptedForSequenceClassification
from alih.progress import Progress
from alih.task import Kind, Task
from alih.tasks.bench import Adaptation, Bench, Phase, Stage
from alih.tasks.classification.class_vectors import choose_shots, training_features
from alih.tasks.classification.label_prompt import LabelPrompt, PromptMaker, Shown
from alih.training.boundary import FullModel
from alih.training.feed import InputFeed
from alih.training.loop import FitSettings, logits, untrained

#: Texts without content (Zhao et al. 2021, section 5).
_CONTENT_FREE = ("N/A", "[MASK]", "-")
#: Training rows that calibrate and choose, at most.
_CHOOSING = 96
#: Sets of examples that are tried beside the one that the form asks for.
_OTHER_SETS = 2
#: Share of the training texts that fit beside the examples, at least.
_FITTING = 0.95


def adapt(
    bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
) -> Adaptation:
    """Put the best prompt around the model: with examples where the form asks for some, else without any."""
    return (_few_shot if form.shots else _zero_shot)(bench, form, settings, rows, deadline)


def unsuited(pretrained: Pretrained, form: PromptForm) -> str | None:
    """Why a language model cannot be prompted for its task, in words; None where it can.

    Raises:
        OptionError: the template is none for a language model.
    """
    task = pretrained.task
    if task is not None and task.kind is not Kind.SINGLE:
        return "it chooses one of several classes; this task is another one"
    _check_template(pretrained, form)
    maker = _maker(pretrained, task)
    if maker.pair and not maker.layout.between:
        return "its tokenizer writes the texts of a pair one behind the other, so nobody can tell them apart"
    try:
        made = [maker.make(template) for template in _templates(maker, form)]
    except DataError as error:
        return str(error)
    if not any(made):
        return f"the names of {len(maker.classes):,} classes leave no room for a text in its {maker.context:,} tokens"
    return None


def _zero_shot(
    bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
) -> Adaptation:
    """Put the prompt without examples around the model; labels of `rows` are not read."""
    search = _Search.begin(bench, form, settings, rows, deadline)
    sample = search.sample(np.asarray(search.order[:_CHOOSING], dtype=np.int64))
    best: tuple[float, _Candidate] | None = None
    for template in _templates(search.maker, search.form):
        candidate = search.candidate(template, [], sample)
        if candidate is None:
            continue
        told = mutual_information(candidate.scores)
        if best is None or told > best[0]:
            best = told, candidate
        if search.is_over():
            break
    assert best is not None, "`unsuited` found a template that fits"
    return search.end(best[1], batch_bias(best[1].scores), "batch")


def _few_shot(
    bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
) -> Adaptation:
    """Choose template, examples and calibration on training rows, and put the prompt around the model."""
    search = _Search.begin(bench, form, settings, rows, deadline)
    labels = np.asarray(bench.parts["train"].labels, dtype=np.int64)[rows]
    features = training_features(bench, bench.stage(bench.fresh(settings.seed), 0), rows)
    sets = [choose_shots(features, labels, form.shots, form.shots_by, settings.seed)]
    sets += [choose_shots(features, labels, form.shots, "random", settings.seed + n) for n in range(1, _OTHER_SETS + 1)]
    shown = set(np.concatenate(sets).tolist())
    others = [row for row in search.order if row not in shown] or search.order
    judges = np.asarray(others[:_CHOOSING], dtype=np.int64)
    sample = search.sample(judges)
    best: tuple[tuple[float, float], _Candidate, NDArray[np.float64], str] | None = None

    def consider(template: str, chosen: NDArray[np.int64]) -> None:
        nonlocal best
        candidate = search.candidate(template, search.examples(template, chosen, labels), sample)
        if candidate is None:
            return
        for name, bias in search.biases(candidate).items():
            merit = _merit(candidate.scores + bias, labels[judges])
            if best is None or merit > best[0]:
                best = merit, candidate, bias, name

    for template in _templates(search.maker, form):
        if best is None or not search.is_over():
            consider(template, sets[0])
    assert best is not None, "`unsuited` found a template that fits"
    for chosen in sets[1:]:
        if not search.is_over():
            consider(best[1].prompt.template, chosen)
    return search.end(best[1], best[2], best[3])


def batch_bias(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """−log of the mean probability of each class: (n, c) log-likelihoods to (c,)."""
    each = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    found: NDArray[np.float64] = np.log(len(scores)) - np.logaddexp.reduce(each, axis=0)
    return found


def mutual_information(scores: NDArray[np.float64]) -> float:
    """H(mean p) − mean H(p), nats, of the distributions over classes that log-likelihoods (n, c) make."""
    p = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    mean = p.mean(axis=0)
    return float(_entropy(mean) - _entropy(p).mean())


def prompt_of(pretrained: Pretrained) -> dict[str, object]:
    """What the configuration of a prompted model says of its prompt."""
    config = pretrained.model.config
    names = ("prefix_ids", "suffix_ids", "label_ids", "bias", "leading", "trailing", "room", "template", "examples")
    of_pairs = ("between_ids", "middle_ids", "pair_first")
    return {name: getattr(config, name) for name in (*names, *of_pairs, "as_tree")}


def wrap(bench: Bench, told: dict[str, object]) -> Pretrained:
    """The bench's language model inside a prompt; `told` as `prompt_of` gives it."""
    pretrained = language_model(bench.pretrained, allow_pickle=bench.choice.allow_pickle)
    model = AlihPromptedForSequenceClassification.around(pretrained.model, bench.dataset.problem.classes, **told)
    return _as_classifier(pretrained, model)


@dataclass(frozen=True)
class _Candidate:
    """A prompt, and the log-likelihoods (n, c) that it gives the rows that choose; uncalibrated."""

    prompt: LabelPrompt
    as_tree: bool
    scores: NDArray[np.float64]


@dataclass
class _Search:
    """What both routes share: the model, the rows in random order, and how long there is."""

    bench: Bench
    form: PromptForm
    settings: FitSettings
    rows: NDArray[np.int64]
    deadline: float | None
    start: float
    pretrained: Pretrained
    maker: PromptMaker
    order: list[int]

    @classmethod
    def begin(
        cls, bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
    ) -> _Search:
        start = time.monotonic()
        pretrained = language_model(bench.pretrained, allow_pickle=bench.choice.allow_pickle)
        order = np.random.default_rng(settings.seed).permutation(len(rows)).tolist()
        maker = _maker(pretrained, bench.dataset.problem)
        return cls(bench, form, settings, rows, deadline, start, pretrained, maker, order)

    def is_over(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def sample(self, places: NDArray[np.int64]) -> InputFeed:
        """Some of the rows, by their place among them."""
        encoded = self.bench.parts["train"].encoded
        return InputFeed(encoded, None, batch_size=self.bench.batch_size, rows=self.rows[places])

    def candidate(self, template: str, shown: Sequence[Shown], sample: InputFeed) -> _Candidate | None:
        """Score the rows that choose with one prompt; None where it leaves no room for a text."""
        prompt = self.maker.make(template, shown)
        if prompt is None:
            return None
        model = AlihPromptedForSequenceClassification.around(
            self.pretrained.model, self.bench.dataset.problem.classes, **prompt.told()
        )
        batch = sample.gather(np.arange(min(2, len(sample)), dtype=np.int64))
        model.choose_pass(batch["input_ids"], batch["attention_mask"])
        found = logits(FullModel(model), sample, self.bench.precision)
        return _Candidate(prompt, model.config.as_tree, found.astype(np.float64))

    def examples(self, template: str, chosen: NDArray[np.int64], labels: NDArray[np.int64]) -> list[Shown]:
        """As many of the chosen rows as leave room for nearly all texts: one of each class, then the next of each."""
        lengths = self.bench.parts["train"].encoded.lengths[self.rows]
        need = max(self.maker.least_room, int(np.quantile(lengths, _FITTING)))
        need = min(need, self.maker.context // 2)
        nth: dict[int, int] = {}
        turns = []
        for row in chosen.tolist():
            nth[int(labels[row])] = nth.get(int(labels[row]), -1) + 1
            turns.append((nth[int(labels[row])], row))
        random = np.random.default_rng(self.settings.seed)
        order = [row for _, row in sorted(turns, key=lambda turn: (turn[0], random.random()))]
        texts = self.bench.parts["train"].examples.inputs
        pool = [(_as_text(texts[int(self.rows[row])]), int(labels[row])) for row in order]
        low, high = 0, len(pool)
        while low < high:  # the most examples that fit
            count = (low + high + 1) // 2
            made = self.maker.make(template, pool[:count])
            low, high = (count, high) if made is not None and made.room >= need else (low, count - 1)
        kept = pool[:low]
        random.shuffle(kept)
        return kept

    def biases(self, candidate: _Candidate) -> dict[str, NDArray[np.float64]]:
        """Each calibration's."""
        none = np.zeros(len(self.bench.dataset.problem.classes))
        return {
            "none": none,
            "batch": batch_bias(candidate.scores),
            "contextual": batch_bias(self._content_free(candidate)),
        }

    def _content_free(self, candidate: _Candidate) -> NDArray[np.float64]:
        model = AlihPromptedForSequenceClassification.around(
            self.pretrained.model,
            self.bench.dataset.problem.classes,
            **candidate.prompt.told(),
            as_tree=candidate.as_tree,
        )
        empty: list[Input] = [(text, text) if self.maker.pair else text for text in _CONTENT_FREE]
        examples = Examples(empty, None, list(_CONTENT_FREE))
        encoded = encode(self.pretrained.processor, examples, None, progress=Progress(quiet=True))
        found = logits(FullModel(model), InputFeed(encoded, None), self.bench.precision)
        return found.astype(np.float64)

    def end(self, candidate: _Candidate, bias: NDArray[np.float64], calibration: str) -> Adaptation:
        """The adaptation with this prompt."""
        prompt = candidate.prompt
        is_chat = prompt.template in (CHAT_TEMPLATE, CHAT_PAIR_TEMPLATE)
        template = "the model's chat template" if is_chat else repr(prompt.template)
        shown = f"{prompt.examples} examples, " if self.form.shots else ""
        self.bench.progress.say(
            f"{'few-shot' if self.form.shots else 'zero-shot'}: {template}, {shown}calibration: {calibration}."
        )
        told = prompt.told() | {"as_tree": candidate.as_tree, "bias": bias.tolist()}
        model = AlihPromptedForSequenceClassification.around(
            self.pretrained.model, self.bench.dataset.problem.classes, **told
        )
        model.requires_grad_(False)
        pretrained = _as_classifier(self.pretrained, model)
        stage = Stage(self.bench, pretrained, FullModel(pretrained.model), None)
        begun = time.monotonic()
        held_out = stage.outputs("validation")
        seconds = time.monotonic() - begun  # the search before it is no pass over the data
        result = untrained(self.settings.epochs, seconds, held_out)
        return Adaptation(pretrained, (Phase(stage, result),), prompt_of(pretrained))


def _as_classifier(pretrained: Pretrained, model: AlihPromptedForSequenceClassification) -> Pretrained:
    longest = model.config.longest
    pretrained.processor.model_max_length = longest
    return replace(
        pretrained, model=model, anatomy=anatomy_of(model), max_length=longest, head_is_new=False, writes=False
    )


def _maker(pretrained: Pretrained, task: Task | None) -> PromptMaker:
    classes, pair = (task.classes, task.pair) if task else ((), False)
    return PromptMaker(pretrained.processor, classes, pretrained.max_length or 2048, pair)


def _check_template(pretrained: Pretrained, form: PromptForm) -> None:
    """Refuse a template that leaves out what the model is to read, or asks for a second text that there is none of."""
    if form.template is None:
        return
    pair = pretrained.task is not None and pretrained.task.pair
    needed = (TEXT, PAIR) if pair else (TEXT,)
    if not all(uses(form.template, name) for name in needed):
        places = " and ".join(f"{{{{ {name} }}}}" for name in needed)
        what = "both texts of a pair" if pair else "the text"
        raise OptionError(
            f"--template: {pretrained.name} is a language model, which reads {what} in the template: use {places} "
            f"before {{{{ {LABEL} }}}}."
        )
    if not pair and uses(form.template, PAIR):
        raise OptionError(
            f"--template: uses {{{{ {PAIR} }}}}, the second text of a pair, but these data are single texts. For pairs "
            "name two columns: --text premise,hypothesis."
        )


def _as_text(value: Input) -> str | tuple[str, str]:
    return (str(value[0]), str(value[1])) if isinstance(value, tuple) else str(value)


def _templates(maker: PromptMaker, form: PromptForm) -> list[str]:
    return [form.template] if form.template is not None else maker.templates


def _merit(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Accuracy, and among equals the mean log-likelihood of the right class."""
    each = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return float((scores.argmax(axis=1) == labels).mean()), float(each[np.arange(len(labels)), labels].mean())


def _entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = -(p * np.log(np.clip(p, 1e-300, None))).sum(axis=-1)
    return found
