"""The questions about changed NixOS modules, and their answers."""

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.asking.packages import Answer, Question
from toolkit.judge import declared
from toolkit.judge.configured import NixosMachine
from toolkit.judge.declared import OptionShape
from toolkit.judge.differences import Gap, Reason, Weighed
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import Record

PART = "modules"
"""The part of an answer about modules."""

_NAME = "NixOS"

Options = Mapping[str, OptionShape]


class ModuleSource(Struct, frozen=True, kw_only=True):
    """A changed file, and the modules that `declare` its options.

    A module that NixOS does not include is imported by its name.
    """

    file: str
    declaring: tuple[str, ...]
    imports: tuple[str, ...] = ()


class ModuleAnswers:
    """The conversation about the modules of both sides, and the differences.

    `name` is the subject of the differences of a machine.
    """

    def __init__(self, record: Record, sources: Sequence[ModuleSource]) -> None:
        self.record = record
        self.sources = sources
        self.imports = [name for source in sources for name in source.imports]
        self.name = ""

    def ask(self, questions: Sequence[Question]) -> list[tuple[Answer, Answer]]:
        """Return the answers of both sides on this system."""
        native = self.record.native
        return self.record.sides.answers({native: questions})[native]

    def add(self, name: str, weighed: Weighed, *, why: tuple[Reason, ...] = ()) -> None:
        """Add a difference of an option or of a machine."""
        record = self.record
        difference = record.subject(name, record.native).differs(weighed)
        record.differences.append(replace(difference, why=why))

    def leave(self, what: str, answer: Answer) -> None:
        """Record that something is unknown, and why."""
        reason = next(iter(answer.ends.values()), "it does not evaluate")
        limit = next(iter(answer.limits.values()), None)
        gap = Gap(
            what=what,
            reason=reason,
            attribute=what if limit else None,
            system=self.record.native if limit else None,
            limit=limit,
        )
        self.record.unknown.append(gap)


def question(name: str, **words: object) -> Question:
    """Return a question about modules; each has its own time limit."""
    text = json.dumps(words, sort_keys=True)
    return Question(path=(_NAME, name), parts=(PART,), modules=text)


def fails(answer: Answer) -> bool:
    """Return whether nothing is known about the modules."""
    return PART not in answer.parts


def machine_in(answer: Answer) -> NixosMachine | None:
    """Return the machine in an answer; None if it does not evaluate."""
    if fails(answer):
        return None
    return documents.convert(answer.parts[PART], NixosMachine, document="Nix's answer")


def switches(source: ModuleSource, options: Options) -> list[AttrPath]:
    """Return the switches that a module declares and that are off by default."""
    own = [
        option for option in options.values() if {*option.files} & {*source.declaring}
    ]
    return declared.switches(own)


def option_shapes(answer: Answer) -> dict[str, OptionShape]:
    """Return the options of an answer by name."""
    if fails(answer):
        return {}
    options = answer.parts[PART]["options"]
    return documents.convert(options, dict[str, OptionShape], document="Nix's answer")
