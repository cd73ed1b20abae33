"""The texts about a lift: choose and order the sentences in patches/lift/."""

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache, partial
from itertools import takewhile

from msgspec import Struct

from toolkit import patches
from toolkit.lift.bindings import PASSTHRU, SHARED, Reachability
from toolkit.lift.candidates import method_name
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import OWN
from toolkit.model import Message, Step
from toolkit.proposal.bumping import bump
from toolkit.report import pull_request, templates
from toolkit.report.message import BODY_WIDTH, SUBJECT_WIDTH
from toolkit.report.pull_request import StepText, Texts
from toolkit.report.templates import MOST_LISTED, TextPart, called, listed, sentence

_WORDS, _FIXED_WORDS, _PACKAGE_WORDS = 80, 33, 2
"""Words before nixpkgs' template, and words that each text has.

They are the proof, the disclosure, and a line to fill in.
"""

_say = partial(sentence, "lift/sentences")


class LiftKind(StrEnum):
    """The kinds of parts, by their templates in patches/lift/, in a message's order."""

    FOLLOWS = "follows"
    FETCHED = "fetched"
    REFETCHED = "refetched"
    HIDDEN = "hidden"
    PART = "part"
    SHOWN = "shown"

    @property
    def takes(self) -> bool:
        """Whether the part takes attributes of the package after the lift."""
        return self in {LiftKind.FOLLOWS, LiftKind.FETCHED, LiftKind.REFETCHED}


_KINDS = {
    Reachability.HIDDEN: LiftKind.HIDDEN,
    Reachability.SHOWN: LiftKind.SHOWN,
    Reachability.PARTIAL: LiftKind.PART,
}


class PartGroup(Struct, frozen=True, kw_only=True):
    """Parts of one kind, and the differences between the sentences about them.

    They are in `place` of passthru, empty if some are attributes of the package.
    `follows` is all that they take from the package, `shared` what each of them takes
    of source and version. `uses` are the attributes that contain them, none if these
    are many. After the lift, an override of a source reaches `reached`.
    """

    kind: LiftKind
    parts: tuple[TextPart, ...]
    place: str
    follows: tuple[str, ...]
    shared: tuple[str, ...]
    uses: tuple[str, ...]
    reached: tuple[str, ...]
    moves: bool
    inner: bool

    @property
    def renamed(self) -> list[str]:
        """The names of the bindings that differ from those of the attributes."""
        return [part.name for part in self.parts if part.name != part.attribute]

    def text(self, macro: str, *arguments: object) -> str:
        """Return a sentence of the kind's own template."""
        return sentence(f"lift/{self.kind}", macro, self, *arguments)


class LiftSentences(Struct, frozen=True, kw_only=True):
    """The sentences about a lift as a whole; one that does not apply is empty."""

    hashed: str
    along: str
    own: str
    inner: str
    updated: str
    apart: str
    left: str
    unfolded: str
    recursive: str


