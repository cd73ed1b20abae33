"""Put many questions of one kind to Nix, with as few evaluations as possible.

An expression prints `MARK question N` before each question, and `MARK answer N JSON` as
soon as it has the answer. If an error ends the evaluation later, earlier answers stay.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar

from toolkit.asking.places import HERE, EvaluationPlace, Task
from toolkit.asking.questions import Evaluation, bisected, new_mark
from toolkit.errors import CommandError
from toolkit.nix.limits import Allowance

A = TypeVar("A")
Q = TypeVar("Q")

Thing = tuple[str, tuple[str, ...]]
"""A system and an attribute path; all questions about them share a time limit."""


class Conversation(ABC, Generic[Q, A]):
    """Questions of one kind about a system, and the answers that Nix has given.

    Subclasses define the kind: how questions are evaluated, and how answers are read.
    """

    def __init__(
        self, system: str, allowed: Allowance, place: EvaluationPlace = HERE
    ) -> None:
        """Start without answers.

        `allowed` is the time limit for the questions about each attribute.
        """
        self.system = system
        self.allowed = allowed
        self.mark = new_mark()
        self.heard: dict[str, A] = {}
        self._place = place

    def ask(self, questions: Sequence[Q]) -> list[A]:
        """Return Nix's answers, in the order of the questions."""
        answers = zip(
            questions, bisected(self.together, questions, mark=self.mark), strict=True
        )
        return [
            self.alone(question, answer) if isinstance(answer, CommandError) else answer
            for question, answer in answers
        ]

    def together(self, questions: Sequence[Q]) -> list[A]:
        """Return Nix's answers to all questions, from a single evaluation.

        Raise CommandError if a question ends the evaluation.
        """
        open_questions = {
            number: question
            for number, question in enumerate(questions)
            if key(question) not in self.heard
        }
        if open_questions:
            task = Task(
                evaluation=self.evaluation(open_questions),
                things=[self.thing(question) for question in open_questions.values()],
                mark=self.mark,
                allowed=self.allowed,
                on_line=partial(self._hear, questions),
            )
            self._place.execute(task)
        return [self.answer(question) for question in questions]

    @abstractmethod
    def evaluation(self, questions: Mapping[int, Q]) -> Evaluation:
        """Return the evaluation that answers the questions with these numbers."""

    @abstractmethod
    def thing(self, question: Q) -> Thing:
        """Return the system and attribute path that a question is about.

        All questions about these share a time limit.
        """

    @abstractmethod
    def read(self, question: Q, answer: str) -> None:
        """Store an answer to a question, or a further part of an answer, from JSON."""

    @abstractmethod
    def alone(self, question: Q, error: CommandError) -> A:
        """Return the answer to a question that ends the evaluation with an error."""

    def answer(self, question: Q) -> A:
        """Return the answer to a question that Nix has already given."""
        return self.heard[key(question)]

    def note(self, fact: str) -> None:
        """Read a line with the mark that is not an answer; the default ignores it."""

    def _hear(self, questions: Sequence[Q], line: str) -> None:
        marked = f"trace: {self.mark} "
        if not line.startswith(marked):
            return
        fact = line.removeprefix(marked)
        if (answer := re.match(r"answer (\d+) ", fact)) is not None:
            self.read(questions[int(answer[1])], fact[answer.end() :])
        else:
            self.note(fact)


def key(question: object) -> str:
    """Return the text that identifies a question in memory and in the cache."""
    return repr(question)
