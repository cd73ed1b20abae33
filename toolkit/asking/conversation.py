"""Ask Nix many questions of one kind, in as few evaluations as their errors permit.

An expression prints `MARK question N` before each question, and `MARK answer N JSON` as
soon as it has the answer: if something ends the evaluation later, earlier answers stay.
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
"""A system and an attribute path, which together have a time limit."""


class Conversation(ABC, Generic[Q, A]):
    """Questions of one kind about a system, and Nix's answers so far."""

    def __init__(
        self, system: str, allowed: Allowance, place: EvaluationPlace = HERE
    ) -> None:
        """Subtract the time of each attribute from its allowance."""
        self.system = system
        self.allowed = allowed
        self.mark = new_mark()
        self.heard: dict[str, A] = {}
        self._place = place

    def ask(self, questions: Sequence[Q]) -> list[A]:
        """Return the answers in the order of the questions."""
        answers = zip(
            questions, bisected(self.together, questions, mark=self.mark), strict=True
        )
        return [
            self.alone(question, answer) if isinstance(answer, CommandError) else answer
            for question, answer in answers
        ]

    def together(self, questions: Sequence[Q]) -> list[A]:
        """Return one evaluation's answers; raise CommandError if a question ends it."""
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
        """Return the thing whose time limit a question uses."""

    @abstractmethod
    def read(self, question: Q, answer: str) -> None:
        """Read the JSON of an answer, or of further parts of one."""

    @abstractmethod
    def alone(self, question: Q, error: CommandError) -> A:
        """Return the answer to a question that ends the evaluation."""

    def answer(self, question: Q) -> A:
        """Return the answer that Nix gave to a question."""
        return self.heard[key(question)]

    def note(self, fact: str) -> None:
        """Read a fact besides answers, which the expression also marks."""

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
    """Return the text that identifies a question here and in the cache."""
    return repr(question)
