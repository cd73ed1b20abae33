"""Ask whole trees about packages: their derivations before and after, and the effects of overrides.

One evaluation examines many packages. An uncatchable error is the answer of one; the
others are asked again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from toolkit import documents, files, inside, process
from toolkit.asking.questions import MARK, bisected, in_tree, new_mark, sealed_command
from toolkit.cache import default_cache
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
_KIND, _DOCUMENT = "lifts", "answer.json"

# What a dozen packages of two whole trees may take, on a slow machine; one has what any
# evaluation has.
_SECONDS = 180.0

FOLLOW = "follow"
"""The first name of the path to a part that is not replaced itself, but made anew by what it follows."""


class LiftQuestion(Struct, frozen=True, kw_only=True):
    """A package by its attribute path, methods by name, and other attributes that may depend on them.

    `follows` maps each method to the package's attributes that its part takes.
    `downloads` are the paths of what is downloaded by hashes that a new version
    changes. `hidden`: the changed package's override may take arguments that it does
    not show. `table` is a file of overrides that people write, see lifted.nix; `taken`
    maps names to what the changed set has under them. If it is not `compared`, the tree
    before the change is not asked.
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
    """The effect of an override: it works only if the replacement appears and nothing of the old part remains."""

    NONE = "none"
    """There is no such attribute."""
    INEFFECTIVE = "has no effect"
    PARTLY = "works in part"
    WORKS = "works"
    UNKNOWN = "does not evaluate"
    UNASKED = "was not tried"


class Method(Struct, frozen=True, kw_only=True):
    """An override method of a package, and its effect.

    `old`, `new` and `gives` are the derivations of the part, its replacement, and the
    package with that; or None. `named`: the package has some attribute of the name, of
    which `held` is the derivation. `shown`: other attributes differ with the
    replacement. `way` lists the names from the package to the replaced part.
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
        """Return whether a replacement appears instead of the part, in the build or beside it."""
        return self.effect is Effect.WORKS or (
            self.effect is Effect.INEFFECTIVE and self.shown
        )


class ChangedMethod(Struct, frozen=True, kw_only=True):
    """A method before and after the change.

    `follows` shows for attributes of the package whether a different value changes the
    part.
    """

    before: Method = Method(there=False, effect=Effect.UNASKED)
    after: Method
    follows: dict[str, bool] = field(default_factory=dict[str, bool])

    @property
    def hides(self) -> bool:
        """Return whether the package had a different attribute of this name."""
        is_same = self.before.held is not None and self.before.held == self.after.held
        return self.before.named and not self.before.there and not is_same


class Bump(Struct, frozen=True, kw_only=True):
    """A package with another version and other hashes, None if it does not evaluate.

    `downloads` are those by the old hashes, by name, None for what is none; `left`
    names those still built in.
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
    """The derivations of a package before and after, None if one does not evaluate, and its methods by name.

    `error` is the line with the reason for the evaluation's end, at one of our limits
    if `limited`. `marks` are the attributes of meta for which Nix refuses the package,
    or an insecure or unfree one that it or one beside it is made with, unless told
    otherwise. `bump` is None if a new version does not change the source.
    """

    before: str | None = None
    after: str | None = None
    methods: dict[str, ChangedMethod]
    error: str | None = None
    limited: bool = False
    marks: tuple[str, ...] = ()
    bump: Bump | None = None


