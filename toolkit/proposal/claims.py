"""Claims about a lifted package, proven with Nix's answers about the trees."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.trials import (
    FOLLOW,
    Bump,
    ChangedMethod,
    Derivations,
    Effect,
    LiftQuestion,
    command,
    recall,
)
from toolkit.judge import ground
from toolkit.lift.candidates import OVERRIDE, method_name
from toolkit.lift.layer import PREVIOUS
from toolkit.lift.recursion import source
from toolkit.lift.shape import read
from toolkit.model import Progress, Proof, Tier
from toolkit.nix.attributes import call, inside
from toolkit.nix.tree import parsed
from toolkit.proposal import form, judged, outputs, prove
from toolkit.proposal.choosing import LiftCase
from toolkit.proposal.judged import Aspect, Judging
from toolkit.proposal.leaf import Series
from toolkit.proposal.lifted import Asking, verdict
from toolkit.proposal.prove import ANY, OURS, Claim, Finding, Stage, Subject
from toolkit.report.lifts import LIFTED
from toolkit.sources.changes import ChangeStep
from toolkit.text import few

C = TypeVar("C", bound="Series[Any]")


def no_rebuild(case: LiftCase) -> Finding:
    """Compare the derivations and downloads of all packages from the file."""

    def own() -> Iterator[str]:
        # Asked about only here, since the judge compares all else meanwhile.
        for system, answer in case.asking.answers().items():
            if (
                answer.before is not None
                and answer.before == answer.after
                and case.asking.question(system).compared
            ):
                yield f"{case.package} on {system}: {answer.before}"

    return case.judging.kept(judged.NO_REBUILD, own())


def _kept(aspect: Aspect) -> Callable[[Series[Any]], Finding]:
    return lambda case: case.judge().kept(aspect)


_BEFORE = {Effect.WORKS: "did so", Effect.PARTLY: "did so in part"}
"""How a replacement worked before the change, in words; others did not work."""


def overridable(case: LiftCase) -> Finding:
    """Replace each part of the package by its method."""
    if case.lifted.let.inner:
        reason = (
            "because the build uses the part in the let: replacing the attribute has "
            "no effect, as the text explains"
        )
        return Finding(covers="nothing", not_run=reason)
    return arrives(case.asking)


class Arrival(Struct, frozen=True, kw_only=True):
    """The effects of replacing one part, after the change and before it."""

    failures: list[str]
    evidence: list[str]
    earlier: set[Effect]


def arrives(asking: Asking) -> Finding:
    """Replace each part: the build must contain the new one, and not the old one.

    A part may be unused on some systems, but not on all.
    """
    answers = list(_package(asking))
    gone = [
        f"{asking.own.package} on {system}: {answer.error or _GONE}"
        for system, answer in answers
        if answer.after is None and {answer.before, answer.error} != {None}
    ]
    if gone and all(answer.after is None for _, answer in answers):
        return _finding(asking, gone, [])
    arrivals = [
        _arrival(name, path, answers) for name, path in asking.own.methods.items()
    ]
    failures = [fact for each in arrivals for fact in each.failures]
    evidence = [fact for each in arrivals for fact in each.evidence]
    earlier = {effect for each in arrivals for effect in each.earlier}
    before = " (before: none)"
    if Effect.WORKS in earlier:
        before = ""
    elif Effect.PARTLY in earlier:
        before = " (before: in part)"
    ways = f"by {_ways(asking.own.methods)}{before}"
    return _finding(asking, failures, [ways, *evidence])


_GONE = "no longer evaluates"


def _arrival(
    name: str, path: tuple[str, ...], answers: Sequence[tuple[str, Derivations]]
) -> Arrival:
    """Return the effects of a method on the systems that it was tried on."""
    method = _method(path)
    tries = [
        (system, answer.methods[name])
        for system, answer in answers
        if name in answer.methods
    ]
    reached: dict[str, list[str]] = defaultdict(list)
    partly: dict[str, list[str]] = defaultdict(list)
    others: dict[Effect, list[str]] = defaultdict(list)
    earlier: set[Effect] = set()
    for system, tried in tries:
        if tried.after.effect is Effect.PARTLY:
            partly[" → ".join(tried.after.way)].append(system)
        elif tried.after.has_effect:
            reached[_arrived(method, tried)].append(system)
            earlier.add(tried.before.effect)
        else:
            others[tried.after.effect].append(system)
    hides = f"{name}: the package already had a different attribute '{path[-1]}'"
    left = (
        f"an override of {method} works only in part: the build still contains "
        "the replaced package"
    )
    failures = [hides for _, tried in tries if tried.hides]
    failures += [
        f"{name}: {left}, through {way} ({', '.join(systems)})"
        for way, systems in partly.items()
    ]
    evidence = [
        f"{name}: {fact} ({', '.join(systems)})" for fact, systems in reached.items()
    ]
    without = [
        f"{name}: {_unreached(method, effect)} on {', '.join(systems)}"
        for effect, systems in others.items()
    ]
    if reached or partly:
        evidence += without
    elif Effect.UNKNOWN in others:
        failures += without
    else:
        failures.append(
            f"{name}: an override of {method} {Effect.INEFFECTIVE} on any system"
        )
    return Arrival(failures=failures, evidence=evidence, earlier=earlier)


def _method(path: tuple[str, ...]) -> str:
    """Return the name of a method in a sentence."""
    if path[0] == FOLLOW:
        return f"what {'.'.join(path[1:])} follows"
    return path[1] if path[0] == OVERRIDE else ".".join(path)


def _arrived(method: str, tried: ChangedMethod) -> str:
    """Return where a replacement arrives, and whether it did so before."""
    works = tried.after.effect is Effect.WORKS
    place = "the build" if works else "other attributes of passthru"
    fact = f"a replacement of {method} arrives in {place}"
    if tried.before.effect is Effect.UNASKED:
        return fact
    return f"{fact}, and {_BEFORE.get(tried.before.effect, 'did not')} before"


def _unreached(method: str, effect: Effect) -> str:
    """Return the sentence about an override without an effect."""
    if effect is Effect.NONE:
        return f"the package has no {method}"
    return f"an override of {method} {effect}"


def _ways(methods: Mapping[str, tuple[str, ...]]) -> str:
    """Return the methods as people write them; those of one function together."""
    is_plain = len(methods) > 1 and all(
        path == (name,) for name, path in methods.items() if path[0] != OVERRIDE
    )
    attributes = [
        ".".join(path)
        for path in methods.values()
        if path[0] != OVERRIDE and not is_plain
    ]
    arguments = dict.fromkeys(
        method_name(path).replace(name, "NAME")
        for name, path in methods.items()
        if path[0] == OVERRIDE or is_plain
    )
    return " or ".join(
        [*([f"overrideAttrs of {few(attributes)}"] if attributes else []), *arguments]
    )


def follows(case: LiftCase) -> Finding:
    """Override the values that parts take from the package: each part must change."""
    if not case.lifted.follows:
        return Finding(
            covers="nothing",
            not_run="because no part takes src or version from the package",
        )
    answers = [answer for _, answer in _package(case.asking)]
    failures: list[str] = []
    evidence: list[str] = []
    for name, attributes in case.lifted.follows.items():
        method = ".".join(case.lifted.methods[name])
        reached: dict[str, list[bool]] = {attribute: [] for attribute in attributes}
        for answer in answers:
            if name in answer.methods:
                for attribute, reaches in answer.methods[name].follows.items():
                    reached[attribute].append(reaches)
        failures += [
            f"{method}: does not change with {attribute}"
            for attribute, reaches in reached.items()
            if not all(reaches)
        ]
        if not all(reached.values()):
            failures.append(f"{method}: does not evaluate on any system")
        evidence += [
            f"{method}: changes when {attribute} changes"
            for attribute, reaches in reached.items()
            if reaches and all(reaches)
        ]
    if case.lifted.let.inner:
        arrival = arrives(case.asking)
        failures += arrival.failures
        evidence += arrival.evidence[1:]
    evidence += _bumped([answer.bump for answer in answers if answer.bump is not None])
    return _finding(case.asking, failures, evidence)


def _bumped(bumps: Sequence[Bump]) -> Iterator[str]:
    """Yield whether a new version with new hashes arrives in the build."""
    left = dict.fromkeys(name for bump in bumps for name in bump.left)
    if bumps and all(bump.works for bump in bumps):
        downloads = few([*bumps[0].downloads])
        yield (f"a new version with new hashes of {downloads} arrives in the build")
    elif left:
        yield (
            f"a new hash of {few([*left])} does not arrive in the build by "
            "overrideAttrs"
        )


def source_follows(case: LiftCase) -> Finding:
    """Override the version: the source must change, but only after the lift."""
    return _with_another(case, "version", ("src",))


def tests_follow(case: LiftCase) -> Finding:
    """Override the source: tests of the final package must change, but only after."""
    call = read(parsed(case.after.content.decode(), name=str(case.target))).construction
    attributes = [*call.attributes] if call is not None else []
    paths = [
        path
        for path, node in attributes
        if path[:2] == ("passthru", "tests") and ".finalPackage" in node.text
    ]
    leaves = [path for path in paths if len(path) == len(("passthru", "tests", "NAME"))]
    if not leaves:
        return Finding(covers="nothing", not_run="because the file contains no tests")
    return _with_another(case, "src", *leaves)


def _with_another(case: LiftCase, given: str, *paths: tuple[str, ...]) -> Finding:
    """Override an attribute: others must change, but only after the commits.

    Without the override, they must stay the same.
    """
    before, after = case.asking.trees
    package, system = case.asking.own.package, case.asking.systems[0]
    methods = {
        ".".join(path[-1:] if path == ("src",) else path[1:]): path for path in paths
    }
    question = LiftQuestion(
        package=package, methods=methods, follows=dict.fromkeys(methods, (given,))
    )
    found = [
        recall(before, tree, system, [question])[0].methods for tree in (before, after)
    ]
    was, now = (
        {name: each.follows[given] for name, each in said.items() if each.follows}
        for said in found
    )
    again = command(after, after, system, [question]).line
    failures = [
        f"an override of {given} does not change {name}"
        for name, changes in now.items()
        if not changes
    ]
    failures += [
        "it already did so before the change"
        for name, changes in was.items()
        if changes and name in now
    ]
    failures += [
        f"{name} has another value after the change"
        for name, each in found[1].items()
        if each.before.old != each.after.old
    ]
    if not failures and not was.keys() & now.keys():
        return Finding(
            covers="nothing",
            not_run=f"because the package or its source does not evaluate on {system}",
        )
    covers = f"{', '.join(f'{package}.{name}' for name in now)} on {system}"
    return Finding(covers=covers, failures=tuple(failures), commands=(again,))


def capture_safe(case: LiftCase) -> Finding:
    """Compare the meaning of each name in the file: none may change."""
    # A part's own final attributes have another name where the package's came to have
    # theirs.
    after = _meanings(
        case.after, dict.fromkeys(case.lifted.let.renamed, case.lifted.let.parameter)
    )
    before = _meanings(case.before, {})
    new, gone = after - before, before - after
    own = (case.lifted.let.parameter, OWN)
    # A binding that nobody else is called like may get its attribute's name.
    attributes = {path[-1] for path in case.lifted.methods.values()} - {
        name for name, _ in before
    }
    expected = {PREVIOUS, *case.lifted.methods, *attributes}
    # What has the name of the new parameter means that everywhere, and what meant
    # something else still does.
    captured = {
        name for name, kind in new if name not in expected and (name, kind) != own
    }
    captured |= {
        name for name, _ in gone if name == case.lifted.let.parameter and new[own]
    }
    failures = [
        f"'{name}' has a different meaning after the change"
        for name in sorted(captured)
    ]
    return Finding(
        covers=f"{after.total()} names, of which {new.total()} are new",
        failures=tuple(failures),
    )


def overlaid(case: LiftCase) -> Finding:
    """Compare the overlay's derivation on the unchanged tree, and try its overrides."""
    if case.overlay is None:
        reason = (
            "because nixpkgs passes arguments to the package, or its file reads "
            "other directories"
        )
        return Finding(covers="nothing", not_run=reason)
    tree, _ = case.asking.trees
    reached = {system: verdict(answer) for system, answer in _package(case.asking)}
    evaluated = [system for system, said in reached.items() if said is not None]
    lifted = [system for system in evaluated if reached[system] == LIFTED]
    system = (*lifted, *evaluated, *case.asking.systems)[0]
    known, asked = case.asking.answers()[system], replace(case.asking.own, downloads=())
    (answer,) = recall(
        tree,
        tree,
        system,
        [replace(asked, compared=known.before is None)],
        case.overlay,
    )
    answer = replace(answer, before=known.before or answer.before)
    if answer.limited:
        return Finding(covers="nothing", not_run=f"because {answer.error}")
    if (said := verdict(answer)) is None:
        return Finding(
            covers="nothing",
            not_run="because the unchanged package does not evaluate on any system",
        )
    # A recipe may change how a source is fetched, which no output shows.
    same = case.opened.recipe is not None and known.after == answer.after is not None
    failures = () if said == LIFTED or same else (said.why,)
    again = command(tree, tree, system, [asked], case.overlay).line
    return Finding(
        covers=f"{case.package} on {system}", failures=failures, commands=(again,)
    )


