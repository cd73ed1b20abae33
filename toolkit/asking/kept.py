"""The cache of Nix's answers to questions.

Answers that depend on the same inputs are stored in one JSON document.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from toolkit import documents, files
from toolkit.cache import default_cache
from toolkit.nix import program

A = TypeVar("A")

_DOCUMENT = "answers.json"


def fingerprint(*facts: object, expression: Iterable[Path]) -> str:
    """Return the cache key of answers: a hash of all inputs of the evaluation.

    `facts` are the inputs, and `expression` are the files of Nix code. The version of
    Nix is included.
    """
    contents = [files.read(path) for path in expression]
    text = repr((*facts, str(program.version()), contents))
    return hashlib.sha256(text.encode()).hexdigest()


class Kept(Generic[A]):
    """The cached answers that depend on the same inputs, by their question."""

    def __init__(
        self, kind: str, key: str, answer: type[A], *, lasts: Callable[[A], bool]
    ) -> None:
        """Read the answers from the cache.

        Only final answers are cached, for which `lasts` returns true: an evaluation
        that hit a limit may end differently with a higher limit.
        """
        self._kind = kind
        self._key = key
        self._lasts = lasts
        self.answers: dict[str, A] = {}
        kept = default_cache().read(kind, key, _DOCUMENT)
        if kept is not None:
            answers = documents.read(kept, dict[str, object], document=_DOCUMENT)
            self.answers = {
                question: documents.convert(value, answer, document=_DOCUMENT)
                for question, value in answers.items()
            }

    def keep(self, answers: Mapping[str, A]) -> None:
        """Add answers, and write all final answers to the cache."""
        self.answers |= answers
        lasting = {
            question: answer
            for question, answer in self.answers.items()
            if self._lasts(answer)
        }
        content = documents.write(lasting)
        default_cache().keep(self._kind, self._key, _DOCUMENT, content)