def command(  # noqa: PLR0913 - the arguments of the expression
    before: Path,
    after: Path,
    system: str,
    questions: Sequence[LiftQuestion],
    overlay: Path | None = None,
    *,
    mark: str = MARK,
    loud: bool = False,
) -> Command:
    """Return the sealed command that asks, with a mark before each question.

    If `loud`, errors end it.
    """
    asked = [
        {name: value for name, value in asdict(each).items() if name != "table"}
        | {
            "package": each.package.split("."),
            "follows": {name: each.follows.get(name, ()) for name in each.methods},
        }
        for each in questions
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
    if (
        table := next(
            (each.table for each in questions if each.table is not None), None
        )
    ) is not None:
        arguments["table"] = str(table)
    if loud:
        arguments["loud"] = "yes"
    keeps = any(each.methods for each in questions)
    return sealed_command(
        EXPRESSION, arguments, len(questions), keeps=keeps, seconds=_SECONDS
    )


def why_not(tree: Path, system: str, package: str) -> str:
    """Return in one line why a package does not evaluate."""
    try:
        process.execute(
            command(tree, tree, system, [LiftQuestion(package=package)], loud=True)
        )
    except CommandError as error:
        return in_tree(program.reason(error))
    return "it is no derivation"


def ask(  # noqa: PLR0913 - the arguments of the expression
    before: Path,
    after: Path,
    system: str,
    questions: Sequence[LiftQuestion],
    overlay: Path | None = None,
    *,
    allowed: Allowance | None = None,
) -> list[Derivations]:
    """Ask about packages of two trees on one system, the second under an overlay.

    The answers keep the order.

    A package's time, alone or with others, is subtracted from its `allowed` time, by
    default that of one evaluation.
    """
    allowed = limits.allowance() if allowed is None else allowed
    mark = new_mark()

    def together(part: Sequence[LiftQuestion]) -> list[Derivations]:
        things = [thing(system, each) for each in part]
        done = allowed.execute(
            command(before, after, system, part, overlay, mark=mark),
            things,
            mark=f"{mark} question",
        )
        known = DerivationStore(stores.own())
        answers = documents.read(
            done.stdout, list[Derivations], document="Nix's answer"
        )
        said = [
            each
            for each in ("insecure", "unfree")
            if f"trace: {mark} {each}\n" in done.stderr
        ]
        answers = [
            replace(each, marks=tuple(sorted({*each.marks, *said}))) for each in answers
        ]
        return [
            _with_effects(question, answer, known)
            for question, answer in zip(part, answers, strict=True)
        ]

    answers = zip(questions, bisected(together, questions, mark=mark), strict=True)
    return [
        _failed((before, after), system, question, answer, allowed)
        if isinstance(answer, CommandError)
        else answer
        for question, answer in answers
    ]


def recall(  # noqa: PLR0913 - as `ask`
    before: Path,
    after: Path,
    system: str,
    questions: Sequence[LiftQuestion],
    overlay: Path | None = None,
    *,
    allowed: Allowance | None = None,
) -> list[Derivations]:
    """Return the answers of `ask`, from the cache if it has them.

    The store may lack what they name.

    The trees are those of the cache or a store, whose names change with their contents.
    """
    tables = {each.table for each in questions if each.table is not None}
    contents = [files.read(path) for path in (*_FILES, *sorted(tables))]
    if overlay is not None:
        paths = sorted(
            each.path for each in inside.entries(overlay) if each.kind is EntryKind.FILE
        )
        contents += [path.encode() + inside.read(overlay, path) for path in paths]
    key = hashlib.sha256(
        repr((before, after, system, questions, program.version(), contents)).encode()
    ).hexdigest()
    if (known := default_cache().read(_KIND, key, _DOCUMENT)) is not None:
        return documents.read(known, list[Derivations], document=_DOCUMENT)
    answers = ask(before, after, system, questions, overlay, allowed=allowed)
    if not any(answer.error is not None or answer.limited for answer in answers):
        default_cache().keep(_KIND, key, _DOCUMENT, documents.write(answers))
    return answers


def thing(system: str, question: LiftQuestion) -> tuple[str, tuple[str, ...]]:
    """Return the key of a question's package in an Allowance.

    The judge uses the same.
    """
    return system, tuple(question.package.split("."))


def _with_effects(
    question: LiftQuestion, answer: Derivations, store: DerivationStore
) -> Derivations:
    """Add to the methods what their replacements come to, by the closures of both builds."""
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
        # What a package calls its derivation need not be one.
        return replace(method, effect=Effect.UNKNOWN)


def _effect(
    method: Method, path: tuple[str, ...], package: str, store: DerivationStore
) -> tuple[Effect, tuple[str, ...]]:
    """Return what a replacement comes to, and the way from the package with it to what it is for."""
    new, old, gives = method.new, method.old, str(method.gives)
    # A file may change what it is given.
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
    """Return whether something is not built in any more, but for packages that are built anew under the same name."""
    one, other = store.closure(before), store.closure(after)
    anew = {store[each].name for each in other - one}
    return any(store[each].name not in anew for each in one - other)


def _failed(
    trees: tuple[Path, Path],
    system: str,
    question: LiftQuestion,
    error: CommandError,
    allowed: Allowance,
) -> Derivations:
    """Return the answer to a question that ended the evaluation; what the unchanged package does too says nothing.

    One that has no time left is asked nothing more.
    """
    before, after = trees
    is_late = allowed.left(thing(system, question)) <= 0
    if before != after and not is_late:
        (same,) = ask(
            before, before, system, [replace(question, methods={})], allowed=allowed
        )
        if same.limited or same.error is not None:
            return same if same.limited else Derivations(methods={})
    # Other things than the package may end Nix, changed or not: what they are is the
    # judge's to compare.
    less = (
        replace(question, downloads=())
        if question.downloads
        else replace(question, shown=())
    )
    if less != question and not is_late:
        return ask(before, after, system, [less], allowed=allowed)[0]
    trials = any(path[0] in {"override", "table"} for path in question.methods.values())
    if trials and len(question.methods) > 1 and not is_late:
        # What an argument takes is known only by a trial, which may end Nix.
        (plain,) = ask(
            before, after, system, [replace(question, methods={})], allowed=allowed
        )
        if plain.error is None:
            each = [
                replace(question, methods={name: path})
                for name, path in question.methods.items()
            ]
            found = ask(before, after, system, each, allowed=allowed)
            return replace(
                plain,
                methods={
                    name: method
                    for one in found
                    for name, method in one.methods.items()
                },
            )
    limited = program.reached_limit(error)
    return Derivations(
        methods={},
        error=program.at_limit(error) if limited else program.reason(error),
        limited=limited,
    )
