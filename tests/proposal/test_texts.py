from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.parsing import assert_parses
from toolkit.lift.bindings import Reachability
from toolkit.lift.outcome import LetChange, Lifted, RecChange
from toolkit.lift.plan import OWN
from toolkit.model import (
    Commit,
    Message,
    Oid,
    Proof,
    Proposal,
    Report,
    Source,
    Status,
    Step,
)
from toolkit.proposal.texts import LiftProof, message, pull_request_texts
from toolkit.report.pull_request import DraftFacts, Texts, draft

STEP = Step(name="lift", design="move")
REC = "Use finalAttrs instead of rec."
HIDDEN, SHOWN, PARTIAL = Reachability.HIDDEN, Reachability.SHOWN, Reachability.PARTIAL


def written(
    *packages: str,
    follows: tuple[str, ...] = (),
    own: tuple[str, ...] = (),
    **states: Reachability,
) -> Message:
    return message(
        packages, lifted(follows=follows, own=own, recursive=False, **states)
    )


def lifted(
    *,
    follows: tuple[str, ...] = (),
    own: tuple[str, ...] = (),
    recursive: bool = False,
    **states: Reachability,
) -> Lifted:
    names = {name.replace("_", "-"): state for name, state in states.items()}
    return Lifted(
        text="",
        methods={name: ("passthru", name) for name in names},
        follows=dict.fromkeys(follows, ("src", "version")),
        states=names,
        let=LetChange(own=own),
        rec=RecChange() if recursive else None,
    )


def changed(change: Lifted, **fields: object) -> Lifted:
    """Return a lift with other fields, each in the value that has it."""
    for name, value in fields.items():
        holders = {
            holder: part
            for holder in ("let", "hashes", "rec")
            if name
            in (part := getattr(change, holder) or RecChange()).__struct_fields__
        }
        for holder, part in holders.items():
            change = replace(change, **{holder: replace(part, **{name: value})})
        if not holders:
            change = replace(change, **{name: value})
    return change


def test_text_names_and_shows_the_hashes_that_a_new_version_needs() -> None:
    change = changed(
        lifted(follows=("frontend",), own=("version", "src"), frontend=HIDDEN),
        fetched=True,
        parts={"npmDeps": ("frontend",)},
        downloads=(("vendorHash",), ("passthru", "frontend", "npmDeps")),
        updated=("frontend",),
    )
    assert (
        "A new version also needs new hashes for src, goModules and frontend.npmDeps."
        in body(change)
    )
    assert (
        "Name the frontend in updateScript, so that nix-update updates its hash, too."
        in body(change)
    )
    texts = bumped(change)
    assert "so that nix-update updates its hash, too" in texts.steps[0].why
    two = changed(change, updated=("frontend", "backend"))
    assert (
        "Name the frontend and the backend in updateScript, so that nix-update "
        "updates their hashes, too." in body(two)
    )
    *_, usage = texts.steps[0].usage.partition("```nix\n")
    lines = usage.removesuffix("\n```").split("\n")
    fetched = "overrideAttrs (_: { outputHash = lib.fakeHash; });"
    assert lines == [
        "app.overrideAttrs (old: {",
        '  version = "…";',
        f"  src = old.src.{fetched}",
        "  vendorHash = lib.fakeHash;",
        "  passthru = old.passthru // {",
        (
            f"    frontend = old.passthru.frontend.overrideAttrs (part: {{ npmDeps = "
            f"part.npmDeps.{fetched} }});"
        ),
        "  };",
        "})",
    ]
    assert_parses(f"{{ lib, app }}: {usage.removesuffix(chr(10) + chr(96) * 3)}")
    assert not said_of(("app",), change).steps[0].usage
    npm = changed(change, downloads=(("npmDeps",), ("ui", "npmDeps")))
    texts = bumped(npm)
    assert "app.overrideAttrs (final: old: {" in texts.steps[0].usage
    assert (
        "  npmDeps = "
        f"old.npmDeps.{fetched.replace('{ o', '{ inherit (final) src; o')}\n  ui"
        in texts.steps[0].usage
    )
    # Longer than a reviewer reads.
    more = changed(
        change, downloads=(*change.hashes.downloads, ("passthru", "docs", "cargoDeps"))
    )
    assert not bumped(more).steps[0].usage
    rust = changed(change, downloads=(("ui", "cargoDeps"),))
    texts = bumped(rust)
    vendored = (
        f"cargoDeps.overrideAttrs (deps: {{ vendorStaging = "
        f"deps.vendorStaging.{fetched} }});"
    )
    assert (
        f"  ui = old.ui.overrideAttrs (part: {{ cargoDeps = part.{vendored} }});\n}})"
        in texts.steps[0].usage
    )
    # The source is a part that unpacks one.
    unpacked = changed(change, downloads=(("src", "src"),))
    texts = bumped(unpacked)
    assert (
        f'…";\n  src = old.src.overrideAttrs (part: {{ src = '
        f"part.src.{fetched} }});\n}})"
    ) in texts.steps[0].usage


