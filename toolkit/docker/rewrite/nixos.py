"""Add an option for ports below 1024 to NixOS' rootless docker module, and a test of it.

The option has the style of the module's others.
"""

import re
import textwrap

from toolkit.errors import LayoutError
from toolkit.nix.attributes import call, full_path, path, statements, value
from toolkit.nix.edit import Edit, apply, is_first
from toolkit.nix.scope import formals
from toolkit.nix.tree import Node, Tree

OPTIONS = "virtualisation.docker.rootless"
"""The path of the module's options."""

WRAPPER = "docker-rootlesskit"
"""The name that dockerd-rootless looks for first.

A security wrapper called rootlesskit wins only where the package has none in front of the caller's PATH, and that is up
to the user's `package`. This one wins with each, and no other program takes it for its own.
"""

# Many systems have a wrapper of this name by hand. Capabilities of two definitions are joined by a comma, which setcap
# refuses, and then NixOS makes no security wrapper at all: hence the default.
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
_PROGRAMS = {"lib.": 'lib.getExe\' pkgs.rootlesskit "rootlesskit"', "": '"${pkgs.rootlesskit}/bin/rootlesskit"'}

_MODELS = ("setSocketVariable", "enable")
_FIELDS = {"type", "default", "description"}


def add_option(text: str, *, name: str, option: str, description: str) -> str:
    """Return the module with a boolean option `option`, false by default, that adds the security wrapper.

    `description` is Markdown, with roles such as {command}`…`, in lines. Raise LayoutError if the module is not
    understood, or already has such an option or wrapper.
    """
    tree = Tree(text, name=name)
    options = _set_at(tree, f"options.{OPTIONS}")
    body, library, prefix = _configuration(tree)
    _refuse_twice(tree, options, option)
    if "pkgs" not in formals(tree.root):
        raise LayoutError(f"{name}:1: is not a module that takes 'pkgs'")
    model = _model(options)
    added = _like(model, option, description)
    condition = f"{prefix}.{option}"
    block = _BLOCK.format(wrapper=WRAPPER, library=library, condition=condition, program=_PROGRAMS[library])
    return apply(text, [_after(model, added, gap="\n\n"), _into_configuration(body, block)])


_RUN = re.compile(
    r"""^(?P<margin>[ ]*)machine\.succeed\((?P<apart>\s*)"(?P<command>[^"\n]*\bdocker run\b[^"\n]*)"\s*\)\n""",
    re.MULTILINE,
)
PUBLISHED = "--name=privileged --publish=80:80"


def publish(text: str, *, name: str, option: str) -> str | None:
    """Return the test of rootless docker with `option` enabled: a container publishes port 80.

    None if no machine enables docker in one line, or no `machine.succeed("… docker run …")` exists.
    """
    tree = Tree(text, name=name)
    enabled = [node for node in tree.nodes if node.kind == "binding" and full_path(node).endswith(f"{OPTIONS}.enable")]
    scripts = [node for node in tree.nodes if node.kind == "indented_string_expression" and _RUN.search(node.text)]
    if len(enabled) != 1 or len(scripts) != 1 or not is_first(text, enabled[0].start):
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
    return apply(text, [_after(switch, f"{key} = true;", gap="\n"), Edit(ending, ending, statement)])


def _refuse_twice(tree: Tree, options: Node, option: str) -> None:
    for binding in statements(options, "binding"):
        known = path(binding)
        if known == option or "privileged" in known.lower():
            raise LayoutError(f"{tree.name}:{binding.line}: the option '{known}' is already there")
    for node in tree.nodes:
        if node.kind == "binding" and "security.wrappers" in full_path(node) and "rootlesskit" in node.text:
            raise LayoutError(f"{tree.name}:{node.line}: a security wrapper for rootlesskit is already there")


def _set_at(tree: Tree, path: str) -> Node:
    """Return the attribute set that is bound at a path, through sets in sets."""
    for node in tree.nodes:
        if node.kind == "binding" and full_path(node) == path and value(node).kind == "attrset_expression":
            return value(node)
    raise LayoutError(f"{tree.name}: has no attribute set '{path}'")


