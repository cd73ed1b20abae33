from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolkit.lift.bindings import Reachability
from toolkit.lift.rewriting import Lifted
from toolkit.model import Step
from toolkit.proposal.texts import message, of_pull_request

if TYPE_CHECKING:
    from toolkit.patches import Message

HIDDEN, SHOWN, PARTIAL = Reachability.HIDDEN, Reachability.SHOWN, Reachability.PARTIAL


def written(
    *packages: str, follows: tuple[str, ...] = (), own: tuple[str, ...] = (), **states: Reachability
) -> Message:
    names = {name.replace("_", "-"): state for name, state in states.items()}
    lifted = Lifted(
        text="",
        doors={name: ("passthru", name) for name in names},
        follows=dict.fromkeys(follows, ("src", "version")),
        states=names,
        own=own,
    )
    return message(packages, lifted)


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        (
            written("forgejo", "forgejo-lts", follows=("frontend",), frontend=HIDDEN),
            "forgejo, forgejo-lts: let overrides of src and version reach the frontend",
        ),
        (
            written("k3s_1_33", "k3s_1_34", "k3s_1_35", "k3s_1_36", follows=("bundle",), bundle=SHOWN),
            "k3s_1_{33,34,35,36}: let overrides of src and version reach bundle",
        ),
        (
            written("zotero", follows=("pdf-js", "note-editor"), pdf_js=HIDDEN, note_editor=HIDDEN, other=HIDDEN),
            "zotero: let overrides of src and version reach pdf-js and note-editor",
        ),
        (
            written("a" * 50, follows=("pdf-js", "note-editor"), pdf_js=HIDDEN, note_editor=HIDDEN),
            f"{'a' * 50}: let overrides of src and version reach packages in its let",
        ),
        (written("app", ui=HIDDEN), "app: allow overriding the ui"),
        (written("app", part=SHOWN), "app: let overrides of part reach the build"),
        (written("app", part=PARTIAL), "app: let overrides of part reach all uses"),
        (written("app", part=PARTIAL, other=SHOWN), "app: allow overriding part and other"),
    ],
)
def test_the_subject_says_what_becomes_possible_for_all_packages_of_the_file(said: Message, subject: str) -> None:
    assert said.subject == subject


def test_the_body_says_of_each_sort_of_part_what_it_lacked() -> None:
    said = written("app", follows=("server",), server=HIDDEN, one=SHOWN, two=SHOWN, three=PARTIAL)
    assert said.body == (
        "Overriding src and version by overrideAttrs leaves the server as before.\n"
        "Define it in passthru, and take src and version from finalAttrs there.\n"
        "Replacing three by overrideAttrs changes only some uses, since others\n"
        "take it from the let. Take it from finalAttrs. passthru shows one and\n"
        "two, but the build takes them from the let, so replacing them by\n"
        "overrideAttrs does not change it. Take them from finalAttrs."
    )
    assert said.proven == {"no-rebuild": "No rebuilds."}


def test_the_body_names_what_else_leaves_the_let() -> None:
    said = written("app", follows=("ui",), own=("version", "src"), ui=HIDDEN)
    assert said.body.endswith("from finalAttrs there.\nMove version and src out of the let as well.")
    recursive = Lifted(
        text="", doors={"a": ("passthru", "a")}, follows={"a": ("src",)}, states={"a": HIDDEN}, recursive=True
    )
    assert message(("app",), recursive).body.endswith("there. Use finalAttrs instead of\nrec.")


def test_the_text_cites_where_people_asked_for_the_lift() -> None:
    said = written("forgejo", "forgejo-lts", follows=("frontend",), frontend=HIDDEN)
    step = Step(name="lift", design="move")
    (cited,) = of_pull_request(("forgejo", "forgejo-lts"), said, step, None).steps
    assert cited.motive.startswith("#340059, ")
    assert of_pull_request(("app",), said, step, None).steps[0].motive == ""
