"""The one way to open a pre-trained model: found by name, checked, and loaded as what a task needs.

`find` reads no weights; `Checkpoint.load` does. `load` is both at once.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from alih.errors import AlihError, ModelError
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.as_trained import load_as_trained, random_as_trained
from alih.pretrained.build import build, can_pool, modality_of, read_config
from alih.pretrained.builtin import BUILT_IN, verify
from alih.pretrained.families import anatomy_as_trained, anatomy_of
from alih.pretrained.folder import ModelFolder, examine
from alih.pretrained.hub import fetch
from alih.pretrained.kinds import Form, Kind, check_form, kind_of, names_causal
from alih.pretrained.legacy import load_legacy
from alih.pretrained.pairs import set_apart
from alih.pretrained.pooled import ENCODERS_OF_PAIRS
from alih.pretrained.processor import load_image_processor, load_tokenizer, longest_text
from alih.pretrained.prompted import AlihPromptedConfig, AlihPromptedForSequenceClassification
from alih.pretrained.quiet import quiet
from alih.pretrained.registration import register_all
from alih.pretrained.resolve import Source, commit_of, resolve
from alih.pretrained.runs import is_run, read_json, run_folder
from alih.pretrained.task_config import task_of
from alih.quantize.model import quantized_layers
from alih.quantize.storage import save_quantized
from alih.task import Modality, Task

__all__ = ["BUILT_IN", "Checkpoint", "Pooling", "Pretrained", "Source", "default_model", "find", "load", "task_named"]

#: How a text's tokens become one vector: as the architecture's own head does, by their mean, or whichever suits.
Pooling = Literal["auto", "native", "mean"]
#: What a run or a model is for, by the names of `--task`.
TaskName = Literal["classification", "generation", "translation", "retrieval", "tagging"]
#: Tokens that a language model without any stated limit is given.
_NO_LIMIT = 2048


@dataclass
class Pretrained:
    """A pre-trained model, ready to be adapted or used.

    Args:
        name: as the user typed it.
        source: where it came from.
        model: in eval mode, fp32, on the CPU.
        processor: its tokenizer or its image processor.
        anatomy: where its parts are.
        task: what its head predicts; None where it was loaded for no task and its head was never trained.
        max_length: most tokens a text may have; None for images, and where nothing limits it.
        head_is_new: the head has yet to be trained; False where it came with the weights.
        licence: as the model card states it.
        bytes_on_disk: size of the weight files.
        writes: the weights are a causal language model's, so that it can be prompted; see `language_model`.
        path: the folder of config.json, or a legacy file; None for what is not on disk.
    """

    name: str
    source: Source
    model: PreTrainedModel
    processor: Any
    anatomy: Anatomy
    task: Task | None
    max_length: int | None
    head_is_new: bool = True
    licence: str | None = None
    bytes_on_disk: int = 0
    writes: bool = False
    path: Path | None = None

    @property
    def is_prompted(self) -> bool:
        """A language model inside a prompt: nothing of it trains any more."""
        return isinstance(self.model, AlihPromptedForSequenceClassification)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The processor of a text model."""
        tokenizer: PreTrainedTokenizerBase = self.processor
        return tokenizer

    @property
    def folder(self) -> Path:
        """`path`; of what is not on disk, a path that names it."""
        return self.path or Path(self.name)

    @property
    def context(self) -> int:
        """Most tokens that a language model takes: `max_length`, or 2,048 where nothing limits it."""
        return self.max_length or _NO_LIMIT

    @property
    def block_names(self) -> list[str]:
        """Names of the blocks, bottom to top; of an encoder–decoder, the decoder's.

        Raises:
            ModelError: it has none.
        """
        if not self.anatomy.blocks:
            raise ModelError(f"{self.name}: it has no list of blocks, so --blocks and adapters mean nothing here.")
        return [block.name for block in self.anatomy.blocks]

    def save(self, folder: Path | str) -> None:
        """Write model and processor as a plain Hugging Face folder (safetensors), which the Auto classes open.

        One with quantised layers is opened after `import alih`; see `alih.quantize.storage`.

        Raises:
            ModelError: the folder cannot be written.
        """
        try:
            with quiet():
                if quantized_layers(self.model):
                    save_quantized(self.model, Path(folder))
                else:
                    self.model.save_pretrained(folder)
                self.processor.save_pretrained(folder)
        except Exception as error:
            # What the system refuses, safetensors says in an error of its own, and tokenizers in a bare Exception.
            if isinstance(error, OSError | SafetensorError) or type(error) is Exception:
                raise ModelError(
                    f"{folder}: the model cannot be written ({error}). Make room, or choose a folder that may be "
                    "written to."
                ) from error
            raise


