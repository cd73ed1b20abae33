"""Package sets that have something else under the names of a package's parts: the package must not take it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from toolkit.proposal.lifted import LiftQuestion, ask, command
from toolkit.proposal.prove import Finding

SETS = {
    "unrelated": "an unrelated package of each part's name",
    "throws": "an alias of each part's name that throws",
}
"""The kinds of things that a set may have under the names, as in lifted.nix."""


def untouched(trees: tuple[Path, Path], packages: Sequence[str], names: Iterable[str], system: str) -> Finding:
    """Compare the changed packages with those of sets that have the names for something else."""
    names = tuple(names)
    asked = [
        LiftQuestion(package=package, taken=dict.fromkeys(names, kind) if kind else {})
        for package in packages
        for kind in ("", *SETS)
    ]
    answers = iter(ask(*trees, system, asked))
    failures: list[str] = []
    gaps: list[str] = []
    known: list[str] = []
    for package in packages:
        plain, *others = (next(answers) for _ in ("", *SETS))
        for what, answer in zip(SETS.values(), others, strict=True):
            if answer.limited or plain.limited:
                gaps.append(f"{what}: {package} on {system}: {answer.error or plain.error}")
            elif plain.before is not None or plain.error is not None:
                known.append(package)
                if answer.after is None or answer.after != plain.after:
                    failures.append(f"{what}: {package} on {system}: {answer.error or answer.after or 'it throws'}")
    return Finding(
        covers=f"{len(SETS)} package sets; {', '.join(dict.fromkeys(known))} on {system}",
        failures=tuple(failures),
        evidence=tuple(what for what in SETS.values() if not failures),
        gaps=tuple(gaps),
        not_run=None if known else f"because {gaps[0] if gaps else f'no package evaluates on {system}'}",
        commands=(command(*trees, system, asked).line,),
    )
