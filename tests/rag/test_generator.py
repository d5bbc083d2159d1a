"""Generators speak one protocol; what they write is cited, checked, or "not in the documents"."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alih.errors import ModelError, OptionError
from alih.rag.answer import NOT_FOUND, Answer, Sentence, stream
from alih.rag.generator import LocalGenerator, Messages, ServerGenerator
from alih.rag.library import Library

TAXI = "Until when are taxi receipts refunded?"


class Says:
    """A model that writes given pieces."""

    name = "says"
    max_tokens = 300
    special: Sequence[str] = ()

    def __init__(self, *pieces: str, reads: int = 10**6) -> None:
        self.pieces, self.reads = pieces, reads
        self.read: list[str] = []

    def fits(self, messages: Messages, *, max_tokens: int) -> bool:
        return sum(len(one["content"]) for one in messages) <= self.reads

    def stream(self, messages: Messages, *, max_tokens: int) -> Iterator[str]:
        self.read.append(messages[-1]["content"])
        yield from self.pieces


class Server:
    """An OpenAI-compatible server on loopback that answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.lines = ['data: {"choices":[{"delta":{"content":"Hel"}}]}', "", ": ping", "event: x", "data: {}"]
        self.lines += ['data: {"choices":[{"delta":{"content":"lo"}}]}', "data: [DONE]", "data: after"]
        self.wait = 0.0
        self.promised = 0
        self.bodies: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(json.dumps({"data": [{"id": "first-model"}]}))

            def do_POST(self) -> None:
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                time.sleep(outer.wait)
                self._send("\n".join(outer.lines) + "\n")

            def _send(self, text: str) -> None:
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", "http://localhost:1/elsewhere")
                if outer.promised:
                    self.send_header("Content-Length", str(outer.promised))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_arguments: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_a_server_streams_what_it_writes_and_nothing_else(server: Server) -> None:
    made = ServerGenerator(server.address)
    assert list(made.stream([{"role": "user", "content": "x"}], max_tokens=7)) == ["Hel", "lo"]
    assert made.name == "first-model"
    assert server.bodies[0]["model"] == "first-model"
    assert (server.bodies[0]["max_tokens"], server.bodies[0]["temperature"]) == (7, 0)


@pytest.mark.parametrize("status", [302, 401, 500])
def test_errors_of_a_server_are_told(server: Server, status: int) -> None:
    server.status = status
    with pytest.raises(ModelError, match=str(status)):
        list(ServerGenerator(server.address, "m").stream([], max_tokens=1))


PIECE = 'data: {"choices":[{"delta":{"content":"Hel"}}]}'
DONE = "data: [DONE]"


def finished(reason: str) -> str:
    return f'data: {{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["<!doctype html><title>Welcome</title>"], "answers with a page"),
        ([PIECE, "data: {bad", DONE], "broken JSON"),
        (["{bad"], "broken JSON"),
        ([PIECE, 'data: {"error":{"message":"out of memory"}}', DONE], "out of memory"),
        (['{"error":"no such model"}'], "no such model"),
        ([PIECE], "broke off"),
        ([PIECE, finished("length"), DONE], "stopped after 9 tokens.*--max-tokens"),
        ([PIECE, finished("content_filter"), DONE], "content_filter"),
        ([DONE], "wrote nothing"),
        (['data: {"choices":[{"delta":{"reasoning_content":"Hm"}}]}', DONE], "nothing but its reasoning"),
        (['data: {"choices":"x"}', DONE], "another form"),
        (["data: 7", DONE], "sends no object"),
        ([PIECE] * 2000, "writes on"),
        (['{"detail":"Not Found"}'], "Not Found"),
    ],
)
def test_a_server_that_breaks_is_an_error_and_no_answer(server: Server, lines: list[str], message: str) -> None:
    server.lines = lines
    with pytest.raises(ModelError, match=message):
        list(ServerGenerator(server.address, "m").stream([], max_tokens=9))


