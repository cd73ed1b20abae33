"""Add an option for ports below 1024 to NixOS' rootless docker module.

Add its test and an item of the release notes, too. The option has the style of the
module's other options.
"""

import re
import textwrap

from toolkit.errors import LayoutError
from toolkit.nix.attributes import call, full_path, path, statements, value
from toolkit.nix.edit import Edit, apply
from toolkit.nix.scope import formals
from toolkit.nix.tree import Node, Tree, parsed

OPTIONS = "virtualisation.docker.rootless"
"""The path of the module's options."""

WRAPPER = "docker-rootlesskit"
"""The program that dockerd-rootless looks for first.

A security wrapper called rootlesskit wins only if the package does not put its own in
front of the caller's PATH, which depends on the user's `package`. This name always
wins, and no other program uses it.
"""

# Many systems have a wrapper of this name by hand. Capabilities of two definitions are
# joined by a comma, which setcap refuses, and then NixOS makes no security wrapper at
# all: hence the default.
_BLOCK = """\
# dockerd-rootless looks for a program of this name before it takes
# rootlesskit, which the package may have in front of PATH.
security.wrappers.{wrapper} = {library}mkIf {condition} {{
  owner = "root";
  group = "root";
  # Two definitions would be joined by a comma, which setcap rejects.
  capabilities = {library}mkDefault "cap_net_bind_service+ep";
  source = {program};
}};"""

# A module that writes out `lib.` is younger than `getExe'`, which is of 2023.
_PROGRAMS = {
    "lib.": 'lib.getExe\' pkgs.rootlesskit "rootlesskit"',
    "": '"${pkgs.rootlesskit}/bin/rootlesskit"',
}

_MODELS = ("setSocketVariable", "enable")
_MODEL = re.compile(
    r"""
    (?P<name>\w+)\ =\ (?:lib\.)?mkOption\ \{\s+
    (?:
        (?:type\ =\ (?:lib\.)?types\.bool|default\ =\ false);\s+
        | description\ =\ (?:lib\.mdDoc\ )?
          \'\'(?P<description>[ \t]*\n(?P<margin>[ \t]*)(?:[^']|'(?!'))*\n(?P<closing>[ \t]*))\'\';\s+
    ){3}
    \};""",
    re.VERBOSE,
)
"""An option that serves as the model for the new one: boolean and plain."""


def add_option(text: str, *, name: str, option: str, description: str) -> str:
    """Return the module with a new option that adds the security wrapper.

    The option `option` is a boolean, false by default. `description` is Markdown, with
    roles such as {command}`…`, in lines. Raise LayoutError if the module has an unknown
    form, or already has such an option or wrapper.
    """
    tree = parsed(text, name=name)
    options = _set_at(tree, f"options.{OPTIONS}")
    body, library, prefix = _configuration(tree)
    _refuse_twice(tree, options, option)
    if "pkgs" not in formals(tree.root):
        raise LayoutError(f"{name}:1: is not a NixOS module that takes 'pkgs'")
    model, added = _like(options, option, description)
    condition = f"{prefix}.{option}"
    block = _BLOCK.format(
        wrapper=WRAPPER,
        library=library,
        condition=condition,
        program=_PROGRAMS[library],
    )
    return apply(
        text, [_after(model, added, gap="\n\n"), _into_configuration(body, block)]
    )


_RUN = re.compile(
    r"""^(?P<margin>[ ]*)machine\.succeed\(\s*"(?P<command>[^"\n]*\bdocker run\b[^"\n]*)"\s*\)\n""",
    re.MULTILINE,
)
PUBLISHED = "--name=privileged --publish=80:80"