def together(
    series: Sequence[LiftCase],
    contents: Mapping[PurePosixPath, bytes],
    *,
    progress: Progress,
) -> tuple[Proof, ...]:
    """Prove that several packages stay the same with all their commits together.

    `contents` are files with further changes.
    """
    first, *_ = series
    if first.opened.recipe is not None and any(
        step.rebuilds for step in first.opened.recipe.steps
    ):
        return ()
    edits = [edit for each in series for edit in each.judging.change.whole.edits]
    edits = [
        replace(
            edit,
            after=replace(
                edit.after, content=contents.get(edit.path, edit.after.content)
            ),
        )
        for edit in edits
        if edit.after is not None
    ]
    change = replace(
        first.judging.change, steps=(ChangeStep(subject="", edits=tuple(edits)),)
    )
    systems = dict.fromkeys(
        system for each in series for system in each.judging.systems
    )
    judging = Judging(change=change, systems=tuple(systems), named=("HEAD",))
    sentence = "with all commits together, the file's derivations stay the same"
    claim = Claim[LiftCase](
        "together", sentence, lambda _: judging.kept(judged.NO_REBUILD), queue=JUDGE
    )
    return prove.run((claim,), first, progress=progress)


_LIFTED = frozenset([Subject.SERIES, Subject.OVERLAY])
_KEPT = frozenset([Subject.SERIES, Subject.RECIPE])
_JUDGED = _LIFTED | {Subject.CHANGE}


