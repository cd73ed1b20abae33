"""Fixed outputs with an old hash and new content, or made by a derivation that a text still names."""

import re
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

from toolkit.judge.differences import Kind, Weight
from toolkit.judge.subject import HASHES, Compared, Found, with_strings
from toolkit.judge.values import STORE

REGRESSION, CHANGE, NOTE = Weight.REGRESSION, Weight.CHANGE, Weight.NOTE

# How a fetch is run, and not what comes of it.
_MANNERS = {
    "__ignoreNulls",
    "__structuredAttrs",
    "allowSubstitutes",
    "doCheck",
    "doInstallCheck",
    "impureEnvVars",
    "outputChecks",
    "passthru",
    "preferHashedMirrors",
    "preferLocalBuild",
    "revCustom",
    "showURLs",
    "strictDeps",
    "userHook",
}
# What a place names is fetched whatever these are; a command of its own may use them.
_BESIDE_PLACES = {"env", "version"}
# A new version brings these with it.
_NAMES = {*_MANNERS, *_BESIDE_PLACES, "name", "pname"}
_REF = {"rev", "tag", "ref"}
_TAG = re.compile(r"refs(?:/|%2F)tags(?:/|%2F)")  # A tag is named in full or not.
# What tells most of a fetch is named first.
_TELLING = (
    "urls",
    "rev",
    "fetcher",
    "fetchSubmodules",
    "sparseCheckout",
    "leaveDotGit",
    "postFetch",
    "patches",
)
_MOST_SHOWN = 4

UNNAMED = (
    "a fixed output among its inputs is made by a different derivation, and "
    "has the same hash"
)
"""The message about an output that no attribute holds: a text may name it, or an input may be made from it."""


def fetches(
    subject: Compared, before: list[Any], after: list[Any], *, same: bool = False
) -> Iterator[Found]:
    """Compare fixed outputs that keep a hash, not their derivation.

    A package that is `same` only shows new ones.
    """
    before, after = (
        [each for each in side if isinstance(each["drv"], str)]
        for side in (before, after)
    )
    olds = {each["name"]: each for each in before}
    by_output = {each["out"]: each for each in before if isinstance(each["out"], str)}
    known = {each["drv"] for each in before}
    neighbours = {each["attributes"].get("outputHash"): each for each in before}
    for new in after:
        old = olds.get(new["name"])
        if (old is None or not _keeps_hash(old, new)) and isinstance(new["out"], str):
            old = by_output.get(new["out"]) or neighbours.get(
                new["attributes"].get("outputHash")
            )
        if old is None or not _keeps_hash(old, new) or new["drv"] in known:
            continue
        attribute = ".".join(filter(None, (subject.attribute, new["name"])))
        one, other = _fetch(old), _fetch(new)
        names = sorted(
            name
            for name in one.keys() | other.keys()
            if one.get(name) != other.get(name)
        )
        if (
            {"url", "urls"}.isdisjoint(names)
            and one.get("urls") is not None
            and None in (one.get("rev"), other.get("rev"))
        ):
            # The same place under another name.
            names = [name for name in names if name not in _REF]
        is_renamed = old["out"] != new["out"]
        manners = _MANNERS if one.get("urls") is None else _MANNERS | _BESIDE_PLACES
        serious = [
            name for name in names if name not in (_NAMES if is_renamed else manners)
        ]
        name = new["name"] or "it"
        whose = (
            "its hash is as before"
            if old["name"] == new["name"]
            else f"its hash is that of {old['name'] or 'it'}"
        )
        again = f"nix-build -A {attribute}{'' if is_renamed else ' --check'}"
        if serious and is_renamed and one.get("urls") is None:
            what = (
                f"{name} has the hash of the one before, which is right if "
                f"nothing in it differs: {again}"
            )
            yield (Kind.FIXED_OUTPUT, NOTE if same else CHANGE, what, None, None)
        elif serious:
            what = (
                f"{name} is fetched differently ({_telling(serious)}) and "
                f"{whose}: {again}"
            )
            one, other = (
                {name: each.get(name) for name in _ranked(serious)}
                for each in (one, other)
            )
            yield (Kind.FIXED_OUTPUT, REGRESSION, what, one, other)
        elif not is_renamed:
            how = (
                "its hash is written differently"
                if _hashes(old) != _hashes(new)
                else "the tools that fetch it differ"
            )
            what = f"{name} has a different derivation and the same output: {how}"
            yield (Kind.FIXED_OUTPUT, NOTE, what, old["drv"], new["drv"])


def refetched(before: list[Any], after: list[Any]) -> set[str]:
    """Return the names of fixed outputs that different derivations make, and of their dependents."""
    olds = {each["name"]: each["drv"] for each in before}
    names = {
        each["name"]
        for each in after
        if olds.get(each["name"], each["drv"]) != each["drv"]
    }
    return {part for name in names for part in (name, name.rpartition(".")[0])}


def texts(before: list[Any], after: list[Any]) -> Iterator[Found]:
    """Compare the store paths in a package's texts: the same outputs from different derivations."""
    olds = {each["name"]: each for each in before}
    for new in after:
        old = olds.get(new["name"], {"derivations": [], "outputs": []})
        outputs = {
            STORE.sub("", path) for path in old["outputs"] if path in new["outputs"]
        }
        others = {
            STORE.sub("", path): path
            for path in {*new["derivations"]} - {*old["derivations"]}
        }
        for path in sorted({*old["derivations"]} - {*new["derivations"]}):
            name = STORE.sub("", path)
            if name in others and name.removesuffix(".drv") in outputs:
                what = f"{UNNAMED}: its {new['name']} names {name.removesuffix('.drv')}"
                yield (Kind.FIXED_OUTPUT, NOTE, what, path, others[name])


def _telling(names: Collection[str]) -> str:
    """Return the names that tell most, the same on systems that differ in others."""
    ranked = _ranked(names)
    return ", ".join(
        ranked
        if len(ranked) <= _MOST_SHOWN
        else [*ranked[: _MOST_SHOWN - 1], "and more"]
    )


def _ranked(names: Collection[str]) -> list[str]:
    """Return names, those that tell most first."""
    return [
        *(name for name in _TELLING if name in names),
        *(name for name in names if name not in _TELLING),
    ]


def _keeps_hash(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether two fetches have one output, or one hash under two names."""
    one, other = (each["attributes"].get("outputHash") for each in (old, new))
    return bool(old["out"] == new["out"] or (one and one == other))


def _fetch(fetch: dict[str, Any]) -> dict[str, Any]:
    """Return what is fetched, without how the hash is written, and store paths by their names."""

    def normal(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
        text = (
            value
            if name in {"src", "patches"}
            else with_strings(value, partial(STORE.sub, "/nix/store/…-"))
        )
        return with_strings(text, partial(_TAG.sub, ""))

    attributes: dict[str, Any] = fetch["attributes"]
    shown = {
        name: normal(name, value)
        for name, value in attributes.items()
        if name not in HASHES
    }
    if shown.get("urls") is None:
        shown["urls"] = [shown["url"]] if shown.get("url") is not None else None
    shown.pop("url", None)
    listed = shown.pop("curlOptsList", None)
    shown["curlOpts"] = [
        *str(shown.get("curlOpts") or "").split(),
        *(listed if isinstance(listed, list) else []),
    ]
    revision = shown.pop("tag", None) or shown.pop("rev", None)
    shown.pop("rev", None)
    return {
        name: value
        for name, value in {**shown, "rev": revision}.items()
        if value not in (None, "", [], {})
    }


def _hashes(fetch: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in fetch["attributes"].items() if name in HASHES
    }
