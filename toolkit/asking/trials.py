"""Try overrides of packages in two trees, and compare the resulting derivations.

One evaluation examines many packages. An uncatchable error becomes the answer for one
package, and the other packages are evaluated again.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, field, structs
from msgspec.structs import asdict, replace

from toolkit import documents, inside, process
from toolkit.asking.conversation import Conversation, Thing, key
from toolkit.asking.kept import Kept, fingerprint
from toolkit.asking.questions import MARK, Evaluation, in_tree
from toolkit.errors import CommandError, ToolkitError
from toolkit.inside import EntryKind
from toolkit.nix import limits, program, stores
from toolkit.nix.derivations import DerivationStore
from toolkit.nix.limits import Allowance
from toolkit.process import Command
from toolkit.shipped import EXPRESSIONS

EXPRESSION = EXPRESSIONS / "lifted.nix"
_FILES = (
    EXPRESSION,
    *(EXPRESSIONS / name for name in ("permitting.nix", "rehashed.nix")),
)
_KIND = "lifts"

# The time for a dozen packages of two whole trees on a slow computer; a single package
# has the usual limit.
_SECONDS = 180.0

FOLLOW = "follow"
"""The first name in a path that stands for a let-bound package which uses a replaced
attribute.
"""


class LiftQuestion(Struct, frozen=True, kw_only=True):
    """A package, and the overrides of its let-bound packages to try.

    `methods` maps a name for each override to its path in the package. `follows` maps
    the name to the package's attributes that the let-bound package uses. `downloads`
    are the paths of fixed-output derivations whose hashes a new version changes. With
    `hidden`, the changed package's `override` may accept arguments that it does not
    list. `table` is a file of overrides as people write them, see lifted.nix; `taken`
    maps names to the attributes of the changed package set that they refer to. Unless
    `compared`, the tree before the change is not evaluated.
    """

    package: str
    methods: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    shown: tuple[tuple[str, ...], ...] = ()
    follows: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    downloads: tuple[tuple[str, ...], ...] = ()
    hidden: bool = False
    table: Path | None = None
    taken: Mapping[str, str] = field(default_factory=dict[str, str])
    compared: bool = True


class Effect(StrEnum):
    """The effect of an override on a package.

    An override works if the replacement is in the build, and the replaced package is
    not.
    """

    NONE = "none"
    """The package has no value that the override could replace."""
    INEFFECTIVE = "has no effect"
    PARTLY = "works in part"
    WORKS = "works"
    UNKNOWN = "does not evaluate"
    UNASKED = "was not tried"


class Method(Struct, frozen=True, kw_only=True):
    """An override of a let-bound package, and its effect in one tree.

    `there` is true if the package has the attribute or argument to override. `old`,
    `new` and `gives` are the derivations of the let-bound package, of its replacement,
    and of the package with the replacement, or None. `named` is true if the package has
    an attribute of the name, whose derivation is `held`. `shown` is true if the
    replacement changes other attributes. `way` lists the names of the derivations from
    the package to the replaced package.
    """

    there: bool
    named: bool = False
    held: str | None = None
    old: str | None = None
    new: str | None = None
    gives: str | None = None
    shown: bool = False
    effect: Effect = Effect.NONE
    way: tuple[str, ...] = ()

    @property
    def has_effect(self) -> bool:
        """Return whether a replacement shows in the build or in an attribute."""
        return self.effect is Effect.WORKS or (
            self.effect is Effect.INEFFECTIVE and self.shown
        )


class ChangedMethod(Struct, frozen=True, kw_only=True):
    """An override of a let-bound package, before and after a change.

    `follows` shows, for attributes of the package, whether another value changes the
    let-bound package.
    """

    before: Method = Method(there=False, effect=Effect.UNASKED)
    after: Method
    follows: dict[str, bool] = field(default_factory=dict[str, bool])

    @property
    def hides(self) -> bool:
        """Return whether the change hides an attribute of the same name."""
        is_same = self.before.held is not None and self.before.held == self.after.held
        return self.before.named and not self.before.there and not is_same


class Bump(Struct, frozen=True, kw_only=True):
    """The result of trying a package with a new version and new hashes.

    `gives` is the derivation, or None if it does not evaluate. `downloads` are the
    fixed-output derivations with the old hashes, by name, or None for another value;
    `left` names those that are still in the build.
    """

    gives: str | None
    downloads: dict[str, str | None]
    left: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Return whether each new hash has replaced an old one."""
        return (
            self.gives is not None
            and not self.left
            and None not in self.downloads.values()
        )