def of_builds(case: LiftCase) -> tuple[Claim[LiftCase], ...]:
    """Return a claim of the tier build for each system, by default this machine's."""
    depth = case.request.depth
    if depth.tier is not Tier.BUILD:
        return ()

    def built(system: str) -> Claim[LiftCase]:
        def check(case: LiftCase) -> Finding:
            tree = ground.changed(
                case.judging.change.base, case.judging.change.whole.files
            )
            return outputs.package(
                case.package,
                tree,
                system,
                words=depth.nix_options,
                progress=case.progress,
            )

        sentence = f"Nix builds the package for {system}"
        return Claim(f"built-{system}", sentence, check, Tier.BUILD, applies_to=OURS)

    return tuple(map(built, depth.systems or (outputs.here(),)))


JUDGE, _LIFT = "judge", "lift"
"""The queues of claims about the judge's answers, and about the package's."""
_OF_LIFT = frozenset([overridable, follows, source_follows, tests_follow, overlaid])


def _of_tree(
    name: str,
    sentence: str,
    check: Callable[[C], Finding],
    applies_to: frozenset[Subject] = frozenset(),
    *,
    wide: bool = True,
) -> Claim[C]:
    return Claim(
        name,
        sentence,
        check,
        applies_to=applies_to,
        queue=_LIFT if check in _OF_LIFT else JUDGE,
        wide=wide,
    )


