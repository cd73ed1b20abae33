"""The claim about the option of the NixOS module: off it changes nothing, on it adds the security wrapper alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from toolkit import nix
from toolkit.docker import plan as plans
from toolkit.docker.claims import in_tree
from toolkit.docker.claims.record import Record
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.extras import MODULE
from toolkit.docker.rewrite.nixos_module import OPTIONS, WRAPPER
from toolkit.errors import CommandError
from toolkit.prove import Finding

if TYPE_CHECKING:
    from toolkit.docker.claims.case import DockerCase
    from toolkit.model import TreeCommit

EXPRESSION = EXPRESSIONS / "nixos-module.nix"

_SWITCHED = ("off", "on")


def adds_wrapper(case: DockerCase, commit: TreeCommit) -> Finding:
    """Evaluate the module before and after, with docker off and on, and the new option off and on."""
    change = in_tree.change(commit, MODULE)
    nix.parse_text(change.after, name=str(MODULE))
    option = plans.plan().module.option
    directory = in_tree.lay_out({"before.nix": change.before or b"", "after.nix": change.after})
    arguments = {
        "before": str(directory / "before.nix"),
        "after": str(directory / "after.nix"),
        "library": in_tree.library(case.source),
        "option": option,
        "wrapper": WRAPPER,
        "packages": json.dumps(in_tree.packages(change.before or b"", change.after)),
    }
    try:
        nix.evaluate(EXPRESSION, arguments, attribute="before")
    except CommandError as error:
        reason = f"because the module does not evaluate with stand-ins: {nix.reason(error)}"
        return Finding(covers="nothing", not_run=reason)
    found = nix.evaluate(EXPRESSION, arguments)
    answer = Record(found, document=str(MODULE))
    misformatted, seen = in_tree.misformatted(change)
    system = "unlet's own module system" if answer.boolean("ownModules") else "the module system of its lib"
    return Finding(
        covers=f"docker off and on, the option off and on, by {system}",
        failures=(
            *in_tree.only(commit, MODULE),
            *_declaration(answer, option),
            *_by_hand(answer),
            *(
                failure
                for switched in _SWITCHED
                for failure in _configuration(found, answer.text("rootlesskit"), option, switched)
            ),
            *misformatted,
        ),
        evidence=(
            f"{OPTIONS}.{option}: {answer.record('option').text('type')}, off by default, described",
            f"security.wrappers.{WRAPPER}: cap_net_bind_service+ep, root:root; the user's own definition wins",
            seen,
        ),
        commands=(nix.evaluate_command(EXPRESSION, arguments).line,),
    )


def _declaration(answer: Record, option: str) -> list[str]:
    """Tell what is wrong with the new option, and with those that were there."""
    failures: list[str] = []
    names = answer.record("options")
    if sorted(names.texts("after")) != sorted((*names.texts("before"), option)):
        failures.append(f"the options are {', '.join(names.texts('after'))}, not one more than before")
    declared = answer.record("option")
    if declared.text("type") != "bool":
        failures.append(f"the option's type is '{declared.text('type')}'")
    if declared.boolean("default"):
        failures.append("the option is on by default")
    if not declared.text("description").strip():
        failures.append("the option has no description")
    return failures


def _by_hand(answer: Record) -> list[str]:
    """Say whether the capabilities of the user's own wrapper are joined with the module's, which setcap refuses."""
    capabilities = answer.text("byHand")
    if capabilities == "cap_sys_admin+ep":
        return []
    return [f"security.wrappers.{WRAPPER} of the user's own does not replace the option's: '{capabilities}'"]


def _configuration(found: object, rootlesskit: str, option: str, switched: str) -> list[str]:
    """Compare the configurations with docker `switched`: before, after, and after with the option set."""
    failures: list[str] = []
    before, after, wrapped = (_at(found, f"{side}.{switched}") for side in ("before", "after", "wrapped"))
    for configuration in (after, wrapped):
        _at(configuration, OPTIONS).pop(option, None)
    if after != before:
        failures.append(f"docker {switched}, the option off: {_differing(before, after)} differs from before")
    wrappers = _at(wrapped, "security.wrappers")
    added = wrappers.pop(WRAPPER, None)
    if wrapped != before:
        failures.append(f"docker {switched}, the option on: {_differing(before, wrapped)} differs from before")
    wanted = {
        "owner": "root",
        "group": "root",
        "capabilities": "cap_net_bind_service+ep",
        "source": rootlesskit,
    }
    if switched == "on" and added is None:
        failures.append(f"the option adds no security.wrappers.{WRAPPER}")
    if switched == "on" and added is not None and added != wanted:
        failures.append(f"security.wrappers.{WRAPPER} is {json.dumps(added, sort_keys=True)}")
    if switched == "off" and added is not None:
        failures.append("the option adds a security wrapper although docker is off")
    return failures


def _at(value: object, path: str) -> dict[str, object]:
    """Return the table at a path, which Nix would have refused to leave out."""
    for name in path.split("."):
        value = cast("dict[str, object]", value)[name]
    return cast("dict[str, object]", value)


def _differing(one: object, other: object, path: str = "") -> str:
    """Name the first place in which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, object]", one), cast("dict[str, object]", other)
        for name in sorted({*left, *right}):
            if left.get(name) != right.get(name) or (name in left) != (name in right):
                return _differing(left.get(name), right.get(name), f"{path}.{name}" if path else name)
    return path or "the configuration"
