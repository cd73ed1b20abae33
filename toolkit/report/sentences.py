"""Describe each difference that `unlet check` finds in a sentence."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from toolkit.asking.packages import called
from toolkit.judge.differences import Cause, Difference, DifferenceFact, DifferencePlace
from toolkit.judge.values import is_set, labels, without_places
from toolkit.text import few

_MOST_MEMBERS = 6
_MOST_TELLING = 4

_TRIALS = {
    "plain": "with nothing changed",
    "probe": "with nothing but one more variable",
    "check": "with doCheck = false",
}

_FETCH = "one of its downloads now has another derivation, but the same hash"

_SUBJECTS: Mapping[DifferencePlace, str] = {
    DifferencePlace.ALIAS: "the alias",
    DifferencePlace.ARGUMENT: "the argument {name} of override",
    DifferencePlace.ATTRIBUTE: "the attribute {name}",
    DifferencePlace.DECLARATION: "its {name}",
    DifferencePlace.FUNCTION: "the argument {name} of {other}",
    DifferencePlace.META: "meta.{name}",
    DifferencePlace.OUTPUT: "its output",
    DifferencePlace.PARAMETER: "the argument {name}",
    DifferencePlace.PASSTHRU: "{name}",
    DifferencePlace.RESULT: "{name} with {names}",
    DifferencePlace.SEEN: "{name} (old: …) finds {other} in old",
}

_PREDICATES: Mapping[DifferenceFact, str] = {
    DifferenceFact.ANOTHER_PACKAGE: "is another package",
    DifferenceFact.ANOTHER_TYPE: "is a {after}, and was a {before}",
    DifferenceFact.ANOTHER_TYPE_SEEN: "as a {after}, which was a {before}",
    DifferenceFact.ANOTHER_VALUE: "has a different value",
    DifferenceFact.ARGUMENT_RENAMED: "is now {other}, the package's new name",
    DifferenceFact.BUILT_DIFFERENTLY: "is built differently",
    DifferenceFact.CONFIGURED_DIFFERENTLY: "the machine is configured differently",
    DifferenceFact.DEFAULT_GONE: "no longer has a default",
    DifferenceFact.DEFAULT_NEW: "now has a default",
    DifferenceFact.DROPPED: "was removed; its message is: {after}",
    DifferenceFact.EVALUATES_NOW: "evaluates now",
    DifferenceFact.FAILED_AND_GONE: "was removed; it did not evaluate before",
    DifferenceFact.FAILS: "no longer evaluates",
    DifferenceFact.FETCH_OF_ARGUMENT: (
        "{name} with {trial}: a download now has another derivation, but the same hash"
    ),
    DifferenceFact.FETCH_OF_INPUT: (
        "has the same output, but one of its downloads has another derivation"
    ),
    DifferenceFact.GIVES_ANOTHER: "gives something else",
    DifferenceFact.GONE: "is gone",
    DifferenceFact.HASHES_DIFFER: "differ",
    DifferenceFact.HASH_OF_ANOTHER: (
        "a hash in its file is one of {other}, which fetches something else"
    ),
    DifferenceFact.HASH_REWRITTEN: (
        "has another derivation, but the same output: only the form of its hash changed"
    ),
    DifferenceFact.KEEPS: "{name} now keeps {names}",
    DifferenceFact.LOST: "is no longer there",
    DifferenceFact.MACHINE_NEW: "the new module configures the machine",
    DifferenceFact.NAMES_SUBPACKAGES: "names {names} with --subpackage, as intended",
    DifferenceFact.NEW: "is new",
    DifferenceFact.NEW_AND_FAILS: "is new, but does not evaluate",
    DifferenceFact.NOT_NIX: "its file is not valid Nix any more",
    DifferenceFact.NO_EFFECT: "no longer has an effect",
    DifferenceFact.NO_FUNCTION: "is no longer a function",
    DifferenceFact.NOW_HAS_EFFECT: "has an effect now",
    DifferenceFact.NOW_REACHES: "now reaches the derivation",
    DifferenceFact.OPENS_PORTS: "the firewall opens {names}",
    DifferenceFact.OPTION_GONE: (
        "the option was removed: a configuration that sets it no longer evaluates"
    ),
    DifferenceFact.OPTION_HIDDEN: (
        "the option exists, but the manual no longer shows it"
    ),
    DifferenceFact.OPTION_NEW: "the option is new",
    DifferenceFact.OPTION_REFUSED: "Nix refuses the option: {other}",
    DifferenceFact.OPTION_RENAMED: "the option is now an alias of {other}",
    DifferenceFact.OUTPUTS_LOST: "has lost the output {names}",
    DifferenceFact.POSITION_LOST: (
        "meta.position is missing: nixpkgs' CI will request no review"
    ),
    DifferenceFact.POSITION_MOVED: "meta.position names another file of the change",
    DifferenceFact.POSITION_OUTSIDE: (
        "meta.position names a file outside the change: CI requests reviews from "
        "other people"
    ),
    DifferenceFact.POINTS_ELSEWHERE: "pointed to {name}, and now points to {other}",
    DifferenceFact.REACHES_NO_MORE: "no longer reaches the derivation",
    DifferenceFact.READS_MACHINE: (
        "its changed lines read {names}, so another machine may give another result"
    ),
    DifferenceFact.NOT_RECURSED: (
        "no longer has recurseForDerivations: Hydra and searches leave out its packages"
    ),
    DifferenceFact.RECURSES: (
        "now has recurseForDerivations: Hydra and searches include its packages"
    ),
    DifferenceFact.RENAMED: (
        "is no longer the package {other}: an overlay of {other} does not reach it"
    ),
    DifferenceFact.RESULT_LOST: "the result of {name} lacks {names}",
    DifferenceFact.SAYS: "the messages of throw, warn or trace in its file changed",
    DifferenceFact.SCOPE_LOST: "is no longer a scope: it lacks {names}",
    DifferenceFact.SEEN_NEW: "{name} (old: …) also finds {names} in old",
    DifferenceFact.SEEN_NO_MORE: "{name} (old: …) no longer finds {names} in old",
    DifferenceFact.TESTS_END: "{names} no longer evaluates",
    DifferenceFact.TESTS_FAIL: "{names} of {name} now fails",
    DifferenceFact.TESTS_NOTHING: (
        "the script of tests.{names} no longer names the package"
    ),
    DifferenceFact.TESTS_SUCCEED: "{names} of {name} no longer fails",
    DifferenceFact.THROWS: "throws",
    DifferenceFact.THROWS_NOW: "throws now",
    DifferenceFact.TOOLS_DIFFER: (
        "has another derivation, but the same output: other tools download it"
    ),
    DifferenceFact.TYPE_NARROWER: "its type accepts fewer values",
}


def sentence(difference: Difference) -> str:
    """Return how an attribute differs, without the attribute's name and its values."""
    cause = difference.cause
    setting = f"with {cause.setting}:" if cause.setting else ""
    words = (setting, cause.within, _subject(cause), _predicate(difference))
    return " ".join(filter(None, words))


