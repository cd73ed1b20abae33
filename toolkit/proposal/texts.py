"""The texts about a lift: patches/lift.toml with the packages' names."""

import re
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import product, takewhile

from msgspec.structs import replace

from toolkit import patches
from toolkit.lift.bindings import PASSTHRU, SHARED, Reachability
from toolkit.lift.candidates import method_name
from toolkit.lift.plan import OWN
from toolkit.lift.rewriting import Lifted
from toolkit.model import Message, Step
from toolkit.proposal.recipes import Recipe
from toolkit.report import pull_request
from toolkit.report.message import BODY_WIDTH, SUBJECT_WIDTH
from toolkit.report.pull_request import StepText, Texts

_NOUNS = frozenset(
    [
        *(
            "agent",
            "backend",
            "cli",
            "client",
            "core",
            "daemon",
            "dashboard",
            "frontend",
            "generator",
            "server",
        ),
        *("service", "ui", "website", "webui"),
    ]
)
"""Names of bindings that are nouns: one says "the frontend"."""


class _Lift(Texts, frozen=True, kw_only=True):
    """patches/lift.toml; `motives` are by package."""

    shorter: str
    shortest: str
    others: str
    also: str
    along: str
    through: str
    usage: str
    own: str
    recursive: str
    unfolded: str
    left: str
    hashed: str
    updated: str
    bump: str
    apart: str
    inner: str
    motives: dict[str, str]


_MOST_PLACES = 4

_FOLLOWING = ("follows", "fetched", "refetched")
_ORDER = (*_FOLLOWING, "hidden", "part", "shown")
_ALL = "all uses"
_OVERRIDES = {"follows": "overrides reach"}
_SORTS = {
    Reachability.HIDDEN: "hidden",
    Reachability.SHOWN: "shown",
    Reachability.PARTIAL: "part",
}


def message(packages: Sequence[str], lifted: Lifted) -> Message:
    """Return the commit message; `packages` are all packages of the file."""
    groups = _groups(lifted)
    sorts = {sort for sort, _ in groups}
    main = next(
        (sort for sort in _FOLLOWING if sort in sorts),
        "hidden" if len(sorts) > 1 else groups[0][0],
    )
    names = list(lifted.follows if main in _FOLLOWING else lifted.states)
    words = {
        **_words(lifted, names),
        "overrides": _OVERRIDES.get(main, "overrideAttrs replace"),
    }
    parts = [lifted.methods[name][-1] for name in names]
    if main == "part" and (
        reached := _reached(lifted, [lifted.methods[name] for name in names])
    ):
        words, parts = (
            {
                **words,
                "overrides": f"overrides of {_listed(parts)} reach",
                "some": _ALL,
            },
            reached,
        )
    subjects = _subjects(main, words, packages, parts)
    if main == "follows" and not words["main"]:
        del subjects[:2]
    bodies = [_text(sort, _words(lifted, some)).body for sort, some in groups]
    if lifted.along:
        bodies.append(_along(words, lifted))
    said = _read(words)
    if words["hashed"] and lifted.follows:
        bodies.insert(
            sum(sort in _FOLLOWING for sort, _ in groups) or len(groups), said.hashed
        )
    more = (
        (said.own, lifted.own),
        (said.inner, lifted.inner),
        (said.updated, lifted.updated),
        (said.apart, lifted.apart),
    )
    rec = said.unfolded if lifted.unfolded else said.recursive
    bodies += [
        text
        for text, holds in (*more, (said.left, lifted.left), (rec, lifted.recursive))
        if holds
    ]
    body = " ".join(" ".join(bodies).split())
    return Message(
        subject=next(
            (subject for subject in subjects if len(subject) <= SUBJECT_WIDTH),
            subjects[-1],
        ),
        body=textwrap.fill(
            body, BODY_WIDTH, break_long_words=False, break_on_hyphens=False
        ),
        proven=_text(main, words).proven,
    )