def bumped(change: Lifted) -> Texts:
    """Return the texts of a lift whose package has been built with new hashes."""
    proof = LiftProof(bumps=True)
    return pull_request_texts(("app",), message(("app",), change), STEP, change, proof)


def said_of(packages: tuple[str, ...], change: Lifted) -> Texts:
    return pull_request_texts(
        packages, message(packages, change), STEP, change, LiftProof()
    )


def body(change: Lifted) -> str:
    """Return the message's body as one line."""
    return " ".join(message(("app",), change).body.split())


def subject(change: Lifted) -> str:
    return message(("app",), change).subject


def paragraph(change: Lifted) -> str:
    """Return what the pull request says of the change."""
    return said_of(("app",), change).steps[0].paragraph


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        (
            written("forgejo", "forgejo-lts", follows=("frontend",), frontend=HIDDEN),
            "forgejo, forgejo-lts: let overrides of src and version reach the frontend",
        ),
        (
            written(
                "k3s_1_33",
                "k3s_1_34",
                "k3s_1_35",
                "k3s_1_36",
                follows=("bundle",),
                bundle=SHOWN,
            ),
            "k3s_1_{33,34,35,36}: let overrides of src and version reach bundle",
        ),
        (
            written(
                "zotero",
                follows=("pdf-js", "note-editor"),
                pdf_js=HIDDEN,
                note_editor=HIDDEN,
                other=HIDDEN,
            ),
            "zotero: let overrides of src and version reach pdf-js and note-editor",
        ),
        (
            written(
                "a" * 50,
                follows=("pdf-js", "note-editor"),
                pdf_js=HIDDEN,
                note_editor=HIDDEN,
            ),
            f"{'a' * 50}: let overrides reach its parts",
        ),
        (
            written(
                "a" * 32,
                follows=("pdf-js", "note-editor"),
                pdf_js=HIDDEN,
                note_editor=HIDDEN,
            ),
            f"{'a' * 32}: let overrides reach pdf-js and note-editor",
        ),
        (
            written("a" * 50, a_very_long_name=HIDDEN),
            f"{'a' * 50}: let overrideAttrs replace a part",
        ),
        (
            written("a" * 50, a_very_long_name=HIDDEN, other=SHOWN),
            f"{'a' * 50}: let overrideAttrs replace its parts",
        ),
        (
            written(
                "a" * 20, a_very_long_name_of_one=HIDDEN, another=HIDDEN, third=HIDDEN
            ),
            f"{'a' * 20}: let overrideAttrs replace 3 of its parts",
        ),
        (
            written(
                "a" * 30,
                follows=("a-part-of-all-of-them", "b-part-of-all-of-them"),
                a_part_of_all_of_them=HIDDEN,
                b_part_of_all_of_them=HIDDEN,
            ),
            f"{'a' * 30}: let overrides of src and version reach its parts",
        ),
        (
            written("a" * 39, follows=("frontend",), frontend=HIDDEN),
            f"{'a' * 39}: let overrides of src reach the frontend",
        ),
        (written("app", ui=HIDDEN), "app: let overrideAttrs replace the ui"),
        (written("app", part=SHOWN), "app: let overrides of part reach the build"),
        (written("app", part=PARTIAL), "app: let overrides of part reach all uses"),
        (
            written("app", part=PARTIAL, other=SHOWN),
            "app: let overrideAttrs replace part and other",
        ),
    ],
)
def test_the_subject_says_what_becomes_possible_for_all_packages_of_the_file(
    said: Message, subject: str
) -> None:
    assert said.subject == subject


