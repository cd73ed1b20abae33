"""Group the attributes that `unlet check` did not compare, one line for each reason."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from toolkit.judge.differences import Gap
from toolkit.text import counted, few


def ranked(gaps: Sequence[Gap]) -> list[Gap]:
    """Return gaps sorted for display.

    Gaps that a limit caused come first, then the gaps whose reason affects the most
    attributes.
    """
    counts = Counter(gap.reason for gap in gaps)
    return sorted(gaps, key=lambda gap: (gap.limit is None, -counts[gap.reason]))


def gap_texts(gaps: Sequence[Gap]) -> Iterator[str]:
    """Yield a text for each reason, with the attributes and systems that it affects."""
    together: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for gap in gaps:
        together[gap.system or "", gap.reason][gap.attribute or gap.what] = None
    for (reason, names), systems in _on_systems(together):
        where = f" on {', '.join(systems)}" if any(systems) else ""
        yield f"{few(names)}{where}: {reason}"


def limit_texts(gaps: Sequence[Gap]) -> Iterator[str]:
    """Yield a text for each limit that references or attributes have hit."""
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
    """Return the systems for each pair of a reason and a group of names.

    `together` has the names by system and reason.
    """
    systems: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (system, reason), names in together.items():
        systems[reason, tuple(names)].append(system)
    return systems.items()
