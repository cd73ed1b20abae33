"""The trees before and after a change, and Nix's cached answers about them."""

import time
from collections import Counter, defaultdict
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import process
from toolkit.asking import chunks
from toolkit.asking.chunks import Spread
from toolkit.asking.conversation import key
from toolkit.asking.kept import Kept, fingerprint
from toolkit.asking.packages import (
    FILES,
    MISSING,
    NATIVE,
    Answer,
    Question,
    QuestionScope,
    Times,
    ask,
    is_unreached,
    why_not,
)
from toolkit.asking.places import HERE, EvaluationPlace
from toolkit.git.reading import TreeFile
from toolkit.judge.ground import Ground
from toolkit.model import Progress
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.parallel import side_by_side
from toolkit.sources.trees import NixpkgsTree
from toolkit.text import counted

_KIND = "answers"
_EACH_MIB = 2048
_MOST = 96
"""The maximum number of attributes in one evaluation; their common inputs are evaluated
once.
"""

_MOST_HASHED = 600
"""The number of attributes that fit in the memory of an evaluation of the whole package
set.
"""

_LEAST = 12
_MOST_TOLD = 10
"""The maximum number of progress steps on each system."""

_LEAST_TOLD = 5
"""The minimum number of seconds for which an estimate is shown."""

_OF_A_FILE = ("derivation", "meta", "passthru", "functions")
"""The sections of Nix's answer that show whether a package needs a file."""

_Task = tuple[str, Callable[[], Sequence[Question]]]
"""A system, and a function that returns the questions to evaluate on it."""


