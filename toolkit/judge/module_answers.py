"""The questions to Nix about changed NixOS modules, and Nix's answers."""

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
"""The name of the section about NixOS modules in Nix's answer."""

_NAME = "NixOS"

Options = Mapping[str, OptionShape]


class ModuleSource(Struct, frozen=True, kw_only=True):
    """A changed file, and the NixOS modules that declare options with its help.

    `declaring` are the files of these modules. A module that NixOS does not include is
    in `imports`.
    """

    file: str
    declaring: tuple[str, ...]
    imports: tuple[str, ...] = ()


class ModuleAnswers:
    """The questions about changed NixOS modules, and the differences found.

    `name` stands for the attribute in differences of a whole NixOS configuration.
    """

    def __init__(self, record: Record, sources: Sequence[ModuleSource]) -> None:
        self.record = record
        self.sources = sources
        self.imports = [name for source in sources for name in source.imports]
        self.name = ""

    def ask(self, questions: Sequence[Question]) -> list[tuple[Answer, Answer]]:
        """Return Nix's answers before and after the change, on the main system."""
        native = self.record.native
        return self.record.sides.answers({native: questions})[native]

    def add(self, name: str, weighed: Weighed, *, why: tuple[Reason, ...] = ()) -> None:
        """Add a difference of an option or of a NixOS configuration."""
        record = self.record
        difference = record.subject(name, record.native).differs(weighed)
        record.differences.append(replace(difference, why=why))

    def leave(self, what: str, answer: Answer) -> None:
        """Record that a comparison has an unknown result, with the reason.

        `what` describes the comparison.
        """
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
    """Return a question about NixOS modules, with a time limit of its own."""
    text = json.dumps(words, sort_keys=True)
    return Question(path=(_NAME, name), parts=(PART,), modules=text)


def fails(answer: Answer) -> bool:
    """Return whether Nix's answer lacks the section about NixOS modules."""
    return PART not in answer.parts


def machine_in(answer: Answer) -> NixosMachine | None:
    """Return the NixOS configuration in Nix's answer, or None if it failed."""
    if fails(answer):
        return None
    return documents.convert(answer.parts[PART], NixosMachine, document="Nix's answer")


def switches(source: ModuleSource, options: Options) -> list[AttrPath]:
    """Return the `enable` options of a module that are off by default."""
    own = [
        option for option in options.values() if {*option.files} & {*source.declaring}
    ]
    return declared.switches(own)


def option_shapes(answer: Answer) -> dict[str, OptionShape]:
    """Return the NixOS options in Nix's answer, by name."""
    if fails(answer):
        return {}
    options = answer.parts[PART]["options"]
    return documents.convert(options, dict[str, OptionShape], document="Nix's answer")
