"""The command about tokens: how texts are cut, tokens a word, losses; training and extending a tokenizer."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alih.cli.flags import Commands, typed
from alih.errors import DataError, OptionError

if TYPE_CHECKING:
    from alih.generate.learn_tokens import Kind
    from alih.generate.pieces import Piece
    from alih.generate.tokenizers import Opened

_DEFAULT = "alih/minilm"
_COLOURS = (44, 42, 43, 45, 46)  # backgrounds of neighbouring pieces
_EXAMPLES = """examples:
  alih tokens "Selamat pagi" --model alih/minilm --model ./my-model     how a text is cut
  alih tokens --model ./my-model                  tokens a word, Indonesian against English, on built-in sentences
  alih tokens --data reviews.csv --text review --max-length 128         what a dataset loses at 128 tokens
  alih tokens --data id=ind.csv --data en=eng.csv --text text           tokens a word in your own files
  alih tokens train corpus.txt --kind unigram --size 8000 -o my-tokenizer
  alih tokens add ./my-model words.txt -o ./my-model-with-words
"""


def add_commands(commands: Commands) -> None:
    """Add tokens."""
    tokens = commands.add_parser(
        "tokens",
        help="show how texts are cut; train a tokenizer; add words to a model",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tokens.add_argument(
        "items",
        nargs="*",
        metavar="TEXT",
        help="texts to cut (- for standard input); or: train CORPUS, add MODEL WORDS",
    )
    tokens.add_argument("--model", action="append", help=f"whose tokenizer; several side by side (default: {_DEFAULT})")
    tokens.add_argument("--revision", help="revision of a model on the Hub")
    tokens.add_argument("--data", action="append", metavar="[LANG=]FILE", help="table or text file to measure; several")
    tokens.add_argument("--text", metavar="COLUMN", help="column of the text in --data or in the corpus")
    tokens.add_argument("--max-length", type=int, metavar="N", help="longest text in tokens (default: the model's)")
    tokens.add_argument(
        "--lang", metavar="LANGS", help="languages of the built-in sentences, e.g. id,en (default: all)"
    )
    tokens.add_argument("--kind", choices=("bpe", "unigram"), help="train: what kind of tokenizer (default: bpe)")
    tokens.add_argument("--size", type=int, metavar="N", help="train: tokens in the vocabulary (default: 8000)")
    tokens.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="train, add: folder to write")
    tokens.add_argument("--json", action="store_true", help="print JSON")
    tokens.set_defaults(run=run_tokens)


def run_tokens(arguments: argparse.Namespace) -> int:
    """Run `alih tokens`."""
    action = arguments.items[0] if arguments.items and arguments.items[0] in _ACTIONS else None
    _refuse_unread(arguments, action)
    if action is not None:
        return _ACTIONS[action](arguments)
    if arguments.max_length is not None and arguments.max_length < 1:
        raise OptionError(f"--max-length: must be at least 1, not {arguments.max_length}.")
    from alih.generate.tokenizers import open_tokenizer

    opened = [open_tokenizer(name, revision=arguments.revision) for name in arguments.model or [_DEFAULT]]
    if arguments.items:
        return _show_texts(opened, [typed(text) for text in arguments.items], as_json=arguments.json)
    if arguments.data:
        return _show_data(opened, arguments)
    return _show_languages(opened, arguments)


def _refuse_unread(arguments: argparse.Namespace, action: str | None) -> None:
    """Refuse flags that what was asked for does not read."""
    read = {
        "train": {"text", "kind", "size", "output", "json"},
        "add": {"output", "json", "revision"},
        None: {"model", "revision", "data", "text", "max_length", "lang", "json"},
    }[action]
    if action is None and arguments.items:
        read = {"model", "revision", "json"}
    elif action is None and arguments.data:
        read -= {"lang"}
    elif action is None:
        read -= {"text", "max_length"}
    what = f"tokens {action}" if action else "cutting texts" if arguments.items else "this"
    for name in ("model", "revision", "data", "text", "max_length", "lang", "kind", "size", "output"):
        if getattr(arguments, name) is not None and name not in read:
            raise OptionError(
                f"--{name.replace('_', '-')}: is not read by {what}; leave it out. See: alih tokens --help"
            )


def _show_texts(opened: Sequence[Opened], texts: Sequence[str], *, as_json: bool) -> int:
    from alih.generate.pieces import cut

    found = [(one, [cut(one.tokenizer, text) for text in texts]) for one in opened]
    if as_json:
        told = [
            {"model": one.name, "kind": one.kind, "texts": [[piece.as_dict() for piece in pieces] for pieces in every]}
            for one, every in found
        ]
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    for one, every in found:
        print(f"{one.name}  ({one.kind}, {len(one.tokenizer):,} tokens)")
        for text, pieces in zip(texts, every, strict=True):
            own = sum(not piece.special for piece in pieces)
            words = len(text.split())
            each = f", {own / words:.2f} a word" if words else ""
            around = len(pieces) - own
            print(f"  {own} tokens{each}{f', and {around} around the text' if around else ''}")
            print(f"  {_coloured(pieces)}")
            print(f"  ids  {' '.join(str(piece.id) for piece in pieces)}")
    return 0


def _coloured(pieces: Sequence[Piece]) -> str:
    """Pieces side by side: with changing backgrounds on a terminal, parted by bars elsewhere."""
    if not sys.stdout.isatty():
        return "|".join(piece.shown for piece in pieces)
    return "".join(
        f"\x1b[2m{piece.shown}\x1b[0m"
        if piece.special
        else f"\x1b[30;{_COLOURS[n % len(_COLOURS)]}m{piece.shown}\x1b[0m"
        for n, piece in enumerate(pieces)
    )


def _show_languages(opened: Sequence[Opened], arguments: argparse.Namespace) -> int:
    from alih.generate.fertility import SENTENCES, fertility

    names = [name.strip() for name in (arguments.lang or ",".join(SENTENCES)).split(",") if name.strip()]
    for name in names:
        if name not in SENTENCES:
            raise OptionError(
                f"--lang {name}: there are built-in sentences in {', '.join(SENTENCES)}. For other languages give a "
                f"file: --data {name}=FILE"
            )
    rows = [(one, name, fertility(one.tokenizer, SENTENCES[name])) for one in opened for name in names]
    if arguments.json:
        print(json.dumps([{"model": one.name, "data": name, **f.as_dict()} for one, name, f in rows], indent=2))
        return 0
    print(f"{len(SENTENCES[names[0]])} built-in sentences a language, the same in each; special tokens not counted")
    _table(opened, names, {(one.name, name): f for one, name, f in rows})
    return 0


def _show_data(opened: Sequence[Opened], arguments: argparse.Namespace) -> int:
    from alih.generate.fertility import fertility, losses

    texts: dict[str, list[str]] = {}
    for given in arguments.data:
        name, _, file = given.rpartition("=")
        texts[name or Path(file).name] = _texts(file, arguments.text)
    found: list[dict[str, Any]] = []
    each = {(one.name, name): fertility(one.tokenizer, some) for one in opened for name, some in texts.items()}
    for one in opened:
        for name, some in texts.items():
            longest = arguments.max_length or one.max_length
            lost = losses(one.tokenizer, some, longest).as_dict() if longest else None
            found.append({"model": one.name, "data": name, **each[one.name, name].as_dict(), "losses": lost})
    if arguments.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    _table(opened, list(texts), each)
    for row in found:
        lost = row["losses"]
        told = f"{row['model']}, {row['data']}: "
        if lost is None:
            print(f"{told}nothing limits the length of a text; give --max-length")
            continue
        print(
            f"{told}texts of {lost['median']} tokens in the middle, {lost['p95']} at 95 %, {lost['longest']} at most. "
            f"At {lost['max_length']} tokens {lost['cut']:,} of {lost['texts']:,} texts are cut, and "
            f"{lost['lost']:,} of {lost['tokens']:,} tokens ({100 * lost['lost'] / max(lost['tokens'], 1):.2f} %) lost."
        )
    return 0


def _table(opened: Sequence[Opened], names: Sequence[str], each: dict[tuple[str, str], Any]) -> None:
    width = max(len(one.name) for one in opened)
    columns = max(12, *(len(name) for name in names))
    print(f"{'tokens a word':<{width}}  {'tokens':>8}" + "".join(f"  {name:>{columns}}" for name in names))
    for one in opened:
        cells = "".join(f"  {each[one.name, name].per_word:>{columns}.2f}" for name in names)
        print(f"{one.name:<{width}}  {len(one.tokenizer):>8,}{cells}")
    unknown = [
        f"{one.name}: {100 * each[one.name, name].unknown:.1f} % of the tokens of {name} are unknown to it"
        for one in opened
        for name in names
        if each[one.name, name].unknown > 0
    ]
    for line in unknown:
        print(line)


def _texts(file: str, column: str | None) -> list[str]:
    """The texts of a table's column, or the lines of a .txt file."""
    from alih.data.columns import names_of
    from alih.data.examples import Columns, Damage
    from alih.data.predict_on import read_inputs
    from alih.task import Kind, Modality, Task

    damaged: list[Damage] = []
    columns = names_of(column)
    task = Task(Modality.TEXT, Kind.SINGLE, ("a", "b"))
    found = read_inputs(file, task, Columns(columns), typed=columns, damaged=damaged)
    texts = [text for value in found.inputs for text in (value if isinstance(value, tuple) else (value,))]
    return [text for text in texts if isinstance(text, str)]


