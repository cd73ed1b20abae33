"""A docker file with its components lifted out of dockerGen's let, by designs of several kinds.

Each is what a person might send: a text made from that of the specimen or of a nixpkgs,
by what stands in it.
"""

import re
from collections.abc import Callable, Iterable

from toolkit.docker.rewrite.layout import file_of

COMPONENTS = ("docker-runc", "docker-containerd", "docker-tini", "moby")
_TODO = (
    "        # TODO: move packages out of the let...in into top-level to allow "
    "proper overrides\n"
)
_INHERITED = "".join(
    [
        "        inherit\n",
        *(f"          {name}\n" for name in COMPONENTS),
        "          ;\n",
    ]
)


def move(text: str) -> str:
    """Make the components attributes of docker's own set, in which they are referred to as `finalAttrs.…`."""
    attributes = "".join(
        f"        {name} = {through_final(value(text, name))};\n" for name in COMPONENTS
    )
    text = without_definitions(text, COMPONENTS)
    return with_final(text).replace(_TODO, "").replace(_INHERITED, attributes)


def hidden(text: str) -> str:
    """Make them defaults of parameters of which callPackage does not know."""
    names = ("docker-meta", "moby-src", *COMPONENTS)
    formals = [f"{name} ? {value(text, name)}" for name in names]
    return hiding(
        with_formals(without_definitions(text, names), formals).replace(_TODO, ""),
        names,
    )


def both(text: str) -> str:
    """Make them attributes that a parameter, of which callPackage does not know, goes before."""
    attributes = "".join(
        f"        {name} = if {name} != null then {name} else "
        f"{through_final(value(text, name))};\n"
        for name in COMPONENTS
    )
    text = (
        with_final(without_definitions(text, COMPONENTS))
        .replace(_TODO, "")
        .replace(_INHERITED, attributes)
    )
    return hiding(
        with_formals(text, [f"{name} ? null" for name in COMPONENTS]), COMPONENTS
    )


def final_small(text: str) -> str:
    """Leave them in the let, and have what is built refer to passthru, in which moby is made anew."""
    parts = ("docker-runc", "docker-containerd", "docker-tini")
    moby = value(text, "moby")
    text = replaced(
        text,
        moby,
        f"lib.makeOverridable ({{ {', '.join(parts)} }}: {moby}) {{ inherit "
        f"{' '.join(parts)}; }}",
    )
    text = text.replace("${moby}/", "${finalAttrs.passthru.moby}/")
    passthru = (
        f"\n        }} // lib.optionalAttrs (!clientOnly) {{\n          inherit "
        f"{' '.join(parts)};\n"
        f"          moby = moby.override {{ inherit (finalAttrs.passthru) "
        f"{' '.join(parts)}; }};\n        }};\n"
    )
    before, passthru_begins, after = text.rpartition("\n        passthru = {")
    text = before + passthru_begins + after.replace("\n        };\n", passthru, 1)
    text = replaced(
        text,
        _INHERITED,
        _INHERITED.replace("inherit\n", "inherit (finalAttrs.passthru)\n"),
    )
    return replaced(
        text, "    buildGoModule (\n      {", "    buildGoModule (\n      finalAttrs: {"
    )


def sentinel(text: str) -> str:
    """Move them to a function beside dockerGen.

    A parameter that each release sets to null goes before.
    """
    definitions = "".join(f"    {name} = {value(text, name)};\n" for name in COMPONENTS)
    given = (
        "docker-meta",
        "moby-src",
        "docker-runc",
        "docker-containerd",
        "docker-tini",
    )
    formals = file_of(text, name="default.nix").formals
    switches = [name for name, formal in formals.items() if len(formal.children) > 1]
    taken = ", ".join((*formals, *given, "..."))
    text = without_definitions(text, COMPONENTS)
    text = replaced(
        text,
        "  dockerGen =\n",
        f"  parts = {{ {taken} }}: {{\n{definitions}  }};\n\n  dockerGen =\n",
    )
    chosen = "".join(
        f"      {name} = if args.{name} != null then args.{name} else made.{name};\n"
        for name in COMPONENTS
    )
    made = (
        f"      made = parts (args // {{ inherit {' '.join((*switches, *given))}; "
        f"}});\n"
    )
    text = replaced(text, "      plugins =\n", f"{made}{chosen}\n      plugins =\n")
    return nulls(text).replace(_TODO, "")


def override_attrs(text: str) -> str:
    """Leave them in the let, each with a parameter of changes to its attributes."""
    for name, parameter in zip(
        COMPONENTS, ("Runc", "Containerd", "Tini", "Moby"), strict=True
    ):
        old = value(text, name)
        text = replaced(
            text,
            f" {name} = {old};",
            f" {name} = ({old}).overrideAttrs override{parameter}Attrs;",
        )
    formals = [
        f"override{name}Attrs ? {{ }}"
        for name in ("Runc", "Containerd", "Tini", "Moby")
    ]
    return with_formals(text, formals).replace(_TODO, "")


def component_overrides(text: str) -> str:
    """Leave them in the let, where those in one set, a parameter, go before."""
    for name in COMPONENTS:
        old = value(text, name)
        text = replaced(
            text,
            f" {name} = {old};",
            f" {name} = componentOverrides.{name} or ({old});",
        )
    return with_formals(text, ["componentOverrides ? { }"]).replace(_TODO, "")


