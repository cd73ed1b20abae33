import pytest

from tests.lift.texts import package
from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.defaults import MOST_LINES, LiftChoice, changed_lines, lifted, ways
from toolkit.lift.plan import Design, LiftWay

BODY = "buildApp {\n  inherit src version;\n  e = [ ui ];\n}\n"


def tried(text: str, **choice: object) -> list[LiftWay]:
    return list(ways(text, LiftChoice(requested=True, **choice), name="package.nix"))  # type: ignore[arg-type]


def made(text: str, way: LiftWay) -> str:
    return lifted(text, LiftChoice(), way, name="package.nix").text


def test_requested_design_is_the_only_one_else_shared_parts_move() -> None:
    move = LiftWay(design=Design.MOVE, follow=("src", "version"))
    assert tried(package(BODY)) == [move, LiftWay(design=Design.STAY)]
    own = package(BODY.replace("inherit src version;", "version = 1;"))
    assert tried(own) == [LiftWay(design=Design.STAY)]
    assert tried(package(BODY), bindings=("ui",))[0].bindings == ("ui",)
    assert tried(package(BODY), design=Design.STAY) == [LiftWay(design=Design.STAY)]
    assert tried(package(BODY), follow=("src",)) == [
        LiftWay(design=Design.MOVE, follow=("src",))
    ]


def asked(text: str, **choice: object) -> list[LiftWay]:
    return list(ways(text, LiftChoice(**choice), name="package.nix"))  # type: ignore[arg-type]


def test_a_private_part_with_a_source_of_its_own_is_lifted_if_somebody_asks() -> None:
    private = package("buildApp {\n  e = [ ui ];\n}\n").replace(
        "inherit src version;", "src = f;"
    )
    with pytest.raises(
        LayoutError,
        match="there is no reason to lift 'ui': it has its own source, and no",
    ) as caught:
        asked(private)
    assert caught.value.hint == "--binding ui lifts it nevertheless"
    assert asked(private, bindings=("ui",))
    assert asked(private, requested=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("e = [ ui ];", "e = [ ui ];\n  passthru = { inherit ui; };"),
        ("src = f;", "inherit version;"),
        ("let\n", "# TODO: move ui out of the let\nlet\n"),
        ("let\n", "let\n  # todo allow overriding ui\n"),
    ],
)
def test_a_part_with_a_reason_is_lifted_unasked(old: str, new: str) -> None:
    private = package("buildApp {\n  inherit version;\n  e = [ ui ];\n}\n").replace(
        "inherit src version;", "src = f;", 1
    )
    with pytest.raises(LayoutError):
        asked(private)
    assert old in private
    assert asked(private.replace(old, new, 1))


def test_a_part_without_a_reason_stays_beside_one_that_has_one() -> None:
    body = 'buildApp {\n  inherit version;\n  e = "${ui} ${lone}";\n}\n'
    text = package(body, "  lone = buildUi { src = f; };\n")
    assert {way.bindings for way in asked(text)} == {("ui",)}
    for every in (
        asked(text, requested=True),
        asked(text.replace("let\n", "# TODO: move both out of the let\nlet\n")),
    ):
        assert {way.bindings for way in every} == {()}


@pytest.mark.parametrize(
    ("files", "together"), [("inherit version;", True), ("", False)]
)
def test_binding_like_a_part_needs_a_reason_of_its_own(
    files: str, *, together: bool
) -> None:
    body = 'buildApp {\n  inherit version;\n  e = "${ui} ${files}";\n}\n'
    text = package(body, f"  files = fetchurl {{ url = 3; {files} }};\n")
    assert any("files" in way.bindings for way in asked(text)) == together


def test_a_part_that_an_override_reaches_already_does_not_say_what_is_followed() -> (
    None
):
    shown = "  shown = buildUi { inherit version; };\n  own = buildUi { src = f; };\n"
    body = (
        "buildApp (finalAttrs: {\n  inherit version;\n  e = [ finalAttrs.shown "
        "own ];\n  inherit shown;\n})\n"
    )
    names = ("shown", "own")
    assert tried(package(body, shown), bindings=names) == [
        LiftWay(design=Design.STAY, bindings=names)
    ]