def _configuration(tree: Tree) -> tuple[Node, str, str]:
    """Return the set that `config` is where docker is enabled, `lib.` or "" before `mkIf`, and where `.enable` is."""
    for node in tree.nodes:
        if node.kind == "binding" and full_path(node) == "config":
            words = call(value(node))
            if len(words) == 3 and words[2].kind == "attrset_expression":  # noqa: PLR2004 - mkIf, condition, set
                found = re.fullmatch(r"(\w+)\.enable", words[1].text)
                if found is not None and re.fullmatch(r"(?:lib\.)?mkIf", words[0].text):
                    return words[2], words[0].text.removesuffix("mkIf"), found[1]
            raise LayoutError(f"{tree.name}:{node.line}: 'config' is not of the form 'mkIf cfg.enable {{ … }}'")
    raise LayoutError(f"{tree.name}: binds no 'config'")


def _model(options: Node) -> Node:
    """Return an option that the new one is to look like: a boolean one with nothing out of the ordinary."""
    named = {path(binding): binding for binding in statements(options, "binding")}
    for name in _MODELS:
        binding = named.get(name)
        if binding is None:
            continue
        words = call(value(binding))
        fields = {path(field): value(field).text for field in statements(words[-1], "binding")}
        plain = re.fullmatch(r"(?:lib\.)?mkOption", words[0].text) is not None and len(words) == 2  # noqa: PLR2004
        boolean = re.fullmatch(r"(?:lib\.)?types\.bool", fields.get("type", "")) is not None
        if plain and boolean and set(fields) == _FIELDS and fields["default"] == "false":
            return binding
    tree = options.tree
    raise LayoutError(f"{tree.name}:{options.line}: has no option '{_MODELS[0]}' or '{_MODELS[1]}' of a known form")


def _like(model: Node, option: str, description: str) -> str:
    """Return the text of an option like `model`, with another name and description."""
    fields = statements(call(value(model))[-1], "binding")
    written = next(field for field in fields if path(field) == "description")
    string = call(value(written))[-1]
    if string.kind != "indented_string_expression":
        raise LayoutError(f"{model.tree.name}:{written.line}: the description is not of the form ''…''")
    margin = re.compile(r"''[ \t]*\n([ \t]*)").match(string.text)
    closing = re.search(r"\n([ \t]*)''$", string.text)
    if margin is None or closing is None:
        raise LayoutError(f"{model.tree.name}:{written.line}: the description is on the line of its quotes")
    lines = textwrap.indent(description, margin[1])
    key = model.children[0]
    edits = [
        Edit(key.start - model.start, key.end - model.start, option),
        Edit(string.start - model.start, string.end - model.start, f"''\n{lines}\n{closing[1]}''"),
    ]
    return apply(model.text, edits)


def _after(binding: Node, added: str, *, gap: str) -> Edit:
    """Put a binding after another one and the comment behind it, with `gap` between them."""
    text = binding.tree.text
    behind = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?=\n|\Z)").match(text, binding.end)
    if behind is None or not is_first(text, binding.start):
        raise LayoutError(f"{binding.tree.name}:{binding.line}: '{path(binding)}' is not alone on its line")
    return Edit(behind.end(), behind.end(), f"{gap}{_margin(binding)}{added}")


def _margin(binding: Node) -> str:
    text = binding.tree.text
    return text[text.rfind("\n", 0, binding.start) + 1 : binding.start]


def _into_configuration(body: Node, block: str) -> Edit:
    """Put the wrapper in front of the first unit of systemd, with an empty line on both sides; else at the end."""
    bindings = statements(body, "binding")
    if not bindings:
        raise LayoutError(f"{body.tree.name}:{body.line}: 'config' is empty")
    first = next((index for index, binding in enumerate(bindings) if path(binding).startswith("systemd.")), None)
    # The one in front of it; itself where it is the first, the last where there is none.
    beside = bindings[max(first - 1, 0) if first is not None else -1]
    margin = _margin(beside) if is_first(body.tree.text, beside.start) else ""
    indented = textwrap.indent(block, margin).removeprefix(margin)
    if first != 0:
        return _after(beside, indented, gap="\n\n")
    # In front of the comment that belongs to it.
    above = re.search(r"(?:[ \t]*#[^\n]*\n)*[ \t]*\Z", body.tree.text[: beside.start])
    place = above.start() if above is not None else beside.start
    return Edit(place, place, f"{margin}{indented}\n\n")