class Derivations(Struct, frozen=True, kw_only=True):
    """The derivations of a package before and after a change, and its overrides.

    A derivation is None if it does not evaluate. `methods` are the tried overrides, by
    name. `error` is the reason why the evaluation ended, at a limit of unlet if
    `limited`. `marks` are the attributes of meta for which Nix refuses the package or
    one of its dependencies by default, such as insecure or unfree. `bump` is None if a
    new version does not change the source.
    """

    before: str | None = None
    after: str | None = None
    methods: dict[str, ChangedMethod]
    error: str | None = None
    limited: bool = False
    marks: tuple[str, ...] = ()
    bump: Bump | None = None


def evaluation(  # noqa: PLR0913 - the arguments of the expression
    before: Path,
    after: Path,
    system: str,
    questions: Mapping[int, LiftQuestion],
    overlay: Path | None = None,
    *,
    mark: str = MARK,
) -> Evaluation:
    """Return the evaluation that answers numbered questions about two trees.

    Nix prints the word `mark` before each question and answer.
    """
    asked = [
        {name: value for name, value in asdict(question).items() if name != "table"}
        | {
            "number": number,
            "package": question.package.split("."),
            "follows": {
                name: question.follows.get(name, ()) for name in question.methods
            },
        }
        for number, question in questions.items()
    ]
    arguments = {
        "sign": mark,
        "before": str(before),
        "after": str(after),
        "system": system,
        "questions": json.dumps(asked),
    }
    if overlay is not None:
        arguments["overlay"] = str(overlay.resolve())
    tables = [question.table for question in questions.values() if question.table]
    if tables:
        arguments["table"] = str(tables[0])
    return Evaluation(
        expression=EXPRESSION,
        arguments=arguments,
        count=len(questions),
        keeps=any(question.methods for question in questions.values()),
        seconds=_SECONDS,
    )


def command(  # noqa: PLR0913 - the arguments of `evaluation`
    before: Path,
    after: Path,
    system: str,
    questions: Sequence[LiftQuestion],
    overlay: Path | None = None,
    *,
    loud: bool = False,
) -> Command:
    """Return the sandboxed command that evaluates questions about two trees.

    With `loud`, an error in a value ends the evaluation.
    """
    whole = evaluation(before, after, system, dict(enumerate(questions)), overlay)
    arguments = {**whole.arguments, "loud": "yes"} if loud else whole.arguments
    return structs.replace(whole, arguments=arguments).command


def why_not(tree: Path, system: str, package: str) -> str:
    """Return the reason why a package does not evaluate, as one line."""
    try:
        process.execute(
            command(tree, tree, system, [LiftQuestion(package=package)], loud=True)
        )
    except CommandError as error:
        return in_tree(program.reason(error))
    return "it is not a derivation"


def ask(  # noqa: PLR0913 - the arguments of the expression
    before: Path,
    after: Path,
    system: str,
    questions: Sequence[LiftQuestion],
    overlay: Path | None = None,
    *,
    allowed: Allowance | None = None,
) -> list[Derivations]:
    """Return Nix's answers about packages of two trees, the second with an overlay.

    The answers are in the order of the questions. The time that a package takes, alone
    or with others, is subtracted from its `allowed` time, by default that of one
    evaluation.
    """
    pair = _Pair(before=before, after=after, system=system, overlay=overlay)
    allowed = limits.allowance() if allowed is None else allowed
    return _TrialConversation(pair, allowed).ask(questions)


