"""What is said of a lift: patches/lift.toml with the package's names filled in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import patches
from toolkit.patches import Message
from toolkit.proposal.writing import template
from toolkit.report import pull_request
from toolkit.report.markdown import unwrapped
from toolkit.report.message import BODY_WIDTH, SUBJECT_WIDTH
from toolkit.report.pull_request import StepText, Texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.model import Report
    from toolkit.proposal.choosing import Chosen


def message(package: str, doors: Mapping[str, tuple[str, ...]]) -> Message:
    """Return the message of the commit."""
    path, words = patches.shipped() / "lift.toml", _words(package, doors)
    text = patches.read_toml(path, Message, names=words)
    if len(text.subject) > SUBJECT_WIDTH:
        short = patches.read_toml(path, Message, names={**words, "names": "its components"})
        text = replace(text, subject=short.subject)
    body = textwrap.fill(" ".join(text.body.split()), BODY_WIDTH, break_long_words=False, break_on_hyphens=False)
    return replace(text, body=body)


def facts(chosen: Chosen, report: Report) -> pull_request.DraftFacts:
    """Return what the text of the pull request is made from; of a proposal with commits of its own it is theirs."""
    path = patches.shipped() / "lift-pull-request.toml"
    words = _words(chosen.opened.target.package, chosen.lifted.doors)
    texts = patches.read_toml(path, Texts, names=words, form=unwrapped)
    if (proposed := chosen.opened.proposed) is not None:
        own = {commit.name: {"*": StepText(why=" ".join(commit.why.split()))} for commit in proposed.commits}
        texts = replace(texts, steps=own, rejected=())
    return pull_request.DraftFacts(report=report, texts=texts, template=template(chosen.opened.source), extras={})


def usage(package: str, path: tuple[str, ...]) -> str:
    """Return an override that replaces what is behind a door, as Nix code."""
    within = len(path) > 1
    margin = "  " * (1 + within)
    change = f"old.{'.'.join(path)}.overrideAttrs {{\n{margin}  patches = [ ./fix.patch ];\n{margin}}}"
    line = f"{margin}{path[-1]} = {change};"
    attributes = f"  passthru = old.passthru // {{\n{line}\n  }};" if within else line
    return f"{package}.overrideAttrs (old: {{\n{attributes}\n}})"


def _words(package: str, doors: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    if not doors:
        return {"package": package}
    names = list(doors)
    many = len(names) > 1
    listed, quoted = (
        f"{', '.join(words[:-1])} and {words[-1]}" if many else words[0]
        for words in (names, [f"`{name}`" for name in names])
    )
    return {
        "package": package,
        "names": listed,
        "quoted": quoted,
        "is": "are" if many else "is",
        "them": "them" if many else "it",
        "attributes": "attributes" if many else "an attribute",
        "first": names[0],
        "door": ".".join(doors[names[0]]),
        "usage": usage(package, doors[names[0]]),
    }
