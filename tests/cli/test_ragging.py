"""`alih rag` and `alih ask` as a user types them: what is printed, what is refused, and which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest

from alih.cli.main import main
from rag.files import broken, folder

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with documents, and a library of them in alih/minilm."""
    home = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.delenv("ALIH_HOME", raising=False)
        folder(home / "docs")
        broken(home / "bad")
        assert main(["rag", "index", "docs", "--library", "handbook"]) == 0
        yield home


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type a command in that folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(place)
    monkeypatch.delenv("ALIH_HOME", raising=False)

    def typed(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(list(words))
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return typed


def test_an_answer_names_its_place_and_a_missing_one_is_an_answer(run: Run) -> None:
    code, out, _ = run("ask", "Berapa hari cuti tahunan?", "--library", "handbook")
    assert code == 0
    assert out == "Setiap pegawai berhak atas 12 hari cuti tahunan. [1]\n\n[1] docs/handbook.md, line 6, Cuti\n"
    code, out, err = run("ask", "Siapa presiden Prancis?", "--threshold", "0.9")
    assert (code, out) == (0, "Tidak ada dalam dokumen.\n")
    assert "the nearest passages: " in err
    assert run("ask", "Siapa presiden Prancis?", "--threshold", "0.9", "--language", "en")[1].startswith("Not in")


def test_an_answer_as_json_can_be_opened_at_its_place(run: Run, place: Path) -> None:
    found = json.loads(run("ask", "Berapa hari cuti tahunan?", "--json")[1])
    (citation,) = found["citations"]
    told = (place / citation["document"]).read_text(encoding="utf-8")
    assert told[citation["start"] : citation["end"]] == citation["quote"]


def test_follow_up_questions_are_understood(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("Berapa hari cuti tahunan?\nBagaimana dengan cuti sakit?\n\nnot read\n"))
    code, out, _ = run("ask", "--chat")
    assert code == 0
    assert "(understood as: Berapa hari cuti sakit?)" in out
    assert "surat keterangan dr. Budi" in out
    assert "not read" not in out


def test_show_says_what_was_found_and_why(run: Run) -> None:
    code, out, _ = run("rag", "show", "taxi receipt", "--k", "2")
    assert code == 0
    assert "hybrid search; terms: taxi receipt" in out
    assert "likeness of vectors" in out
    assert "BM25" in out
    assert "words: receipt, taxi" in out
    assert "docs/sub/travel.html, Travel › Costs" in out
    found = json.loads(run("rag", "show", "taxi receipt", "--mode", "lexical", "--json")[1])
    assert list(found["passages"][0]["scores"]) == ["lexical"]


def test_reranking_adds_its_score(run: Run) -> None:
    found = json.loads(run("rag", "show", "taxi receipt", "--rerank", "late", "--json")[1])
    scores = [one["scores"]["rerank"] for one in found["passages"]]
    assert scores == sorted(scores, reverse=True)


def test_the_rest_goes_in_and_what_did_not_is_counted_with_its_reason(run: Run, tmp_path: Path) -> None:
    folder(tmp_path / "mixed")
    broken(tmp_path / "mixed")
    code, out, _ = run(
        "rag", "index", str(tmp_path / "mixed"), "--library", "mixed", "--root", str(tmp_path / "libraries")
    )
    assert code == 0
    assert "6 documents added" in out
    assert "14 files skipped:" in out
    assert "mixed/scan.pdf: 2 pages without any text" in out


def test_nothing_that_can_be_read_is_exit_code_2_and_leaves_no_library(run: Run) -> None:
    code, _, err = run("rag", "index", "bad", "--library", "new")
    assert code == 2
    assert "no document could be read" in err
    assert [row["library"] for row in json.loads(run("rag", "list", "--json")[1])] == ["handbook"]


def test_a_library_lives_and_dies(run: Run, tmp_path: Path) -> None:
    docs = tmp_path / "notes"
    docs.mkdir()
    for name in ("a", "b"):
        (docs / f"{name}.txt").write_text(f"The {name} team meets on Mondays.")
    where = ("--library", "notes", "--root", str(tmp_path / "libraries"))
    report = json.loads(run("rag", "index", str(docs), *where, "--tag", "kind=note", "--json")[1])
    assert (report["embedded"], report["added"]) == (2, ["notes/a.txt", "notes/b.txt"])
    (docs / "a.txt").write_text("The a team meets on Fridays.")
    assert "1 document changed, 1 document unchanged; 1 chunk embedded" in run("rag", "sync", str(docs), *where)[1]
    rows = json.loads(run("rag", "list", *where, "--json")[1])
    assert [(row["document"], row["chunks"], row["tags"]) for row in rows] == [
        ("notes/a.txt", 1, ["kind=note"]),
        ("notes/b.txt", 1, ["kind=note"]),
    ]
    code, out, _ = run("rag", "delete", "notes/a.txt", *where)
    assert code == 0
    assert "1 document removed" in out
    assert "still there" in out
    assert "1 document added" in run("rag", "sync", *where)[1]
    assert "2 chunks of notes moved to qdrant:///" in run("rag", "move", f"qdrant://{tmp_path / 'qdrant'}", *where)[1]
    assert "a team meets on Fridays" in run("ask", "When does the a team meet?", *where)[1]
    assert "notes: deleted" in run("rag", "delete", "--whole-library", *where)[1]
    assert json.loads(run("rag", "list", "--root", str(tmp_path / "libraries"), "--json")[1]) == []


def test_questions_are_measured_side_by_side(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(
        '{"question": "Berapa hari cuti tahunan?", "answer": "12 hari", "source": "handbook.md"}\n'
        '{"question": "Who is the president of France?", "answer": ""}\n'
    )
    code, out, _ = run("rag", "eval", str(file))
    assert code == 0
    assert "2 questions, 1 of them without an answer" in out
    assert "hybrid+rerank" in out
    assert "nDCG@10" in out
    told = json.loads(run("rag", "eval", str(file), "--only-own", "--k", "2", "--json")[1])
    (one,) = told["configurations"]
    assert (one["name"], one["options"]["k"], one["measures"]["mrr"]["mean"]) == ("own", 2, 1.0)
    file.write_text('{"question": "x?", "answer": "y", "source": "offce.txt"}\n')
    code, _, err = run("rag", "eval", str(file))
    assert code == 2
    assert 'Did you mean "docs/office.txt"?' in err


def test_tuning_and_calibration_write_what_they_chose(run: Run, tmp_path: Path) -> None:
    docs = tmp_path / "notes"
    docs.mkdir()
    lines = []
    for number in range(20):
        (docs / f"{number}.txt").write_text(f"Team{number} meets in room{number * 3} every week.")
        for asked in ("Where does team{} meet?", "Which room has team{}?"):
            known = {"question": asked.format(number), "answer": f"room{number * 3}", "source": f"{number}.txt"}
            lines.append(json.dumps(known))
        lines.append(json.dumps({"question": f"Who is the king of land{number}?", "answer": ""}))
    file = tmp_path / "q.jsonl"
    file.write_text("\n".join(lines))
    where = ("--library", "made", "--root", str(tmp_path))
    assert run("rag", "index", str(docs), *where)[0] == 0
    library = tmp_path / "made" / "library.json"
    before = library.read_text()
    code, out, _ = run("rag", "tune", str(file), *where, "--rerank", "none", "--chunk-sizes", "32", "--dry-run")
    assert (code, library.read_text()) == (0, before)
    assert "configurations measured on 20 questions" in out
    told = json.loads(run("rag", "tune", str(file), *where, "--rerank", "none", "--chunk-sizes", "", "--json")[1])
    assert json.loads(library.read_text())["retrieval"]["mode"] == told["chosen"]["mode"] == "lexical"
    code, out, _ = run("rag", "calibrate", str(file), *where)
    assert code == 0
    assert "kept: no answer below a confidence of" in out
    assert json.loads(library.read_text())["threshold"] is not None
    assert "Not in" in run("ask", "Who is the king of land99?", *where)[1]
    assert "room9 " in run("ask", "Where does team3 meet?", *where)[1]


MISTAKES = [
    ("rag", "ACTION"),
    ("rag index", "rag index: name folders or files"),
    ("rag index docs", "--library: name the library"),
    ("rag index dcs --library new", 'Did you mean "docs"?'),
    ("rag index docs --library ../new", '--library "../new"'),
    ("rag index docs --library new --tag year", "a tag is key=value"),
    ("rag index docs --library new --store mysql://x", "no such kind of store"),
    ("rag index docs --library new --chunk-size 3", "at least 16 tokens"),
    ("rag index docs --library new --model ./nix", "./nix: there is no such folder"),
    ("rag index docs --library handbook --chunk-size 20", "was made with 180 and 0"),
    ("rag sync --library handbok", 'Did you mean "handbook"?'),
    ("rag sync bad", "bad: is no folder of the library handbook"),
    ("rag delete", "name documents"),
    ("rag delete docs/office.txt --whole-library", "not both"),
    ("rag delete --whole-library", "--library: name the library"),
    ("rag delete docs/offce.txt", 'Did you mean "docs/office.txt"?'),
    ("rag move lancedb", "is there already"),
    ("rag move mongodb://x", "no such kind of store"),
    ("rag show ''", "the question is empty"),
    ("rag show x --k 0", "--k 0"),
    ("rag show x --rerank ./nix", "./nix: there is no such folder"),
    ("rag list --root nowhere --library x", "There is none in nowhere"),
    ("rag eval", "required: questions"),
    ("rag eval nothing.jsonl", "nothing.jsonl: no such file"),
    ("rag eval docs/office.txt", "line 1: not valid JSON"),
    ("rag eval docs/office.txt --depth 0", "--depth 0"),
    ("rag tune", "required: questions"),
    ("rag tune nothing.jsonl --chunk-sizes big", "--chunk-sizes big"),
    ("rag tune nothing.jsonl", "nothing.jsonl: no such file"),
    ("rag calibrate nothing.jsonl", "nothing.jsonl: no such file"),
    ("ask x --root nowhere", "there is no library in nowhere"),
    ("ask", "write a question"),
    ("ask x --chat", "leave the question out"),
    ("ask x --threshold 2", "--threshold 2.0"),
    ("ask x --server localhost", "--server localhost: not an address"),
    ("ask x --server http://192.0.2.1/v1", "is another machine"),
    ("ask x --allow-remote", "is for --server"),
    ("ask x --generator ./nix", "./nix: there is no such folder"),
]


@pytest.mark.parametrize(("typed", "words"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_a_mistake_gets_one_message_and_exit_code_2(run: Run, typed: str, words: str) -> None:
    code, out, err = run(*("" if word == "''" else word for word in typed.split()))
    assert code == 2
    assert words in err
    assert "Traceback" not in err
    assert out == ""
    assert [row["library"] for row in json.loads(run("rag", "list", "--json")[1])] == ["handbook"]


@pytest.mark.parametrize("package", ["lancedb", "snowballstemmer"])
def test_a_missing_package_names_the_extra(place: Path, package: str) -> None:
    code = (
        f"import sys; sys.modules['{package}'] = None\nfrom alih.cli.main import main\n"
        "sys.exit(main(['rag', 'index', 'docs', '--library', 'other', '--root', 'other']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=place)
    assert done.returncode == 2
    assert "pip install 'alih[rag]'" in done.stderr
    assert "Traceback" not in done.stderr


class Server(BaseHTTPRequestHandler):
    """Streams what it is told to, in small pieces."""

    told = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        for start in range(0, len(self.told), 7):
            piece = {"choices": [{"delta": {"content": self.told[start : start + 7]}}]}
            self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_address[1]}/v1"
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (
            "Setiap pegawai berhak atas 12 hari cuti tahunan. [1]",
            "Setiap pegawai berhak atas 12 hari cuti tahunan. [1]\n\n[1] docs/handbook.md, line 6, Cuti\n",
        ),
        (
            "Setiap pegawai berhak atas 12 hari cuti tahunan. [1] Cuti juga bisa dijual kepada negara. [1]",
            "Setiap pegawai berhak atas 12 hari cuti tahunan. [1] Cuti juga bisa dijual kepada negara. "
            "[unsupported]\n\n[1] docs/handbook.md, line 6, Cuti\n",
        ),
        ("Not in the documents.", "Tidak ada dalam dokumen.\n"),
    ],
    ids=["supported", "unsupported", "not found"],
)
def test_a_streamed_answer_is_checked_sentence_by_sentence(run: Run, server: str, told: str, shown: str) -> None:
    Server.told = told
    code, out, _ = run("ask", "Berapa hari cuti tahunan?", "--server", server, "--model", "any")
    assert (code, out) == (0, shown)


def test_written_answers_are_measured_like_quoted_ones(run: Run, server: str, tmp_path: Path) -> None:
    Server.told = "Setiap pegawai berhak atas 12 hari cuti tahunan. [1] Cuti juga bisa dijual kepada negara. [1]"
    file = tmp_path / "q.jsonl"
    file.write_text('{"question": "Berapa hari cuti tahunan?", "answer": "12 hari", "source": "handbook.md"}\n')
    found = json.loads(run("rag", "eval", str(file), "--server", server, "--model", "any", "--only-own", "--json")[1])
    measures = found["configurations"][0]["measures"]
    assert found["generator"] == "any"
    assert (measures["holds"]["mean"], measures["grounded"]["mean"]) == (1.0, 0.5)