def _subject(cause: Cause) -> str:
    """Return the words for the element of an attribute that differs.

    Return an empty text if the difference is about the whole attribute.
    """
    if cause.place is DifferencePlace.FETCH:
        return cause.name or "it"
    if cause.place is DifferencePlace.PARTS:
        return f"its {', '.join(dict.fromkeys(map(called, cause.names)))}"
    if cause.place is DifferencePlace.METHOD:
        how = _TRIALS.get(cause.trial, f"with {cause.trial}" if cause.trial else "")
        return f"{cause.name} {how}".strip()
    form = _SUBJECTS.get(cause.place, "")
    return form.format(name=cause.name, names=", ".join(cause.names), other=cause.other)


def _predicate(difference: Difference) -> str:
    cause = difference.cause
    if (made := _PREDICATES_OF_VALUES.get(cause.fact)) is not None:
        return made(difference)
    return _PREDICATES[cause.fact].format(
        name=cause.name,
        names=", ".join(cause.names),
        other=cause.other,
        trial=cause.trial,
        before=difference.before,
        after=difference.after,
    )


def members(old: Any, new: Any) -> str:  # noqa: ANN401 - JSON
    """Return a text with the removed and added members of two lists or sets.

    If two sets have the same member names, the text names the members that differ.
    """
    one, other = labels(old), labels(new)
    if one is None or other is None:
        return "differs"
    gone = (Counter(one) - Counter(other)).elements()
    come = (Counter(other) - Counter(one)).elements()
    signed = [*(f"− {name}" for name in gone), *(f"+ {name}" for name in come)]  # noqa: RUF001 - a minus
    if signed:
        return few(signed, _MOST_MEMBERS)
    if not (is_set(old) and is_set(new)):
        return "has another order" if one != other else "differs"
    before, after = old.get("each", old), new.get("each", new)
    differ = [name for name in one if before.get(name) != after.get(name)]
    return f"differs in {few(differ)}" if differ else "differs"