class _Pair(Struct, frozen=True, kw_only=True):
    """The trees before and after a change, on one system.

    An overlay, if there is one, applies to the second tree.
    """

    before: Path
    after: Path
    system: str
    overlay: Path | None


class _TrialConversation(Conversation[LiftQuestion, Derivations]):
    """Questions about two trees on one system, and the answers of Nix so far."""

    def __init__(self, pair: _Pair, allowed: Allowance) -> None:
        super().__init__(pair.system, allowed)
        self._pair = pair
        self._refused: set[str] = set()

    def evaluation(self, questions: Mapping[int, LiftQuestion]) -> Evaluation:
        """Return the evaluation that answers some questions."""
        pair = self._pair
        return evaluation(
            pair.before,
            pair.after,
            pair.system,
            questions,
            pair.overlay,
            mark=self.mark,
        )

    def thing(self, question: LiftQuestion) -> Thing:
        """Return the system and attribute path of a question's package."""
        return thing(self.system, question)

    def together(self, questions: Sequence[LiftQuestion]) -> list[Derivations]:
        """Return Nix's answers from a single evaluation.

        The answers include the effects of the tried overrides.
        """
        known = self.heard.keys() | ()
        try:
            super().together(questions)
        finally:
            store = DerivationStore(stores.own())
            for question in questions:
                if key(question) in self.heard.keys() - known:
                    answer = self.answer(question)
                    marks = tuple(sorted({*answer.marks, *self._refused}))
                    self.heard[key(question)] = _with_effects(
                        question, replace(answer, marks=marks), store
                    )
        return [self.answer(question) for question in questions]

    def note(self, fact: str) -> None:
        """Store the reason for which Nix would refuse a package by default."""
        if fact in {"insecure", "unfree"}:
            self._refused.add(fact)

    def read(self, question: LiftQuestion, answer: str) -> None:
        """Store an answer to a question, from JSON."""
        self.heard[key(question)] = documents.read(
            answer, Derivations, document="Nix's answer"
        )

    def alone(self, question: LiftQuestion, error: CommandError) -> Derivations:
        """Return the answer to a question that ended the evaluation.

        If the unchanged package also ends the evaluation, the answer is empty. A
        question without remaining time is not evaluated again.
        """
        if self.allowed.left(self.thing(question)) <= 0:
            return _ended(error)
        if self._pair.before != self._pair.after:
            same = self._unchanged(replace(question, methods={}))
            if same.limited or same.error is not None:
                return same if same.limited else Derivations(methods={})
        # Other attributes than the package may end Nix, changed or not; the judge
        # compares them.
        less = (
            replace(question, downloads=())
            if question.downloads
            else replace(question, shown=())
        )
        if less != question:
            return self.ask([less])[0]
        return self._by_method(question) or _ended(error)

    def _unchanged(self, question: LiftQuestion) -> Derivations:
        pair = replace(self._pair, after=self._pair.before, overlay=None)
        (answer,) = _TrialConversation(pair, self.allowed).ask([question])
        return answer

    def _by_method(self, question: LiftQuestion) -> Derivations | None:
        """Return an answer from separate trials of each override.

        Only a trial shows which values an argument accepts, and a trial may end Nix.
        Return None if separate trials cannot help.
        """
        tries = any(
            path[0] in {"override", "table"} for path in question.methods.values()
        )
        if not tries or len(question.methods) < 2:  # noqa: PLR2004 - a single method needs no separate trial
            return None
        (plain,) = self.ask([replace(question, methods={})])
        if plain.error is not None:
            return None
        alone = [
            replace(question, methods={name: path})
            for name, path in question.methods.items()
        ]
        methods = {
            name: method
            for answer in self.ask(alone)
            for name, method in answer.methods.items()
        }
        return replace(plain, methods=methods)


