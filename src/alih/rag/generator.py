"""Language models that write answers, behind one protocol: in this process, or any OpenAI-compatible server."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from threading import Thread
from typing import Any, Protocol
from urllib.parse import urlsplit

from alih.errors import ModelError, OptionError

Messages = Sequence[dict[str, str]]


#: Tokens of an answer at most, and bytes of one line of a server: an answer is neither endless nor one line of 1 MB.
MAX_TOKENS = 300
_LONGEST_LINE = 1_000_000
_MOST_CHARACTERS = 200  # of a token, on average


class CutShortError(ModelError):
    """The model was stopped by the limit of tokens before it had finished."""


class Generator(Protocol):
    """A language model.

    Attributes:
        name: for the report.
        max_tokens: of an answer.
        special: tokens that it takes as more than text; no passage may hold them.
    """

    name: str
    max_tokens: int
    special: Sequence[str]

    def fits(self, messages: Messages, *, max_tokens: int) -> bool:
        """Whether it can read all of the messages and write so many tokens after them, as far as is known."""

    def stream(self, messages: Messages, *, max_tokens: int) -> Iterator[str]:
        """Write what comes after messages ({"role", "content"}), piece by piece.

        Raises:
            CutShortError: it came to the limit before it had finished, as far as is known.
        """


_THINKING = re.compile(r"\s*<(think|thinking|thought|reasoning)>")
_THOUGHT = re.compile(r"</(?:think|thinking|thought|reasoning)>")


def after_thinking(text: str) -> str:
    """What was written after the model thought; a template may open its thoughts itself, so that only an end shows."""
    *_, answer = _THOUGHT.split(text)
    return "" if _THINKING.match(answer) else answer


class LocalGenerator:
    """A causal language model in this process.

    Args:
        name: folder or Hub id.
        max_tokens: of an answer.
        temperature: 0 takes the likeliest token always.

    Raises:
        ModelError: it cannot be opened as a causal language model.
    """

    def __init__(self, name: str, *, max_tokens: int = MAX_TOKENS, temperature: float = 0.0) -> None:
        from alih.pretrained.open import load
        from alih.quantize.packed import make_fast
        from alih.training.precision import device

        opened = load(name, form="causal")
        self._tokenizer: Any = opened.tokenizer
        self.name = name
        self.max_tokens = max_tokens
        self._temperature = temperature
        self.special: Sequence[str] = [*self._tokenizer.all_special_tokens, *self._tokenizer.get_added_vocab()]
        self._on = device()
        self._model: Any = opened.model.to(self._on)  # type: ignore[arg-type]
        make_fast(self._model)

    def fits(self, messages: Messages, *, max_tokens: int) -> bool:
        """Whether the prompt leaves room to write; see `Generator.fits`."""
        return int(self._tokens(messages).shape[1]) <= self._room(max_tokens)[0]

    def stream(self, messages: Messages, *, max_tokens: int) -> Iterator[str]:
        """Decode; a prompt that is too long loses its beginning, never the question."""
        import torch
        from transformers import TextIteratorStreamer

        reads, max_tokens = self._room(max_tokens)
        ids = self._tokens(messages)[:, -reads:].to(self._on)
        streamer = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        pad = self._tokenizer.pad_token_id if self._tokenizer.pad_token_id is not None else self._tokenizer.eos_token_id
        arguments = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "max_new_tokens": max_tokens,
            **({"do_sample": True, "temperature": self._temperature} if self._temperature else {"do_sample": False}),
            "pad_token_id": pad,
            "streamer": streamer,
        }
        failed: list[BaseException] = []

        def run() -> None:
            try:
                with torch.inference_mode():
                    self._model.generate(**arguments)
            except BaseException as error:  # handed on to the thread that reads
                failed.append(error)
                streamer.end()

        worker = Thread(target=run, daemon=True)
        worker.start()
        yield from streamer
        worker.join()
        if failed:
            raise failed[0]

    def _tokens(self, messages: Messages) -> Any:
        """The prompt: (1, tokens)."""
        from alih.pretrained.quiet import quiet

        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        else:
            text = "\n\n".join(message["content"] for message in messages) + "\n\nAnswer:"
        special = not self._tokenizer.chat_template
        with quiet():  # that it is too long is dealt with here
            return self._tokenizer(text, return_tensors="pt", add_special_tokens=special).input_ids

    def _room(self, max_tokens: int) -> tuple[int, int]:
        """Tokens to read and to write, at most: what is written takes a quarter of the context, where that is short."""
        context = int(getattr(self._model.config, "max_position_embeddings", 4096) or 4096)
        writes = min(max_tokens, max(context // 4, 1))
        return context - writes, writes


class ServerGenerator:
    """A server that speaks OpenAI's chat completions (vLLM, Ollama, llama.cpp, …). A key is read from OPENAI_API_KEY.

    Args:
        address: "http://localhost:11434/v1".
        model: its name there; empty takes the first that the server lists.
        allow_remote: also talk to other machines: passages of the documents leave this one.
        timeout: seconds without a word after which the server counts as dead.
        max_tokens: of an answer.
        temperature: 0 takes the likeliest token always.

    Raises:
        OptionError: the address is none, or is on another machine and `allow_remote` is not set.
    """

    special: Sequence[str] = ()

    def __init__(
        self,
        address: str,
        model: str = "",
        *,
        allow_remote: bool = False,
        timeout: float = 120.0,
        max_tokens: int = MAX_TOKENS,
        temperature: float = 0.0,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise OptionError(f"--server {address}: not an address. Write one like http://localhost:11434/v1")
        if not allow_remote and not _is_loopback(parts.hostname):
            raise OptionError(
                f"--server {address}: is another machine, and passages of your documents would be sent to it. "
                "Add --allow-remote if they may be."
            )
        self._address = address.rstrip("/")
        self._timeout = timeout
        self._model = model
        self._temperature = temperature
        self.max_tokens = max_tokens
        self.name = model or self._address

    def fits(self, messages: Messages, *, max_tokens: int) -> bool:
        """True: a server does not say how much its model reads, and refuses what is too long in its own words."""
        return True

    def stream(self, messages: Messages, *, max_tokens: int) -> Iterator[str]:
        """Ask for a stream of server-sent events; an answer that comes as one JSON object is taken, too.

        Raises:
            CutShortError: the model came to the limit before it had finished.
            ModelError: the server does not answer, answers with an error or with something else than completions, or
                breaks off; nothing that it did not finish counts as an answer.
        """
        if not self._model:
            self._model = self.name = self._first_model()
        body = {
            "model": self._model,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": self._temperature,
            "stream": True,
        }
        reason, written, thought = "", 0, False
        for event in self._events(body):
            choice = self._choice(event)
            if choice is None:
                continue
            part = choice.get("delta") or choice.get("message") or {}
            piece = _text_of(part.get("content"))
            thought = thought or bool(part.get("reasoning_content") or part.get("reasoning"))
            if piece:
                written += len(piece)
                yield piece
            reason = str(choice.get("finish_reason") or reason)
            if written > max_tokens * _MOST_CHARACTERS:
                raise self._broken(f"writes on after {written:,} characters, though {max_tokens} tokens were asked for")
        if reason == "length":
            raise CutShortError(
                f"--server {self._address}: the model was stopped after {max_tokens} tokens, before its answer was "
                f"whole. Give it more: --max-tokens {4 * max_tokens}"
            )
        if reason not in {"", "stop", "eos", "end_turn", "stop_sequence"}:
            raise self._broken(f'the model stopped for the reason "{reason}"')
        if not written:
            more = f"but its reasoning. Give it more tokens: --max-tokens {4 * max_tokens}" if thought else ""
            raise self._broken(f"the model wrote nothing {more}".rstrip())

    def _events(self, body: dict[str, Any]) -> Iterator[Any]:
        """The JSON objects of the stream, up to its end.

        Raises:
            ModelError: it is no stream of JSON, or has no end.
        """
        other: list[str] = []
        ended = finished = False
        for line in self._lines("/chat/completions", body):
            field, _, told = line.partition(":")
            if field == "data":
                if told.strip() == "[DONE]":
                    ended = True
                    break
                event = self._parsed(told)
                finished = finished or _is_finished(event)
                yield event
            elif field not in {"event", "id", "retry", ""}:
                other.append(line)
                if sum(map(len, other)) > _LONGEST_LINE:
                    break
        if other:
            whole = self._parsed("".join(other))
            finished = True
            yield whole
        if not ended and not finished:
            raise self._broken("it broke off before the answer was whole")

    def _parsed(self, told: str) -> Any:
        try:
            return json.loads(told)
        except (ValueError, RecursionError) as error:
            start = " ".join(told.split())[:80]
            if start.startswith("<"):
                raise self._broken(
                    f"answers with a page ({start}), not with completions. The address of most servers ends in /v1"
                ) from error
            raise self._broken(f"sends broken JSON ({start})") from error

    def _choice(self, event: Any) -> dict[str, Any] | None:
        """The first choice of an event; None where it has none, as the last one that counts tokens."""
        if not isinstance(event, dict):
            raise self._broken(f"sends no object but {json.dumps(event)[:80]}")
        if event.get("error"):
            error = event["error"]
            told = error.get("message", error) if isinstance(error, dict) else error
            raise self._broken(f"answers with an error: {str(told)[:300]}")
        if "choices" not in event:
            if event.get("detail") or event.get("message"):
                raise self._broken(f"answers: {str(event.get('detail') or event.get('message'))[:300]}")
            return None
        choices = event["choices"]
        if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
            raise self._broken("sends choices of another form than OpenAI's")
        return choices[0] if choices else None

    def _broken(self, what: str) -> ModelError:
        return ModelError(f"--server {self._address}: {what}. See what the server itself reports.")

    def _first_model(self) -> str:
        try:
            return str(json.loads("".join(self._lines("/models", None)))["data"][0]["id"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ModelError(f"--server {self._address}: lists no model. Name one with --generator.") from error

    def _lines(self, path: str, body: dict[str, Any] | None) -> Iterator[str]:
        headers = {"Content-Type": "application/json"}
        key = os.environ.get("OPENAI_API_KEY")
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._address + path, data, headers)
        try:
            # A redirection would send the passages, and the key, somewhere else than was agreed to; no proxy either.
            opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=self._timeout) as answer:
                while line := answer.readline(_LONGEST_LINE):
                    yield line.decode("utf-8", "replace").rstrip("\r\n")
        except urllib.error.HTTPError as error:
            told = error.read(500).decode("utf-8", "replace")
            raise ModelError(f"--server {self._address}: answers {error.code} ({told or error.reason}).") from error
        except http.client.IncompleteRead as error:
            raise self._broken("it broke off before the answer was whole") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ModelError(f"--server {self._address}: no answer ({error}). Is it running?") from error


def _is_finished(event: Any) -> bool:
    choices = event.get("choices") if isinstance(event, dict) else None
    return isinstance(choices, list) and any(isinstance(one, dict) and one.get("finish_reason") for one in choices)


def _text_of(content: Any) -> str:
    """Content as text: a string, or parts of which some are."""
    if isinstance(content, list):
        return "".join(str(one.get("text") or "") for one in content if isinstance(one, dict))
    return content if isinstance(content, str) else ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        return None


def _is_loopback(host: str) -> bool:
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return host == "localhost"
    return all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)