def test_the_body_says_of_each_sort_of_part_what_it_lacked() -> None:
    said = written(
        "app", follows=("server",), server=HIDDEN, one=SHOWN, two=SHOWN, three=PARTIAL
    )
    assert said.body == (
        "Overriding src and version with overrideAttrs leaves the server as\n"
        "before. Move its definition into passthru, and take src and version from\n"
        "finalAttrs there. Replacing three with overrideAttrs changes only some\n"
        "uses, since others take it from the let. Take it from finalAttrs.\n"
        "passthru exposes one and two, but the build takes them from the let:\n"
        "replacing them with overrideAttrs has no effect on the build. Take them\n"
        "from finalAttrs."
    )
    assert said.proven == {"no-rebuild": "No rebuilds."}


def test_body_names_the_attributes_that_each_part_follows() -> None:
    change = lifted(cli=HIDDEN, other=HIDDEN)
    change = changed(
        change,
        follows={"cli": ("src", "version"), "other": ("src",)},
        parts={"npmDeps": ("cli", "other")},
    )
    assert subject(change) == "app: let overrides of src reach the cli and other"
    assert body(change) == (
        "Overriding src and version with overrideAttrs leaves the cli as before. Move "
        "its definition into passthru, "
        "and take src and version from finalAttrs there. Overriding src with "
        "overrideAttrs leaves other as before. "
        "Move its definition into passthru, and take src from finalAttrs there. "
        "A new source may also need new hashes for cli.npmDeps and other.npmDeps."
    )
    apart = changed(change, follows={"cli": ("version",), "other": ("src",)})
    assert subject(apart) == "app: let overrides reach cli and other"


FOLLOWS = lifted(follows=("ui",), ui=HIDDEN)
REC_SET = changed(FOLLOWS, rec=RecChange())
UNFOLDED = changed(
    REC_SET,
    names=("version", "channel"),
    places=("src", "meta.homepage"),
    text="x = rec { };",
)
MANY = changed(UNFOLDED, names=("version",), places=("src", "a", "b", "c", "d"))
ALONG = changed(FOLLOWS, along={"cache": ("passthru", "cache")}, own=("version",))
SHOWN_ALONG = changed(
    ALONG,
    along={"cache": ("passthru", "cache"), "web": ("passthru", "web")},
    through=("web",),
)
APART = changed(
    lifted(cli=HIDDEN, ui=HIDDEN), apart={"cli": ("src", "version"), "ui": ("version",)}
)


