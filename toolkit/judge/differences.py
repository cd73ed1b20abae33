"""The result of judging a change: its differences, and what remains unknown."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from toolkit.model import Oid


class Kind(StrEnum):
    """The aspect of an attribute that differs, such as its derivation or meta."""

    EVALUATION = "evaluation"
    OPTION = "option"
    CONFIGURATION = "configuration"
    REMOVED = "removed"
    ALIAS = "alias"
    FIXED_OUTPUT = "fixed-output"
    OVERRIDE = "override"
    ARGUMENTS = "arguments"
    PASSTHRU = "passthru"
    META = "meta"
    POSITION = "position"
    DERIVATION = "derivation"
    ADDED = "added"


class Weight(StrEnum):
    """The weight of a difference.

    A regression is unwanted, a change needs review, and a note is informational.
    """

    REGRESSION = "regression"
    CHANGE = "change"
    NOTE = "note"


class DifferencePlace(StrEnum):
    """The element of an attribute that differs, such as an argument or an output."""

    ALIAS = "alias"
    ARGUMENT = "argument"
    ATTRIBUTE = "attribute"
    FETCH = "fetch"
    FILE = "file"
    FUNCTION = "function"
    DECLARATION = "declaration"
    ITSELF = "itself"
    META = "meta"
    METHOD = "method"
    OUTPUT = "output"
    PARAMETER = "parameter"
    PARTS = "parts"
    PASSTHRU = "passthru"
    RESULT = "result"
    SEEN = "seen"


class DifferenceFact(StrEnum):
    """The statement about the difference, such as that a value is new or lost.

    toolkit/report/sentences.py has the sentence for each fact.
    """

    ANOTHER_PACKAGE = "another-package"
    ANOTHER_TYPE = "another-type"
    ANOTHER_TYPE_SEEN = "another-type-seen"
    ANOTHER_VALUE = "another-value"
    ARGUMENT_RENAMED = "argument-renamed"
    BUILT_DIFFERENTLY = "built-differently"
    CONFIGURED_DIFFERENTLY = "configured-differently"
    DEFAULT_GONE = "default-gone"
    DEFAULT_NEW = "default-new"
    DIFFERS = "differs"
    DROPPED = "dropped"
    EVALUATES_NOW = "evaluates-now"
    FAILED_AND_GONE = "failed-and-gone"
    FAILS = "fails"
    FETCHED_DIFFERENTLY = "fetched-differently"
    FETCH_KEEPS_HASH = "fetch-keeps-hash"
    FETCH_OF_ARGUMENT = "fetch-of-argument"
    FETCH_OF_INPUT = "fetch-of-input"
    FETCH_UNNAMED = "fetch-unnamed"
    FOLLOWS = "follows"
    FOLLOWS_NO_MORE = "follows-no-more"
    GIVES_ANOTHER = "gives-another"
    GONE = "gone"
    HASHES_DIFFER = "hashes-differ"
    HASH_OF_ANOTHER = "hash-of-another"
    HASH_REWRITTEN = "hash-rewritten"
    KEEPS = "keeps"
    LOST = "lost"
    MACHINE_NEW = "machine-new"
    NAMES_SUBPACKAGES = "names-subpackages"
    NEW = "new"
    NEW_AND_FAILS = "new-and-fails"
    NOT_NIX = "not-nix"
    NOT_RECURSED = "not-recursed"
    NO_EFFECT = "no-effect"
    NO_FUNCTION = "no-function"
    OPENS_PORTS = "opens-ports"
    OPTION_GONE = "option-gone"
    OPTION_HIDDEN = "option-hidden"
    OPTION_NEW = "option-new"
    OPTION_REFUSED = "option-refused"
    OPTION_RENAMED = "option-renamed"
    NOW_HAS_EFFECT = "now-has-effect"
    NOW_REACHES = "now-reaches"
    OUTPUTS_LOST = "outputs-lost"
    POSITION_LOST = "position-lost"
    POSITION_MOVED = "position-moved"
    POSITION_OUTSIDE = "position-outside"
    POINTS_ELSEWHERE = "points-elsewhere"
    READS_MACHINE = "reads-machine"
    REACHES_NO_MORE = "reaches-no-more"
    RECURSES = "recurses"
    REFUSED = "refused"
    RENAMED = "renamed"
    RESULT_LOST = "result-lost"
    SAYS = "says"
    SCOPE_LOST = "scope-lost"
    SEEN_NEW = "seen-new"
    SEEN_NO_MORE = "seen-no-more"
    SOURCE_FOLLOWS_NAME = "source-follows-name"
    TESTS_END = "tests-end"
    TESTS_FAIL = "tests-fail"
    TESTS_NOTHING = "tests-nothing"
    TESTS_SUCCEED = "tests-succeed"
    THROWS = "throws"
    THROWS_NOW = "throws-now"
    TOOLS_DIFFER = "tools-differ"
    TYPE_NARROWER = "type-narrower"
    VERSION = "version"
    WOULD_DIFFER = "would-differ"


class Cause(Struct, frozen=True, kw_only=True):
    """The details of a difference, from which the report makes a sentence.

    `name` is the name of the element at `place`, such as a value of meta. `within` is
    the call that returned the value, such as `withPlugins(x)`, and `trial` the argument
    with which an override was tried. `names` are the items that the fact lists, and
    `other` is a second name that the sentence mentions. `renamed` means that a download
    has another output path. `setting` is a setting of nixpkgs' config that differs from
    the default.
    """

    fact: DifferenceFact
    place: DifferencePlace = DifferencePlace.ITSELF
    name: str = ""
    within: str = ""
    trial: str = ""
    names: tuple[str, ...] = ()
    other: str | None = None
    renamed: bool = False
    setting: str = ""


class Weighed(Struct, frozen=True, kw_only=True):
    """A difference with its weight, and the values before and after the change."""

    kind: Kind
    weight: Weight
    cause: Cause
    before: Any = None
    after: Any = None


class Form(StrEnum):
    """The way in which a derivation's attribute differs, such as by lines."""

    CONTENT = "content"
    INPUT = "input"
    LINES = "lines"
    MEMBERS = "members"
    ORDER = "order"
    SPACES = "spaces"
    VALUE = "value"


