"""What a model folder holds, found out (and refused, in words) before anything heavy is loaded from it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from alih.errors import ModelError
from alih.pretrained.timm_models import refuse_without_timm, with_model_type

_SAFE, _SAFE_INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLE, _PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
#: What QA-LoRA hands over: it predicts, but its codes do not train.
_OWN_QUANTISATION = "alih-groups"
_FOREIGN = ("*.gguf", "*.onnx", "tf_model.h5", "flax_model.msgpack", "*.ckpt", "*.pt", "*.pth")


@dataclass(frozen=True)
class ModelFolder:
    """A folder in Hugging Face form.

    Args:
        path: where config.json lies.
        config: what config.json says.
        weights: the weight files; empty where only the configuration is wanted.
        pickled: the weights are torch pickles.
        pools: it is a sentence-transformers model, which pools its tokens' vectors.
        mean_pooled: it is a sentence-transformers model that pools with the mean over the tokens.
        max_tokens: the longest text that sentence-transformers was told to read, where it says so.
        licence: as its model card states it.
    """

    path: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]
    pickled: bool
    pools: bool
    mean_pooled: bool
    max_tokens: int | None
    licence: str | None

    @property
    def model_type(self) -> str:
        """The architecture's name in transformers ("bert")."""
        return str(self.config["model_type"])

    @property
    def nbytes(self) -> int:
        """Bytes of the weights on disk."""
        return sum(path.stat().st_size for path in self.weights)


def examine(
    path: Path, name: str, *, allow_pickle: bool = False, weights_needed: bool = True, to_adapt: bool = True
) -> ModelFolder:
    """Read what a folder says about itself.

    Args:
        path: the folder.
        name: what the user typed, for messages.
        allow_pickle: accept pickled weights where there are no others.
        weights_needed: False where only the configuration will be used.
        to_adapt: the model will be trained, so its weights must not be quantised.

    Raises:
        ModelError: no or broken config.json, no usable weights, damaged weights, code that would have to be run.
    """
    outer, path = path, _transformer_folder(path)
    config = _config(path, name, to_adapt)
    weights, pickled = _weights(path, name, allow_pickle) if weights_needed else ((), False)
    if not pickled:
        for file in weights:
            _check_safetensors(file, name)
    sentence = _json_or_empty(path / "sentence_bert_config.json")
    longest = sentence.get("max_seq_length")
    return ModelFolder(
        path=path,
        config=config,
        weights=weights,
        pickled=pickled,
        pools=_pooling(outer) is not None,
        mean_pooled=_pools_by_mean(outer),
        max_tokens=longest if isinstance(longest, int) and longest > 0 else None,
        licence=_licence(outer),
    )


def _transformer_folder(path: Path) -> Path:
    """Old sentence-transformers folders keep the encoder in a sub-folder that modules.json names."""
    modules = _json_or_empty(path / "modules.json", kind=list)
    if modules and not (path / "config.json").is_file() and isinstance(modules[0], dict):
        inner = path / str(modules[0].get("path", ""))
        if (inner / "config.json").is_file():
            return inner
    return path


def _config(path: Path, name: str, to_adapt: bool) -> dict[str, Any]:
    file = path / "config.json"
    if not file.is_file():
        inner = sorted(found.parent.name for found in path.glob("*/config.json"))
        if (path / "adapter_config.json").is_file():
            hint = _adapter_hint(path)
        elif inner:
            hint = f'Did you mean its sub-folder "{inner[0]}"?'
        else:
            hint = "Give the folder that save_pretrained wrote: config.json, model.safetensors and the processor."
        raise ModelError(f"{name}: there is no config.json in {path}. {hint}")
    config = with_model_type(json_object(file, name))
    if not isinstance(config.get("model_type"), str):
        raise ModelError(
            f'{name}: {file} has no "model_type", so its architecture is unknown; models of other libraries '
            "(fairseq, spaCy, …) must be converted to Hugging Face form first."
        )
    _refuse_architecture(config, name, file, to_adapt)
    if config["model_type"] == "alih-pooled":
        backbone = config.get("backbone_config")
        if not isinstance(backbone, dict) or not isinstance(backbone.get("model_type"), str):
            raise ModelError(f'{name}: {file} has no "backbone_config" with a "model_type". Copy the model again.')
        _refuse_architecture(backbone, name, file, to_adapt)
    refuse_without_timm(config, name)
    return config


def _adapter_hint(path: Path) -> str:
    """What to do with a folder that holds an adapter: name its base model, and where Alih put the merged one."""
    base = _json_or_empty(path / "adapter_config.json").get("base_model_name_or_path")
    of = f" of {base}" if isinstance(base, str) and base else ""
    beside = path.parent / "model"
    if (beside / "config.json").is_file():
        return f"It holds an adapter{of} alone; the merged model is {beside}: give that folder."
    return (
        f"It holds an adapter{of} alone; merge it into its base model first (with peft: "
        "AutoPeftModel….from_pretrained(…).merge_and_unload().save_pretrained(…)), and give that folder."
    )


def json_object(file: Path, name: str) -> dict[str, Any]:
    """Read a JSON file that has to hold an object.

    Raises:
        ModelError: it cannot be read, or holds something else; the message names the file.
    """
    try:
        contents = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{name}: {file} is not readable JSON ({error}). Copy the file again.") from error
    if not isinstance(contents, dict):
        raise ModelError(f"{name}: {file} holds a {type(contents).__name__}, not an object. Copy the file again.")
    return contents


