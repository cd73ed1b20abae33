"""Read symptoms.toml.

It has the error messages of a broken rootless docker, their causes, and remedies.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct, field

from toolkit import documents

FILE = Path(__file__).with_name("symptoms.toml")

# dockerd-rootless.sh runs with `set -x`: it prints each command, the one that is about
# to print a message included.
_TRACE = re.compile(r"(?:^|\]: )\s*\++ ")

_PROMPT = "$ "


class Remedy(Struct, frozen=True, kw_only=True):
    """A way to remove a cause.

    It is a command to paste, or words if `is_command` is false.
    """

    text: str
    is_command: bool


class PossibleCause(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A possible cause; the command `check` confirms it.

    `do` and `nixos` are remedies, the best first.
    """

    name: str
    fact: str
    check: str
    do: tuple[str, ...]
    nixos: tuple[str, ...] = ()

    def remedies(self, *, nixos: bool, **facts: str) -> tuple[Remedy, ...]:
        """Return the remedies for a machine of this kind.

        `facts` replace the general words in [text].
        """
        document = _document()
        words = {**document.text, **(document.on_nixos if nixos else {}), **facts}
        return tuple(
            _remedy(re.sub(r"@([a-z]+)@", lambda name: words[name[1]], text))
            for text in (self.nixos if nixos and self.nixos else self.do)
        )


def command(text: str) -> Remedy:
    """Return a remedy that can be pasted into a shell."""
    return Remedy(text=text, is_command=True)


def by_hand(text: str) -> Remedy:
    """Return a remedy in words."""
    return Remedy(text=text, is_command=False)


def _remedy(text: str) -> Remedy:
    """Return a remedy from the table, which writes a command after a prompt."""
    line = text.removeprefix(_PROMPT)
    return by_hand(text) if line == text else command(line)


class Symptom(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text that points to causes, the most likely first.

    A `vague` one only shows that something failed.
    """

    name: str
    pattern: str
    named: tuple[str, ...] = field(name="causes")
    vague: bool = False

    @property
    def causes(self) -> tuple[PossibleCause, ...]:
        """The possible causes."""
        return tuple(causes()[name] for name in self.named)

    def search(self, line: str) -> re.Match[str] | None:
        """Return the part of a line that shows the symptom."""
        return re.search(self.pattern, line)


def recognise(lines: Sequence[str]) -> list[tuple[Symptom, list[int]]]:
    """Return the symptoms in a log with their line numbers, the latest first.

    Lines count from 0. A vague symptom counts only if there are no others.
    """
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if line and _TRACE.search(line) is None:
            symptom = next(
                (each for each in symptoms().values() if each.search(line)), None
            )
            if symptom is not None:
                found.setdefault(symptom.name, []).append(number)
    signs = [(symptoms()[name], numbers) for name, numbers in found.items()]
    telling = [sign for sign in signs if not sign[0].vague]
    return sorted(telling or signs, key=lambda sign: sign[1][-1], reverse=True)


class _Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of symptoms.toml.

    `text` are the words for placeholders in remedies; `on_nixos` are those that differ
    on NixOS.
    """

    text: dict[str, str]
    on_nixos: dict[str, str]
    cause: tuple[PossibleCause, ...]
    symptom: tuple[Symptom, ...]


@cache
def symptoms() -> Mapping[str, Symptom]:
    """Return all symptoms by name, in the order in which a line is tested."""
    return {symptom.name: symptom for symptom in _document().symptom}


@cache
def causes() -> Mapping[str, PossibleCause]:
    """Return all causes by name."""
    return {cause.name: cause for cause in _document().cause}


@cache
def _document() -> _Document:
    return documents.read_toml(FILE.read_bytes(), _Document, document=FILE.name)
