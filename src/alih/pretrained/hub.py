"""Brings a model from the Hugging Face Hub (or from its local cache) into a folder."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from alih.errors import ModelError
from alih.pretrained.resolve import Source, suggestions

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.spm", "README.md", "LICENSE*"]
_UNWANTED = ["*/*.safetensors", "*/*.bin", "consolidated*", "*.fp16.*", "onnx/*", "openvino/*", "*data_config.json"]


def fetch(source: Source, *, allow_pickle: bool = False) -> Path:
    """Download what is needed of a Hub model; nothing is downloaded twice.

    Args:
        source: of kind "hub".
        allow_pickle: download pickled weights too.

    Raises:
        ModelError: no such model or revision, no permission, or no way to reach it.
    """
    wanted = [*_WANTED, "*.bin"] if allow_pickle else _WANTED
    at = f" at revision {source.revision}" if source.revision else ""
    try:
        folder = snapshot_download(
            source.name, revision=source.revision, allow_patterns=wanted, ignore_patterns=_UNWANTED
        )
    except GatedRepoError as error:
        raise ModelError(
            f"{source.name}: its owner asks for consent first. Accept the terms on its page, then run: hf auth login"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{source.name}: no folder of this name is here, and the Hub has no such model (or it is private: run "
            f"hf auth login). {suggestions(source.name)}"
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{source.name}: the Hub has this model, but no revision {source.revision}.") from error
    except HFValidationError as error:
        raise ModelError(f"{source.name}: not a name that the Hub could have. {suggestions(source.name)}") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        partial = getattr(error, "snapshot_path", None)  # cached in part: whether it is enough is seen when it is read
        if partial is not None:
            return Path(partial)
        raise ModelError(
            f"{source.name}{at}: no folder of this name is here, it is not in the local Hub cache, and the Hub cannot "
            f"be reached ({_why(error)}). Give the path of a folder (./my-model). {suggestions(source.name)}"
        ) from error
    return Path(folder)


def _why(error: Exception) -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set: unset it to allow downloads"
    return str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
