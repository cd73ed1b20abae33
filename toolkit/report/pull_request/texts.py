"""What pull-request.md says beside the evidence, as values: patches/pull-request.toml, or a file like it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from toolkit import documents
from toolkit.errors import ToolkitError
from toolkit.report.pull_request.wording import unwrapped

if TYPE_CHECKING:
    from toolkit.model import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepText:
    """A step by one design: the paragraph that says what and why, and the usage that works from then on.

    `title` is that of a pull request which makes this step with others; `price` is what it costs. `differs` is a
    sentence for an open pull request with the same goal.
    """

    why: str
    differs: str = ""
    title: str = ""
    usage: str = ""
    price: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A design that was not taken, and the reason; `unless` names the design in whose text it does not stand."""

    reason: str
    unless: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier attempt: a pull request's number and a sentence's end.

    One that is `open` may still be merged; `{differs}` in its text is how this one differs.
    """

    number: int
    about: str
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box of the template: the words by which it is found, the proof that ticks it, and how people come to tick it.

    `needs` is the commit on request without which even the proof does not tick it.
    """

    match: str
    todo: str
    proof: str = ""
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """All texts, in Markdown.

    `steps` are by the name of the step, then of the design, `*` for any other. `proven` are sentences by their proofs,
    `extras` are what commits on request are for, by their names. `compared` are the attributes whose derivations a
    reviewer compares.
    """

    steps: dict[str, dict[str, StepText]]
    compared: tuple[str, ...]
    disclosure: str
    proven: dict[str, str] = field(default_factory=dict[str, str])
    extras: dict[str, str] = field(default_factory=dict[str, str])
    rejected: tuple[Rejected, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    box: tuple[Box, ...] = ()

    def of(self, step: Step) -> StepText:
        """Return the text of a step by its design."""
        designs = self.steps[step.name]
        return designs[step.design] if step.design in designs else designs["*"]


def read(content: bytes, *, name: str = "pull-request.toml", **names: str) -> Texts:
    """Read such a file, with `{NAME}` replaced in it by each of `names`; raise ToolkitError if a field is wrong."""
    try:
        text = content.decode()
        for placeholder, value in names.items():
            text = text.replace(f"{{{placeholder}}}", value)
        tables = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ToolkitError(f"{name}: not TOML: {error}") from error
    return documents.convert_known(_flat(tables), Texts, document=name)


def _flat(value: object) -> object:
    """Return tables with each paragraph on one line: GitHub breaks the lines of a text where the text does."""
    match value:
        case str():
            return unwrapped(value)
        case dict():
            tables = cast("dict[str, object]", value).items()
            return {
                key: each.strip() if isinstance(each, str) and key == "usage" else _flat(each) for key, each in tables
            }
        case list():
            return [_flat(each) for each in cast("list[object]", value)]
        case _:
            return value
