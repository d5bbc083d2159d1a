"""Language models that write answers, behind one protocol: in this process, or any OpenAI-compatible server."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from threading import Thread
from typing import Any, Protocol
from urllib.parse import urlsplit

from alih.errors import ModelError, OptionError

Messages = Sequence[dict[str, str]]


class Generator(Protocol):
    """A language model.

    Attributes:
        name: for the report.
        special: tokens that it takes as more than text; no passage may hold them.
    """

    name: str
    special: Sequence[str]

    def fits(self, messages: Messages, *, max_tokens: int) -> bool:
        """Whether it can read all of the messages and write so many tokens after them, as far as is known."""

    def stream(self, messages: Messages, *, max_tokens: int) -> Iterator[str]:
        """Write what comes after messages ({"role", "content"}), piece by piece, always taking the likeliest token."""


class LocalGenerator:
    """A causal language model in this process.

    Args:
        name: folder or Hub id.

    Raises:
        ModelError: it cannot be opened as a causal language model.
    """

    def __init__(self, name: str) -> None:
        from alih.pretrained.open import load
        from alih.quantize.packed import make_fast
        from alih.training.precision import device

        opened = load(name, form="causal")
        self._tokenizer: Any = opened.tokenizer
        self.name = name
        self.special: Sequence[str] = [*self._tokenizer.all_special_tokens, *self._tokenizer.get_added_vocab()]
        self._on = device()
        self._model: Any = opened.model.to(self._on)  # type: ignore[arg-type]
        make_fast(self._model)

    def fits(self, messages: Messages, *, max_tokens: int) -> bool:
        """Whether the prompt leaves room to write; see `Generator.fits`."""
        return int(self._tokens(messages).shape[1]) <= self._room(max_tokens)[0]

    def stream(self, messages: Messages, *, max_tokens: int) -> Iterator[str]:
        """Decode greedily; a prompt that is too long loses its beginning, never the question."""
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
            "do_sample": False,
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

    Raises:
        OptionError: the address is none, or is on another machine and `allow_remote` is not set.
    """

    special: Sequence[str] = ()

    def __init__(self, address: str, model: str = "", *, allow_remote: bool = False, timeout: float = 120.0) -> None:
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
        self.name = model or self._address

    def fits(self, messages: Messages, *, max_tokens: int) -> bool:
        """True: a server does not say how much its model reads, and refuses what is too long in its own words."""
        return True

    def stream(self, messages: Messages, *, max_tokens: int) -> Iterator[str]:
        """Ask for a stream of server-sent events.

        Raises:
            ModelError: the server does not answer, or answers with an error.
        """
        if not self._model:
            self._model = self.name = self._first_model()
        body = {
            "model": self._model,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
        }
        for line in self._lines("/chat/completions", body):
            if not line.startswith("data:"):
                continue
            told = line.removeprefix("data:").strip()
            if told == "[DONE]":
                return
            try:
                piece = json.loads(told)["choices"][0]["delta"].get("content")
            except (ValueError, KeyError, IndexError, TypeError, AttributeError):
                continue
            if isinstance(piece, str) and piece:
                yield piece

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
                for line in answer:
                    yield line.decode("utf-8", "replace").rstrip("\r\n")
        except urllib.error.HTTPError as error:
            told = error.read(500).decode("utf-8", "replace")
            raise ModelError(f"--server {self._address}: answers {error.code} ({told or error.reason}).") from error
        except (OSError, ValueError) as error:
            raise ModelError(f"--server {self._address}: no answer ({error}). Is it running?") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        return None


def _is_loopback(host: str) -> bool:
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return host == "localhost"
    return all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)