def _ended(error: CommandError) -> Derivations:
    limited = program.reached_limit(error)
    reason = program.at_limit(error) if limited else program.reason(error)
    return Derivations(methods={}, error=reason, limited=limited)


def recall(  # noqa: PLR0913 - the arguments of `ask`
    before: Path,
    after: Path,
    system: str,
    questions: Sequence[LiftQuestion],
    overlay: Path | None = None,
    *,
    allowed: Allowance | None = None,
) -> list[Derivations]:
    """Return the answers that `ask` would return, from the cache if possible.

    The store may lack the derivations in cached answers. The trees are in the cache or
    a store, whose names change with the contents.
    """
    tables = {question.table for question in questions if question.table is not None}
    placed = (
        {
            path.path: inside.read(overlay, path.path)
            for path in inside.entries(overlay)
            if path.kind is EntryKind.FILE
        }
        if overlay is not None
        else {}
    )
    facts = (before, after, system, sorted(placed.items()))
    kept = Kept(
        _KIND,
        fingerprint(*facts, expression=(*_FILES, *sorted(tables))),
        Derivations,
        lasts=lambda answer: answer.error is None and not answer.limited,
    )
    new = [question for question in questions if key(question) not in kept.answers]
    if new:
        answers = ask(before, after, system, new, overlay, allowed=allowed)
        kept.keep(dict(zip(map(key, new), answers, strict=True)))
    return [kept.answers[key(question)] for question in questions]


def thing(system: str, question: LiftQuestion) -> Thing:
    """Return the system and attribute path of a question's package.

    They identify the package's time limit.
    """
    return system, tuple(question.package.split("."))


def _with_effects(
    question: LiftQuestion, answer: Derivations, store: DerivationStore
) -> Derivations:
    """Return an answer that includes the effects of the tried overrides.

    The effects follow from the dependencies of both builds.
    """
    methods = {
        name: replace(
            method,
            before=_judged(method.before, question.methods[name], answer.before, store),
            after=_judged(method.after, question.methods[name], answer.after, store),
        )
        for name, method in answer.methods.items()
    }
    bump = answer.bump
    if bump is not None and (gives := bump.gives) is not None:
        left = (
            name
            for name, old in bump.downloads.items()
            if old is not None and store.way(gives, old.__eq__)
        )
        bump = replace(bump, left=tuple(left))
    return replace(answer, methods=methods, bump=bump)


def _judged(
    method: Method, path: tuple[str, ...], package: str | None, store: DerivationStore
) -> Method:
    if not method.there or package is None:
        return method
    if method.gives is None:
        return replace(method, effect=Effect.UNKNOWN)
    try:
        effect, way = _effect(method, path, package, store)
        return replace(
            method, effect=effect, way=tuple(store[each].name for each in way)
        )
    except ToolkitError:
        # A package's attribute drvPath may not be a derivation.
        return replace(method, effect=Effect.UNKNOWN)


def _effect(
    method: Method, path: tuple[str, ...], package: str, store: DerivationStore
) -> tuple[Effect, tuple[str, ...]]:
    """Return an override's effect, and the path to the package to be replaced.

    The path lists the derivations that still lead to the package.
    """
    new, old, gives = method.new, method.old, str(method.gives)
    # A package's file may modify the replacement, so names are compared.
    if gives == package or (
        new is not None
        and not store.way(gives, lambda path: store[path].name == store[new].name)
    ):
        return Effect.INEFFECTIVE, ()
    way: tuple[str, ...] = ()
    if old is not None:
        way = store.way(gives, old.__eq__)
    elif path[0] == "override" and not _loses(store, package, gives):
        way = (gives,)
    return (Effect.PARTLY, way) if way else (Effect.WORKS, ())


def _loses(store: DerivationStore, before: str, after: str) -> bool:
    """Return whether an input disappears and no rebuilt input has the same name."""
    one, other = store.closure(before), store.closure(after)
    anew = {store[each].name for each in other - one}
    return any(store[each].name not in anew for each in one - other)
