"""What a claim is there to catch, each in a package that is spoiled by hand."""

from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.lift.texts import lifted, package
from tests.proposal.cases import lift_case
from toolkit.asking.trials import LiftQuestion
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import Design
from toolkit.model import SourceRequest
from toolkit.proposal.claims import capture_safe
from toolkit.proposal.judged import Judging
from toolkit.proposal.lifted import Asking
from toolkit.proposal.prove import Stage
from toolkit.sources.changes import Change
from toolkit.sources.trees import NixpkgsTree

OUTER = package('buildApp { pname = "app"; e = [ ui finalAttrs ]; }\n').replace(
    "f, src", "finalAttrs, src"
)
INNER = package(
    'buildApp (finalAttrs: { pname = "app"; e = [ ui ]; v = finalAttrs.pname; })\n'
)


def captured(before: str, after: str, made: Lifted) -> tuple[str, ...]:
    path = Path("package.nix")
    tree = NixpkgsTree(root=path, key="")
    change = Change(subject="", origin="", source=SourceRequest(), base=tree, steps=())
    case = lift_case(
        PurePosixPath(path),
        [
            Stage(name=name, content=text.encode(), path=path)
            for name, text in (("a", before), ("b", after))
        ],
        lifted=made,
        asking=Asking(trees=(path, path), own=LiftQuestion(package="app"), systems=()),
        judging=Judging(change=change, systems=()),
    )
    return capture_safe(case).failures


@pytest.mark.parametrize("design", [Design.STAY, Design.MOVE, Design.LAYER])
@pytest.mark.parametrize("text", [OUTER, INNER])
def test_a_lift_captures_no_name(text: str, design: Design) -> None:
    made = lifted(text, design=design)
    assert captured(text, made.text, made) == ()


@pytest.mark.parametrize(
    ("text", "parameter"), [(OUTER, "finalPackage"), (INNER, "finalAttrs")]
)
def test_an_outer_name_that_the_new_parameter_takes_is_captured(
    text: str, parameter: str
) -> None:
    made = lifted(text)
    assert made.let.parameter == parameter
    spoiled = replace(
        made,
        text=made.text.replace(parameter, "finalAttrs"),
        let=replace(made.let, parameter="finalAttrs"),
    )
    said = ("'finalAttrs' has a different meaning after the change",)
    assert captured(text, spoiled.text, spoiled) == (said if text is OUTER else ())


def test_a_name_that_a_set_takes_is_captured() -> None:
    before = package("buildApp { e = [ ui src ]; }\n")
    made = lifted(before)
    spoiled = made.text.replace("e = [", "e = rec { src = 1; a = src; }; x = [")
    assert captured(before, spoiled, made) == (
        "'src' has a different meaning after the change",
    )


PART = package(
    'buildApp { pname = "app"; e = buildUi (finalAttrs: { x = ui; y = '
    "finalAttrs.x; }); }\n"
)


@pytest.mark.parametrize("design", [Design.STAY, Design.MOVE])
def test_a_use_of_the_new_parameter_that_a_function_within_takes_is_captured(
    design: Design,
) -> None:
    made = lifted(PART, design=design)
    assert (made.let.parameter, captured(PART, made.text, made)) == ("finalPackage", ())
    spoiled = replace(
        made,
        text=made.text.replace("finalPackage", "finalAttrs"),
        let=replace(made.let, parameter="finalAttrs"),
    )
    assert captured(PART, spoiled.text, spoiled) == (
        "'finalAttrs' has a different meaning after the change",
    )


@pytest.mark.parametrize("name", ["version", "src", "buildUi"])
def test_a_name_of_what_moves_that_the_package_binds_is_captured(name: str) -> None:
    before = package("buildApp {\n  inherit src version buildUi;\n  e = [ ui ];\n}\n")
    made = lifted(before, design=Design.MOVE)
    assert captured(before, made.text, made) == ()
    spoiled = made.text.replace("(finalAttrs: {", "(finalAttrs: rec {")
    spoiled = spoiled.replace("inherit src version buildUi", f"{name} = 1")
    assert captured(before, spoiled, made) == (
        f"'{name}' has a different meaning after the change",
    )


def test_the_final_attributes_of_a_part_keep_their_meaning_by_another_name() -> None:
    text = (
        "{ buildApp, buildUi, version }:\nlet\n  ui = buildUi (finalAttrs: { a = "
        "finalAttrs.b; inherit version; });\n"
    )
    text += "in\n"
    text += "buildApp (finalAttrs: { inherit version; e = [ ui ]; })\n"
    made = lifted(text, "ui", design=Design.MOVE, follow=("version",))
    assert (made.let.renamed, captured(text, made.text, made)) == (
        frozenset(["uiAttrs"]),
        (),
    )
    kept = replace(made, let=replace(made.let, renamed=frozenset()))
    said = [
        f"'{name}' has a different meaning after the change"
        for name in ("finalAttrs", "uiAttrs")
    ]
    assert captured(text, made.text, kept) == tuple(said)


def test_name_from_the_package_means_the_same_in_a_set_of_a_part() -> None:
    part = (
        'buildUi rec {\n    pname = "ui";\n    inherit version src;\n    cache = '
        "src;\n  };"
    )
    text = (
        f"{{ buildApp, buildUi, fetch }}:\nlet\n  version = fetch 1;\n  src = "
        f"fetch 2;\n  ui = {part}\nin\n"
    )
    text += "buildApp rec {\n  inherit version src;\n  e = [ ui version ];\n}\n"
    made = lifted(text, "ui", design=Design.MOVE, follow=("src", "version"))
    assert captured(text, made.text, made) == ()
    stays = lifted(text, "ui", design=Design.STAY)
    assert captured(text, stays.text, stays) == ()


@pytest.mark.parametrize(
    "end", ["ui", "buildApp.x", "{ e = ui; }", "(buildApp { e = ui; }) // { }"]
)
def test_a_file_that_ends_in_something_else_by_now_is_looked_at_as_well(
    end: str,
) -> None:
    made = lifted(INNER)
    assert captured(INNER, package(end), made) == ()


def test_a_name_that_a_binding_gets_is_captured_if_it_is_known() -> None:
    part = '  drv = buildUi { pname = "web"; };\n'
    before = package("buildApp { e = [ drv ]; }\n", part)
    made = lifted(before, "drv")
    assert "inherit web;" in made.text
    assert captured(before, made.text, made) == ()
    before = package("buildApp { e = [ drv web ]; }\n", part).replace(
        "f, src", "web, src"
    )
    made = lifted(before, "drv")
    spoiled = made.text.replace("drv", "web")
    assert captured(before, spoiled, made) == (
        "'web' has a different meaning after the change",
    )