class Reason(Struct, frozen=True, kw_only=True):
    """An attribute of a derivation that differs, which explains a rebuild.

    `removed` and `added` are the members or lines that differ; an input that is built
    differently is in `added`. `package` is the input to which the attribute belongs, or
    "" for the package itself.
    """

    form: Form
    name: str = ""
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    package: str = ""


class Difference(Weighed, frozen=True, kw_only=True):
    """A difference of an attribute on a system.

    `before` and `after` are JSON values. `why` explains a rebuild.
    """

    attribute: str
    system: str
    why: tuple[Reason, ...] = ()


def regression(
    kind: Kind,
    cause: Cause,
    before: Any = None,  # noqa: ANN401 - JSON
    after: Any = None,  # noqa: ANN401 - JSON
) -> Weighed:
    """Return a difference with the weight of a regression."""
    return Weighed(
        kind=kind, weight=Weight.REGRESSION, cause=cause, before=before, after=after
    )


def changed(
    kind: Kind,
    cause: Cause,
    before: Any = None,  # noqa: ANN401 - JSON
    after: Any = None,  # noqa: ANN401 - JSON
) -> Weighed:
    """Return a difference with the weight of a change."""
    return Weighed(
        kind=kind, weight=Weight.CHANGE, cause=cause, before=before, after=after
    )


def noted(
    kind: Kind,
    cause: Cause,
    before: Any = None,  # noqa: ANN401 - JSON
    after: Any = None,  # noqa: ANN401 - JSON
) -> Weighed:
    """Return a difference with the weight of a note."""
    return Weighed(
        kind=kind, weight=Weight.NOTE, cause=cause, before=before, after=after
    )


class Gap(Struct, frozen=True, kw_only=True):
    """Something that the judge could not compare, and the reason.

    `what` describes it for people. `parts` are the missing sections of Nix's answer
    about the attribute, such as meta. `limit` names the limit that was hit. `reference`
    is true if the attribute only uses a changed one.
    """

    what: str
    reason: str
    attribute: str | None = None
    system: str | None = None
    parts: tuple[str, ...] = ()
    limit: str | None = None
    reference: bool = False


class Expectation(StrEnum):
    """The user's expectation of a change: no difference, or no rebuild."""

    SAME = "same"
    NO_REBUILD = "no-rebuild"