JUDGED: tuple[Claim[Series[Any]], ...] = (
    _of_tree(
        "passthru",
        "passthru and its tests keep their values",
        _kept(judged.PASSTHRU),
        _JUDGED,
    ),
    _of_tree(
        "meta",
        "meta stays the same, in the same file",
        _kept(judged.META),
        _JUDGED,
    ),
    _of_tree(
        "overrides",
        "override takes and returns the same as before",
        _kept(judged.OVERRIDES),
        _JUDGED,
    ),
    _of_tree(
        "readers",
        "packages that use or override this one stay the same",
        lambda case: case.judge().readers(),
        _KEPT | {Subject.CHANGE},
    ),
)
"""The claims that the judge alone decides, for any series."""

CLAIMS: tuple[Claim[LiftCase], ...] = (
    *form.CLAIMS,
    form.LINT,
    _of_tree(
        "no-rebuild",
        "the derivations from the changed file stay the same",
        no_rebuild,
        ANY - {Subject.REBUILD},
    ),
    _of_tree(
        "overridable",
        "a replacement of each part arrives in the build",
        overridable,
        _JUDGED,
    ),
    _of_tree(
        "follows",
        "an override of src or version reaches the parts that use them",
        follows,
        frozenset([Subject.SERIES]),
    ),
    Claim(
        "capture-safe",
        "every name in the file keeps its meaning",
        capture_safe,
        applies_to=_LIFTED,
    ),
    *JUDGED,
    _of_tree(
        "source-follows",
        "an override of version now changes src",
        source_follows,
        wide=False,
    ),
    _of_tree(
        "tests-follow",
        "an override of src now changes the tests",
        tests_follow,
        wide=False,
    ),
    _of_tree(
        "overlay",
        "the overlay gives the same derivation and the same overrides",
        overlaid,
        _KEPT | {Subject.OVERLAY},
        wide=False,
    ),
)
"""All claims about a package; one without a subject is for recipes that name it."""