@pytest.mark.parametrize(
    ("change", "end"),
    [
        (
            changed(FOLLOWS, own=("version", "src")),
            "from finalAttrs there. Move version and src out of the let.",
        ),
        (REC_SET, "from finalAttrs there. Use finalAttrs instead of rec."),
        (
            UNFOLDED,
            (
                "instead of the package's rec, so that src and meta.homepage follow "
                "overrides of version and channel."
            ),
        ),
        (MANY, "so that src, a, b and others follow overrides of version."),
        (
            changed(MANY, places=("src", "a", "b", "c")),
            "that src, a, b and c follow overrides of version.",
        ),
        (changed(MANY, places=("src",)), " src follows overrides of version."),
        (changed(FOLLOWS, left=("lib",)), "finalAttrs there. Leave lib in the let."),
        (
            changed(FOLLOWS, left=tuple("abcd")),
            "finalAttrs there. Leave a, b, c and d in the let.",
        ),
        (
            changed(FOLLOWS, left=tuple("abcde")),
            "finalAttrs there. Leave a, b, c and others in the let.",
        ),
        (
            APART,
            "Overrides of src and version still leave the cli and the ui as before.",
        ),
        (
            ALONG,
            (
                "there. Define cache in passthru, too, where overrides reach it. Move "
                "version out of the let."
            ),
        ),
        (
            SHOWN_ALONG,
            (
                "where overrides reach it. Define web, which passthru exposes, there, "
                "too. Move version out of the let."
            ),
        ),
        (
            changed(SHOWN_ALONG, along={"web": ("passthru", "web")}),
            (
                "finalAttrs there. Define web, which passthru exposes, "
                "there, too. Move "
                "version out of the let."
            ),
        ),
        (
            changed(REC_SET, dropped=True, text="x = rec { };"),
            "finalAttrs there. Drop the package's rec.",
        ),
        (
            changed(
                ALONG, along={"path": ("path",), "env": ("passthru", "cache")}, own=()
            ),
            (
                "there. Define path and cache (env) in the package's attributes, where "
                "overrides reach them."
            ),
        ),
    ],
)
def test_the_body_names_what_else_leaves_the_let(change: Lifted, end: str) -> None:
    assert body(change).endswith(end)


def test_body_names_all_attributes_that_parts_follow() -> None:
    change = changed(
        lifted(own=("version",), one=HIDDEN, two=HIDDEN),
        follows={"one": ("src", "version"), "two": ("src", "version", "patches")},
        parts={"npmDeps": ("one",), "deps": ("two",)},
    )
    assert body(change) == (
        "Overriding src, version and patches with overrideAttrs leaves one and two as "
        "before. Move their definitions "
        "into passthru, and take src, version and patches from finalAttrs there. A "
        "new source may also need new "
        "hashes for one.npmDeps and two.deps. Move version out of the let."
    )


def test_short_text_names_hashes_and_further_parts() -> None:
    change = lifted(
        follows=("ui",), own=("version", "src"), recursive=True, ui=HIDDEN, other=HIDDEN
    )
    change = changed(
        change,
        parts={"npmDeps": ("ui",)},
        names=("version",),
        places=("src", "meta.homepage"),
    )
    assert (
        said_of(("app",), change)
        .steps[0]
        .why.endswith(
            "from finalAttrs there. A new source may also need a new hash for "
            "ui.npmDeps. Let overrides of other take "
            "effect, too."
        )
    )
    change = lifted(
        own=("version", "src"), recursive=True, one=HIDDEN, two=HIDDEN, three=SHOWN
    )
    change = changed(
        change,
        follows={"one": ("src",), "two": ("src", "version")},
        apart={"three": ("version",)},
    )
    assert (
        said_of(("app",), change)
        .steps[0]
        .why.endswith(
            "leaves one as before. Move its definition into passthru, and take src "
            "from finalAttrs there. "
            "Let overrides of src and version reach two, too. Let overrides of three "
            "take effect, too. "
            "Overrides of version still leave three as before."
        )
    )


def test_a_part_that_moves_or_gets_a_name_is_introduced_so() -> None:
    stays, moves = (
        body(changed(lifted(ui=HIDDEN), moved=moved)) for moved in ((), ("ui",))
    )
    assert stays.endswith(
        "repeat all that uses it. Expose it in passthru, and take it from finalAttrs."
    )
    assert moves.endswith(
        "repeat all that uses it. Move its definition into passthru, and take it from "
        "finalAttrs."
    )
    change = changed(lifted(drv=HIDDEN), methods={"drv": ("passthru", "client")})
    assert subject(change) == "app: let overrideAttrs replace the client"
    assert body(change).startswith(
        "The client (drv) is bound in a let, so an override has to repeat"
    )
    assert body(lifted(one=HIDDEN, two=HIDDEN)).startswith(
        "one and two are bound in a let, so an override has to"
    )


