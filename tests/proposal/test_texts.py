from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from toolkit.lift.bindings import Reachability
from toolkit.lift.plan import OWN
from toolkit.lift.rewriting import Lifted
from toolkit.model import Commit, Oid, Proof, Proposal, Report, Source, Status, Step
from toolkit.proposal.texts import message, of_pull_request
from toolkit.report.pull_request import DraftFacts, draft

if TYPE_CHECKING:
    from toolkit.patches import Message
    from toolkit.report.pull_request import Texts

STEP = Step(name="lift", design="move")
HIDDEN, SHOWN, PARTIAL = Reachability.HIDDEN, Reachability.SHOWN, Reachability.PARTIAL


def written(
    *packages: str, follows: tuple[str, ...] = (), own: tuple[str, ...] = (), **states: Reachability
) -> Message:
    return message(packages, lifted(follows=follows, own=own, recursive=False, **states))


def lifted(
    *, follows: tuple[str, ...] = (), own: tuple[str, ...] = (), recursive: bool = False, **states: Reachability
) -> Lifted:
    names = {name.replace("_", "-"): state for name, state in states.items()}
    return Lifted(
        text="",
        doors={name: ("passthru", name) for name in names},
        follows=dict.fromkeys(follows, ("src", "version")),
        states=names,
        own=own,
        recursive=recursive,
    )


def said_of(packages: tuple[str, ...], change: Lifted) -> Texts:
    return of_pull_request(packages, message(packages, change), STEP, change, None)


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
            f"{'a' * 50}: make pdf-js and 1 more overridable",
        ),
        (
            written("a" * 40, follows=("pdf-js", "note-editor"), pdf_js=HIDDEN, note_editor=HIDDEN),
            f"{'a' * 40}: make pdf-js, note-editor overridable",
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
    recursive = lifted(follows=("ui",), recursive=True, ui=HIDDEN)
    assert message(("app",), recursive).body.endswith("from finalAttrs there.\nUse finalAttrs instead of rec.")


def test_the_pull_request_says_of_the_first_sort_what_it_lacked_and_not_how_it_is_done() -> None:
    change = lifted(follows=("ui",), own=("src",), recursive=True, ui=HIDDEN, one=SHOWN, two=PARTIAL)
    assert said_of(("app",), change).steps[0].paragraph == (
        "Overriding src and version by overrideAttrs leaves the ui as before. Define it in passthru, "
        "and take src and version from finalAttrs there. Let overrides of two and one take effect, too."
    )


def test_the_text_cites_where_people_asked_for_the_lift() -> None:
    change = lifted(follows=("frontend",), frontend=HIDDEN)
    assert said_of(("forgejo", "forgejo-lts"), change).steps[0].motive.startswith("#340059, ")
    assert said_of(("app",), change).steps[0].motive == ""


@pytest.mark.parametrize(
    ("packages", "change"),
    [
        (("forgejo", "forgejo-lts"), lifted(follows=("frontend",), own=OWN, recursive=True, frontend=HIDDEN)),
        (("k3s_1_33", "k3s_1_34", "k3s_1_35", "k3s_1_36"), lifted(a=SHOWN, b=SHOWN, c=SHOWN, d=SHOWN, e=SHOWN)),
        (("zotero",), lifted(follows=("a", "b"), own=OWN, recursive=True, a=HIDDEN, b=HIDDEN, c=SHOWN, d=PARTIAL)),
        (("authentik", "authentik-proxy"), lifted(follows=("a", "b", "c"), own=OWN, a=HIDDEN, b=HIDDEN, c=HIDDEN)),
        (("app",), lifted(recursive=True, own=OWN, a=HIDDEN, b=HIDDEN, c=SHOWN, d=SHOWN, e=PARTIAL, f=PARTIAL)),
    ],
)
def test_the_pull_request_of_a_lift_has_at_most_80_words(packages: tuple[str, ...], change: Lifted) -> None:
    proposal = Proposal(
        source=Source(origin="nixpkgs", content=b"", directory=Path("/nowhere")),
        package=packages[0],
        target=PurePosixPath("package.nix"),
        bindings=tuple(change.states),
        steps=(STEP,),
        commits=(Commit(subject="app: lift", body="Because.", before=b"", after=b"1"),),
    )
    proof = Proof(name="no-rebuild", claim="nothing is rebuilt", status=Status.PASSED, covers="all")
    facts = DraftFacts(
        report=Report(proposal=proposal, proofs=(proof,)),
        texts=said_of(packages, change),
        extras={},
        commits=(Oid("a" * 40),),
        base=Oid("b" * 40),
    )
    # As `wc -w` counts: all but HTML comments.
    assert 40 < len(re.sub(rb"<!--.*?-->", b"", draft(facts), flags=re.DOTALL).split()) <= 80
