"""An embedding model adapted to questions and passages: loss, mining, split, hand-over, command line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import PeftModel
from transformers import AutoModel, BertConfig, BertModel

import alih
from alih.cli.main import main
from alih.compare.options import Options
from alih.embedding import adapt as adaptation
from alih.embedding.adapt import adapt, resume
from alih.embedding.loss import SCALE, false_negatives, ranking_loss
from alih.embedding.mine import mine
from alih.embedding.pairs import Pair, Pairs, read_pairs, split
from alih.embedding.retrieval import measure
from alih.embedding.training import RankingLook, batches
from alih.errors import AlihError, DataError, OptionError, RunError
from alih.generate.learn_tokens import learn
from alih.progress import Progress
from alih.rag.embed import Embedder

_QUIET = Progress(quiet=True)
_THINGS = [f"thing{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(40)]
ROWS = [{"question": f"who sells {one}", "passage": f"the shop in the street has {one} and more"} for one in _THINGS]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a tiny random BERT and made-up pairs."""
    path = tmp_path_factory.mktemp("embedding")
    tokenizer = learn([f"{row['question']} {row['passage']}" for row in ROWS] * 3, "bpe", 300)
    tokenizer.model_max_length = 32
    torch.manual_seed(0)
    wide = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BertConfig(vocab_size=len(tokenizer), **wide, max_position_embeddings=40)
    config.pad_token_id = tokenizer.pad_token_id
    BertModel(config).save_pretrained(path / "tiny")
    tokenizer.save_pretrained(path / "tiny")
    (path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def _options(place: Path, runs: Path, **more: Any) -> Options:
    basic = {"model": str(place / "tiny"), "runs": str(runs), "learning_rate": 3e-3, "epochs": 6, "batch_size": 8}
    return Options.from_mapping({**basic, **more})


def test_the_loss_is_the_mean_negative_log_softmax_of_scaled_cosines() -> None:
    generator = torch.Generator().manual_seed(0)
    questions = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    passages = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    expected = 0.0
    for row in range(3):
        cosines = [float(torch.cosine_similarity(questions[row], passages[column], dim=0)) for column in range(4)]
        total = sum(math.exp(SCALE * one) for one in cosines)
        expected -= math.log(math.exp(SCALE * cosines[row]) / total) / 3
    none = torch.zeros(3, 4, dtype=torch.bool)
    assert float(ranking_loss(questions, passages, none)) == pytest.approx(expected, rel=1e-12)


def test_a_passage_that_answers_two_questions_is_no_negative_of_either() -> None:
    found = false_negatives(["a", "b", "c"], ["p", "p", "q", "r"], {"a": {"p", "q"}, "b": {"p"}, "c": {"q"}})
    expected = [[False, True, True, False], [True, False, False, False], [False, False, False, False]]
    assert found.tolist() == expected


def test_a_forbidden_passage_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(1)
    questions, passages = torch.randn(2, 4, generator=generator), torch.randn(3, 4, generator=generator)
    forbidden = torch.tensor([[False, False, True], [False, False, True]])
    alone = ranking_loss(questions, passages[:2], torch.zeros(2, 2, dtype=torch.bool))
    torch.testing.assert_close(ranking_loss(questions, passages, forbidden), alone)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40), st.integers(2, 8), st.integers(0, 99))
def test_a_question_is_in_a_batch_but_once_and_no_pair_is_taken_twice(numbers: list[int], size: int, seed: int) -> None:
    pairs = [Pair(f"q{number}", f"p{place}", (), "") for place, number in enumerate(numbers)]
    found = batches(pairs, size, seed)
    assert all(2 <= len(batch) <= size for batch in found)
    assert all(len({pairs[number].question for number in batch}) == len(batch) for batch in found)
    taken = [number for batch in found for number in batch]
    assert len(taken) == len(set(taken))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=80), st.integers(0, 99))
