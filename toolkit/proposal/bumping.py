"""Write the Nix code of an override with a new version and the hashes that it needs."""

from collections.abc import Sequence

Path = tuple[str, ...]

_MOST_LINES = 8
"""The most lines of an override that a reviewer reads."""

_SHORT = 3
"""The most names of a path that fit into one line of an override."""


def bump(package: str, downloads: Sequence[Path]) -> tuple[str, ...]:
    """Return the lines of the override.

    Return none if they would be too many, or if no part downloads anything.
    """
    own = [path[0] for path in downloads if len(path) == 1]
    parts = [path for path in downloads if len(path) > 1]
    holders = {path[:-1] for path in parts}
    is_plain = len(holders) == len(parts) and all(len(path) <= _SHORT for path in parts)
    if not parts or not is_plain:
        return ()
    # The source may itself be a part.
    if not any(path[0] == "src" for path in downloads):
        own.insert(0, "src")
    attributes = ['version = "…";', *map(_own, own)]
    for place in dict.fromkeys(path[:-2] for path in parts):
        within = [_part(path) for path in parts if path[:-2] == place]
        if place:
            (name,) = place
            within = [f"{name} = old.{name} // {{", *_indented(within), "};"]
        attributes += within
    given = "final: old" if "npmDeps" in own else "old"
    head = f"{package}.overrideAttrs ({given}: {{"
    lines = (head, *_indented(attributes), "})")
    return lines if len(lines) <= _MOST_LINES else ()


def _own(name: str) -> str:
    """Return the binding of a download of the package itself."""
    # buildNpmPackage downloads for the src of its arguments.
    more = "inherit (final) src; " if name == "npmDeps" else ""
    return rehashed(name, "old", more=more)


def _part(path: Path) -> str:
    """Return the binding of a part with a new hash."""
    change = rehashed(path[-1], "part")
    holder = "part" if "part." in change else "_"
    old = ".".join(path[:-1])
    return f"{path[-2]} = old.{old}.overrideAttrs ({holder}: {{ {change} }});"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def rehashed(name: str, holder: str, lib: str = "lib", more: str = "") -> str:
    """Return the binding that gives a download a new hash, and `more`."""
    change = f"_: {{ {more}outputHash = {lib}.fakeHash; }}"
    if name in {"outputHash", "vendorHash"}:
        return f"{name} = {lib}.fakeHash;"
    if name == "cargoDeps":
        change = (
            f"deps: {{ vendorStaging = deps.vendorStaging.overrideAttrs ({change}); }}"
        )
    return f"{name} = {holder}.{name}.overrideAttrs ({change});"