def _refuse_architecture(config: dict[str, Any], name: str, file: Path, to_adapt: bool) -> None:
    """Refuse what transformers does not know, and weights that cannot be trained."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    model_type = config["model_type"]
    if model_type not in CONFIG_MAPPING:
        if config.get("auto_map"):
            raise ModelError(
                f'{name}: its architecture "{model_type}" comes as code inside the model repository, and alih runs no '
                "code from model repositories. Take a model whose architecture transformers itself has."
            )
        raise ModelError(
            f'{name}: {file} says the architecture is "{model_type}", which the installed transformers does not know. '
            "Update transformers if it is new, or check the spelling."
        )
    quantised = config.get("quantization_config")
    if quantised is not None:
        method = quantised.get("quant_method") if isinstance(quantised, dict) else None
        if method == _OWN_QUANTISATION and not to_adapt:
            return
        raise ModelError(
            f'{name}: its weights are quantised ({method or "by an unknown method"}, says "quantization_config" in '
            f"{file}), and those cannot be trained. Take the original model."
        )


def _weights(path: Path, name: str, allow_pickle: bool) -> tuple[tuple[Path, ...], bool]:
    if (path / _SAFE).is_file():
        return (path / _SAFE,), False
    if (path / _SAFE_INDEX).is_file():
        return _shards(path, path / _SAFE_INDEX, name), False
    pickles: tuple[Path, ...] = ()
    if (path / _PICKLE).is_file():
        pickles = (path / _PICKLE,)
    elif (path / _PICKLE_INDEX).is_file():
        pickles = _shards(path, path / _PICKLE_INDEX, name)
    if pickles and allow_pickle:
        return pickles, True
    if pickles:
        raise ModelError(
            f"{name}: its only weights are pickled ({pickles[0].name}), and a pickle can run code when it is opened. "
            "If you trust where it comes from, add --allow-pickle (allow_pickle=True): it is then read as tensors only."
        )
    foreign = sorted(found.name for pattern in _FOREIGN for found in path.glob(pattern))
    hint = f" {foreign[0]} is in a format that alih does not read." if foreign else ""
    raise ModelError(f"{name}: there is no {_SAFE} in {path}.{hint} Save the model with save_pretrained.")


def _shards(path: Path, index: Path, name: str) -> tuple[Path, ...]:
    contents = json_object(index, name)
    placement = contents.get("weight_map")
    names = list(placement.values()) if isinstance(placement, dict) else []
    if not names or not all(isinstance(shard, str) and shard == Path(shard).name != "" for shard in names):
        raise ModelError(
            f'{name}: {index} does not say which file holds which weight: "weight_map" must name a file of the same '
            "folder for each. Copy the model again."
        )
    files = tuple(path / shard for shard in sorted(set(names)))
    lacking = [file.name for file in files if not file.is_file()]
    if lacking:
        raise ModelError(
            f"{name}: {len(lacking)} of {len(files)} weight files are missing ({lacking[0]}, …). Copy them into {path}."
        )
    if not isinstance(contents.get("metadata"), dict):
        raise ModelError(f'{name}: {index} has no "metadata". Copy the model again.')
    return files


def _check_safetensors(file: Path, name: str) -> None:
    try:
        with safe_open(file, framework="pt") as tensors:
            empty = not list(tensors.keys())
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{name}: {file.name} is damaged or cut short ({error}; {file.stat().st_size:,} bytes). Copy it again."
        ) from error
    if empty:
        raise ModelError(f"{name}: {file.name} holds no weights at all. Save the model again.")


def _pooling(path: Path) -> str | None:
    """Where modules.json of sentence-transformers keeps the pooling; None where there is none."""
    modules = _json_or_empty(path / "modules.json", kind=list)
    places = [m.get("path") for m in modules if isinstance(m, dict) and str(m.get("type", "")).endswith("Pooling")]
    return (places[0] if isinstance(places[0], str) else "1_Pooling") if places else None


def _pools_by_mean(path: Path) -> bool:
    """Tell whether sentence-transformers pools with the mean alone (both of the forms that its config has had)."""
    place = _pooling(path) or "1_Pooling"
    config = _json_or_empty(path / place / "config.json")
    if "pooling_mode" in config:
        return bool(config["pooling_mode"] == "mean")
    modes = {mode for mode, on in config.items() if mode.startswith("pooling_mode_") and on is True}
    return modes == {"pooling_mode_mean_tokens"}


def _licence(path: Path) -> str | None:
    """The licence line in the front matter of the model card."""
    card = path / "README.md"
    try:
        text = card.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    front = re.match(r"---\n(.*?)\n---", text, flags=re.DOTALL)
    line = re.search(r"^license:\s*(\S.*?)\s*$", front.group(1), flags=re.MULTILINE) if front else None
    return line.group(1).strip("\"'") if line else None


def _json_or_empty(file: Path, kind: type = dict) -> Any:
    """Contents of an optional JSON file; empty where it is absent, unreadable or of another kind."""
    try:
        contents = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return kind()
    return contents if isinstance(contents, kind) else kind()
