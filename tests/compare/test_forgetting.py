"""What adapting makes a model forget: of the pictures it learnt, of text in general."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

import alih
from alih.compare import forgetting
from alih.compare.forgetting import pictures_forgotten, text_forgotten
from alih.errors import OptionError
from alih.generate.learn_tokens import learn
from alih.task import Kind, Modality, Task
from small_tasks import bert, reviews

_TASK = Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"))
_TEXTS = ["The sea is deep and blue.", "Birds fly south in autumn, far over the sea."]
_SMALL = {"vocab_size": 300, "pad_token_id": 0}


def test_the_model_itself_forgets_nothing_and_one_with_random_weights_everything() -> None:
    name = "alih/resnet-small"
    assert pictures_forgotten(name, alih.load(name)) == 0.0
    spoilt = alih.load(name)
    with torch.no_grad():
        for parameter in spoilt.model.parameters():
            parameter.copy_(0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    before = forgetting._source_before(name)
    assert before is not None
    assert before > 0.8
    assert pictures_forgotten(name, spoilt) == pytest.approx(1 / 62 - before, abs=0.05)


def test_a_model_of_unknown_source_has_no_forgetting() -> None:
    assert pictures_forgotten("somebody/model", alih.load("alih/resnet-small")) is None


@pytest.fixture(scope="module")
def general(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("general") / "general.txt"
    path.write_text("\n\n".join(_TEXTS), encoding="utf-8")
    return path


def _folder(path: Path, kind: str) -> Path:
    torch.manual_seed(0)
    tokenizer = learn(_TEXTS, "bpe", 300)
    tokenizer.add_special_tokens({"mask_token": "<mask>"})
    made: Any
    if kind == "llama":
        wide = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
        made = LlamaForCausalLM(LlamaConfig(**_SMALL, **wide, max_position_embeddings=64))
    elif kind == "gpt2":
        made = GPT2LMHeadModel(GPT2Config(**_SMALL, n_embd=32, n_layer=2, n_head=4, n_positions=64))
    else:
        wide = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
        made = BertForMaskedLM(BertConfig(**_SMALL, **wide, max_position_embeddings=64))
    made.resize_token_embeddings(len(tokenizer))
    made.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.mark.parametrize("kind", ["llama", "gpt2", "bert"])
def test_nothing_is_forgotten_without_training_and_something_with_other_weights(
    kind: str, tmp_path: Path, general: Path
) -> None:
    adapted = alih.load(str(_folder(tmp_path / kind, kind)), _TASK)
    assert text_forgotten(adapted, str(general)) == 0.0
    with torch.no_grad():
        for value in adapted.model.base_model.parameters():
            value.add_(0.5 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)))
    assert abs(text_forgotten(adapted, str(general)) or 0.0) > 1e-3  # of random weights, others may be better


def test_the_change_is_that_of_the_loss_that_transformers_computes(tmp_path: Path, general: Path) -> None:
    path = _folder(tmp_path / "llama", "llama")
    adapted = alih.load(str(path), _TASK)
    other = LlamaForCausalLM.from_pretrained(path).eval()
    with torch.no_grad():
        for name, value in adapted.model.base_model.named_parameters():
            value.mul_(1.5)
            other.model.get_parameter(name).mul_(1.5)

    def loss(model: Any) -> float:
        total, count = 0.0, 0
        for text in _TEXTS:
            ids = adapted.processor(text, return_tensors="pt")["input_ids"]
            with torch.no_grad():
                total += float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
            count += ids.shape[1] - 1
        return total / count

    expected = loss(other) - loss(LlamaForCausalLM.from_pretrained(path).eval())
    assert text_forgotten(adapted, str(general)) == pytest.approx(expected, abs=1e-5)


def test_an_encoder_without_its_language_model_head_tells_nothing(tmp_path: Path, general: Path) -> None:
    assert text_forgotten(alih.load(str(bert(tmp_path / "bert")), _TASK), str(general)) is None
    assert text_forgotten(alih.load("alih/minilm", _TASK), str(general)) is None


def test_general_text_that_is_not_there_is_refused_before_anything_runs(tmp_path: Path) -> None:
    reviews(tmp_path / "reviews.csv", 40)
    bert(tmp_path / "model")
    for general, words in [("nothing.txt", "no such file"), (str(tmp_path / "empty.txt"), "empty.txt")]:
        (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
        with pytest.raises(OptionError, match=words):
            alih.compare(tmp_path / "reviews.csv", str(tmp_path / "model"), general=general, runs=str(tmp_path))
    with pytest.raises(OptionError, match="pictures"):
        alih.compare("alih/digits", general=__file__, max_examples=40, runs=str(tmp_path))