def _package(asking: Asking) -> Iterator[tuple[str, Derivations]]:
    """Yield the answers about the package by system, except those that hit a limit."""
    return (
        (system, own) for system, own in asking.answers().items() if not own.limited
    )


def _finding(asking: Asking, failures: list[str], evidence: list[str]) -> Finding:
    systems = [
        system
        for system, answer in _package(asking)
        if answer.before is not None or answer.error is not None
    ]
    gaps = [
        f"{system}: {own.error}"
        for system, own in asking.answers().items()
        if own.limited
    ]
    if not systems:
        why = (
            gaps[0] if gaps else "the unchanged package does not evaluate on any system"
        )
        return Finding(
            covers="nothing", not_run=f"because {why}", commands=asking.commands
        )
    return Finding(
        covers=f"{asking.own.package}, {', '.join(asking.own.methods)} on "
        f"{', '.join(systems)}",
        failures=tuple(failures),
        evidence=tuple(evidence),
        gaps=tuple(gaps),
        commands=asking.commands,
    )


OWN = "the package's own function"


def _meanings(stage: Stage, renamed: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """Count the names that a file uses, each with the kind of scope that binds it.

    A renamed name counts under its old name.
    """
    shape = read(parsed(stage.content.decode(), name=str(stage.path)))
    parts = call(shape.body)
    function, argument = parts[0], parts[-1]
    # Within a layer, the builder's own function has the same attributes.
    within = (
        call(inside(function.children[0]))[-1]
        if function.kind == "select_expression"
        else argument
    )
    kinds = {
        own.index: OWN
        for own in map(inside, (argument, within))
        if own.kind == "function_expression"
    }
    # What the package's own set only inherits stays what it is if that is no longer
    # `rec`; a part's stays one.
    sets = (
        {literal.index for literal in shape.construction.sets}
        if shape.construction is not None
        else set[int]()
    )
    scopes = (
        (use.name, use.scope.node if use.scope is not None else None)
        for use in shape.references
    )
    bound = (
        (name, source(name, node) if node is not None and node.index in sets else node)
        for name, node in scopes
    )
    return Counter(
        (
            renamed.get(name, name),
            kinds.get(node.index, node.kind) if node is not None else "unbound",
        )
        for name, node in bound
    )