@dataclass(frozen=True)
class Checkpoint:
    """A pre-trained model of which no weights were read.

    Args:
        source: where it comes from.
        root: what was named: the folder, or the file.
        files: what its folder holds; None for a legacy file.
        allow_pickle: also read pickled weights, as tensors only.
    """

    source: Source
    root: Path
    files: ModelFolder | None
    allow_pickle: bool = False
    _config: PreTrainedConfig | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """As the user typed it; of a run, the folder of its model."""
        return self.source.name

    @property
    def folder(self) -> ModelFolder:
        """What its folder holds.

        Raises:
            ModelError: it is a legacy file.
        """
        if self.files is None:
            raise self._not_a_folder()
        return self.files

    @property
    def config(self) -> PreTrainedConfig:
        """Its configuration.

        Raises:
            ModelError: it is a legacy file, or the configuration describes no model.
        """
        if self._config is None:
            raise self._not_a_folder()
        return self._config

    @property
    def path(self) -> Path:
        """The folder of config.json, or the legacy file."""
        return self.root if self.files is None else self.files.path

    @property
    def kind(self) -> Kind:
        """What it is."""
        return "image" if self.files is None else kind_of(self.config, self.files)

    @property
    def licence(self) -> str | None:
        """As its model card states it."""
        return None if self.files is None else self.files.licence

    @property
    def bytes_on_disk(self) -> int:
        """Size of the weight files."""
        return self.root.stat().st_size if self.files is None else self.files.nbytes

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Its tokenizer; it fills up rows on the right.

        Raises:
            ModelError: it has none that can be used.
        """
        with quiet():
            return load_tokenizer(self.folder, self.config, self.name)

    @cached_property
    def image_processor(self) -> Any:
        """Its image processor, the one that works through PIL.

        Raises:
            ModelError: it has none that can be used.
        """
        with quiet():
            return load_image_processor(self.folder, self.name)

    @property
    def max_length(self) -> int | None:
        """Most tokens a text may have; None for images, and where nothing limits it."""
        return None if self.kind == "image" else longest_text(self.tokenizer, self.config, self.folder)

    @property
    def context(self) -> int:
        """Most tokens that a language model takes; 2,048 where nothing limits it."""
        return self.max_length or _NO_LIMIT

    def check(self, form: Form) -> None:
        """Check that it can be opened as what a task needs.

        Raises:
            ModelError: it cannot.
        """
        if form != "classifier":
            check_form(self.config, form, self.name)

    def load(
        self,
        form: Form = "classifier",
        task: Task | None = None,
        *,
        random_weights: bool = False,
        seed: int = 0,
        pooling: Pooling = "auto",
    ) -> Pretrained:
        """Read the weights, or draw random ones for the same architecture.

        Args:
            form: what the task needs; see `alih.pretrained.kinds.Form`.
            task: what a classifier or tagger predicts; None takes it as it is.
            random_weights: the same architecture from scratch, to measure what pre-training was worth.
            seed: decides the new weights; a new head's depend on nothing else.
            pooling: of a classifier; see `alih.pretrained.open.load`.

        Raises:
            ModelError: it cannot be opened as that, weights cannot be read, or some are missing.
        """
        self.check(form)
        if form == "classifier" or form == "tagger":
            with quiet():
                return self._classifier(task, form, random_weights=random_weights, seed=seed, pooling=pooling)
        tokenizer, config, new = self.tokenizer, copy.deepcopy(self.config), False
        with quiet():
            if random_weights:
                model = random_as_trained(config, form, seed)
            else:
                model, new = load_as_trained(self.folder, config, form, self.name)
        return Pretrained(
            name=self.name,
            source=self.source,
            model=model,
            processor=tokenizer,
            anatomy=anatomy_as_trained(model),
            task=task_of(model.config, Modality.TEXT) if form == "cross-encoder" and not new else None,
            max_length=self.max_length,
            head_is_new=new or random_weights,
            licence=self.licence,
            bytes_on_disk=self.bytes_on_disk,
            writes=form == "causal" and not random_weights,
            path=self.path,
        )

    def _not_a_folder(self) -> ModelError:
        return ModelError(f"{self.name}: is a file. Give a built-in name, a run or model folder, or a Hub id.")

    def _classifier(
        self, task: Task | None, form: Form, *, random_weights: bool, seed: int, pooling: Pooling
    ) -> Pretrained:
        name = self.name
        if self.files is None:
            return self._legacy(task, random_weights=random_weights, seed=seed)
        folder, config = self.files, copy.deepcopy(self.config)
        if task is not None and isinstance(config, AlihPromptedConfig):
            raise ModelError(
                f"{name}: is a language model inside a prompt, of which nothing trains. Adapt the language model that "
                "it was made from."
            )
        modality = modality_of(config, name)
        _check_modality(name, modality, task)
        written, tags = names_causal(config), form == "tagger"
        pooled = not tags and _pools(config, folder, modality, pooling, name)
        processor: Any
        if modality is Modality.TEXT:
            processor = load_tokenizer(folder, config, name)
            if written and task is not None and task.pair:
                set_apart(processor)
            max_length = longest_text(processor, config, folder)
        else:
            processor, max_length = self.image_processor, None
        built = build(
            folder, config, task, name=name, pooled=pooled, random_weights=random_weights, seed=seed, tags=tags
        )
        if max_length is not None:
            processor.model_max_length = max_length  # so that a saved folder remembers it
        return Pretrained(
            name=name,
            source=self.source,
            model=built.model,
            processor=processor,
            anatomy=built.anatomy,
            task=task if task is not None or built.head_is_new else task_of(built.model.config, modality),
            max_length=max_length,
            head_is_new=built.head_is_new,
            licence=folder.licence,
            bytes_on_disk=folder.nbytes,
            writes=written and not random_weights,
            path=folder.path,
        )

    def _legacy(self, task: Task | None, *, random_weights: bool, seed: int) -> Pretrained:
        model, processor, new = load_legacy(
            self.root, self.name, task, seed=seed, random_weights=random_weights, allow_pickle=self.allow_pickle
        )
        if task is None and not new:
            task = task_of(model.config, Modality.IMAGE)
        return Pretrained(
            self.name, self.source, model, processor, anatomy_of(model), task, None, new, None, self.bytes_on_disk,
            path=self.root,
        )  # fmt: skip


def default_model(task: Task) -> str:
    """The built-in model to start from, where the user names none."""
    return "alih/minilm" if task.modality is Modality.TEXT else "alih/resnet-small"


def find(
    name: str | Path,
    revision: str | None = None,
    *,
    allow_pickle: bool = False,
    weights_needed: bool = True,
    to_adapt: bool = False,
) -> Checkpoint:
    """Find a model and say what it is; no weights are read, except that a built-in model's checksum is verified.

    Args:
        name: a built-in name, a run ("runs/last"), a model folder, a Hub id, or a single file of older code.
        revision: branch, tag or commit on the Hub.
        allow_pickle: also read pickled weights, as tensors only.
        weights_needed: False where only configuration and processor will be used.
        to_adapt: it will be trained, so its weights must not be quantised.

    Raises:
        ModelError: nothing usable is there; the message says what to do.
        RunError: a run folder without a model.
    """
    register_all()
    source = resolve(name, revision)
    if source.kind == "file" and source.path is not None:
        return Checkpoint(source, source.path, None, allow_pickle)
    with quiet():
        path = source.path or fetch(source, allow_pickle=allow_pickle)
        source = replace(source, commit=commit_of(path))
        files = examine(path, source.name, allow_pickle=allow_pickle, weights_needed=weights_needed, to_adapt=to_adapt)
        if source.kind == "built-in" and weights_needed:
            verify(source.name, path)
        return Checkpoint(source, path, files, allow_pickle, read_config(files, source.name))


def load(
    name: str | Path,
    task: Task | None = None,
    *,
    form: Form = "classifier",
    random_weights: bool = False,
    seed: int = 0,
    allow_pickle: bool = False,
    revision: str | None = None,
    pooling: Pooling = "auto",
) -> Pretrained:
    """Load a pre-trained model: as a classifier or tagger with a head for the task, or in another form.

    A head that the model already has is kept where its classes are the task's; `Pretrained.head_is_new` says so.

    Args:
        name: a built-in name, a run, a folder, or a Hub id.
        task: what to predict; None takes the model as it is.
        form: what it is opened as; see `alih.pretrained.kinds.Form`.
        random_weights: the same architecture from scratch, to measure what pre-training was worth.
        seed: decides the new weights; the new head's depend on nothing else.
        allow_pickle: also read pickled weights, as tensors only.
        revision: branch, tag or commit on the Hub.
        pooling: "mean" puts a mean-pooled head on a text encoder, "native" takes the architecture's own; "auto" takes
            the mean for sentence-transformers models that were made with it and for T5's encoder.

    Raises:
        ModelError: nothing usable is there; the message says what to do.
        RunError: a run folder without a model.
    """
    checkpoint = find(
        name, revision, allow_pickle=allow_pickle, weights_needed=not random_weights, to_adapt=task is not None
    )
    return checkpoint.load(form, task, random_weights=random_weights, seed=seed, pooling=pooling)


def language_model(pretrained: Pretrained, *, allow_pickle: bool = False) -> Pretrained:
    """The causal language model that a classifier was made from, with a tokenizer of its own; see `Pretrained.writes`.

    Args:
        pretrained: loaded for a task; its model is not touched.
        allow_pickle: also read pickled weights, as tensors only.

    Raises:
        ModelError: its weights cannot be opened, or some are missing.
    """
    written = load(pretrained.name, form="causal", allow_pickle=allow_pickle, revision=pretrained.source.revision)
    processor = copy.deepcopy(pretrained.processor)
    written.model.config.pad_token_id = processor.pad_token_id
    return replace(pretrained, model=written.model, anatomy=written.anatomy, processor=processor)


def task_named(name: str | Path) -> TaskName:
    """What a run (finished or not), a local model or a built-in one is for; reads no weights and asks no network.

    "classification" also where nothing can be told: the command that opens it says what is wrong.
    """
    try:
        if str(name) not in BUILT_IN and is_run(name):
            stated = read_json(run_folder(name) / "spec.json").get("task") or {}
            told = stated.get("name") or stated.get("modality")  # runs of earlier versions have the second alone
            tasks: dict[Any, TaskName] = {
                "generation": "generation",
                "translation": "translation",
                "retrieval": "retrieval",
                "embedding": "retrieval",
                "tagging": "tagging",
            }
            return tasks.get(told, "classification")
        if str(name) not in BUILT_IN and not Path(name).expanduser().exists():
            return "classification"
        kind = find(name, weights_needed=False).kind
    except (AlihError, OSError, AttributeError):
        return "classification"
    kinds: dict[Kind, TaskName] = {"causal": "generation", "seq2seq": "translation", "embedding": "retrieval"}
    return kinds.get(kind, "classification")


def _check_modality(name: str, modality: Modality, task: Task | None) -> None:
    if task is not None and task.modality is not modality:
        raise ModelError(
            f"{name} reads {modality.value}s, but the data are {task.modality.value}s. Leave --model out to start from "
            f"{default_model(task)}, or name another model for {task.modality.value}s."
        )


def _pools(config: PreTrainedConfig, folder: ModelFolder, modality: Modality, pooling: Pooling, name: str) -> bool:
    """Decide on the mean-pooled head."""
    only_pooled = config.model_type in ENCODERS_OF_PAIRS
    if pooling == "native" and only_pooled:
        raise ModelError(f"{name}: T5's encoder has no classification head of its own; leave out --pooling native.")
    if pooling == "mean" and (
        modality is Modality.IMAGE or not (can_pool(config) or config.model_type == "alih-pooled")
    ):
        raise ModelError(f"{name}: --pooling mean is for text encoders; leave it out for this model.")
    if pooling == "auto":
        return only_pooled or (folder.mean_pooled and can_pool(config))
    return pooling == "mean" and can_pool(config)
