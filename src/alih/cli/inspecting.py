"""What `alih inspect` tells of memory, disk, operations and time by route, and what fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alih.errors import AlihError, OptionError

if TYPE_CHECKING:
    from alih.pretrained.open import Pretrained

_LENGTH = 128
_PARTS = ("weights", "gradients", "optimiser", "activations")


def check(batch_size: int, length: int | None, memory: str | None) -> None:
    """Refuse sizes that cannot be, before a model is opened.

    Raises:
        OptionError: one of them.
    """
    for flag, value in (("--batch-size", batch_size), ("--length", length)):
        if value is not None and value < 1:
            raise OptionError(f"{flag}: must be at least 1, not {value}.")
    if memory is not None:
        _bytes(memory)


def needs_of(pretrained: Pretrained, batch_size: int, length: int | None, memory: str | None) -> dict[str, Any]:
    """What every route needs, as JSON-able data; with a limit also what fits, and at which batch size."""
    from alih.compare.needs import largest_batch, needs, speed, variants_of

    longest = pretrained.max_length
    is_image = pretrained.model.main_input_name == "pixel_values"
    if length is not None and is_image:
        raise OptionError("--length: is for texts, and this model reads images; leave it out.")
    if length is not None and longest is not None and length > longest:
        raise OptionError(f"--length {length}: {pretrained.name} takes at most {longest} tokens.")
    tokens = min(length or _LENGTH, longest or _LENGTH if length is None else length)
    told: dict[str, Any] = {
        "batch_size": batch_size,
        "length": None if is_image else tokens,
        "memory": None if memory is None else _bytes(memory),
        "routes": [],
    }
    if pretrained.is_prompted:
        told["unknown"] = "none; this is a language model inside a prompt. Adapt the one that it was made from."
        return told
    try:
        variants = variants_of(pretrained)
        width = getattr(pretrained.model.config, "hidden_size", None)
        pace = speed(width if isinstance(width, int) else 256)
        found = needs(pretrained, variants, batch_size=batch_size, length=tokens, flops_a_second=pace)
    except AlihError as error:
        told["unknown"] = str(error)
        return told
    for variant, one in zip(variants, found, strict=True):
        row = one.as_dict()
        if told["memory"] is not None:
            row["fits"] = one.peak <= told["memory"]
            if not row["fits"]:
                # To follow a step of a large model takes long, so only where a smaller batch can help.
                limit, helps = told["memory"], one.least <= told["memory"]
                row["largest_batch"] = largest_batch(pretrained, variant, limit, tokens, batch_size) if helps else 0
        told["routes"].append(row)
    return told


def render_needs(told: dict[str, Any]) -> str:
    """The table of needs as text."""
    if "unknown" in told:
        return f"  memory and time by route: {told['unknown']}"
    of = "pictures" if told["length"] is None else f"texts of {told['length']} tokens"
    limit = told["memory"]
    heads = ["weights", "gradients", "optimiser", "activations", "peak", "on disk"]
    unit = "FLOPs a picture" if told["length"] is None else "FLOPs a token"
    width = max(len(row["label"]) for row in told["routes"])
    lines = [
        f"  in steps of {told['batch_size']} {of}, 32 bits, beyond what Python and its libraries take (predicted)",
        f"  {'':<{width}}"
        + "".join(f" {head:>11}" for head in heads)
        + f" {unit:>15} {'1,000 examples':>15}"
        + ("  fits" if limit else ""),
    ]
    for row in told["routes"]:
        sizes = [row[part] for part in _PARTS] + [row["peak"], row["disk"]]
        lines.append(
            f"  {row['label']:<{width}}"
            + "".join(f" {_size(size):>11}" for size in sizes)
            + f" {_count(row['flops_a_token']):>15} {_time(row['seconds']):>15}"
            + ("" if not limit else "  yes" if row["fits"] else "  no")
        )
    lines.append(
        "  times: one pass over 1,000 examples here, from the speed of a matrix product; within a factor of two; "
        "what is frozen runs once, before"
    )
    if limit:
        lines += ["", *_advice(told)]
    return "\n".join(lines)


def _advice(told: dict[str, Any]) -> list[str]:
    limit = _size(told["memory"])
    lines = []
    for row in told["routes"]:
        if row["fits"]:
            continue
        fewer = row["largest_batch"]
        fixed = row["weights"] + row["gradients"] + row["optimiser"] + row["kept"]
        if fewer:
            lines.append(f"  {row['label']}: does not fit into {limit}; with --batch-size {fewer} it does")
        elif row["loading"] > told["memory"]:
            lines.append(
                f"  {row['label']}: opening the model in 32 bits takes {_size(row['loading'])}, more than {limit}"
            )
        elif fixed > told["memory"]:
            what = "weights, gradients, optimiser and the best weights so far" if row["kept"] else "the weights"
            lines.append(f"  {row['label']}: {what} alone take {_size(fixed)}, more than {limit}")
        else:
            lines.append(f"  {row['label']}: does not fit into {limit} with one example a step; try a smaller --length")
    least = min(told["routes"], key=lambda row: row["peak"])
    if not any(row["fits"] for row in told["routes"]):
        lines.append(f"  nothing fits; the least is {least['label']} with {_size(least['peak'])}")
    return lines or [f"  everything fits into {limit}"]


def _bytes(memory: str) -> float:
    from alih.option import size

    try:
        found = size(memory)
    except OptionError as error:
        raise OptionError(str(error).replace("--max-memory", "--memory")) from None
    if not found > 0:
        raise OptionError(f"--memory: must be above zero, not {memory}.")
    return found


def _size(nbytes: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if nbytes >= factor:
            return f"{nbytes / factor:,.1f} {unit}"
    return f"{nbytes / 1e3:,.0f} kB"


def _count(value: float) -> str:
    for unit, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:,.1f} {unit}"
    return f"{value:,.0f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    for unit, factor in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * factor:
            return f"{seconds / factor:,.0f} {unit}"
    return f"{seconds:.1f} s"