def publish(text: str, *, name: str, option: str) -> str | None:
    """Return the test of rootless docker in which a container publishes port 80.

    The test enables `option`. Return None if no machine enables docker in one line, or
    no `machine.succeed("… docker run …")` exists.
    """
    tree = parsed(text, name=name)
    enabled = [
        node
        for node in tree.nodes
        if node.kind == "binding" and full_path(node).endswith(f"{OPTIONS}.enable")
    ]
    scripts = [
        node
        for node in tree.nodes
        if node.kind == "indented_string_expression" and _RUN.search(node.text)
    ]
    if len(enabled) != 1 or len(scripts) != 1 or not enabled[0].is_first:
        return None
    (switch,), (script,) = enabled, scripts
    run = next(_RUN.finditer(script.text))
    published = re.sub(r"--name[= ]\S+", PUBLISHED, run["command"])
    if PUBLISHED not in published:
        return None
    last = script.text.rstrip("' \n")
    ending = script.start + len(last)
    comment = f"{run['margin']}# Ports below 1024 need the security wrapper.\n"
    statement = f"\n\n{comment}{run[0].replace(run['command'], published)}".rstrip("\n")
    key = switch.children[0].text.removesuffix("enable") + option
    return apply(
        text,
        [_after(switch, f"{key} = true;", gap="\n"), Edit(ending, ending, statement)],
    )


def _refuse_twice(tree: Tree, options: Node, option: str) -> None:
    for binding in statements(options, "binding"):
        known = path(binding)
        if known == option or "privileged" in known.lower():
            raise LayoutError(
                f"{tree.name}:{binding.line}: the option '{known}' already exists"
            )
    for node in tree.nodes:
        if (
            node.kind == "binding"
            and "security.wrappers" in full_path(node)
            and "rootlesskit" in node.text
        ):
            raise LayoutError(
                f"{tree.name}:{node.line}: a security wrapper for rootlesskit already "
                "exists"
            )


def _set_at(tree: Tree, path: str) -> Node:
    """Return the attribute set at a path, through nested sets."""
    for node in tree.nodes:
        if (
            node.kind == "binding"
            and full_path(node) == path
            and value(node).kind == "attrset_expression"
        ):
            return value(node)
    raise LayoutError(f"{tree.name}: contains no attribute set '{path}'")


def _configuration(tree: Tree) -> tuple[Node, str, str]:
    """Return the set in `config` that applies if docker is enabled.

    Return also `lib.` or "" before `mkIf`, and the place of `.enable`.
    """
    binding = next(
        (
            node
            for node in tree.nodes
            if node.kind == "binding" and full_path(node) == "config"
        ),
        None,
    )
    if binding is None:
        raise LayoutError(f"{tree.name}: does not define 'config'")
    *words, body = call(value(binding))
    found = re.fullmatch(
        r"((?:lib\.)?)mkIf (\w+)\.enable", " ".join(word.text for word in words)
    )
    if found is None or body.kind != "attrset_expression":
        raise LayoutError(
            f"{tree.name}:{binding.line}: 'config' is not of the form 'mkIf "
            f"cfg.enable {{ … }}'"
        )
    return body, found[1], found[2]


def _like(options: Node, option: str, description: str) -> tuple[Node, str]:
    """Return a boolean option of the module that is false by default.

    Return also the text of a new option like it.
    """
    named = {path(binding): binding for binding in statements(options, "binding")}
    for model in (named[name] for name in _MODELS if name in named):
        if (found := _MODEL.fullmatch(model.text)) is not None:
            lines = textwrap.indent(description, found["margin"])
            string = Edit(*found.span("description"), f"\n{lines}\n{found['closing']}")
            return model, apply(model.text, [Edit(*found.span("name"), option), string])
    tree = options.tree
    raise LayoutError(
        f"{tree.name}:{options.line}: defines neither option '{_MODELS[0]}' nor '"
        f"{_MODELS[1]}' in a known form"
    )


def _after(binding: Node, added: str, *, gap: str) -> Edit:
    """Put a binding after another one and its comment, with `gap` between them."""
    text = binding.tree.text
    behind = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?=\n|\Z)").match(text, binding.end)
    if behind is None or not binding.is_first:
        raise LayoutError(
            f"{binding.tree.name}:{binding.line}: '{path(binding)}' shares its line "
            "with other code"
        )
    return Edit(behind.end(), behind.end(), f"{gap}{_margin(binding)}{added}")


