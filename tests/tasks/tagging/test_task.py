"""Tagging end to end: every route, four architectures, from disk as in memory, scores as seqeval's."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seqeval.metrics import f1_score
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from alih.cli.main import main
from alih.compare.compare import adapt, compare
from alih.compare.opening import open_adapted
from alih.compare.options import Options
from alih.data.examples import Examples
from alih.errors import DataError, ModelError, OptionError
from alih.progress import Progress
from alih.tasks.tagging.adapted import AdaptedTagger
from alih.tasks.tagging.sentences import Sentence

QUIET = Progress(quiet=True)
PEOPLE, PLACES = ["budi", "sitinurhaliza", "joko", "ayu"], ["solo", "jakartabarat", "bali", "medan"]
VERBS = ["lahir", "tinggal", "bekerja", "makan"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
MODELS: dict[str, tuple[Any, Any]] = {
    "bert": (BertModel, BertConfig(max_position_embeddings=48, **SMALL)),
    "roberta": (RobertaModel, RobertaConfig(max_position_embeddings=48, pad_token_id=0, **SMALL)),
    "xlm-roberta": (XLMRobertaModel, XLMRobertaConfig(max_position_embeddings=48, pad_token_id=0, **SMALL)),
    "deberta-v2": (
        DebertaV2Model,
        DebertaV2Config(
            max_position_embeddings=48,
            relative_attention=True,
            pos_att_type=["p2c", "c2p"],
            position_buckets=16,
            norm_rel_ebd="layer_norm",
            **SMALL,
        ),
    ),
    "distilbert": (
        DistilBertModel,
        DistilBertConfig(max_position_embeddings=48, dim=16, n_layers=2, n_heads=2, hidden_dim=32),
    ),
}


def model(folder: Path, family: str = "bert") -> Path:
    """A tiny model whose tokenizer cuts words into pieces of a few letters, so that sub-words have to be aligned."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz.,"]
    pieces += ["##" + letter for letter in "abcdefghijklmnopqrstuvwxyz"]
    pieces += [word[:3] for word in (*PEOPLE, *PLACES, *VERBS, "di", "dan")]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made, config = MODELS[family]
    config.vocab_size = len(vocabulary)
    torch.manual_seed(0)
    made(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=40,
    ).save_pretrained(folder)
    return folder


def columns(path: Path, count: int, seed: int = 0) -> Path:
    """Sentences "budi lahir di solo ." with people and places tagged."""
    generator = random.Random(seed)
    lines = []
    for _ in range(count):
        names = generator.sample(PEOPLE, 2)
        lines += [f"{names[0]}\tB-PER", *([f"{names[1]}\tI-PER"] if generator.random() < 0.5 else [])]
        lines += [f"{generator.choice(VERBS)}\tO", "di\tO", f"{generator.choice(PLACES)}\tB-LOC", ".\tO", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return columns(tmp_path_factory.mktemp("data") / "names.conll", 120)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="module")