def test_lift_takes_along_a_binding_in_passthru_like_the_part() -> None:
    others = (
        "  tool' = tool.overrideAttrs { version = 2; };\n  files = fetchurl { url = "
        "3; };\n"
        "  lone = tool.overrideAttrs { version = 4; };\n  flag = 5;\n  shown = "
        "tool.override { a = 6; };\n"
    )
    body = BODY.replace(
        "[ ui ];",
        "[ ui tool' files lone flag ];\n  passthru = {\n    inherit files flag "
        "shown;\n    tool = tool';\n  };",
    )
    first, stay, *rest = tried(text := package(body, others))
    assert (first.bindings, stay.bindings) == (("ui", "tool'", "files"),) * 2
    assert [way.bindings for way in rest] == [(), ()]
    assert (
        "[ finalAttrs.passthru.ui finalAttrs.passthru.tool finalAttrs.passthru.files "
        "lone flag ]" in made(text, stay)
    )
    assert {way.bindings for way in tried(text, bindings=("ui",))} == {("ui",)}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('buildApp {\n  e = "${ui} ${files}";\n}\n', True),
        ("buildApp {\n  e = ''${ui} ${files}'';\n}\n", True),
        ('buildApp {\n  e = "${ui}" + "${files}";\n}\n', False),
        ('buildApp {\n  e = "${ui} ${files}";\n  f = [ files ];\n}\n', False),
        (
            'buildApp {\n  e = "${ui} ${files}";\n  passthru = { inherit ui; };\n}\n',
            False,
        ),
        ('buildApp {\n  e = "${ui} ${flag}";\n}\n', False),
        ("buildApp {\n  e = [ ui files ];\n}\n", False),
    ],
)
def test_lift_takes_along_a_binding_in_one_text_with_a_hidden_part(
    body: str,
    found: bool,  # noqa: FBT001
) -> None:
    first, *_ = tried(package(body, "  files = fetchurl { url = 3; };\n  flag = 5;\n"))
    assert first.bindings == (("ui", "files") if found else ())


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ('writeShellScript "f" "x"', True),
        ('writeText "f" version', True),
        ('writeText "f" "x"', False),
        ('pkgs.writeText "f" "x"', False),
        ('writeTextFile { name = "f"; text = "x"; }', False),
        ('builtins.toFile "f" "x"', False),
        ('buildEnv { name = "f"; }', False),
    ],
)
def test_a_text_of_its_own_or_an_environment_beside_a_hidden_part_stays(
    files: str,
    found: bool,  # noqa: FBT001
) -> None:
    body = 'buildApp {\n  inherit version;\n  e = "${ui} ${files}";\n}\n'
    first, *_ = tried(package(body, f"  files = {files};\n"))
    assert first.bindings == (("ui", "files") if found else ())


def part(name: str, lines: int) -> str:
    """Return a part with so many more lines, which a move removes and adds again."""
    numbers = "      1\n" * lines
    return (
        f"  {name} = buildUi {{\n    inherit src version;\n    b = [\n{numbers}   "
        f" ];\n  }};\n"
    )


def moved(text: str, **choice: object) -> int:
    way = LiftWay(design=Design.MOVE, bindings=("large",), follow=("src",))
    made = lifted(text, LiftChoice(requested=True, **choice), way, name="package.nix")  # type: ignore[arg-type]
    return changed_lines(text, made.text)


def test_a_change_may_have_as_many_lines_as_nobody_insists_on_and_not_one_more() -> (
    None
):
    body = BODY.replace("[ ui ]", "[ ui large ]").replace(
        "\n}", "\n  passthru = {\n    a = 1;\n  };\n}"
    )
    numbers = (
        MOST_LINES - moved(package(body, part("large", 0)), design=Design.MOVE)
    ) // 2
    assert moved(package(body, part("large", numbers))) == MOST_LINES
    with pytest.raises(
        RefusalError,
        match=f"the change has {MOST_LINES + 2} lines; unlet makes at most {MOST_LINES} ",
    ) as caught:
        moved(package(body, part("large", numbers + 1)))
    assert (
        caught.value.hint
        == "add --design move to make it nevertheless, or --binding to change only a part"
    )