def parameter(text: str) -> str:
    """Make them defaults of parameters, which callPackage fills from the set."""
    names = ("docker-meta", "moby-src", *COMPONENTS)
    formals = [f"{name} ? {value(text, name)}" for name in names]
    return with_formals(without_definitions(text, names), formals).replace(_TODO, "")


def args_let(text: str) -> str:
    """Leave them in the let, where an argument that dockerGen does not name goes before.

    The releases say by null that they have none.
    """
    for name in COMPONENTS:
        old = value(text, name)
        given = f"if args.{name} or null != null then args.{name} else {old}"
        text = replaced(text, f" {name} = {old};", f" {name} = {given};")
    return with_any_arguments(given_null(text)).replace(_TODO, "")


def args_or(text: str) -> str:
    """Leave them in the let, where an argument goes before, and an attribute before moby's."""
    for name in COMPONENTS:
        old = value(text, name)
        text = replaced(text, f" {name} = {old};", f" {name} = args.{name} or ({old});")
    return with_final(with_any_arguments(text)).replace(_TODO, "")


DESIGNS: dict[str, Callable[[str], str]] = {
    "move": move,
    "hidden": hidden,
    "both": both,
    "final-small": final_small,
    "sentinel": sentinel,
    "override-attrs": override_attrs,
    "component-overrides": component_overrides,
    "args-let": args_let,
    "args-or": args_or,
    "parameter": parameter,
}


_ARGUMENT = ("override { NAME = …; }",)
_ATTRIBUTE = ("overrideAttrs { NAME = …; }",)

METHODS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "move": lambda _: _ATTRIBUTE,
    "hidden": lambda _: _ARGUMENT,
    "both": lambda _: _ATTRIBUTE,
    "final-small": lambda _: (
        "overrideAttrs (old: { passthru = old.passthru // { NAME = …; }; })",
    ),
    "sentinel": lambda _: _ARGUMENT,
    "override-attrs": lambda name: (
        (
            f"override {{ override{name.removeprefix('docker-').title()}Attrs = {{ … }}; "
            f"}}"
        ),
    ),
    "component-overrides": lambda _: (
        "override { componentOverrides = { NAME = …; }; }",
    ),
    "args-let": lambda _: _ARGUMENT,
    "args-or": lambda name: _ATTRIBUTE if name == "moby" else _ARGUMENT,
    "parameter": lambda _: _ARGUMENT,
}
"""What works after each design, by component, as one writes it."""


def demoted(text: str) -> str:
    """Move rootlesskit from the prefix of the wrapper's PATH to a suffix."""
    flag = '--prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"'
    text = replaced(
        text,
        flag,
        f'{flag} \\\n              --suffix PATH : "${{lib.makeBinPath [ rootlesskit ]}}"',
    )
    return re.sub(r"\n +rootlesskit\n(?= +slirp)", "\n", text)


def value(text: str, name: str) -> str:
    """Return what dockerGen's let binds a name to."""
    node = file_of(text, name="default.nix").bindings[name]
    return node.text.partition("=")[2].strip().removesuffix(";")


def replaced(text: str, old: str, new: str) -> str:
    """Replace what stands once in a text."""
    assert text.count(old) == 1, (text.count(old), old)
    return text.replace(old, new)


def without_definitions(text: str, names: Iterable[str]) -> str:
    for name in names:
        text = replaced(text, file_of(text, name="default.nix").bindings[name].text, "")
    return text


def through_final(text: str) -> str:
    for name in COMPONENTS:
        text = text.replace(f"${{{name}}}", f"${{finalAttrs.{name}}}")
    return text


def with_final(text: str) -> str:
    text = replaced(
        text, "    buildGoModule (\n      {", "    buildGoModule (\n      finalAttrs: {"
    )
    return text.replace("${moby}/", "${finalAttrs.moby}/")


def with_formals(text: str, formals: Iterable[str]) -> str:
    new = "".join(f"      {formal},\n" for formal in formals)
    end = "    }:\n    let\n"
    return replaced(text, end, f"{new}{end}")


def hiding(text: str, names: Iterable[str]) -> str:
    """Call dockerGen as if it had no parameters of these names."""
    text = text.replace("callPackage dockerGen {", "callDocker {")
    quoted = " ".join(f'"{name}"' for name in names)
    known = f"removeAttrs (lib.functionArgs dockerGen) [ {quoted} ]"
    caller = (
        "  callDocker = callPackage (lib.setFunctionArgs dockerGen "
        f"({known}));\nin\n{{\n"
    )
    return replaced(text, "in\n{\n", caller)


def nulls(text: str) -> str:
    """Give dockerGen parameters of the components' names, which each release sets to null."""
    text = with_formals(text, COMPONENTS)
    return given_null(
        replaced(text, "  dockerGen =\n    {", "  dockerGen =\n    args@{")
    )


def given_null(text: str) -> str:
    """Have each release set the arguments of the components' names to null."""
    given = "".join(f"      {name} = null;\n" for name in COMPONENTS)
    return text.replace(
        "callPackage dockerGen {\n", f"callPackage dockerGen {{\n{given}"
    )


def with_any_arguments(text: str) -> str:
    """Let dockerGen take any argument."""
    text = replaced(text, "  dockerGen =\n    {", "  dockerGen =\n    args@{")
    return replaced(text, "    }:\n    let\n", "      ...\n    }:\n    let\n")