def _margin(binding: Node) -> str:
    text = binding.tree.text
    return text[text.rfind("\n", 0, binding.start) + 1 : binding.start]


def _into_configuration(body: Node, block: str) -> Edit:
    """Put the wrapper before the first systemd unit, between empty lines.

    Without a unit, put it at the end.
    """
    bindings = statements(body, "binding")
    if not bindings:
        raise LayoutError(f"{body.tree.name}:{body.line}: 'config' is empty")
    first = next(
        (
            index
            for index, binding in enumerate(bindings)
            if path(binding).startswith("systemd.")
        ),
        None,
    )
    # The one in front of it; itself where it is the first, the last where there is
    # none.
    beside = bindings[max(first - 1, 0) if first is not None else -1]
    margin = _margin(beside) if beside.is_first else ""
    indented = textwrap.indent(block, margin).removeprefix(margin)
    if first != 0:
        return _after(beside, indented, gap="\n\n")
    # In front of the comment that belongs to it.
    above = re.search(r"(?:[ \t]*#[^\n]*\n)*[ \t]*\Z", body.tree.text[: beside.start])
    place = above.start() if above is not None else beside.start
    return Edit(place, place, f"{margin}{indented}\n\n")


_SECTION = re.compile(r"## .*\{#sec-release-\d\d\.\d\d-notable-changes\}\s*")
_HEADING = re.compile(r"#{1,2} ")
_ITEM = re.compile(r"([-*]) +\S")
_HIDDEN = re.compile(
    r"^[ \t]*(```+|~~~+).*?^[ \t]*\1[`~]*[ \t]*$|<!--.*?-->", re.MULTILINE | re.DOTALL
)
_PLACEHOLDER = re.compile(
    r"[-*] +Create the first release note entry in this section!?\s*"
)


def add_note(text: str, item: str, *, name: str) -> str:
    """Return release notes with `item` in the middle of the notable changes.

    `item` is one line without its bullet. Upstream asks for this place, because
    additions at the end conflict. In an empty section, the item replaces upstream's
    placeholder. Raise LayoutError if the section is missing, or already has the item.
    """
    lines = text.split("\n")
    start, end, items = section(text, name=name)
    # More may follow in it than this time.
    first = item.partition(". ")[0]
    there = next(
        (index for index, line in enumerate(lines) if line[2:].startswith(first)), None
    )
    if there is not None:
        raise LayoutError(f"{name}:{there + 1}: the list already contains this item")
    if not items:
        place = 1 + max(
            index for index in range(start - 1, end) if lines[index].strip()
        )
        lines[place:place] = ["", f"- {item}"]
        return "\n".join(lines)
    place = items[len(items) // 2]
    added = [f"{lines[items[0]][0]} {item}"]
    if len(items) == 1 and _PLACEHOLDER.fullmatch(lines[place]) is not None:
        del lines[place]
    elif not lines[place - 1].strip():
        added.append("")
    return "\n".join([*lines[:place], *added, *lines[place:]])


def section(text: str, *, name: str) -> tuple[int, int, list[int]]:
    """Return where the notable changes begin and end, and where their items begin.

    Lines count from 0. Raise LayoutError if the section is missing.
    """
    lines = _HIDDEN.sub(lambda found: "\n" * found[0].count("\n"), text).split("\n")
    headings = [index for index, line in enumerate(lines) if _HEADING.match(line)]
    for index in headings:
        if _SECTION.fullmatch(lines[index]) is not None:
            end = next((other for other in headings if other > index), len(lines))
            return (
                index + 1,
                end,
                [line for line in range(index + 1, end) if _ITEM.match(lines[line])],
            )
    raise LayoutError(f"{name}: contains no section of notable changes")