class _Shipped(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """patches/lift.toml; `motives` are by package."""

    disclosure: str
    proven: dict[str, str]
    motives: dict[str, str]


def message(packages: Sequence[str], lifted: Lifted) -> Message:
    """Return the commit message; `packages` are all packages of the file."""
    groups = _groups(lifted)
    main = _main(groups, lifted)
    taking = [group.text("body") for group in groups if group.kind.takes]
    others = [group.text("body") for group in groups if not group.kind.takes]
    facts = _sentences(lifted, main)
    # What is taken needs the hash, if anything is.
    first, second = (taking, others) if taking else (others, [])
    body = _joined(
        *first,
        facts.hashed,
        *second,
        facts.along,
        facts.own,
        facts.inner,
        facts.updated,
        facts.apart,
        facts.left,
        facts.unfolded or facts.recursive,
    )
    return Message(
        subject=_subject(packages, main),
        body=textwrap.fill(
            body, BODY_WIDTH, break_long_words=False, break_on_hyphens=False
        ),
        proven=_shipped().proven,
    )


def _subject(packages: Sequence[str], main: PartGroup) -> str:
    """Return the first subject that is short enough, else the shortest."""
    prefixes = ", ".join(packages), _braced(packages)
    subjects = [
        f"{prefix}: {change}" for change in _changes(main) for prefix in prefixes
    ]
    fitting = (subject for subject in subjects if len(subject) <= SUBJECT_WIDTH)
    return next(fitting, subjects[-1])


def _changes(main: PartGroup) -> Iterator[str]:
    """Yield subjects without the packages, from all part names to `a part`."""
    names = listed(called(main.parts))
    follows = main.kind is LiftKind.FOLLOWS
    if main.shared or not follows:
        yield main.text("subject", names, main.shared)
    if len(main.shared) > 1:
        yield main.text("subject", names, main.shared[:1])
    parts = main.reached or tuple(part.attribute for part in main.parts)
    some, count = _say("some", main), len(parts)
    yield main.text("shorter", listed(parts))
    yield main.text("shorter", ", ".join(parts))
    for few in range(count - 1, (count - 1) // 2, -1):
        yield main.text("shorter", _say("most", parts, few))
    if follows and main.shared:
        yield main.text("subject", some, main.shared)
    if count > 1 and not main.reached:
        yield main.text("shorter", _say("counted", parts))
    yield main.text("shorter", some)


def motive(packages: Sequence[str]) -> str | None:
    """Return the issue that requests a lift of one of the packages, if one is known."""
    motives = _shipped().motives
    return next((motives[name] for name in packages if name in motives), None)


class LiftProof(Struct, frozen=True, kw_only=True):
    """The results of Nix on which the text of a pull request depends.

    Without the variables `permits`, Nix refuses to evaluate the packages; `system` is
    one of the few systems that can evaluate them. `bumps` is true if a new version with
    new hashes was tried and reaches the build.
    """

    permits: tuple[str, ...] = ()
    system: str = ""
    bumps: bool = False


def pull_request_texts(
    packages: Sequence[str],
    message: Message,
    step: Step,
    lifted: Lifted,
    proof: LiftProof,
) -> Texts:
    """Return the texts of a lift's pull-request.md."""
    request = motive(packages) or ""
    notes = [*proof.permits]
    if request:
        notes.append(f"Related: {request}")
    if proof.system:
        notes.append(f"--argstr system {proof.system}")
    fixed = _FIXED_WORDS + len(packages) * _PACKAGE_WORDS
    space = _WORDS - fixed - _count(*notes)
    whole, usage = " ".join(message.body.split()), _usage(packages[0], lifted)
    blocks = [usage]
    if _count(whole, usage) > space:
        blocks = []
        if _count(whole) > space:
            whole = _shortened(lifted, space)
    lines = bump(packages[0], lifted.hashes.downloads) if proof.bumps else ()
    if lines:
        blocks.append(templates.block("lift/sentences", "bump", lines).strip())
    text = StepText(
        name=step.name,
        subject=message.subject,
        body=message.body,
        why=whole,
        usage="\n\n".join(filter(None, blocks)),
        motive=request,
    )
    return lift_texts(packages, proof, (text,))


def lift_texts(
    packages: Sequence[str], proof: LiftProof, steps: Sequence[StepText]
) -> Texts:
    """Return the texts of a pull request that has these steps."""
    return Texts(
        steps=tuple(steps),
        compared=tuple(packages),
        permits=proof.permits,
        system=proof.system,
        disclosure=_shipped().disclosure,
    )


def _usage(package: str, lifted: Lifted) -> str:
    """Return an override of a part that newly has an effect, or an empty text."""
    idle = (
        lifted.methods[name]
        for name, state in lifted.states.items()
        if state is not Reachability.PARTIAL and name not in lifted.follows
    )
    path = next(idle, None)
    return _say("usage", package, method_name(path)) if path is not None else ""


def _shortened(lifted: Lifted, space: int) -> str:
    """Return the body of a message without details about how it is done.

    Further sentences follow while there is room, the important ones first.
    """
    groups = _groups(lifted)
    facts = _sentences(lifted, _main(groups, lifted))
    first, *more = groups
    sentences = {
        "body": first.text("body"),
        "inner": facts.inner,
        "updated": facts.updated,
        "others": _others(lifted, more),
    }
    optional = (
        ("along", facts.along),
        ("apart", facts.apart),
        ("hashed", facts.hashed),
        ("rec", facts.unfolded or facts.recursive),
        ("rec", facts.recursive),
        ("own", facts.own),
    )
    for place, text in optional:
        if place not in sentences and _count(*sentences.values(), text) <= space:
            sentences[place] = text
    return _joined(*(sentences.get(place, "") for place in _PLACES))


_PLACES = (
    "body",
    "inner",
    "hashed",
    "updated",
    "others",
    "along",
    "apart",
    "own",
    "rec",
)
"""The order of sentences in a pull request."""


def _others(lifted: Lifted, groups: Sequence[PartGroup]) -> str:
    """Return the sentences about parts of all kinds but the first."""
    also: list[str] = []
    others: list[str] = []
    for group in groups:
        names = [part.name for part in group.parts]
        if group.kind.takes:
            also += names
        else:
            others += names
    return _joined(
        *(
            _say(macro, _group(lifted, LiftKind.HIDDEN, names))
            for macro, names in (("also", also), ("others", others))
            if names
        )
    )


def _count(*texts: str) -> int:
    return len(" ".join(texts).split())


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _groups(lifted: Lifted) -> list[PartGroup]:
    """Return the parts that share their sentences, in the order of the sentences."""
    groups: dict[tuple[LiftKind, tuple[str, ...]], list[str]] = defaultdict(list)
    for name in lifted.states:
        follows = lifted.follows.get(name, ())
        shared = tuple(attribute for attribute in follows if attribute in SHARED)
        groups[_kind(lifted, name), shared].append(name)
    order = [*LiftKind]
    kinds = sorted(groups, key=lambda group: order.index(group[0]))
    return [_group(lifted, kind, groups[kind, shared]) for kind, shared in kinds]


def _kind(lifted: Lifted, name: str) -> LiftKind:
    state, follows = lifted.states[name], lifted.follows.get(name, ())
    if not follows:
        return _KINDS[state]
    fetched = {part for parts in lifted.hashes.parts.values() for part in parts}
    along = {path[-1] for path in lifted.let.along.values()}
    # What is fetched by hash is what it was, whichever version it is called.
    is_fetched = fetched & {name, lifted.methods[name][-1], *along}
    if "src" in follows or lifted.let.inner or not is_fetched:
        return LiftKind.FOLLOWS
    if state is Reachability.PARTIAL:
        return LiftKind.PART
    return LiftKind.REFETCHED if state is Reachability.SHOWN else LiftKind.FETCHED


def _main(groups: Sequence[PartGroup], lifted: Lifted) -> PartGroup:
    """Return the parts for the subject: those that take attributes, else all."""
    kinds = dict.fromkeys(group.kind for group in groups)
    first = next(iter(kinds))
    if first.takes:
        return _group(lifted, first, [*lifted.follows])
    return _group(
        lifted, LiftKind.HIDDEN if len(kinds) > 1 else first, [*lifted.states]
    )


def _group(lifted: Lifted, kind: LiftKind, names: Sequence[str]) -> PartGroup:
    parts = tuple(TextPart(name=name, path=lifted.methods[name]) for name in names)
    taken = [lifted.follows.get(name, ()) for name in names]
    uses = [lifted.used.get(name, ()) for name in names]
    used = tuple(dict.fromkeys(attribute for each in uses for attribute in each))
    is_source = {part.attribute for part in parts} <= {*OWN}
    reached = tuple(path[-1] for path in lifted.let.along.values())
    return PartGroup(
        kind=kind,
        parts=parts,
        place=_place([part.path for part in parts]),
        follows=tuple(dict.fromkeys(name for each in taken for name in each)),
        shared=tuple(name for name in SHARED if all(name in each for each in taken)),
        uses=used if all(uses) and len(used) < MOST_LISTED else (),
        reached=reached if kind is LiftKind.PART and is_source else (),
        moves={*names} <= {*lifted.let.moved},
        inner=lifted.let.inner,
    )


def _sentences(lifted: Lifted, main: PartGroup) -> LiftSentences:
    """Return further sentences about a lift."""
    hashes = _hashes(lifted) if lifted.follows else []
    takes_source = any("src" in names for names in lifted.follows.values())
    source = "source" if takes_source and not lifted.hashes.fetched else "version"
    own = sorted(
        lifted.let.own, key=lambda name: OWN.index(name if name in OWN else "src")
    )
    updated = [
        TextPart(name=name, path=(*name.split("."),)) for name in lifted.hashes.updated
    ]
    apart = [TextPart(name=name, path=lifted.methods[name]) for name in lifted.apart]
    taken = dict.fromkeys(name for names in lifted.apart.values() for name in names)
    is_package = re.search(r"\brec \{", lifted.text) is not None
    rec = lifted.rec
    return LiftSentences(
        hashed=_say("hashed", source, hashes, lifted.hashes.fetched) if hashes else "",
        along=_along(lifted),
        own=_say("own", own) if own else "",
        inner=_say("inner", main, lifted.hashes.parts) if lifted.let.inner else "",
        updated=_say("updated", updated) if updated else "",
        apart=_say("apart", [*taken], apart) if apart else "",
        left=_say("left", lifted.let.left) if lifted.let.left else "",
        unfolded=_say("unfolded", is_package, rec.names, rec.places)
        if rec is not None and rec.names
        else "",
        recursive=_say("recursive", is_package, rec.dropped) if rec is not None else "",
    )


def _along(lifted: Lifted) -> str:
    """Return which other attributes the package gains, or already had in vain."""
    place = _place([*lifted.let.along.values()])
    is_same = place in {_place([path]) for path in lifted.methods.values()}
    parts = {
        name: TextPart(name=name, path=path) for name, path in lifted.let.along.items()
    }
    new = [
        part.introduced
        for name, part in parts.items()
        if name not in lifted.let.through
    ]
    shown = [
        part.attribute for name, part in parts.items() if name in lifted.let.through
    ]
    return _joined(
        _say("along", new, place, is_same) if new else "",
        _say("through", shown) if shown else "",
    )


_SET = {
    "cargoLock": "cargoDeps",
    "nugetDeps": "buildInputs (nugetDeps)",
    "vendorHash": "goModules",
}
"""The attributes that override downloads which a builder's arguments describe."""


def _hashes(lifted: Lifted) -> list[str]:
    """Return the attributes for which a new source needs new hashes."""
    own = [path[0] for path in lifted.hashes.downloads if len(path) == 1]
    names = ["src", *own] if lifted.hashes.fetched else own
    within = {path[-2:] for path in lifted.hashes.downloads}
    for download, parts in lifted.hashes.parts.items():
        for part in parts:
            is_part = download == part and (part, download) not in within
            is_whole = download == "outputHash" or is_part
            names.append(part if is_whole else f"{part}.{download}")
    places = [name.rpartition(".") for name in names]
    return [f"{around}{dot}{_SET.get(name, name)}" for around, dot, name in places]


def _place(paths: Sequence[tuple[str, ...]]) -> str:
    """Return the set of passthru that has attributes; empty for the package's own."""
    if any(path[0] != PASSTHRU for path in paths):
        return ""
    sets = {path[:-1] for path in paths}
    return ".".join(*sets) if len(sets) == 1 else PASSTHRU


@cache
def _shipped() -> _Shipped:
    return pull_request.read(patches.shipped() / "lift.toml", _Shipped)


def _braced(packages: Sequence[str]) -> str:
    """Return names with their common beginning written once, as `k3s_1_{33,34}`."""
    first, last = min(packages), max(packages)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    common = re.sub(r"[^._-]*\Z", "", "".join(letter for letter, _ in same))
    if len(packages) == 1 or not common:
        return ", ".join(packages)
    return f"{common}{{{','.join(name.removeprefix(common) for name in packages)}}}"
