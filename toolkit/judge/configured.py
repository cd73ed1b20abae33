"""Compare NixOS configurations that changed modules produce (judge-modules.nix)."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct, field

from toolkit.judge.differences import Form, Reason
from toolkit.judge.values import STORE, is_set, without_hashes

_PORTS = {
    "allowedTCPPorts": "TCP",
    "allowedTCPPortRanges": "TCP",
    "allowedUDPPorts": "UDP",
    "allowedUDPPortRanges": "UDP",
}
# Every configuration has these inputs, which only collect files that are compared
# elsewhere.
_HOLDERS = frozenset({"etc", "system-path", "system-units", "user-units"})
_FIREWALL = "networking.firewall"
# Characters that end a store path in a text.
_AFTER_NAME = frozenset(" \t\n\"'/:;,)}]$")


class NixosMachine(Struct, frozen=True, kw_only=True):
    """A NixOS configuration in which the options `on` are enabled.

    `system` is its derivation, or None if an assertion forbids the configuration;
    `refusals` are then the messages. `parts` are entries, such as systemd units, by
    their path in the configuration.
    """

    on: tuple[tuple[str, ...], ...] = ()
    system: Any = None
    refusals: tuple[str, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    warnings: tuple[str, ...] = ()


def compare(before: NixosMachine, after: NixosMachine) -> tuple[Reason, ...]:
    """Return how two NixOS configurations differ, as changed lines and inputs."""
    inputs: set[str] = set()
    reasons: list[Reason] = []
    for name, old, new in _entries(before, after):
        one, other = _lines(without_hashes(old)), _lines(without_hashes(new))
        if one == other:
            inputs |= _stored(new) ^ _stored(old)
            continue
        gone, come = Counter(one) - Counter(other), Counter(other) - Counter(one)
        reasons.append(
            Reason(
                form=Form.LINES if gone or come else Form.ORDER,
                name=name,
                removed=tuple(line for line in one if _take(gone, line)),
                added=tuple(line for line in other if _take(come, line)),
            )
        )
    names = sorted({STORE.sub("", path) for path in inputs} - _HOLDERS)
    if names:
        reasons.append(Reason(form=Form.INPUT, added=tuple(names)))
    return tuple(reasons)


def opened(before: NixosMachine, after: NixosMachine) -> tuple[str, ...]:
    """Return the ports that the firewall opens only after the change."""
    one, other = (_ports(machine.parts.get(_FIREWALL)) for machine in (before, after))
    return tuple(sorted(other - one))


def _ports(firewall: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Return the open ports of a firewall, such as `TCP 80` or `TCP 80 on eth0`."""
    if not is_set(firewall):
        return set()
    interfaces = firewall.get("interfaces")
    ports = _ports_in(firewall)
    for name, interface in (interfaces if is_set(interfaces) else {}).items():
        ports |= {f"{port} on {name}" for port in _ports_in(interface)}
    return ports


def _ports_in(rules: Any) -> set[str]:  # noqa: ANN401 - JSON
    ports: set[str] = set()
    for option, protocol in _PORTS.items():
        values = rules.get(option) if is_set(rules) else None
        for port in cast("list[object]", values) if isinstance(values, list) else []:
            text = f"{port.get('from')}-{port.get('to')}" if is_set(port) else port
            ports.add(f"{protocol} {text}")
    return ports


def _entries(
    before: NixosMachine, after: NixosMachine
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the entries that differ, each as a name, an old and a new value.

    Warnings of the configuration count as an entry.
    """
    if before.warnings != after.warnings:
        yield "warnings", [*before.warnings], [*after.warnings]
    for part in sorted(before.parts.keys() | after.parts.keys()):
        one, other = (machine.parts.get(part) for machine in (before, after))
        olds, news = (entries if is_set(entries) else {} for entries in (one, other))
        for name in sorted(olds.keys() | news.keys()):
            old, new = olds.get(name), news.get(name)
            if old != new:
                yield f"{part}.{_quoted(name)}", old, new


def _quoted(name: str) -> str:
    is_plain = name.replace("-", "_").isidentifier()
    return name if is_plain else json.dumps(name, ensure_ascii=False)


def _lines(value: Any, prefix: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """Return a configuration value as lines of text.

    The lines are those of a text, one for each member of a list, or `NAME = VALUE` for
    each member of a set.
    """
    if value is None or value in ([], {}):
        return []
    if isinstance(value, str):
        return [f"{prefix}{line}" for line in value.splitlines() if line.strip()]
    if isinstance(value, list):
        members = cast("list[object]", value)
        return [line for member in members for line in _lines(member, prefix)]
    if is_set(value):
        lines: list[str] = []
        for name, inner in value.items():
            lines += _lines(inner, prefix if name == "text" else f"{prefix}{name} = ")
        return lines
    return [f"{prefix}{json.dumps(value)}"]


def _take(left: Counter[str], line: str) -> bool:
    """Return whether a counter contains a line, and decrement the line's count."""
    is_left = left[line] > 0
    left[line] -= is_left
    return is_left


def _stored(value: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Return the store paths in a value."""
    text = value if isinstance(value, str) else json.dumps(value)
    paths: set[str] = set()
    for match in STORE.finditer(text):
        end = match.end()
        while end < len(text) and text[end] not in _AFTER_NAME and text[end] != "\\":
            end += 1
        paths.add(text[match.start() : end])
    return paths


def shown(on: Sequence[tuple[str, ...]]) -> str:
    """Return code that enables some options, such as `services.x.enable = true`."""
    return ", ".join(f"{'.'.join(loc)} = true" for loc in on)