def run(data: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIH_CACHE", str(tmp_path_factory.mktemp("cache")))
        runs = tmp_path_factory.mktemp("runs")
        wanted = {"model": str(tiny), "runs": str(runs), "learning_rate": 5e-3, "epochs": 15}
        found = adapt(data, "finetune", Options.from_mapping(wanted), QUIET)
    assert found.handed_over is not None
    assert found.handed_over.agrees
    return found.folder.path


@pytest.fixture
def tagger(run: Path) -> AdaptedTagger:
    found = open_adapted(run)
    assert isinstance(found, AdaptedTagger)
    return found


def test_spans_are_those_characters_of_the_text(tagger: AdaptedTagger) -> None:
    text = "  budi ayu lahir di jakartabarat."
    found = tagger.predict([text])[0]
    assert [(span.text, span.label) for span in found] == [("budi ayu", "PER"), ("jakartabarat", "LOC")]
    assert all(text[span.start : span.end] == span.text and 0 < span.probability <= 1 for span in found)


def test_scores_are_those_of_seqeval(tagger: AdaptedTagger, tmp_path: Path) -> None:
    scores = tagger.evaluate(columns(tmp_path / "other.conll", 40, seed=9))
    examples = tagger.task.read_more(tmp_path / "other.conll", [], [], QUIET)
    said = [
        tagger.task.named(row[: len(one.words)])
        for one, row in zip(examples.inputs, tagger.predictions(examples)["tags"], strict=True)
    ]
    right = [list(one.tags) for one in examples.inputs]
    assert scores.metrics["entity_f1"] == pytest.approx(f1_score(right, said))
    assert scores.metrics["entity_macro_f1"] == pytest.approx(f1_score(right, said, average="macro"))
    assert scores.metrics["entity_f1"] > 0.5


def test_tags_that_were_never_learnt_count_as_not_found(tagger: AdaptedTagger, tmp_path: Path) -> None:
    tagger.progress = QUIET
    (tmp_path / "x.conll").write_text(
        "budi\tB-PER\nmakan\tO\nsolo\tB-EVENT\n\nayu\tB-PER\nmakan\tO\n", encoding="utf-8"
    )
    notes: list[str] = []
    examples = tagger.task.read_more(tmp_path / "x.conll", [], notes, QUIET)
    assert "never learnt B-EVENT" in notes[0]
    perfect = {
        "tags": np.array([[tagger.task.tags.index("B-PER"), tagger.task.tags.index("O"), -1]] * 2),
        "loss": np.ones((2, 2), dtype=np.float32),
    }
    scores = tagger.task.scores(tagger.task.statistics(perfect, examples))
    assert scores["entity_recall"] == pytest.approx(2 / 3)
    assert scores["entity_precision"] == 1


def test_predictions_do_not_depend_on_the_batch(tagger: AdaptedTagger) -> None:
    texts = ["budi lahir", "ayu dan budi tinggal di bali . joko makan di solo .", "makan"] * 3
    together, alone = tagger.predict(texts), [tagger.predict([text])[0] for text in texts]
    for first, second in zip(together, alone, strict=True):
        assert [(one.start, one.end, one.label) for one in first] == [(two.start, two.end, two.label) for two in second]


def test_texts_beyond_the_models_length_are_said(tagger: AdaptedTagger, capsys: pytest.CaptureFixture[str]) -> None:
    tagger.progress = Progress()
    tagger.predict(["budi lahir di solo . " * 30])
    assert "of more than 40 tokens" in capsys.readouterr().err


@pytest.mark.parametrize("inputs", [["budi", ""], [3]])
def test_an_input_that_is_no_text_is_refused(tagger: AdaptedTagger, inputs: list[Any]) -> None:
    with pytest.raises(DataError, match=r"input \d: is empty or no text"):
        tagger.predict(inputs)


def test_the_commands_predict_and_evaluate(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(run), "budi lahir di solo"]) == 0
    assert capsys.readouterr().out.startswith("PER: budi (")
    assert main(["predict", str(run), "--json", "budi lahir di solo", "makan"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [[span["label"] for span in line["spans"]] for line in lines] == [["PER", "LOC"], []]
    assert main(["predict", str(run), "-o", str(tmp_path / "out.csv"), "budi lahir di solo"]) == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("budi lahir di solo,budi,PER,0,4,")
    assert main(["evaluate", str(run), str(columns(tmp_path / "new.conll", 20, seed=3)), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["primary"] == "entity_f1"
    (tmp_path / "plain.txt").write_text("budi lahir\n\nayu makan\n")
    assert main(["predict", str(run), str(tmp_path / "plain.txt")]) == 0
    told = capsys.readouterr()
    assert told.out.count("PER: ") == 2
    assert "1 row without a prediction" in told.err


@pytest.mark.parametrize("family", list(MODELS))
def test_heads_of_every_family_train_alone_and_with_blocks(family: str, data: Path, tmp_path: Path) -> None:
    folder = model(tmp_path / family, family)
    wanted = {"model": str(folder), "runs": str(tmp_path / "runs"), "learning_rate": 1e-2, "max_examples": 40}
    wanted |= {"epochs": 1}
    for route in ("transfer", "finetune"):
        given = {key: value for key, value in wanted.items() if (route, key) != ("transfer", "epochs")}
        found = adapt(data, route, Options.from_mapping(given | {"name": route}), QUIET)
        assert found.handed_over is not None
        assert found.handed_over.agrees


def test_a_comparison_runs_every_route(data: Path, tiny: Path, tmp_path: Path) -> None:
    routes = ("transfer", "finetune", "lora", "qlora", "qalora", "scratch")
    wanted = {
        "model": str(tiny),
        "runs": str(tmp_path),
        "routes": routes,
        "seeds": 1,
        "epochs": 1,
        "blocks": (1, -1),
        "max_examples": 40,
        "group_size": 16,
        "learning_rate": dict.fromkeys(routes, 1e-2),
    }
    found = compare(data, Options.from_mapping(wanted), QUIET)
    assert found.handed_over is not None
    assert found.handed_over.agrees
    measured = {trial.route for trial in found.folder.trials()}
    assert measured == set(routes)
    assert all("entity_f1" in trial.metrics for trial in found.folder.trials())


def test_a_model_that_tags_nothing_is_refused(data: Path, tiny_resnet: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tag no tokens"):
        adapt(data, "transfer", Options.from_mapping({"model": str(tiny_resnet), "runs": str(tmp_path)}), QUIET)


def test_routes_without_training_are_no_routes_of_tagging(data: Path) -> None:
    with pytest.raises(OptionError, match="no route of tagging"):
        compare(data, Options.from_mapping({"routes": ("zero-shot",)}), QUIET)


def test_parts_of_speech_are_measured_by_their_accuracy(tiny: Path, tmp_path: Path) -> None:
    rows = [f"{one} N\n{two} V\ndi P\n{three} N\n" for one in PEOPLE for two in VERBS for three in PLACES[:3]]
    (tmp_path / "pos.txt").write_text("\n".join(rows))
    wanted = {"model": str(tiny), "runs": str(tmp_path / "runs"), "learning_rate": 1e-2}
    found = adapt(tmp_path / "pos.txt", "transfer", Options.from_mapping(wanted), QUIET)
    assert found.handed_over is not None
    assert found.handed_over.validation.primary == "token_accuracy"
    tagger = open_adapted(found.folder.path)
    assert isinstance(tagger, AdaptedTagger)
    assert [span.text for span in tagger.predict(["budi lahir"])[0]] == ["budi", "lahir"]
    assert tagger.predictions(Examples([Sentence.of_text("budi")], None, ["x"]))["tags"].shape == (1, 1)