def test_what_a_broken_server_wrote_is_never_taken_for_not_in_the_documents(server: Server, handbook: Library) -> None:
    server.lines = ["<html>busy</html>"]
    with pytest.raises(ModelError, match="page"):
        handbook.ask(TAXI, generator=ServerGenerator(server.address, "m"))


def test_a_connection_that_is_cut_is_an_error(server: Server) -> None:
    server.promised = 10_000
    server.lines = [PIECE]
    with pytest.raises(ModelError, match="broke off"):
        list(ServerGenerator(server.address, "m").stream([], max_tokens=9))


def test_a_server_that_does_not_stream_answers_too(server: Server) -> None:
    server.lines = ['{"choices":[{"message":{"content":[{"type":"text","text":"Hello"}]},', '"finish_reason":"stop"}]}']
    assert list(ServerGenerator(server.address, "m").stream([], max_tokens=9)) == ["Hello"]


def test_the_temperature_and_the_tokens_of_an_answer_are_sent(server: Server, handbook: Library) -> None:
    handbook.ask(TAXI, generator=ServerGenerator(server.address, "m", max_tokens=41, temperature=0.5))
    assert (server.bodies[0]["max_tokens"], server.bodies[0]["temperature"]) == (41, 0.5)


def test_the_prompt_says_of_each_passage_where_it_stands(handbook: Library) -> None:
    says = Says("Taxi receipts are refunded within 30 days.")
    handbook.ask(TAXI, generator=says)
    assert "[docs/sub/travel.html, Travel › Costs]\nTaxi receipts" in says.read[0]


@pytest.mark.parametrize(
    "pieces",
    [
        ["<think>", "Cats fly. ", "Who knows?</think>", "Taxi receipts are refunded within 30 days [1]."],
        ["  <thi", "nking>A. B. C.</thinking> Taxi receipts are refunded within 30 days [1]."],
    ],
)
def test_what_a_model_thinks_is_no_answer(handbook: Library, pieces: list[str]) -> None:
    *sentences, last = stream(handbook, TAXI, handbook.settings.retrieval, Says(*pieces))
    assert isinstance(last, Answer)
    assert [one.text for one in last.sentences] == ["Taxi receipts are refunded within 30 days."]
    assert len(sentences) == 1
    assert handbook.ask(TAXI, generator=Says(*pieces)).sentences == last.sentences


def test_thoughts_that_nothing_opens_are_no_answer_either(handbook: Library) -> None:
    told = "Cats fly. Dogs swim.</think>Taxi receipts are refunded within 30 days [1]."
    made = handbook.ask(TAXI, generator=Says(*told))
    assert [one.text for one in made.sentences] == ["Taxi receipts are refunded within 30 days."]
    with pytest.raises(ModelError, match="thinks aloud"):
        list(stream(handbook, TAXI, handbook.settings.retrieval, Says(*told)))
    with pytest.raises(ModelError, match="reasoning alone"):
        handbook.ask(TAXI, generator=Says("<think>Cats fly."))


def test_a_numbered_list_keeps_its_lines_and_its_numbers_are_no_claims(handbook: Library) -> None:
    told = (
        "The rules:\n1. Taxi receipts are refunded within 30 days [1].\n2. Meals up to 25 euros a day are refunded [1]."
    )
    made = handbook.ask(TAXI, generator=Says(told))
    assert [one.supported for one in made.sentences][1:] == [True, True]
    assert [line[:2] for line in made.text.splitlines()][1:] == ["1.", "2."]


def test_a_silent_server_and_none_at_all_are_told(server: Server) -> None:
    server.wait = 2
    with pytest.raises(ModelError, match="no answer"):
        list(ServerGenerator(server.address, "m", timeout=0.2).stream([], max_tokens=1))
    with pytest.raises(ModelError, match="Is it running"):
        list(ServerGenerator("http://127.0.0.1:1/v1", "m").stream([], max_tokens=1))


@pytest.mark.parametrize("address", ["ftp://localhost", "localhost:80", "http://192.0.2.1/v1"])
def test_other_machines_and_no_addresses_are_refused(address: str) -> None:
    with pytest.raises(OptionError, match="--server"):
        ServerGenerator(address)


