"""List the attributes that `unlet check` did not compare, one line for each reason."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from toolkit.judge.differences import Gap
from toolkit.text import counted, few


def ranked(gaps: Sequence[Gap]) -> list[Gap]:
    """Return the facts that were not compared, sorted for display.

    Facts that hit a limit come first, then the ones with the most frequent reasons.
    """
    counts = Counter(gap.reason for gap in gaps)
    return sorted(gaps, key=lambda gap: (gap.limit is None, -counts[gap.reason]))


def gap_texts(gaps: Sequence[Gap]) -> Iterator[str]:
    """Yield a line for each reason why attributes were not compared.

    The line has the attributes and the systems.
    """
    together: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for gap in gaps:
        together[gap.system or "", gap.reason][gap.attribute or gap.what] = None
    for (reason, names), systems in _on_systems(together):
        where = f" on {', '.join(systems)}" if any(systems) else ""
        yield f"{few(names)}{where}: {reason}"


def limit_texts(gaps: Sequence[Gap]) -> Iterator[str]:
    """Yield a line for each limit that the comparison of attributes has hit.

    The line has the attributes and the systems.
    """
    references: dict[str, dict[str, None]] = {}
    together: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for gap in gaps:
        limit = gap.limit or ""
        names = (
            references.setdefault(limit, {})
            if gap.reference
            else together[gap.system or "", limit]
        )
        names[str(gap.attribute)] = None
    for limit, names in references.items():
        yield f"{counted(len(names), 'reference')} ({few([*names])}): {limit}"
    for (limit, attributes), systems in _on_systems(together):
        yield (
            f"{counted(len(attributes), 'attribute')} on {', '.join(systems)} "
            f"({few(attributes)}): {limit}"
        )


def _on_systems(
    together: Mapping[tuple[str, str], Collection[str]],
) -> Iterable[tuple[tuple[str, tuple[str, ...]], list[str]]]:
    """Return the systems on which the same attributes have the same reason.

    `together` has the attributes by system and reason. The key of a result is a reason
    and its attributes.
    """
    systems: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (system, reason), names in together.items():
        systems[reason, tuple(names)].append(system)
    return systems.items()