class StepVerdict(Struct, frozen=True, kw_only=True):
    """The result for one commit of a range, compared with the commit before."""

    subject: str
    commit: Oid | None
    differences: tuple[Difference, ...]
    unknown: tuple[Gap, ...]
    unanswered: tuple[Gap, ...] = ()


class Rebuilt(Struct, frozen=True, kw_only=True):
    """A package that is built differently or is new.

    `output` is its output path. `named_by` is the number of files that mention the
    package, counted only if there are too many packages to list.
    """

    attribute: str
    named_by: int = 0
    output: str = ""
    is_new: bool = False


class BuildPlan(Struct, frozen=True, kw_only=True):
    """The packages to build first on a system, and all packages to build on each."""

    system: str
    packages: tuple[Rebuilt, ...]
    built: Mapping[str, tuple[str, ...]]


class Judgement(Struct, frozen=True, kw_only=True):
    """The result of judging a change.

    `asked` is the number of attributes that were compared for the changed `files`, of
    which `same` are equal and `differ` are not. `reached` are the compared attributes
    that the files define, and `readers` the attributes that use those, by system.
    `unknown` are attributes without an answer. `unanswered` are comparisons that hit a
    limit, if the attribute only uses a changed one or was compared on another system.
    `not_covered` lists everything that was not evaluated. `equal` are files that Nix
    parses to the same code. `everything` are the systems on which the whole package set
    was compared.
    """

    subject: str = ""
    base: str = ""
    files: int
    systems: tuple[str, ...]
    asked: int
    same: int
    differ: int
    differences: tuple[Difference, ...]
    reached: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    readers: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    unknown: tuple[Gap, ...] = ()
    unanswered: tuple[Gap, ...] = ()
    not_covered: tuple[Gap, ...] = ()
    equal: tuple[str, ...] = ()
    everything: tuple[str, ...] = ()
    steps: tuple[StepVerdict, ...] = ()
    warnings: tuple[str, ...] = ()
    maintainers: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    """The maintainers and teams of each attribute that differs."""
    plan: BuildPlan | None = None
    head: Oid | None = None
    """The last commit of the change."""
    seconds: float = 0.0

    @property
    def rebuilds(self) -> dict[str, int]:
        """The number of attributes that are built differently, by system.

        An attribute that throws does not count.
        """
        changes = [
            each
            for each in self.weighing(Weight.CHANGE)
            if each.kind is Kind.DERIVATION
        ]
        built = {
            (each.system, each.attribute)
            for each in changes
            if not (isinstance(each.before, dict) or each.cause.setting)
        }
        counts = Counter(system for system, _ in built)
        return {
            system: counts[system]
            for system in dict.fromkeys((*self.systems, *sorted(counts)))
            if counts[system]
        }

    @property
    def compared(self) -> dict[str, int]:
        """The number of compared attributes by system.

        The systems on which the whole package set was compared are left out.
        """
        both = {
            system: {*names, *self.reached.get(system, ())}
            for system, names in self.readers.items()
        }
        return {
            system: len(each)
            for system, each in {**self.reached, **both}.items()
            if system not in self.everything
        }

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The systems on which at least one attribute was compared."""
        everywhere = {
            *self.reached,
            *self.readers,
            *self.everything,
            *(each.system for each in self.differences),
        }
        return tuple(system for system in self.systems if system in everywhere)

    def weighing(self, weight: Weight) -> tuple[Difference, ...]:
        """Return the differences that have a given weight."""
        return tuple(each for each in self.differences if each.weight is weight)


def exit_code(judgement: Judgement, expectation: Expectation | None) -> int:
    """Return the exit code for a judged change.

    It is 1 for a regression or a difference that the user did not expect, 3 if the
    result is unknown, and else 0.
    """
    built = {
        Kind.CONFIGURATION,
        Kind.DERIVATION,
        Kind.EVALUATION,
        Kind.FIXED_OUTPUT,
        Kind.REMOVED,
    }
    wrong = [*judgement.weighing(Weight.REGRESSION)]
    if expectation is not None:
        wrong += [
            each
            for each in judgement.weighing(Weight.CHANGE)
            if expectation is Expectation.SAME or each.kind in built
        ]
    if wrong:
        return 1
    return (
        3
        if judgement.unknown
        or (expectation is Expectation.SAME and judgement.unanswered)
        else 0
    )
