"""What to write instead of an override that stops halfway: ways to try, and how each is written.

A way has a name in reach.nix, which evaluates it; it is proposed only if it reaches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.reach.case import Call
    from toolkit.reach.model import Left

_TEXTS = {
    "overridePythonAttrs": "{package}.overridePythonAttrs (old: {{ {names} }})",
    "unwrapped": "{package}.override {{\n"
    "  {name}-unwrapped = prev.{name}-unwrapped.overrideAttrs (old: {{ {names} }});\n}}",
    "unwrappedAttribute": "prev.{name}-unwrapped.overrideAttrs (old: {{ {names} }})",
    "override": "{package}.override {{ {names} }}",
    "vendorHash": '{package}.overrideAttrs (old: {{ {names} vendorHash = ""; }})',
    "fetchCargoVendor": "{package}.overrideAttrs (finalAttrs: old: {{\n"
    "  {names}\n"
    "  cargoDeps = final.rustPlatform.fetchCargoVendor {{\n"
    '    inherit (finalAttrs) pname version src;\n    hash = "";\n  }};\n}})',
    "cargoDeps": "{package}.overrideAttrs (old: rec {{\n"
    "  {names}\n"
    '  cargoDeps = old.cargoDeps.overrideAttrs (_: {{ inherit src; outputHash = ""; }});\n}})',
    "npmDepsHash": '{package}.overrideAttrs (old: {{ {names} npmDepsHash = ""; }})',
    "fetchNpmDeps": "{package}.overrideAttrs (finalAttrs: old: {{\n"
    "  {names}\n"
    '  npmDeps = final.fetchNpmDeps {{ inherit (finalAttrs) src; hash = ""; }};\n}})',
    "src": "{package}.overrideAttrs (old: rec {{\n  {names}\n"
    '  src = old.src.override {{ tag = "v${{version}}"; hash = ""; }};\n}})',
    "oldSrc": '{package}.overrideAttrs (old: rec {{ {names} src = final.fetchurl {{ url = "…"; sha256 = ""; }}; }})',
}

_GIVEN = {
    "src": ("src",),
    "oldSrc": ("src",),
    "vendorHash": ("vendorHash", "vendorSha256"),
    "fetchCargoVendor": ("cargoDeps", "cargoHash", "cargoSha256"),
    "cargoDeps": ("cargoDeps", "cargoHash", "cargoSha256"),
    "npmDepsHash": ("npmDeps", "npmDepsHash"),
    "fetchNpmDeps": ("npmDeps", "npmDepsHash"),
}
"""What a way sets itself."""


def ways(left: Sequence[Left], calls: Sequence[Call]) -> Iterator[str]:
    """Yield the names of ways to try for the last call of an override, the likeliest first."""
    if not calls or calls[-1].door != "overrideAttrs":
        return
    yield "overridePythonAttrs"
    stays = {each.name for each in left}
    if any("vendor" in name for name in stays) or stays & {"cargoDeps", "cargoHash", "cargoSha256"}:
        yield from ("fetchCargoVendor", "cargoDeps")
    if stays & {"goModules", "go-modules", "vendorHash"} or any("go-modules" in name for name in stays):
        yield "vendorHash"
    if any("npm" in name for name in stays):
        yield from ("npmDepsHash", "fetchNpmDeps")
    if "src" in stays:
        yield from ("unwrapped", "unwrappedAttribute", "src", "oldSrc")
    else:
        yield from ("unwrapped", "unwrappedAttribute")
    if set(calls[-1].arguments) & set(calls[-1].names):
        yield "override"


def written(way: str, path: Sequence[str], calls: Sequence[Call]) -> str:
    """Return a way as a binding of the overlay, with `…` for the values that stay as they are."""
    call = calls[-1]
    wanted = [
        name for name in call.names if name not in _GIVEN.get(way, ()) and (way != "override" or name in call.arguments)
    ]
    names = " ".join(f"{name} = …;" for name in wanted)
    package = f"prev.{'.'.join(path)}" if len(path) == 1 else f"super.{path[-1]}"
    value = _TEXTS[way].format(package=package, name=path[-1], names=names)
    name = f"{path[-1]}-unwrapped" if way == "unwrappedAttribute" else path[-1]
    return f"{name} = {value};"


def parts(calls: Sequence[Call], passthru: Sequence[str]) -> tuple[str, ...]:
    """Return what the last call sets that the package has in passthru, beside which an attribute reaches nothing."""
    return tuple(name for name in calls[-1].names if name in passthru) if calls else ()


def behind(command: str, name: str, calls: Sequence[Call], moved: Sequence[str]) -> str:
    """Return what reaches behind the overlay that a command writes: the override, or one with parts in passthru."""
    first = f"# behind the overlay that '{command}' writes"
    if not moved:
        return f"{first}, this override reaches as it is"
    rest = "".join(f" {each} = …;" for each in calls[-1].names if each not in moved)
    inner = " ".join(f"{each} = …;" for each in moved)
    return f"{first}:\n{name} = prev.{name}.overrideAttrs (old: {{{rest} passthru = old.passthru // {{ {inner} }}; }});"


def extension(name: str) -> str:
    """Return a member of `python3Packages` as an extension of each interpreter's packages."""
    return f"pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [\n  (self: super: {{ {name} = …; }})\n];"