def _differs(difference: Difference) -> str:
    return members(difference.before, difference.after)


def _version(difference: Difference) -> str:
    return " → ".join(difference.cause.names)


def _would_differ(difference: Difference) -> str:
    """Return a sentence about the changed attributes of a derivation that throws."""
    sides: list[dict[str, Any]] = [
        side if is_set(side) else {} for side in (difference.before, difference.after)
    ]
    texts = [
        f"{name} {_from_to(*(without_places(side.get(name)) for side in sides))}"
        for name in difference.cause.names
    ]
    what = f": {few(texts, _MOST_MEMBERS)}" if texts else ""
    return f"its derivation throws, and would be built in another way{what}"


def _from_to(old: Any, new: Any) -> str:  # noqa: ANN401 - JSON
    """Return how two values differ: both values if short, else their members."""
    is_short = all(isinstance(side, bool | int | float | None) for side in (old, new))
    return f"{json.dumps(old)} → {json.dumps(new)}" if is_short else members(old, new)


def _refused(difference: Difference) -> str:
    reason = difference.cause.other
    where = " on this platform" if reason == "unsupported" else ""
    return f"is refused by default: it is now {reason}{where}"


def _fetch_again(difference: Difference) -> str:
    """Return the command that downloads the source again."""
    cause = difference.cause
    attribute = ".".join(filter(None, (difference.attribute, cause.name)))
    return f"nix-build -A {attribute}{'' if cause.renamed else ' --check'}"


def _fetched_differently(difference: Difference) -> str:
    cause = difference.cause
    names = cause.names
    if len(names) > _MOST_TELLING:
        names = (*names[: _MOST_TELLING - 1], "and more")
    whose = "as before" if cause.other is None else f"that of {cause.other or 'it'}"
    return (
        f"is fetched differently ({', '.join(names)}) and its hash is {whose}: "
        f"{_fetch_again(difference)}"
    )


def _fetch_keeps_hash(difference: Difference) -> str:
    return (
        "still has the old hash, which is right only if the content is the same: "
        f"{_fetch_again(difference)}"
    )


def _fetch_unnamed(difference: Difference) -> str:
    cause = difference.cause
    if cause.other is None:
        return _FETCH
    return f"{_FETCH}: its {', '.join(cause.names)} names {cause.other}"


def _follows(difference: Difference) -> str:
    """Return a sentence about what an override starts or ceases to affect."""
    cause = difference.cause
    is_new = cause.fact is DifferenceFact.FOLLOWS
    reaches = "now reaches" if is_new else "no longer reaches"
    names = ["the derivation" if name == "out" else name for name in cause.names]
    if cause.trial in {"passthru", "tests"}:
        names = [f"{cause.trial}.{name}" for name in cause.names]
    if cause.trial == "passthru":
        kept = "; a new passthru must contain it, too" if is_new else ""
        return f"{cause.name} of {', '.join(names)} {reaches} the derivation{kept}"
    how = "" if cause.trial == "tests" else f" {_with_another(cause.trial)}"
    return f"{cause.name}{how} {reaches} {', '.join(names)}"


def _source_follows_name(difference: Difference) -> str:
    cause = difference.cause
    return (
        f"{cause.name} {_with_another(cause.trial)} now changes src: a fork or "
        "variant is downloaded from elsewhere"
    )


def _with_another(name: str) -> str:
    return f"with {'a' if name in {'version', 'pname'} else 'another'} {name}"


_PREDICATES_OF_VALUES: Mapping[DifferenceFact, Callable[[Difference], str]] = {
    DifferenceFact.DIFFERS: _differs,
    DifferenceFact.FETCHED_DIFFERENTLY: _fetched_differently,
    DifferenceFact.FETCH_KEEPS_HASH: _fetch_keeps_hash,
    DifferenceFact.FETCH_UNNAMED: _fetch_unnamed,
    DifferenceFact.FOLLOWS: _follows,
    DifferenceFact.FOLLOWS_NO_MORE: _follows,
    DifferenceFact.REFUSED: _refused,
    DifferenceFact.SOURCE_FOLLOWS_NAME: _source_follows_name,
    DifferenceFact.VERSION: _version,
    DifferenceFact.WOULD_DIFFER: _would_differ,
}
