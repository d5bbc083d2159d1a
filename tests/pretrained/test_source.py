"""Loading: built-in names and folders, new and kept heads, seeds, and round trips through a saved folder."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForMaskedLM,
    BertModel,
    GPT2LMHeadModel,
    PreTrainedModel,
    T5ForConditionalGeneration,
)

from alih.errors import ModelError
from alih.pretrained.open import default_model, load
from alih.pretrained.pooled import AlihPooledForSequenceClassification, mean_pool
from alih.pretrained.registration import register_all
from alih.task import Kind, Modality, Task

from .tiny import IMAGE, TEXT, VOCABULARY, batch, bert, build, save, tokenizer

register_all()
THREE = Task(Modality.TEXT, Kind.SINGLE, ("red", "green", "blue"))
FOUR = Task(Modality.TEXT, Kind.SINGLE, ("n", "e", "s", "w"))
TAGS = Task(Modality.TEXT, Kind.MULTI, ("x", "y"))
NUMBER = Task(Modality.TEXT, Kind.REGRESSION)
PICTURES = Task(Modality.IMAGE, Kind.SINGLE, ("cat", "dog"))


def state_equal(one: PreTrainedModel, other: PreTrainedModel, *, besides: str = "classifier") -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[key], theirs[key]) for key in mine if besides not in key)


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A pre-trained BERT without any head."""
    torch.manual_seed(3)
    return save(BertModel(bert()), tmp_path / "encoder")


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A fine-tuned BERT that knows red, green and blue."""
    config = bert(id2label=dict(enumerate(THREE.classes)), label2id={c: i for i, c in enumerate(THREE.classes)})
    return save(build(config), tmp_path / "classifier")


@pytest.mark.parametrize("task", [THREE, FOUR, TAGS, NUMBER])
def test_the_head_and_the_configuration_fit_the_task(encoder: Path, task: Task) -> None:
    loaded = load(str(encoder), task)
    config = loaded.model.config
    assert loaded.head_is_new
    assert loaded.task == task
    assert not loaded.model.training
    assert config.num_labels == task.outputs
    assert config.problem_type == task.problem_type
    if task.classes:
        assert tuple(config.id2label.values()) == task.classes
        assert config.label2id == {label: index for index, label in enumerate(task.classes)}
    with torch.no_grad():
        assert loaded.model(**batch(loaded.model)).logits.shape == (4, task.outputs)


def test_the_backbone_comes_with_its_weights(encoder: Path) -> None:
    reference = BertModel.from_pretrained(encoder)
    model = load(str(encoder), THREE).model
    assert isinstance(model, PreTrainedModel)
    assert state_equal(reference, model.bert)


def test_a_pre_trained_pooler_is_neck_and_a_missing_one_is_head(encoder: Path, tmp_path: Path) -> None:
    assert load(str(encoder), THREE).anatomy.neck == ("bert.pooler",)
    masked = save(BertForMaskedLM(bert()), tmp_path / "masked")  # masked language models carry no pooler
    anatomy = load(str(masked), THREE).anatomy
    assert anatomy.head == ("bert.pooler", "dropout", "classifier")
    assert anatomy.reads == "first"
    assert anatomy.neck == ()


def test_a_new_head_depends_on_the_seed_alone(encoder: Path, classifier: Path) -> None:
    def weights(folder: Path, seed: int, *, random: bool = False) -> torch.Tensor:
        torch.rand(seed + 7)  # what was drawn before must not matter
        return load(str(folder), FOUR, seed=seed, random_weights=random).model.get_parameter("classifier.weight")

    assert torch.equal(weights(encoder, 0), weights(encoder, 0))
    assert torch.equal(weights(encoder, 0), weights(classifier, 0))
    assert torch.equal(weights(encoder, 0), weights(encoder, 0, random=True))
    assert not torch.equal(weights(encoder, 0), weights(encoder, 1))


def test_random_weights_keep_the_architecture_and_depend_on_the_seed(encoder: Path) -> None:
    trained, scratch, again, other = (
        load(str(encoder), THREE, random_weights=random, seed=seed)
        for random, seed in ((False, 0), (True, 0), (True, 0), (True, 1))
    )
    shapes = {key: tensor.shape for key, tensor in trained.model.state_dict().items()}
    assert {key: tensor.shape for key, tensor in scratch.model.state_dict().items()} == shapes
    assert state_equal(scratch.model, again.model, besides="-")
    assert not state_equal(scratch.model, trained.model)
    assert not state_equal(scratch.model, other.model)


def test_a_head_that_answers_the_task_is_kept(classifier: Path) -> None:
    before = AutoModelForSequenceClassification.from_pretrained(classifier)
    same, other = load(str(classifier), THREE), load(str(classifier), FOUR)
    assert not same.head_is_new
    assert state_equal(before, same.model, besides="-")
    assert other.head_is_new
    assert state_equal(before, other.model)


def test_the_same_number_of_other_classes_gets_a_new_head(classifier: Path) -> None:
    task = Task(Modality.TEXT, Kind.SINGLE, ("blue", "green", "red"))
    before = AutoModelForSequenceClassification.from_pretrained(classifier)
    loaded = load(str(classifier), task)
    assert loaded.head_is_new
    assert not torch.equal(loaded.model.get_parameter("classifier.weight"), before.classifier.weight)


def test_without_a_task_the_model_is_taken_as_it_is(classifier: Path, encoder: Path) -> None:
    loaded = load(str(classifier))
    assert not loaded.head_is_new
    assert loaded.task == THREE
    bare = load(str(encoder))
    assert bare.head_is_new
    assert bare.task is None


@pytest.mark.parametrize("task", [THREE, TAGS, NUMBER])
@pytest.mark.parametrize("pooling", ["native", "mean"])
def test_a_saved_folder_opens_with_auto_classes_and_predicts_the_same(
    encoder: Path, tmp_path: Path, task: Task, pooling: str
) -> None:
    loaded = load(str(encoder), task, pooling=pooling)  # type: ignore[arg-type]
    loaded.save(tmp_path / "saved")
    assert sorted(path.suffix for path in (tmp_path / "saved").iterdir()).count(".safetensors") == 1
    inputs = AutoTokenizer.from_pretrained(tmp_path / "saved")(["a b c", "d"], padding=True, return_tensors="pt")
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    again = load(tmp_path / "saved")
    assert not again.head_is_new
    assert (again.task, again.max_length) == (task, loaded.max_length)
    with torch.no_grad():
        wanted = loaded.model(**inputs).logits
        # Weights bit for bit; products of them to rounding, which depends on where the memory lies.
        assert state_equal(plain, loaded.model, besides="-")
        torch.testing.assert_close(plain(**inputs).logits, wanted)
        torch.testing.assert_close(again.model(**inputs).logits, wanted)


@pytest.mark.parametrize("name", sorted(IMAGE))
def test_image_models_load_from_their_folders(name: str, tmp_path: Path) -> None:
    folder = save(build(IMAGE[name](), classes=5), tmp_path)
    reference = AutoModelForImageClassification.from_pretrained(folder)
    loaded = load(str(folder), PICTURES)
    assert loaded.max_length is None
    assert state_equal(reference, loaded.model)
    loaded.save(tmp_path / "saved")
    inputs = batch(loaded.model)
    with torch.no_grad():
        assert torch.equal(load(tmp_path / "saved").model(**inputs).logits, loaded.model(**inputs).logits)


@pytest.mark.parametrize("name", sorted(TEXT))
def test_text_models_of_every_family_load_from_their_folders(name: str, tmp_path: Path) -> None:
    reference = build(TEXT[name](), classes=5)
    loaded = load(str(save(reference, tmp_path)), THREE)
    assert state_equal(reference, loaded.model, besides=loaded.anatomy.head[-1].split(".")[0])


@pytest.mark.parametrize("name", sorted(name for name in TEXT if not name.startswith(("pooled", "alih"))))
def test_logits_equal_those_of_transformers_from_the_same_folder(name: str, tmp_path: Path) -> None:
    config = TEXT[name]()
    model = build(config, classes=3)
    config.id2label = dict(enumerate(THREE.classes))
    config.label2id = {label: number for number, label in enumerate(THREE.classes)}
    folder = save(model, tmp_path)
    reference = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    loaded = load(str(folder), THREE, pooling="native")
    assert not loaded.head_is_new
    inputs = batch(reference)
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(**inputs).logits, reference(**inputs).logits)


def test_a_causal_language_model_pads_with_its_end_token_on_the_right(tmp_path: Path) -> None:
    config = TEXT["gpt2"]()
    config.pad_token_id, config.eos_token_id = None, 3  # type: ignore[attr-defined]
    GPT2LMHeadModel(config).save_pretrained(tmp_path)  # type: ignore[arg-type]
    tokenizer(pad_token=None, eos_token="[SEP]", padding_side="left").save_pretrained(tmp_path)
    loaded = load(str(tmp_path), THREE)
    assert loaded.processor.pad_token == "[SEP]"
    assert loaded.processor.padding_side == "right"
    assert loaded.model.config.pad_token_id == loaded.processor.pad_token_id == 3
    inputs = loaded.processor(["a b c d", "e"], padding=True, return_tensors="pt")
    with torch.no_grad():
        together = loaded.model(**inputs).logits
        alone = loaded.model(**loaded.processor(["e"], return_tensors="pt")).logits
    torch.testing.assert_close(together[1:], alone)


def test_t5_becomes_a_pooled_encoder_with_its_own_weights(tmp_path: Path) -> None:
    backbone = TEXT["pooled t5"]().backbone_config  # type: ignore[attr-defined]
    backbone.is_encoder_decoder, backbone.decoder_start_token_id = True, 0
    whole = T5ForConditionalGeneration(backbone)
    loaded = load(str(save(whole, tmp_path)), THREE)
    assert isinstance(loaded.model, AlihPooledForSequenceClassification)
    assert state_equal(whole.encoder, loaded.model.backbone.encoder, besides="-")
    assert loaded.max_length is None


def test_the_longest_text_is_the_least_of_all_limits(tmp_path: Path) -> None:
    assert load(str(save(build(bert()), tmp_path / "bert")), THREE).max_length == 32
    # RoBERTa's positions start behind the padding token's number, 1.
    assert load(str(save(build(TEXT["roberta"]()), tmp_path / "roberta")), THREE).max_length == 30
    (tmp_path / "bert" / "sentence_bert_config.json").write_text('{"max_seq_length": 12}')
    assert load(str(tmp_path / "bert"), THREE).max_length == 12


@pytest.mark.parametrize("name", ["bert", "roberta", "mpnet", "gpt2"])
def test_a_text_of_the_greatest_length_runs(name: str, tmp_path: Path) -> None:
    loaded = load(str(save(build(TEXT[name]()), tmp_path)), THREE)
    assert loaded.max_length is not None
    ids = torch.randint(5, VOCABULARY - 9, (1, loaded.max_length))
    with torch.no_grad():
        assert loaded.model(input_ids=ids).logits.isfinite().all()
        if name != "mpnet":  # wraps nothing, fails at once
            with pytest.raises((IndexError, RuntimeError)):
                loaded.model(input_ids=torch.cat([ids, ids[:, :2]], dim=1))


def test_default_models_are_built_in() -> None:
    assert default_model(THREE) == "alih/minilm"
    assert default_model(PICTURES) == "alih/resnet-small"


def test_minilm_is_mean_pooled_and_equals_the_published_weights() -> None:
    loaded = load("alih/minilm", THREE)
    assert loaded.source.path is not None
    reference = BertModel.from_pretrained(loaded.source.path, add_pooling_layer=False).eval()
    assert isinstance(loaded.model, AlihPooledForSequenceClassification)
    assert state_equal(reference, loaded.model.backbone, besides="-")
    assert (loaded.max_length, loaded.licence, len(loaded.anatomy.blocks)) == (256, "apache-2.0", 6)
    assert loaded.bytes_on_disk == 90_868_376
    texts = ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby."]
    inputs = loaded.processor(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        features = mean_pool(reference(**inputs).last_hidden_state, inputs["attention_mask"])
        head = loaded.model.classifier
        torch.testing.assert_close(loaded.model(**inputs).logits, head(features), atol=1e-5, rtol=1e-4)
    near, far = torch.cosine_similarity(features[0], features[1:], dim=-1)
    # The model card of sentence-transformers' documentation gives 0.755 for this pair of sentences.
    assert near == pytest.approx(0.755, abs=0.005)
    assert far < 0.1


def test_minilm_takes_its_own_pooler_when_asked() -> None:
    loaded = load("alih/minilm", THREE, pooling="native")
    assert loaded.anatomy.neck == ("bert.pooler",)


def test_a_cifar_resnet_loads_from_its_pickle(shared_data: Path) -> None:
    file = shared_data / "resnet_cifar10" / "resnet20-12fca82f.th"
    own = load(file, allow_pickle=True)
    adapted, scratch = (load(file, PICTURES, allow_pickle=True, random_weights=random) for random in (False, True))
    assert not own.head_is_new
    assert own.model.config.num_labels == 10
    assert adapted.head_is_new
    assert adapted.model.config.id2label == {0: "cat", 1: "dog"}
    assert state_equal(own.model, adapted.model)
    assert not state_equal(scratch.model, adapted.model)
    assert torch.equal(
        scratch.model.get_parameter("classifier.weight"), adapted.model.get_parameter("classifier.weight")
    )


def test_a_real_language_model_loads_for_classification(shared_data: Path) -> None:
    loaded = load(shared_data / "stories260K", THREE)
    assert loaded.anatomy.family == "llama"
    assert loaded.model.config.use_cache is False
    inputs = loaded.processor(["Once upon a time", "a"], padding=True, return_tensors="pt")
    with torch.no_grad():
        assert loaded.model(**inputs).logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("of", "error"),
    [
        ("model", SafetensorError("Error while serializing: I/O error: File too large (os error 27)")),
        ("model", OSError(errno.EFBIG, "File too large")),
        ("processor", Exception("File too large (os error 27)")),  # as tokenizers says it
    ],
)
def test_a_folder_that_cannot_be_written_is_named(
    of: str, error: Exception, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_more: object) -> None:
        raise error

    loaded = load(str(encoder), THREE)
    monkeypatch.setattr(getattr(loaded, of), "save_pretrained", full)
    with pytest.raises(ModelError, match=r"saved: the model cannot be written .*File too large.*Make room"):
        loaded.save(tmp_path / "saved")


def test_a_mistake_while_a_model_is_written_is_not_taken_for_a_full_disk(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(encoder), THREE)
    monkeypatch.setattr(loaded.processor, "save_pretrained", lambda: None)
    with pytest.raises(TypeError):
        loaded.save(tmp_path / "saved")