def _subjects(
    sort: str, words: Mapping[str, str], packages: Sequence[str], parts: Sequence[str]
) -> list[str]:
    """Return subjects, each shorter than those before it: from one that names all to one that names a single part."""
    prefixes = {"packages": ", ".join(packages)}, {"packages": _braced(packages)}
    counts = range(len(parts) - 1, (len(parts) - 1) // 2, -1)
    some = [
        _listed(parts),
        ", ".join(parts),
        *(f"{', '.join(parts[:few])} and {len(parts) - few} more" for few in counts),
    ]
    count = (
        [f"{len(parts)} of its parts"]
        if len(parts) > 1 and words["some"] != _ALL
        else []
    )
    main = [words["some"]] if sort == "follows" and words["main"] else []
    sources = [SHARED[0]] if words["main"] == _listed(SHARED) else []
    return [
        *(_text(sort, {**words, **prefix}).subject for prefix in prefixes),
        *(
            _text(sort, {**words, **prefix, "main": source}).subject
            for source in sources
            for prefix in prefixes
        ),
        *(
            _read({**words, **prefix, "parts": parts}).shorter
            for parts in some
            for prefix in prefixes
        ),
        *(
            _text(sort, {**words, **prefix, "parts": parts}).subject
            for parts in main
            for prefix in prefixes
        ),
        *(
            _read({**words, **prefix, "parts": parts}).shorter
            for parts in count
            for prefix in prefixes
        ),
        *(_read({**words, **prefix}).shortest for prefix in prefixes),
    ]


def motive(packages: Sequence[str]) -> str | None:
    """Return the issue that requests a lift of one of the packages, None if none is known."""
    motives = _read().motives
    return next((motives[name] for name in packages if name in motives), None)


def pull_request_texts(  # noqa: PLR0913, PLR0917 - what is said is about all of them
    packages: Sequence[str],
    message: Message,
    step: Step,
    lifted: Lifted,
    recipe: Recipe | None,
    permits: Sequence[str] = (),
    system: str = "",
    *,
    bumps: bool = False,
) -> Texts:
    """Return the texts of pull-request.md; a recipe's come from its steps.

    Without the variables `permits`, Nix refuses to evaluate the packages; `system` is
    one of the few systems that evaluate them. `bumps`: a new version with new hashes
    has been tried, and reaches the build.
    """
    texts = replace(
        _read(), compared=tuple(packages), permits=tuple(permits), system=system
    )
    if recipe is not None:
        return replace(texts, steps=recipe.steps)
    asked = motive(packages) or ""
    whole = " ".join(message.body.split())
    # An override of a part that had no effect, as it was tried.
    none = (
        name
        for name, state in lifted.states.items()
        if state is not Reachability.PARTIAL
    )
    part = next((name for name in none if name not in lifted.follows), None)
    override = method_name(lifted.methods[part]) if part is not None else ""
    usage = (
        _read({"package": packages[0], "override": override}).usage if override else ""
    )
    more = [
        *permits,
        *[f"Related: {asked}"] * bool(asked),
        *[f"--argstr system {system}"] * bool(system),
    ]
    left = (
        _WORDS
        - _FIXED_WORDS
        - len(packages) * _PACKAGE_WORDS
        - len(" ".join(more).split())
    )
    short, others = _why(lifted)
    words = _words(lifted, [*lifted.follows])
    said = _read(words)
    hashed = said.hashed if words["hashed"] and lifted.follows else ""
    updated = said.updated if lifted.updated else ""
    along = _along(words, lifted) if lifted.along else ""
    recs = (
        [said.unfolded] * bool(lifted.unfolded) + [said.recursive]
        if lifted.recursive
        else []
    )
    own = said.own if lifted.own else ""
    inner = said.inner if lifted.inner else ""
    apart = said.apart if lifted.apart else ""
    every = product((along, ""), (apart, ""), (hashed, ""), (*recs, ""), (own, ""))
    shorter = (
        " ".join(
            filter(
                None,
                (short, inner, third, updated, others, first, second, last, fourth),
            )
        )
        for first, second, third, fourth, last in every
    )
    choices = (whole, usage), (whole, ""), *((each, "") for each in shorter)
    why, usage = next(
        (each for each in choices if len(" ".join(each).split()) <= left), choices[-1]
    )
    usage = "\n\n".join(
        filter(None, (usage, _bump(packages[0], lifted) if bumps else ""))
    )
    text = StepText(
        name=step.name,
        subject=message.subject,
        body=message.body,
        why=why,
        usage=usage,
        motive=asked,
    )
    return replace(texts, steps=(text,))


_WORDS, _FIXED_WORDS, _PACKAGE_WORDS = 80, 33, 2
"""The words in front of the template, and of what each text has: the proof, the disclosure, a line to fill in."""


_MOST_LINES = 8
"""Lines of an override that a reviewer reads."""


def _bump(package: str, lifted: Lifted) -> str:
    """Return an override by another version and the hashes that it needs.

    Empty if that is too long.
    """
    own = [path[0] for path in lifted.downloads if len(path) == 1]
    given = "final: old" if "npmDeps" in own else "old"
    # The source may itself be a part.
    own = own if any(path[0] == "src" for path in lifted.downloads) else ["src", *own]
    lines = [f"{package}.overrideAttrs ({given}: {{", '  version = "…";']
    # buildNpmPackage downloads for the src of its arguments.
    lines += [
        f"  {rehashed(name, 'old', more='inherit (final) src; ' * (name == 'npmDeps'))}"
        for name in own
    ]
    parts = [
        (path, rehashed(path[-1], "part")) for path in lifted.downloads if len(path) > 1
    ]
    for place in dict.fromkeys(path[:-2] for path, _ in parts):
        within = [
            f"{path[-2]} = old.{'.'.join(path[:-1])}.overrideAttrs ({holder}: {{ "
            f"{change} }});"
            for path, change in parts
            if path[:-2] == place
            for holder in ["part" if "part." in change else "_"]
        ]
        if place:
            within = [
                f"{place[0]} = old.{place[0]} // {{",
                *(f"  {line}" for line in within),
                "};",
            ]
        lines += [f"  {line}" for line in within]
    lines.append("})")
    is_plain = len({path[:-1] for path, _ in parts}) == len(parts) and all(
        len(path) <= len("abc") for path, _ in parts
    )
    return (
        _read({"code": "\n".join(lines)}).bump
        if parts and is_plain and len(lines) <= _MOST_LINES
        else ""
    )


def rehashed(name: str, holder: str, lib: str = "lib", more: str = "") -> str:
    """Return the binding that gives a download another hash, and `more`."""
    change = f"_: {{ {more}outputHash = {lib}.fakeHash; }}"
    if name in {"outputHash", "vendorHash"}:
        return f"{name} = {lib}.fakeHash;"
    if name == "cargoDeps":
        change = (
            f"deps: {{ vendorStaging = deps.vendorStaging.overrideAttrs ({change}); }}"
        )
    return f"{name} = {holder}.{name}.overrideAttrs ({change});"


def _groups(lifted: Lifted) -> list[tuple[str, list[str]]]:
    """Return the bindings of which the same is said, each group behind the sort of that."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    hashed = {part for parts in lifted.hashed.values() for part in parts}
    along = {path[-1] for path in lifted.along.values()}
    for name, state in lifted.states.items():
        follows = lifted.follows.get(name, ())
        # What is fetched by hash is what it was, whichever version it is called.
        is_fetched = "src" not in follows and not (
            lifted.inner or hashed.isdisjoint({name, lifted.methods[name][-1], *along})
        )
        is_shown = not follows or (is_fetched and state is Reachability.PARTIAL)
        fetched = "refetched" if state is Reachability.SHOWN else "fetched"
        following = fetched if is_fetched else "follows"
        shared = tuple(attribute for attribute in follows if attribute in SHARED)
        groups[_SORTS[state] if is_shown else following, shared].append(name)
    return [
        (sort, names)
        for (sort, _), names in sorted(
            groups.items(), key=lambda group: _ORDER.index(group[0][0])
        )
    ]


def _why(lifted: Lifted) -> tuple[str, str]:
    """Return the message's body without what is only about how it is done, and what is said of other parts."""
    (sort, names), *more = _groups(lifted)
    also = [name for sort, some in more if sort in _FOLLOWING for name in some]
    others = [name for sort, some in more if sort not in _FOLLOWING for name in some]
    said = [_read(_words(lifted, also)).also] * bool(also) + [
        _read(_words(lifted, others)).others
    ] * bool(others)
    return _text(sort, _words(lifted, names)).paragraph, " ".join(said)


def _along(words: Mapping[str, str], lifted: Lifted) -> str:
    """Return which attributes a package gets beside the parts, or had without effect."""
    place = _place([*lifted.along.values()])
    too = (
        ", too" if place in {_place([path]) for path in lifted.methods.values()} else ""
    )
    said = _read({**words, "too": too, "place": place})
    return " ".join(
        [said.along] * bool(words["along"]) + [said.through] * bool(words["through"])
    )


def _text(sort: str, words: Mapping[str, str]) -> StepText:
    return next(each for each in _read(words).steps if each.design == sort)


def _read(words: Mapping[str, str] | None = None) -> _Lift:
    return pull_request.read(patches.shipped() / "lift.toml", _Lift, names=words)


def _words(lifted: Lifted, names: Sequence[str]) -> dict[str, str]:
    methods = [lifted.methods[name] for name in names]
    called = _called(methods)
    bound = [
        _introduced(each, name, path)
        for each, name, path in zip(called, names, methods, strict=True)
    ]
    many = len(called) > 1
    them, definitions = (
        ("them", "their definitions") if many else ("it", "its definition")
    )
    place = "the function of finalAttrs" if lifted.inner else _place(methods)
    moves = {*names} <= {*lifted.moved}
    others = [name for name in names if name != lifted.methods[name][-1]]
    parts = _listed(called)
    followed = {
        attribute: None for name in names for attribute in lifted.follows.get(name, ())
    }
    capital = _listed(bound)
    along = [*lifted.along.items()]
    uses = [lifted.used.get(name, ()) for name in names]
    used = (
        list(dict.fromkeys(attribute for each in uses for attribute in each))
        if all(uses)
        else []
    )
    return {
        "unfolded": _listed(lifted.unfolded),
        "places": _few(lifted.places),
        "follow": "follow" if len(lifted.places) > 1 else "follows",
        "Use": "Drop" if lifted.dropped else "Use finalAttrs instead of",
        "rec": "the package's rec" if re.search(r"\brec \{", lifted.text) else "rec",
        "hashed": _hashes(lifted),
        "needs": "also needs" if lifted.fetched else "may also need",
        "updated": _listed(_called([part.split(".") for part in lifted.updated])),
        "hashes": "their hashes" if len(lifted.updated) > 1 else "its hash",
        "left": _few(lifted.left),
        "apart": _listed(
            list(
                dict.fromkeys(
                    attribute for each in lifted.apart.values() for attribute in each
                )
            )
        ),
        "those": _listed(_called([lifted.methods[name] for name in lifted.apart])),
        "source": "source" if "src" in followed and not lifted.fetched else "version",
        "parts": parts,
        "Parts": capital[:1].upper() + capital[1:]
        if capital.startswith("the ")
        else capital,
        "attributes": _listed(list(followed)),
        "main": _listed(
            [
                each
                for each in SHARED
                if all(each in lifted.follows.get(name, ()) for name in names)
            ]
        ),
        "definitions": definitions,
        "place": place,
        "Show": f"Move {definitions} into {place}"
        if moves
        else f"Expose {them} in passthru",
        "along": _listed(
            [
                _introduced(path[-1], name, path)
                for name, path in along
                if name not in lifted.through
            ]
        ),
        "those_along": "it" if len(along) - len(lifted.through) == 1 else "them",
        "through": _listed(
            [path[-1] for name, path in along if name in lifted.through]
        ),
        "own": _listed(
            sorted(
                lifted.own, key=lambda name: OWN.index(name if name in OWN else "src")
            )
        ),
        "uses": _listed(_reached(lifted, methods)) or _ALL,
        "some": "its parts" if many else "a part",
        "them": them,
        "used": _listed(used)
        if used and len(used) < _MOST_PLACES
        else f"all that uses {them}",
        "called": f", as {_listed(others)}," if others else "",
        "Take": f"Move {definitions} into {place}, and take {them}"
        if moves
        else f"Take {them}",
        "Follow": f"Move {definitions} into {place}, and take"
        if moves or not lifted.inner
        else "Take",
        "or_hash": f" or {'their' if many else 'its'} hash" if lifted.hashed else "",
        "is": "are" if many else "is",
    }


def _introduced(called: str, name: str, path: tuple[str, ...]) -> str:
    """Return what a part is called, with the name of its binding if that is another one."""
    return called if name == path[-1] or len(path) == 1 else f"{called} ({name})"


def _reached(lifted: Lifted, methods: Sequence[tuple[str, ...]]) -> list[str]:
    """Return what an override of the package's source reaches from then on.

    Nothing of other parts.
    """
    return (
        [path[-1] for path in lifted.along.values()]
        if {path[-1] for path in methods} <= {*OWN}
        else []
    )


_SET = {
    "cargoLock": "cargoDeps",
    "nugetDeps": "buildInputs (nugetDeps)",
    "vendorHash": "goModules",
}
"""The attributes that override downloads whose builder takes them from its arguments."""


def _hashes(lifted: Lifted) -> str:
    """Return what a new source needs new hashes for, in words.

    Nothing if there are none.
    """
    own = [
        *["src"] * lifted.fetched,
        *(path[0] for path in lifted.downloads if len(path) == 1),
    ]
    within = {path[-2:] for path in lifted.downloads}
    parts = [
        part
        if made == "outputHash" or (made == part and (part, made) not in within)
        else f"{part}.{made}"
        for made, names in lifted.hashed.items()
        for part in names
    ]
    places = [name.rpartition(".") for name in (*own, *parts)]
    found = [f"{around}{dot}{_SET.get(made, made)}" for around, dot, made in places]
    return (
        f"{'new hashes' if len(found) > 1 else 'a new hash'} for {_listed(found)}"
        if found
        else ""
    )


def _called(paths: Sequence[Sequence[str]]) -> list[str]:
    """Return what parts are called in a sentence."""
    return [f"the {path[-1]}" if path[-1] in _NOUNS else path[-1] for path in paths]


def _place(paths: Sequence[tuple[str, ...]]) -> str:
    if any(path[0] != PASSTHRU for path in paths):
        return "the package's attributes"
    sets = {path[:-1] for path in paths}
    return ".".join(*sets) if len(sets) == 1 else PASSTHRU


def _listed(words: Sequence[str]) -> str:
    return (
        f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
    )


def _few(names: Sequence[str]) -> str:
    """Return what `_listed` does, and no more than _MOST_PLACES words."""
    return _listed(
        names if len(names) <= _MOST_PLACES else (*names[: _MOST_PLACES - 1], "others")
    )


def _braced(packages: Sequence[str]) -> str:
    """Return names with what all begin with written once, as `k3s_1_{33,34}`."""
    first, last = min(packages), max(packages)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    common = re.sub(r"[^._-]*\Z", "", "".join(letter for letter, _ in same))
    if len(packages) == 1 or not common:
        return ", ".join(packages)
    return f"{common}{{{','.join(name.removeprefix(common) for name in packages)}}}"