def test_an_override_of_the_source_reaches_what_moves_with_it() -> None:
    change = changed(lifted(tree=PARTIAL), methods={"tree": ("src",)})
    assert subject(change) == "app: let overrides of src reach all uses"
    along = changed(change, along={"crates": ("passthru", "crates")})
    assert subject(along) == "app: let overrides of src reach crates"
    assert body(changed(along, moved=("tree",))).startswith(
        "Replacing src with overrideAttrs changes only some uses, since others take "
        "it, as tree, from the let. Move "
        "its definition into the package's attributes, and take it from finalAttrs. "
        "Define crates in passthru, where "
        "overrides reach it."
    )
    several = {
        name: ("passthru", name)
        for name in ("crates", "wrapper-of-all", "library-of-the-wrapper")
    }
    assert message(("an-app",), changed(change, along=several)).subject == (
        "an-app: let overrides of src reach crates, wrapper-of-all and 1 more"
    )
    (long,) = {
        message(("a" * 30,), changed(change, along=those)).subject
        for those in (several, {"c" * 30: ("c" * 30,)})
    }
    assert long == f"{'a' * 30}: let overrides of src reach all uses"
    fetched = changed(along, follows={"tree": ("version",)}, parts={"src": ("tree",)})
    assert subject(fetched) == "app: let overrides of src reach crates"
    assert body(fetched).startswith(
        "Replacing src with overrideAttrs changes only some uses"
    )
    assert "may need another" not in body(fetched)


@pytest.mark.parametrize(
    ("used", "repeated"),
    [
        (
            {"cli": ("installPhase",), "ui": ("installPhase", "preBuild")},
            "installPhase and preBuild.",
        ),
        ({"cli": ("installPhase",)}, "all that uses them."),
        ({"cli": ("a", "b"), "ui": ("c", "d")}, "all that uses them."),
    ],
)
def test_body_names_the_attributes_to_repeat_if_they_are_few(
    used: dict[str, tuple[str, ...]], repeated: str
) -> None:
    said = body(changed(lifted(cli=HIDDEN, ui=HIDDEN), used=used))
    assert f"are bound in a let, so an override has to repeat {repeated} Expose" in said


def test_part_with_hashes_needs_new_ones_and_keeps_its_own_source() -> None:
    change = changed(REC_SET, parts={"npmDeps": ("ui",)})
    assert subject(change) == "app: let overrides of src and version reach the ui"
    assert "there. A new source may also need a new hash for ui.npmDeps. Use" in body(
        change
    )
    some = changed(
        lifted(follows=("a", "b", "c"), a=HIDDEN, b=HIDDEN, c=HIDDEN),
        parts={"deps": ("a", "b")},
    )
    assert body(some).endswith("new hashes for a.deps and b.deps.")
    alone = changed(change, follows={"ui": ("version",)})
    assert subject(alone) == "app: let overrideAttrs replace the ui"
    assert body(alone).startswith(
        "The ui is bound in a let, so an override has to repeat all that uses it. "
    )
    assert (
        "take version from finalAttrs there. A new version may also need a new hash "
        "for ui.npmDeps." in body(alone)
    )
    patched = changed(change, follows={"ui": ("src", "version", "patches")})
    assert subject(patched) == "app: let overrides of src and version reach the ui"
    assert body(patched).startswith(
        "Overriding src, version and patches with overrideAttrs leaves the ui as "
    )
    assert "npmDeps" not in body(changed(change, follows={}))
    assert "may also need a new hash for ui. Use" in body(
        changed(change, parts={"ui": ("ui",)})
    )
    long = changed(
        change, own=OWN, along={"one-of-several": ("passthru", "one-of-several")}
    )
    ends = (
        "also need a new hash for ui.npmDeps. Define one-of-several in passthru, "
        "too, where overrides reach it."
    )
    assert paragraph(long).endswith(ends)
    inner = changed(
        lifted(one=SHOWN, two=SHOWN),
        methods={name: ("passthru", "deps", name) for name in ("one", "two")},
    )
    assert body(inner).startswith(
        "passthru.deps exposes one and two, but the build takes them from"
    )