def test_no_question_and_where_it_says_so_no_passage_is_on_two_sides(edges: list[tuple[int, int]], seed: int) -> None:
    unique = dict.fromkeys(edges)
    pairs = Pairs("x", tuple(Pair(f"q{q}", f"p{p}", (), "") for q, p in unique))
    try:
        parts = split(pairs, seed)
    except DataError:
        assert len({q for q, _ in unique}) < 10
        return
    sides = [parts.train, parts.validation, parts.test]
    assert sum(map(len, sides)) == len(unique)
    assert all(sides)
    for name in ("question", "passage") if parts.fresh else ("question",):
        values = [{getattr(pair, name) for pair in side} for side in sides]
        assert sum(map(len, values)) == len(set().union(*values))


def test_mined_negatives_are_near_and_never_the_answer(place: Path) -> None:
    embedder = Embedder(str(place / "tiny"))
    passages = [row["passage"] for row in ROWS]
    right = [{row["passage"]} for row in ROWS[:10]]
    found = mine(embedder, [row["question"] for row in ROWS[:10]], right, passages, 3)
    vectors = embedder.passages(passages).vectors
    for row, (texts, own) in enumerate(zip(found, right, strict=True)):
        assert not set(texts) & own
        cosines = vectors @ embedder.query(ROWS[row]["question"])
        assert all(cosines[passages.index(text)] < 0.95 * cosines[row] for text in texts)
    assert mine(embedder, ["x"], [set()], passages, 0) == [()]


@pytest.mark.parametrize("route", ["finetune", "lora"])
def test_a_tiny_model_learns_to_find_and_is_opened_again_as_it_was(place: Path, tmp_path: Path, route: str) -> None:
    result = adapt(
        place / "pairs.jsonl", _options(place, tmp_path, route=route, hard_negatives=0, validation=0.2), _QUIET
    )
    assert result.fresh
    assert result.difference_on_disk < 1e-5
    curve = result.outcome.curve
    assert max(point.scores["mrr@10"] for point in curve) > curve[0].scores["mrr@10"]
    assert result.outcome.best.validation_loss == min(point.validation_loss for point in curve)
    told = json.loads((result.folder / "report.json").read_text(encoding="utf-8"))
    assert told["embedding"]["after"]["mrr@10"]["point"] == pytest.approx(result.after.mean("mrr@10"))
    assert not (result.folder / "training.pt").exists()
    if route == "lora":
        assert result.trainable < result.parameters
        adapted = PeftModel.from_pretrained(AutoModel.from_pretrained(place / "tiny"), result.folder / "adapter")
        plain = AutoModel.from_pretrained(result.folder / "model")
        ids = torch.tensor([[5, 6, 7]])
        expected = plain.eval()(input_ids=ids).last_hidden_state
        torch.testing.assert_close(adapted.eval()(input_ids=ids).last_hidden_state, expected, atol=1e-4, rtol=1e-4)


def test_a_library_opens_what_was_handed_over(place: Path, tmp_path: Path) -> None:
    result = adapt(place / "pairs.jsonl", _options(place, tmp_path, epochs=1), _QUIET)
    (tmp_path / "doc.md").write_text("# Shops\n\nThe shop in the street has thingaa and more.\n", encoding="utf-8")
    library = alih.Library("shops", root=tmp_path / "libraries", model=str(result.folder / "model"))
    library.add(tmp_path / "doc.md")
    assert library.search("who sells thingaa")[0].text
    again = _options(place, tmp_path, epochs=1, library="shops", libraries=str(tmp_path / "libraries"))
    assert adapt(place / "pairs.jsonl", again, _QUIET).hard > 0


