"""Once alih is imported, the Auto classes open its architectures, whatever is imported in which order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alih.pretrained.registration import register_all

from .tiny import IMAGE, TEXT, build, save

_OPEN = """
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForImageClassification
from transformers import AutoImageProcessor, AutoTokenizer
import sys
for kind in ("pooled", "resnet", "vgg"):
    folder = f"{sys.argv[1]}/{kind}"
    assert AutoConfig.from_pretrained(folder).model_type == f"alih-{kind}"
    if kind == "pooled":
        AutoModelForSequenceClassification.from_pretrained(folder)
        AutoTokenizer.from_pretrained(folder)
    else:
        AutoModelForImageClassification.from_pretrained(folder)
        AutoImageProcessor.from_pretrained(folder)
print("opened")
"""
_INSTALL = "from alih.pretrained.lazy import install; install()"


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, timeout=240
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    register_all()
    folder = tmp_path_factory.mktemp("folders")
    save(build(TEXT["pooled bert"]()), folder / "pooled")
    save(build(IMAGE["alih-resnet"]()), folder / "resnet")
    save(build(IMAGE["alih-vgg"]()), folder / "vgg")
    return folder


@pytest.mark.parametrize(
    "before",
    [
        "pass",
        "from transformers import AutoConfig",
        "from transformers import PreTrainedModel",
        pytest.param("from transformers import BertModel", marks=pytest.mark.slow),
        pytest.param("from transformers import Trainer", marks=pytest.mark.slow),
        pytest.param("from transformers import pipeline", marks=pytest.mark.slow),
        pytest.param("from transformers import AutoImageProcessor", marks=pytest.mark.slow),
        pytest.param("from transformers import ViTImageProcessor", marks=pytest.mark.slow),
        pytest.param("import transformers.models.vit.image_processing_pil_vit", marks=pytest.mark.slow),
        pytest.param("from alih.vision.resnet import AlihResNetModel", marks=pytest.mark.slow),
        pytest.param("from alih.vision.vgg import AlihVggModel", marks=pytest.mark.slow),
        pytest.param("from alih.pretrained.pooled import AlihPooledConfig", marks=pytest.mark.slow),
        pytest.param("import alih.vision.registration", marks=pytest.mark.slow),
        pytest.param("import transformers.image_processing_backends", marks=pytest.mark.slow),
        pytest.param("from transformers.models.auto import auto_factory", marks=pytest.mark.slow),
        pytest.param("import accelerate", marks=pytest.mark.slow),
    ],
)
def test_auto_classes_open_our_folders_whatever_else_was_imported_after_alih(before: str, folders: Path) -> None:
    done = run(f"{_INSTALL}\n{before}\n{_OPEN}", str(folders))
    assert done.stdout.strip() == "opened", done.stderr


def test_auto_classes_open_our_folders_if_transformers_was_imported_before_alih(folders: Path) -> None:
    done = run(f"from transformers import AutoModelForImageClassification\n{_INSTALL}\n{_OPEN}", str(folders))
    assert done.stdout.strip() == "opened", done.stderr


def test_importing_alih_is_enough(folders: Path) -> None:
    done = run(f"import alih\n{_OPEN}", str(folders))
    assert done.stdout.strip() == "opened", done.stderr


def test_the_hook_imports_nothing_heavy() -> None:
    heavy = "torch transformers numpy safetensors huggingface_hub"
    done = run(f"{_INSTALL}\nimport sys\nprint([name for name in '{heavy}'.split() if name in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_the_hub_clients_usage_reports_are_off_unless_switched_on() -> None:
    code = f"{_INSTALL}\nimport os\nprint(os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    assert run(code).stdout.strip() == "1"
    assert run(f"import os\nos.environ['HF_HUB_DISABLE_TELEMETRY'] = '0'\n{code}").stdout.strip() == "0"