class Sides(Struct, frozen=True, kw_only=True):
    """The trees before and after a change, as files that differ from a base tree.

    None marks a deleted file.
    """

    base: NixpkgsTree
    ground: Ground
    before: Mapping[PurePosixPath, TreeFile | None]
    after: Mapping[PurePosixPath, TreeFile | None]
    nixos: bool
    hashed: bool = False
    every_reference: bool = False
    progress: Progress
    times: Times
    spread: Spread | None = None
    """The store paths for evaluation in Nix builds; if None, evaluations run in
    processes.
    """
    allowed: Allowance
    """The time limit of each attribute on a system, before and after the change
    together.
    """
    _kept: dict[str, Kept[Answer]] = field(default_factory=dict[str, Kept[Answer]])
    _foreseen: list[_Task] = field(default_factory=list[_Task])

    def foresee(self, system: str, questions: Callable[[], Sequence[Question]]) -> None:
        """Announce likely questions, which an idle processor answers in advance."""
        self._foreseen.append((system, questions))

    def answers(
        self, asked: Mapping[str, Sequence[Question]], *, what: str = ""
    ) -> dict[str, list[tuple[Answer, Answer]]]:
        """Return Nix's answers before and after the change, by system.

        If time is short, as many questions as possible get both answers.
        """
        with self.times.sharing(0.5):
            befores = self._side(self.before, asked, f"before{what}")
        foreseen = [*self._foreseen]
        self._foreseen.clear()
        reached = {
            system: [
                each
                for each, answer in zip(asked[system], answers, strict=True)
                if not is_unreached(answer)
            ]
            for system, answers in befores.items()
        }
        afters = {
            system: iter(answers)
            for system, answers in self._side(
                self.after, reached, f"after{what}", foreseen=foreseen
            ).items()
        }
        return {
            system: [
                (each, each if is_unreached(each) else next(afters[system]))
                for each in answers
            ]
            for system, answers in befores.items()
        }

    def was_there(self, system: str, question: Question) -> bool:
        """Return whether a question's attribute existed before the change."""
        answer = self._known(self.before, system).answers.get(key(question))
        return answer is not None and answer.kind != MISSING

    def why_not(self, system: str, path: tuple[str, ...]) -> str:
        """Return the reason why an attribute no longer evaluates, as one line."""
        with self._laid(self.after) as place:
            scope = QuestionScope(root=self.root, system=system, place=place)
            return why_not(scope, path, self.allowed)

    def again(self, system: str, question: Question) -> tuple[Answer, Answer]:
        """Return the answers to a question that is evaluated alone.

        The order of several questions in one evaluation may cause an error.
        """
        answers: list[Answer] = []
        for contents in (self.before, self.after):
            with self._laid(contents) as place:
                scope = self._scope(system, place)
                answers += ask(
                    replace(scope, hashed=False), [question], allowed=self.allowed
                )
        return answers[0], answers[1]

    def needing(
        self, path: PurePosixPath, packages: Sequence[tuple[str, ...]], system: str
    ) -> list[tuple[str, ...]]:
        """Return the packages that need a file.

        A package needs the file if it differs when the file's content is replaced by a
        marker text.
        """
        questions = [Question(path=each, parts=_OF_A_FILE) for each in packages]
        return [each.path for each in self.reading(path, questions, system)]

    def reading(
        self, path: PurePosixPath, questions: Sequence[Question], system: str
    ) -> list[Question]:
        """Return the questions whose answers depend on the content of a file.

        Such an answer differs when the file's content is replaced by a marker text.
        """
        if not questions:
            return []
        contents = (
            self.after
            if path not in self.after or self.after[path] is not None
            else self.before
        )
        mark = TreeFile(
            content=b'throw "unlet: a mark"\n'
            if path.suffix == ".nix"
            else b"unlet: a mark\n"
        )
        sides = replace(self, before=contents, after={**contents, path: mark})
        pairs = sides.answers({system: questions}, what=", with a mark")[system]
        return [
            question
            for question, (before, after) in zip(questions, pairs, strict=True)
            if before != after and not is_unreached(after)
        ]

    def of_all(self) -> "Sides":
        """Return a copy for questions about the whole package set.

        The copy has its own cached answers.
        """
        return replace(self, hashed=True, _kept={})

    def _side(
        self,
        contents: Mapping[PurePosixPath, TreeFile | None],
        asked: Mapping[str, Sequence[Question]],
        what: str,
        *,
        foreseen: Sequence[_Task] = (),
    ) -> dict[str, list[Answer]]:
        systems = (*asked, *(system for system, _ in foreseen))
        known = {system: self._known(contents, system) for system in systems}
        limited = set[str]()
        tasks, counts = self._tasks(known, asked, foreseen, limited)
        if tasks:
            tell = self._telling(counts, what)
            for system, answers in self._evaluated(contents, tasks, tell, limited):
                known[system].keep(answers)
        return {
            system: [known[system].answers[key(question)] for question in questions]
            for system, questions in asked.items()
        }

    def _tasks(
        self,
        known: Mapping[str, Kept[Answer]],
        asked: Mapping[str, Sequence[Question]],
        foreseen: Sequence[_Task],
        limited: Collection[str],
    ) -> tuple[list[_Task], Counter[str]]:
        """Return the evaluations to run, and their number of questions by system.

        Idle processors get the announced questions, unless a system was `limited`.
        """
        jobs, counts = limits.jobs(each=_EACH_MIB), Counter[str]()

        def part(
            system: str, questions: Callable[[], Sequence[Question]], number: int
        ) -> Sequence[Question]:
            # A question that hits a limit on the main system is not evaluated on
            # other systems.
            if limited:
                return ()
            parts = self._split(known[system], questions(), jobs)
            found = parts[number : number + 1]
            counts[system] += sum(map(len, found))
            return found[0] if found else ()

        tasks: list[_Task] = []
        # A limit on the main system counts for all systems; cross and static take the
        # longest.
        order = sorted(asked, key=lambda system: (system != NATIVE, "-" in system))
        unknown = {
            system: asked[system]
            for system in order
            if self._split(known[system], asked[system], 1)
        }
        for system, questions in unknown.items():
            # The common inputs of all packages are evaluated again in each evaluation.
            parts = self._split(known[system], questions, -(-jobs // len(unknown)))
            tasks += [(system, partial(list, part)) for part in parts]
            counts[system] = sum(map(len, parts))
        if 0 < len(tasks) < jobs and self.spread is None:
            tasks += [
                (system, partial(part, system, later, number))
                for system, later in foreseen
                for number in range(jobs)
            ]
        return tasks, counts

    def _split(
        self, known: Kept[Answer], questions: Sequence[Question], parts: int
    ) -> list[Sequence[Question]]:
        """Return the unanswered questions in groups, one for each evaluation.

        There are at least `parts` groups, unless these would be too small.
        """
        most = _MOST_HASHED if self.hashed else _MOST
        if self.spread is not None:
            # A chunk must not depend on cached answers or on processors, so that other
            # computers have built the same chunk.
            return [
                chunk
                for chunk in _chunks(questions, most)
                if not all(key(question) in known.answers for question in chunk)
            ]
        new = [question for question in questions if key(question) not in known.answers]
        return _chunks(new, min(most, max(_LEAST, -(-len(new) // parts))))

    def _evaluated(
        self,
        contents: Mapping[PurePosixPath, TreeFile | None],
        tasks: Sequence[_Task],
        tell: Callable[[str], None],
        limited: set[str],
    ) -> Iterator[tuple[str, dict[str, Answer]]]:
        """Yield Nix's answers for each system, by the text of the question.

        Systems that hit a limit are added to `limited`.
        """
        jobs = len(tasks) if self.spread is not None else limits.jobs(each=_EACH_MIB)
        found: dict[str, dict[str, Answer]] = defaultdict(dict)
        with self._laid(contents, len(tasks)) as place, process.ending_together():

            def answer(task: _Task) -> dict[str, Answer]:
                system, questions = task[0], task[1]()
                with place.taking_part():
                    answers = ask(
                        self._scope(system, place),
                        questions,
                        times=self.times,
                        allowed=self.allowed,
                        heard=partial(tell, system),
                    )
                limited.update(system for each in answers if each.limited)
                return dict(zip(map(key, questions), answers, strict=True))

            for (system, _), answers in zip(
                tasks, side_by_side(answer, tasks, jobs=jobs), strict=True
            ):
                found[system] |= answers
        yield from found.items()

    @property
    def root(self) -> Path:
        """The path at which both trees are evaluated, one after the other."""
        return self.ground.root if self.spread is None else chunks.ROOT

    @contextmanager
    def _laid(
        self, contents: Mapping[PurePosixPath, TreeFile | None], count: int = 1
    ) -> Generator[EvaluationPlace]:
        """Yield a place that evaluates the base tree with the given files in it."""
        with self.ground.holding(contents) as root:
            yield (
                HERE
                if self.spread is None
                else chunks.side(
                    self.spread, root, contents, count=count, progress=self.progress
                )
            )

    def _scope(self, system: str, place: EvaluationPlace) -> QuestionScope:
        return QuestionScope(
            root=self.root,
            system=system,
            nixos=self.nixos,
            hashed=self.hashed,
            place=place,
        )

    def _telling(self, counts: Counter[str], what: str) -> Callable[[str], None]:
        """Return a function that counts the answers by system and reports progress."""
        compared, began = Counter[str](), time.monotonic()

        def tell(system: str) -> None:
            compared[system] += 1
            if compared[system] % max(1, counts[system] // _MOST_TOLD) == 0:
                left = (
                    (time.monotonic() - began)
                    / compared.total()
                    * (counts.total() - compared.total())
                )
                estimate = f", about {left:.0f} s left" if left >= _LEAST_TOLD else ""
                self.progress.step(
                    f"comparing {compared[system]} of {counts[system]} on {system}, "
                    f"{what}{estimate}"
                )

        self.progress.step(f"comparing {counted(counts.total(), 'attribute')}, {what}")
        return tell

    def _known(
        self, contents: Mapping[PurePosixPath, TreeFile | None], system: str
    ) -> Kept[Answer]:
        facts = (
            self.base.key,
            system,
            self.nixos,
            self.hashed,
            str(self.root),
            self.spread.programs.script if self.spread is not None else None,
            sorted(contents.items()),
        )
        name = fingerprint(*facts, expression=FILES)
        if name not in self._kept:
            self._kept[name] = Kept(
                _KIND, name, Answer, lasts=lambda answer: not answer.limited
            )
        return self._kept[name]


def _chunks(questions: Sequence[Question], size: int) -> list[Sequence[Question]]:
    return [questions[at : at + size] for at in range(0, len(questions), size)]