def test_a_stopped_training_goes_on_to_the_same_weights(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = place / "pairs.jsonl"
    whole = adapt(data, _options(place, tmp_path / "a"), _QUIET)
    real, calls = adaptation.objective, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(adaptation, "objective", interrupted)
    part = adapt(data, _options(place, tmp_path / "b"), _QUIET)
    assert part.interrupted
    monkeypatch.setattr(adaptation, "objective", real)
    gone_on = resume(part.folder, progress=_QUIET)
    first, second = (AutoModel.from_pretrained(one.folder / "model").state_dict() for one in (whole, gone_on))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(RunError, match="complete"):
        resume(part.folder, progress=_QUIET)


def test_measures_are_those_of_a_ranking_by_hand(place: Path) -> None:
    embedder = Embedder(str(place / "tiny"))
    pairs = read_pairs(place / "pairs.jsonl")
    found = measure(embedder, pairs.pairs, pairs.passages)
    vectors = embedder.passages(pairs.passages).vectors
    scores = [vectors @ embedder.query(pair.question) for pair in pairs.pairs]
    ranks = [int((one > one[place]).sum()) + 1 for place, one in enumerate(scores)]
    assert found.mean("recall@1") == pytest.approx(np.mean([rank == 1 for rank in ranks]))
    assert found.mean("mrr@10") == pytest.approx(np.mean([1 / rank if rank <= 10 else 0.0 for rank in ranks]))


def test_a_look_gives_each_question_the_ranking_loss_of_its_passage_among_all(place: Path) -> None:
    embedder, pairs = Embedder(str(place / "tiny")), read_pairs(place / "pairs.jsonl")
    texts = list(pairs.passages)
    look = RankingLook(embedder, pairs.pairs, texts)
    found = look.outputs(embedder.model, "fp32")
    asked = torch.from_numpy(embedder.queries([pair.question for pair in pairs.pairs]))
    among = torch.from_numpy(embedder.passages([pair.passage for pair in pairs.pairs]).vectors)
    none = torch.zeros(len(asked), len(among), dtype=torch.bool)
    assert look.judge(found, np.arange(len(look)))[0] == pytest.approx(
        float(ranking_loss(asked, among, none)), rel=1e-5
    )
    assert look.scores(embedder.model)["mrr@10"] == measure(embedder, pairs.pairs, texts).mean("mrr@10")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"question": "a"}] * 20, "no column with the passage"),
        ([{"text": "a", "label": "b"}] * 20, "no column with the question"),
        ([*ROWS, {"question": "a", "passage": " "}], "row 41"),
        ([*ROWS, {"question": 7, "passage": "p"}], "no text"),
        (ROWS[:5], "at least 10"),
    ],
)
def test_bad_pairs_are_refused_before_any_weights(
    rows: list[dict[str, Any]], words: str, place: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(AlihError, match=words):
        adapt(path, _options(place, tmp_path), _QUIET)


def test_the_command_line_adapts_scores_and_refuses(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, model = str(place / "pairs.jsonl"), str(place / "tiny")
    common = ["--task=embedding", f"--model={model}", f"--runs={tmp_path / 'runs'}", "--epochs=1", "--batch-size=8"]
    assert main(["adapt", data, *common, "--max-time=60s"]) == 0
    assert "recall@10" in capsys.readouterr().out
    assert main(["evaluate", str(tmp_path / "runs" / "last"), data, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["questions"] == len(ROWS)
    assert main(["report", str(tmp_path / "runs" / "last")]) == 0
    for command, words in [
        (["adapt", data, *common, "--route=qlora"], "no route"),
        (["adapt", data, *common, "--rank=4"], "--rank"),
        (["adapt", data, *common, "--blocks=9"], "--blocks"),
        (["adapt", data, *common, "--beam=3"], "--beam"),
        (["adapt", data, "--hard-negatives=2"], "--task retrieval"),
        (["predict", str(tmp_path / "runs" / "last"), "a text"], "makes vectors"),
    ]:
        capsys.readouterr()
        assert main(command) == 2
        assert words in capsys.readouterr().err


def test_python_has_what_the_command_line_has(place: Path, tmp_path: Path) -> None:
    data, model = str(place / "pairs.jsonl"), str(place / "tiny")
    found = alih.adapt(data, model, task="retrieval", epochs=1, learning_rate=1e-3, runs=str(tmp_path), batch_size=8)
    assert found.query("who sells thingaa").shape == (32,)
    with pytest.raises(OptionError, match="as a path"):
        alih.adapt(["text"], task="embedding")  # type: ignore[call-overload]