def test_a_part_without_a_hash_follows_a_version_beside_one_that_is_fetched() -> None:
    change = changed(
        lifted(ui=HIDDEN, notes=HIDDEN), follows={"ui": ("src",), "notes": ("version",)}
    )
    said = message(("app",), changed(change, parts={"npmDeps": ("ui",)}))
    assert "Overriding version with overrideAttrs leaves notes as before." in " ".join(
        said.body.split()
    )
    cache = changed(
        change, parts={"src": ("source",)}, along={"source": ("passthru", "source")}
    )
    assert "notes is bound in a let" in " ".join(message(("app",), cache).body.split())


def test_a_part_that_passthru_shows_and_is_fetched_by_a_hash_says_both() -> None:
    change = changed(
        lifted(ui=SHOWN),
        follows={"ui": ("version",)},
        moved=("ui",),
        parts={"src": ("ui",)},
    )
    assert subject(change) == "app: let overrides of the ui reach the build"
    assert body(change) == (
        "passthru exposes the ui, but the build takes it from the let: replacing it "
        "with overrideAttrs has no effect "
        "on the build. Move its definition into passthru, take version from "
        "finalAttrs there, and let the build take "
        "it from finalAttrs, too. A new version may also need a new hash for ui.src."
    )


def test_the_pull_request_says_what_the_message_does_as_far_as_it_has_space() -> None:
    change = lifted(follows=("ui",), own=("src",), recursive=True, ui=HIDDEN)
    assert (paragraph(change), said_of(("app",), change).steps[0].usage) == (
        body(change),
        "",
    )
    begins = (
        "Overriding src and version with overrideAttrs leaves the ui as before. Move "
        "its definition into passthru, "
        "and take src and version from finalAttrs there. "
    )
    shown = lifted(
        follows=("ui",),
        ui=HIDDEN,
        last=PARTIAL,
        one=SHOWN,
        two=SHOWN,
        three=SHOWN,
        four=SHOWN,
        five=SHOWN,
    )
    ends = "Let overrides of last, one, two, three, four and five take effect, too."
    assert paragraph(shown) == begins + ends
    many = lifted(
        follows=("ui",), own=("src",), recursive=True, ui=HIDDEN, one=SHOWN, two=PARTIAL
    )
    ends = (
        f"Let overrides of two and one take effect, too. Move src out of the let. {REC}"
    )
    assert paragraph(many) == begins + ends


def test_pull_request_shows_an_override_that_keeps_the_rest_of_passthru() -> None:
    override = (
        "`app.overrideAttrs (old: { passthru = old.passthru // { part = …; }; "
        "})` takes effect."
    )
    assert said_of(("app",), lifted(part=HIDDEN)).steps[0].usage == override
    change = changed(
        lifted(part=SHOWN), methods={"part": ("passthru", "parts", "part")}
    )
    assert said_of(("app",), change).steps[0].usage == ""
    change = changed(lifted(part=SHOWN), methods={"part": ("part",)})
    assert (
        "`app.overrideAttrs { part = …; }`" in said_of(("app",), change).steps[0].usage
    )
    assert said_of(("app",), lifted(part=PARTIAL)).steps[0].usage == ""


def test_the_text_cites_where_people_asked_for_the_lift() -> None:
    change = lifted(follows=("frontend",), frontend=HIDDEN)
    assert (
        said_of(("forgejo", "forgejo-lts"), change)
        .steps[0]
        .motive.startswith("#340059, ")
    )
    assert said_of(("app",), change).steps[0].motive == ""


