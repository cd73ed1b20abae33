"""Claims about overrides of docker's parts.

Each release is a package of the tree, tried as any package is.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from toolkit.docker import COMPONENTS, meaning
from toolkit.docker.case import DockerCase, spread
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.rewrite.layout import arguments
from toolkit.lift.candidates import OVERRIDE, method_name
from toolkit.proposal import claims, methods
from toolkit.proposal.lifted import Asking
from toolkit.proposal.methods import MethodTrial
from toolkit.proposal.prove import Finding

TABLE = EXPRESSIONS / "overrides.nix"


def trial(case: DockerCase) -> tuple[MethodTrial, tuple[Asking, ...]]:
    """Try all override methods of the parts, before and after the commits, once.

    Return the new methods, too.
    """
    trees = case.pair(case.before, case.after)

    def ask() -> tuple[MethodTrial, tuple[Asking, ...]]:
        parts = arguments(case.after.file, before=case.before.file)
        found = methods.tried(
            trees,
            spread(case.releases),
            parts,
            case.tried_on,
            taken_before=arguments(case.before.file),
        )
        return found, methods.chosen(found, COMPONENTS)

    return case.once("trial", ask)


def overridable(case: DockerCase) -> Finding:
    """Replace each part by the method that the change adds."""
    case.require_lifted()
    found, askings = trial(case)
    finding = together([claims.arrives(each) for each in askings])
    known = [
        (
            f"{name} could already be overridden by {method_name(paths[0])}, and the "
            "change adds no way"
        )
        for name, paths in found.works.items()
        if paths and {*paths} <= found.worked
    ]
    covers = (
        f"{', '.join(COMPONENTS)}; "
        f"{', '.join(each.own.package for each in askings)} on "
        f"{', '.join(case.tried_on)}"
    )
    covers = covers if finding.not_run is None else finding.covers
    finding = replace(finding, covers=covers, failures=(*finding.failures, *known))
    is_new = (
        not any(found.works.values())
        and not found.failed()
        and meaning.is_new(meaning.reading(case.after.file))
    )
    if finding.failures and is_new:
        return Finding(
            covers=finding.covers,
            not_run=f"unknown: {meaning.NEW_WAY}",
            commands=finding.commands,
        )
    return finding


def compatible(case: DockerCase) -> Finding:
    """Compare common overrides before and after the lift."""
    stage = case.require_lifted(apart=True)
    return methods.compatible(
        case.pair(case.before, stage), TABLE, spread(case.releases), case.tried_on
    )


def capture_safe(case: DockerCase) -> Finding:
    """Add unrelated packages with the names of parts to the package set.

    Do the same for names of new parameters that take a package. Other new parameters
    are not tried, because nixpkgs' options take their values from the set.
    """
    case.require_lifted()
    before, after = (stage.file.parameters() for stage in (case.before, case.after))
    new = sorted(after - before)
    if not new:
        return Finding(
            covers=(
                "the parameters of each function: none is new, so callPackage "
                "fills no more than before"
            )
        )
    _, askings = trial(case)
    paths = askings[0].own.methods.values()
    packages = [
        path[1] for path in paths if path[0] == OVERRIDE and path[2:3] in {(), ("…",)}
    ]
    ends = tuple(dict.fromkeys((case.releases[-1], case.releases[0])))
    names = dict.fromkeys((*COMPONENTS, *packages))
    return together(
        [
            methods.untouched(case.pair(case.before, case.after), ends, names, system)
            for system in case.tried_on
        ]
    )


def together(findings: Sequence[Finding]) -> Finding:
    """Join the findings about several packages; common facts occur once."""

    def each(field: Callable[[Finding], Iterable[str]]) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(line for finding in findings for line in field(finding))
        )

    reasons = [finding.not_run for finding in findings]
    return Finding(
        covers="; ".join(
            each(lambda finding: (finding.covers,) if finding.not_run is None else ())
        )
        or "nothing",
        failures=each(lambda finding: finding.failures),
        evidence=each(lambda finding: finding.evidence),
        gaps=each(lambda finding: finding.gaps),
        not_run=reasons[0] if None not in reasons else None,
        commands=each(lambda finding: finding.commands),
    )