def test_without_a_generator_sentences_are_verbatim_and_cited_at_their_characters(handbook: Library) -> None:
    made = handbook.ask(TAXI)
    assert made.found
    for sentence in made.sentences:
        (number,) = sentence.citations
        citation = made.citations[number - 1]
        assert " ".join(citation.quote.split()) == sentence.text
        place = citation.place
        around = handbook.catalogue.neighbours(place.document, 0, 999)
        assert any(
            text[place.start - source.start : place.end - source.start] == citation.quote
            for source, text in around
            if source.start <= place.start and place.end <= source.end
        )


def test_written_sentences_carry_true_citations_and_others_are_marked(handbook: Library) -> None:
    written = Says(
        "Taxi receipts are refunded within 30 d", "ays. [", "1] Taxi receipts are refunded within 99 days [1]."
    )
    made = handbook.ask(TAXI, generator=written)
    assert [one.supported for one in made.sentences] == [True, False]
    assert "within 30 days" in made.citations[made.sentences[0].citations[0] - 1].quote
    assert made.text.endswith("[unsupported]")


def test_a_wrong_number_is_put_right(handbook: Library) -> None:
    made = handbook.ask(TAXI, generator=Says("Taxi receipts are refunded within 30 days [97]."))
    assert "30 days" in made.citations[made.sentences[0].citations[0] - 1].quote


@pytest.mark.parametrize(
    "told", ["Not in the documents.", "Tidak ada dalam dokumen.", "The passage does not say.", "", " [1] "]
)
def test_a_model_that_finds_nothing_says_so(handbook: Library, told: str) -> None:
    made = handbook.ask(TAXI, generator=Says(told))
    assert (made.found, made.citations, made.text) == (False, (), NOT_FOUND["en"])


def test_below_the_threshold_nobody_is_asked(handbook: Library) -> None:
    made = handbook.ask("Siapa presiden pertama Mongolia?", threshold=1.0, generator=Says("Someone."))
    assert (made.found, made.sentences, made.text) == (False, (), NOT_FOUND["id"])


def test_streaming_gives_the_same_answer_sentence_by_sentence(handbook: Library) -> None:
    written = Says(*"Taxi receipts are refunded within 30 days. [1] Meals up to 25 euros a day are refunded [1].")
    *sentences, last = stream(handbook, TAXI, handbook.settings.retrieval, written)
    assert isinstance(last, Answer)
    assert all(isinstance(one, Sentence) for one in sentences)
    assert [one.text for one in last.sentences] == [one.text for one in sentences if isinstance(one, Sentence)]
    assert last.sentences == handbook.ask(TAXI, generator=written).sentences


def test_a_model_that_cannot_read_all_passages_reads_the_best_ones(handbook: Library) -> None:
    whole = Says("Taxi receipts are refunded within 30 days.")
    handbook.ask(TAXI, generator=whole)
    assert whole.read[0].count("<passage ") > 1
    short = Says("Taxi receipts are refunded within 30 days.", reads=0)
    made = handbook.ask(TAXI, generator=short)
    assert short.read[0].count("<passage ") == 1
    assert short.read[0].partition("</passage>")[0] == whole.read[0].partition("</passage>")[0]
    assert made.sentences[0].supported


def test_a_model_in_this_process_knows_how_much_it_reads() -> None:
    generator = LocalGenerator("alih/lm-small")
    assert generator.fits([{"role": "user", "content": "What is 2 + 2?"}], max_tokens=20)
    assert not generator.fits([{"role": "user", "content": "one more word " * 2000}], max_tokens=20)


def test_a_sentence_that_goes_on_is_an_answer_whatever_it_does_not_say(handbook: Library) -> None:
    told = "The passage does not say who asks, but taxi receipts are refunded within 30 days. [1]"
    made = handbook.ask(TAXI, generator=Says(told))
    assert made.found
    assert made.citations
