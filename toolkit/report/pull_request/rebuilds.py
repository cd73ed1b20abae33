"""What each of the two commits rebuilds, and the commands by which a reviewer sees it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.report.markdown import fence
from toolkit.report.pull_request.wording import details, evidence, plain, staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.report.pull_request.facts import Facts

NO_REBUILD, NO_REBUILD_IN_SET = "no-rebuild", "tree-no-rebuild"
EXACT_CHANGE, EXACT_CHANGE_IN_SET = "exact-change", "tree-exact-change"
REVERSE_DEPENDENCIES = "reverse-dependencies"

_COUNTING = "unlet propose --tier tree --reverse-dependencies"


def in_short(facts: Facts) -> tuple[str, str]:
    """Return what is said behind the subject of either commit, nothing where there is no proof."""
    return (
        ": rebuilds nothing" if facts.passed(NO_REBUILD) is not None else "",
        ": rebuilds moby and what contains it" if facts.passed(EXACT_CHANGE) is not None else "",
    )


def first(facts: Facts) -> Iterator[str]:
    """Yield the claim that the first commit rebuilds nothing, where it is proven, and how to see it on both sides."""
    if (proof := facts.passed(NO_REBUILD)) is None:
        yield f"<!-- {NO_REBUILD} did not pass: run the commands below, and say what they print. -->"
    else:
        yield f"Nothing. With stand-ins for all other packages: {plain(proof.covers)}."
    if (proof := facts.passed(NO_REBUILD_IN_SET)) is not None:
        yield f"In the package set: {plain(proof.covers)}."
    yield "To see it in a clone that has this branch; the derivation of docker depends on those of its components:"
    yield fence(tuple(_script(facts)), "sh")


def second(facts: Facts) -> Iterator[str]:
    """Yield what the second commit rebuilds, as far as it was looked at."""
    if (proof := facts.passed(EXACT_CHANGE)) is None:
        yield f"<!-- {EXACT_CHANGE} did not pass: nothing is known of what this commit rebuilds. -->"
    else:
        yield f"It rebuilds moby and what contains it. With stand-ins for all other packages: {plain(proof.covers)}."
        yield details("What is rebuilt, by system and release", evidence(proof.evidence, facts.shown))
    if (proof := facts.passed(EXACT_CHANGE_IN_SET)) is not None:
        yield f"In the package set: {plain(proof.covers)}."
        # A derivation by itself tells a reviewer nothing.
        found = tuple(line for line in proof.evidence if "/nix/store/" not in line)
        yield details("What is rebuilt in the package set", evidence(found, facts.shown))
    if (proof := facts.passed(REVERSE_DEPENDENCIES)) is not None:
        yield f"In all of nixpkgs: {plain(staged(proof.covers))}."
        found = tuple(map(staged, _of_second(proof.evidence)))
        yield details("What this commit rebuilds in all of nixpkgs", evidence(found, facts.shown))
    else:
        yield f"<!-- What depends on docker was not counted. `{_COUNTING}` lists it. -->"


def _script(facts: Facts) -> Iterator[str]:
    """Yield a function that prints the derivations at a commit, and its two calls: a failure is never equality."""
    releases = facts.releases[-max(facts.shown, 1) :]
    packages = " ".join(f"-A {name}" for name in ("docker", "docker-client", *releases))
    yield "drvs() ("
    yield '  tree=$(mktemp -d) && git worktree add --quiet --detach "$tree" "$1" || exit'
    yield "  trap 'git worktree remove --force \"$tree\"' EXIT"
    yield "  for system in x86_64-linux aarch64-linux aarch64-darwin; do"
    yield "    # Old releases are marked as insecure."
    yield '    NIXPKGS_ALLOW_INSECURE=1 nix-instantiate "$tree" --argstr system $system \\'
    yield f"      {packages} || exit"
    yield "  done"
    yield ")"
    yield f"base=$(drvs {facts.below}) && first=$(drvs {facts.first}) &&"
    yield '  diff <(echo "$base") <(echo "$first") && echo "$base" && echo "equal on both sides"'


def _of_second(lines: tuple[str, ...]) -> Iterator[str]:
    """Yield what the evidence of REVERSE_DEPENDENCIES says of the second commit: headings, and what is below them."""
    wanted = False
    for line in lines:
        if not line.startswith(" "):
            wanted = re.search(r"→ demoted: ", line) is not None
        if wanted:
            yield line