def test_as_many_bindings_are_lifted_together_as_the_change_may_have_lines_for() -> (
    None
):
    body = BODY.replace("[ ui ]", "[ ui large %s ]").replace(
        "\n}", "\n  passthru = {\n    a = 1;\n  };\n}"
    )

    def text(numbers: int, more: str = "larger") -> str:
        return package(
            body % more,
            part("large", numbers) + (part(more, MOST_LINES) if more else ""),
        )

    def lines(text: str) -> int:
        way = LiftWay(
            design=Design.MOVE, bindings=("ui", "large"), follow=("src", "version")
        )
        made = lifted(text, LiftChoice(design=Design.MOVE), way, name="package.nix")
        return changed_lines(text, made.text)

    most = (MOST_LINES - lines(text(0))) // 2
    assert lines(text(most)) == MOST_LINES
    assert tried(text(most))[1].bindings == ("ui", "large")
    assert tried(text(most + 1))[1].bindings == ("ui",)
    most = (MOST_LINES - lines(text(0, ""))) // 2
    assert lines(text(most, "")) == MOST_LINES
    assert [way.bindings for way in tried(text(most, ""))] == [(), ()]
    assert [way.bindings for way in tried(text(most + 1, ""))][:2] == [(), ("ui",)]


def test_lift_takes_the_small_parts_and_leaves_refused_ones() -> None:
    more = part("small", 10) + part("large", MOST_LINES) + part("middle", 60)
    whole, some, stay = tried(
        package(BODY.replace("[ ui ]", "[ ui small large middle ]"), more)
    )
    assert (whole.bindings, {*some.bindings}) == ((), {"ui", "small", "middle"})
    assert (some.follow, stay) == (("src", "version"), LiftWay(design=Design.STAY))
    assert (
        len(tried(package(BODY.replace("[ ui ]", "[ ui small ]"), part("small", 10))))
        == 2
    )
    parts = part("doc", 10) + part("large", MOST_LINES)
    found = tried(package(BODY.replace("[ ui ]", "[ ui doc large ]"), parts))
    assert [(way.design, way.bindings) for way in found] == [
        (Design.MOVE, ()),
        (Design.MOVE, ("ui",)),
        (Design.STAY, ()),
        (Design.STAY, ("ui", "large")),
    ]


def test_lines_that_look_like_a_header_count() -> None:
    assert changed_lines("a\n-- b\nc\n", "a\n++ b\nc\n") == 2
    assert changed_lines("a\nb\nc\nd\n", "a\nB\nc\nd\ne\n") == 3
    assert changed_lines("a\n", "b\n") == 2
    assert changed_lines("a\n", "a\n") == 0


def test_names_that_were_asked_for_and_the_files_name_go_to_the_lift() -> None:
    text = package(BODY)
    (way,) = tried(text, design=Design.STAY, called={"ui": "web"})
    assert lifted(text, LiftChoice(), way, name="package.nix").methods == {
        "ui": ("passthru", "web")
    }
    assert {way.called["ui"] for way in tried(text, called={"ui": "web"})} == {"web"}
    made = lifted(
        text,
        LiftChoice(),
        LiftWay(design=Design.MOVE, follow=("src",)),
        name="package.nix",
    )
    assert made.follows == {"ui": ("src",)}
    assert tried(text, design=Design.MOVE, bindings=("ui",)) == [
        LiftWay(design=Design.MOVE, bindings=("ui",))
    ]
    with pytest.raises(
        LayoutError, match=r"^package.nix:1:1: the file is not a function"
    ):
        tried("let a = 1; in a")
    with pytest.raises(
        LayoutError, match=r"^package.nix:1:1: the file is not a function"
    ):
        lifted(
            "let a = 1; in a",
            LiftChoice(),
            LiftWay(design=Design.STAY),
            name="package.nix",
        )