@pytest.mark.parametrize(
    ("packages", "change"),
    [
        (
            ("forgejo", "forgejo-lts"),
            lifted(follows=("frontend",), own=OWN, recursive=True, frontend=HIDDEN),
        ),
        (
            ("k3s_1_33", "k3s_1_34", "k3s_1_35", "k3s_1_36"),
            lifted(a=SHOWN, b=SHOWN, c=SHOWN, d=SHOWN, e=SHOWN),
        ),
        (
            ("zotero",),
            lifted(
                follows=("a", "b"),
                own=OWN,
                recursive=True,
                a=HIDDEN,
                b=HIDDEN,
                c=SHOWN,
                d=PARTIAL,
            ),
        ),
        (
            ("authentik", "authentik-proxy"),
            lifted(follows=("a", "b", "c"), own=OWN, a=HIDDEN, b=HIDDEN, c=HIDDEN),
        ),
        (("app",), lifted(part=HIDDEN)),
        (
            ("app",),
            lifted(
                recursive=True,
                own=OWN,
                a=HIDDEN,
                b=HIDDEN,
                c=SHOWN,
                d=SHOWN,
                e=PARTIAL,
                f=PARTIAL,
            ),
        ),
    ],
)
def test_the_pull_request_of_a_lift_has_at_most_80_words(
    packages: tuple[str, ...], change: Lifted
) -> None:
    proposal = Proposal(
        source=Source(origin="nixpkgs", content=b"", directory=Path("/nowhere")),
        package=packages[0],
        target=PurePosixPath("package.nix"),
        bindings=tuple(change.states),
        steps=(STEP,),
        commits=(Commit(subject="app: lift", body="Because.", before=b"", after=b"1"),),
    )
    proof = Proof(
        name="no-rebuild",
        claim="nothing is rebuilt",
        status=Status.PASSED,
        covers="all",
    )
    facts = DraftFacts(
        report=Report(proposal=proposal, proofs=(proof,)),
        texts=said_of(packages, change),
        commits=(Oid("a" * 40),),
        base=Oid("b" * 40),
    )
    usage = facts.texts.steps[0].usage
    assert not usage or usage not in draft(facts).decode()
    shown = Proof(
        name="overridable",
        claim="a replacement arrives",
        status=Status.PASSED,
        covers="all",
    )
    facts = replace(facts, report=replace(facts.report, proofs=(proof, shown)))
    assert usage in draft(facts).decode()
    # As `wc -w` counts, without the line that stands for the template.
    assert 40 < len(draft(facts).rpartition(b"<!-- Add")[0].split()) <= 80


def test_an_inner_let_says_that_replacing_a_part_or_its_hash_has_no_effect() -> None:
    change = changed(
        lifted(follows=("frontend",), frontend=HIDDEN),
        inner=True,
        parts={"npmDeps": ("frontend",)},
    )
    said = body(change)
    assert said.startswith(
        "Overriding src and version with overrideAttrs leaves the frontend as before. "
        "Take src and"
    )
    assert said.endswith(
        "Show the frontend in passthru; replacing it or its hash there has no effect."
    )
    moved = body(changed(change, moved=("frontend",), parts={}))
    assert (
        "Move its definition into the function of finalAttrs, and take src and "
        "version from finalAttrs there." in moved
    )
    assert moved.endswith("replacing it there has no effect.")


@pytest.mark.parametrize(
    ("made", "part", "path", "name"),
    [
        ("npmDeps", "ui", ("passthru", "ui", "npmDeps"), "ui.npmDeps"),
        ("vendorHash", "ui", ("passthru", "ui", "vendorHash"), "ui.goModules"),
        ("cargoLock", "ui", None, "ui.cargoDeps"),
        ("nugetDeps", "ui", None, "ui.buildInputs (nugetDeps)"),
        ("outputHash", "cache", ("passthru", "cache", "outputHash"), "cache"),
        ("src", "src", ("src", "src"), "src.src"),
        ("src", "src", None, "src"),
    ],
)
def test_the_attribute_that_overrides_a_download_is_named(
    made: str, part: str, path: tuple[str, ...] | None, name: str
) -> None:
    change = changed(
        lifted(follows=("ui",), ui=PARTIAL),
        parts={made: (part,)},
        downloads=(path,) if path is not None else (),
    )
    assert f"may also need a new hash for {name}." in body(change)