def _train(arguments: argparse.Namespace) -> int:
    from alih.generate.fertility import fertility
    from alih.generate.learn_tokens import learn, save

    files, output = arguments.items[1:], arguments.output
    if not files:
        raise OptionError("tokens train: name the corpus: alih tokens train corpus.txt --size 8000 -o my-tokenizer")
    if output is None:
        raise OptionError("--output: name the folder to write: alih tokens train … -o my-tokenizer")
    _refuse_filled(output)
    kind: Kind = arguments.kind or "bpe"
    size = 8000 if arguments.size is None else arguments.size
    texts = [text for file in files for text in _texts(file, arguments.text)]
    tokenizer = learn(texts, kind, size)
    save(tokenizer, output)
    found = fertility(tokenizer, texts)
    if arguments.json:
        told = {"kind": kind, "size": len(tokenizer), "texts": len(texts), **found.as_dict(), "folder": str(output)}
        print(json.dumps(told, indent=2))
        return 0
    print(
        f"{kind} tokenizer of {len(tokenizer):,} tokens from {len(texts):,} texts: {found.per_word:.2f} tokens a word"
    )
    if len(tokenizer) < size:
        print(f"--size {size:,} was not reached: the corpus has no more pieces that occur twice")
    print(f"saved to {output}")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from alih.data.messages import counted
    from alih.generate.add_tokens import add_to_folder, read_words
    from alih.generate.tokenizers import open_tokenizer

    if len(arguments.items) != 3 or arguments.output is None:
        raise OptionError(
            "tokens add: name a model, a file with one word a line, and the folder to write: "
            "alih tokens add ./my-model words.txt -o ./my-model-with-words"
        )
    _refuse_filled(arguments.output)
    _, model, words = arguments.items
    listed = read_words(Path(words))
    opened = open_tokenizer(model, revision=arguments.revision)
    try:
        added = add_to_folder(opened, listed, arguments.output)
    except DataError as error:
        raise DataError(f"{words}: {error}") from error
    if arguments.json:
        told = {"added": added.words, "known": added.known, "vocabulary": added.vocabulary, "tied": added.tied}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    for word, pieces in list(added.words.items())[:20]:
        print(f"  {word}  instead of {'|'.join(pieces)}")
    if len(added.words) > 20:
        print(f"  … and {len(added.words) - 20} more")
    were = "was" if len(added.known) == 1 else "were"
    known = f"; {len(added.known)} {were} one token already" if added.known else ""
    before, after = added.vocabulary
    tied = ", tied to the output as before" if added.tied else ""
    print(f"{counted(len(added.words), 'token')} added{known}. Embeddings: {before:,} rows, now {after:,}{tied}.")
    print(f"saved to {arguments.output}; adapt it to texts of the domain, so that the new tokens learn their place")
    return 0


def _refuse_filled(output: Path) -> None:
    """A folder that holds something is not written over: it may be the only copy of a model."""
    if output.is_dir() and any(output.iterdir()):
        raise OptionError(f"--output {output}: the folder is not empty, and nothing is written over; name another one.")


_ACTIONS = {"train": _train, "add": _add}
