import pytest

from toolkit.lift.bindings import (
    Binding,
    Reachability,
    direct_uses,
    find,
    only_names,
    own_attribute,
    source_argument,
)
from toolkit.lift.kinds import BindingKind
from toolkit.lift.shape import read
from toolkit.nix.tree import Tree

UI = 'ui = buildNpmPackage { pname = "ui"; inherit src version; };'


def found(
    bindings: str, attributes: str, *, call: str = "buildGoModule"
) -> dict[str, Binding]:
    text = (
        f"{{ lib, buildGoModule, version, x }}:\nlet\n  src = x;\n  "
        f"{bindings}\nin\n{call} {attributes}\n"
    )
    return {
        binding.name: binding for binding in find(read(Tree(text, name="package.nix")))
    }


def the_state(attributes: str, *, bindings: str = UI) -> Reachability:
    return found(bindings, attributes)["ui"].state


def test_a_builder_that_takes_no_function_can_have_no_final_attributes() -> None:
    attributes = '{ name = "a"; paths = [ ui ]; }'
    assert found(UI, attributes)["ui"].liftable is True
    assert found(UI, attributes, call="buildFHSEnv")["ui"].liftable is False


def test_a_package_under_a_condition_is_one_if_its_other_branch_is_null() -> None:
    attributes = '{ pname = "a"; postInstall = "${ui}"; }'
    for condition in (
        "ui = if x then buildNpmPackage { inherit src version; } else null;",
        "ui = if x then null else (buildNpmPackage { inherit src version; });",
    ):
        assert found(condition, attributes)["ui"].builder == "buildNpmPackage"
    for condition in (
        (
            "ui = if x then buildNpmPackage { inherit src version; } else buildNpmPackage "
            "{ inherit version; };"
        ),
        "ui = if x then null else null;",
    ):
        assert found(condition, attributes) == {}


def test_find_has_hidden_bindings_and_none_that_nothing_uses() -> None:
    binding = found(UI, '{ pname = "a"; postInstall = "${ui}"; }')["ui"]
    assert (binding.state, binding.kind, binding.builder) == (
        Reachability.HIDDEN,
        BindingKind.PACKAGE,
        "buildNpmPackage",
    )
    assert binding.line == 4
    assert found(UI, '{ pname = "a"; }') == {}


@pytest.mark.parametrize(
    ("attributes", "state"),
    [
        # An attribute beside a direct use has no effect,
        *(
            (f'{{ pname = "a"; {shown} postInstall = "${{ui}}"; }}', Reachability.SHOWN)
            for shown in (
                "passthru = { inherit ui; };",
                "passthru.ui = ui;",
                "passthru = { frontend = (ui); };",
                'passthru."ui" = ui;',
                "passthru = { parts = { inherit ui; }; };",
            )
        ),
        # one of the derivation reaches a part,
        ('{ inherit ui; postInstall = "${ui}"; }', Reachability.PARTIAL),
        (
            '{ src = ui; postInstall = "${ui}"; passthru = { inherit ui; }; }',
            Reachability.PARTIAL,
        ),
        ('rec { inherit ui; postInstall = "${ui}"; }', Reachability.PARTIAL),
        # and one that all uses are taken from routes them.
        (
            '(finalAttrs: { passthru = { inherit ui; }; postInstall = "${finalAttrs.passthru.ui}"; })',
            Reachability.ROUTED,
        ),
        (
            '(finalAttrs: { inherit ui; postInstall = "${finalAttrs.ui}"; })',
            Reachability.ROUTED,
        ),
        ("{ passthru = { inherit ui; }; }", Reachability.ROUTED),
        # A name that means something else is no use.
        ('{ passthru = { inherit ui; }; f = { ui }: "${ui}"; }', Reachability.ROUTED),
        # Tests show no part, nor does what is taken out of it.
        (
            '{ postInstall = "${ui}"; passthru.tests = { inherit ui; }; }',
            Reachability.HIDDEN,
        ),
        ("{ passthru = { inherit (ui) npmDeps; }; }", Reachability.HIDDEN),
    ],
)
def test_a_binding_is_reached_as_far_as_its_attributes_are(
    attributes: str, state: Reachability
) -> None:
    assert the_state(attributes) is state


def test_a_use_through_another_binding_is_not_routed() -> None:
    bindings = f"{UI} path = lib.makeBinPath [ ui ];"
    assert (
        the_state("{ inherit path; passthru = { inherit ui; }; }", bindings=bindings)
        is Reachability.SHOWN
    )


def part(attributes: str) -> str:
    return f'ui = buildNpmPackage {{ pname = "ui"; {attributes} }};'


@pytest.mark.parametrize(
    ("ui", "attributes", "shares"),
    [
        (UI, "inherit src version;", ("src", "version")),
        (UI, "src = src;", ("src",)),
        (UI, "version = version + x; inherit (x) src;", ()),
        (part("version = x.version;"), "version = x.version;", ("version",)),
        # Parts of one set are told apart.
        (
            part("inherit (x) version; hash = x.src;"),
            "inherit (x) version hash; src = x.other;",
            ("version",),
        ),
        (
            part("inherit (x) version; hash = x.src;"),
            "inherit (x.app) version src;",
            (),
        ),
    ],
)
def test_part_shares_what_it_takes_from_the_packages_own_place(
    ui: str, attributes: str, shares: tuple[str, ...]
) -> None:
    assert found(ui, f"{{ {attributes} e = ui; }}")["ui"].shares == shares


@pytest.mark.parametrize(
    ("definition", "argument"),
    [
        ("buildUi { src = x; }", "x"),
        ("buildUi { src = x.ui; }", "x"),
        ("buildUi { inherit (x) src; }", "x"),
        ("buildUi { src = (version); }", "version"),
        ("buildUi { inherit src; }", None),
        ("buildUi { src = f x; }", None),
        ("buildUi { src = unbound; }", None),
        ("buildUi { a.src = x; }", None),
        ("x.override { }", None),
    ],
)
def test_the_source_of_a_part_is_an_argument_of_the_file_or_none_is(
    definition: str, argument: str | None
) -> None:
    text = (
        f"{{ buildUi, f, version, x }}:\nlet\n  src = f;\n  ui = "
        f"{definition};\nin\nf {{ e = ui; }}\n"
    )
    assert source_argument(read(Tree(text, name="package.nix")), "ui") == argument


def test_final_attributes_are_no_argument_of_the_file() -> None:
    text = (
        "{ buildUi, f }:\nf (finalAttrs: let ui = buildUi { inherit (finalAttrs) "
        "src; }; in { e = ui; })\n"
    )
    assert source_argument(read(Tree(text, name="package.nix")), "ui") is None


@pytest.mark.parametrize(
    ("value", "kind", "builder"),
    [
        (
            "stdenv.mkDerivation { src = x; }",
            BindingKind.PACKAGE,
            "stdenv.mkDerivation",
        ),
        (
            "stdenv.mkDerivation (finalAttrs: { src = x; })",
            BindingKind.PACKAGE,
            "stdenv.mkDerivation",
        ),
        (
            "stdenv.mkDerivation rec { src = x; }",
            BindingKind.PACKAGE,
            "stdenv.mkDerivation",
        ),
        (
            "(rustPlatform.buildRustPackage.override { y = 1; }) { }",
            BindingKind.PACKAGE,
            "rustPlatform.buildRustPackage",
        ),
        ("with x; assert y; buildGoModule { }", BindingKind.PACKAGE, "buildGoModule"),
        ("(buildGoModule { }).overrideAttrs { }", BindingKind.PACKAGE, "buildGoModule"),
        ("local { pname = x; src = x; }", BindingKind.PACKAGE, "local"),
        (
            "stdenv.mkDerivation { name = x; }",
            BindingKind.DERIVATION,
            "stdenv.mkDerivation",
        ),
        (
            "python3Packages.callPackage ./x.nix { }",
            BindingKind.CALL,
            "python3Packages.callPackage",
        ),
        ("curl.override { x = 1; }", BindingKind.OVERRIDE, "curl.override"),
        (
            "haskell.lib.overrideCabal curl { }",
            BindingKind.OVERRIDE,
            "haskell.lib.overrideCabal",
        ),
        (
            "python3.withPackages (ps: [ ])",
            BindingKind.ENVIRONMENT,
            "python3.withPackages",
        ),
        ("runCommand x { src = x; } x", BindingKind.HELPER, "runCommand"),
        ('writeShellScript "x" "y"', BindingKind.HELPER, "writeShellScript"),
    ],
)
def test_kinds_are_told_apart(value: str, kind: BindingKind, builder: str) -> None:
    binding = found(f"ui = {value};", "{ e = ui; }")["ui"]
    assert (binding.kind, binding.builder) == (kind, builder)


@pytest.mark.parametrize(
    "value",
    [
        "fetchFromGitHub { pname = x; src = x; }",
        "lib.cleanSourceWith { name = x; src = x; }",
        "buildGoModule.override { go = x; }",
        "{ y }: buildGoModule { }",
        "(y: y) { pname = x; src = x; }",
        "x.y",
        "lib.optional x y",
    ],
)
def test_find_leaves_out_bindings_that_are_no_package(value: str) -> None:
    assert found(f"ui = {value};", "{ e = ui; }") == {}


def test_a_file_that_ends_in_one_of_its_own_bindings_is_read_there() -> None:
    text = (
        "{ mk }: let ui = buildX { }; self = mk { e = ui; passthru.tests = self; "
        "}; in self"
    )
    assert [binding.name for binding in find(read(Tree(text, name="x")))] == ["ui"]


@pytest.mark.parametrize(
    "end",
    [
        "runCommand x { inherit ui; } x",
        "buildFHSEnv { e = [ ui ]; }",
        "if x then mk { e = [ ui ]; } else mk { }",
        "mk ui // { inherit ui; }",
    ],
)
def test_parts_of_a_file_that_only_a_person_can_change_are_found(end: str) -> None:
    text = f"{{ mk, x }}: let ui = buildX {{ src = 1; }}; in {end}"
    assert [binding.name for binding in find(read(Tree(text, name="x")))] == ["ui"]


@pytest.mark.parametrize(
    "text",
    [
        "let ui = buildX { }; in mk { e = ui; }",
        "{ mk }: mk { }",
        "{ mk }: let ui = buildX { }; in { a = mk { e = ui; }; }",
        "{ mk }: let ui = buildX { }; in if mk then ui else mk",
    ],
)
def test_a_file_of_another_shape_has_nothing(text: str) -> None:
    assert find(read(Tree(text, name="x"))) == ()


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ("e = [ ui ];", "e"),
        ("e = [ f ] ++ ([ ui ] ++ f);", "e"),
        ("e = [ f ] ++ lib [ ui ];", None),
        ("e = f ui;", None),
        ("e = [ [ ui ] ];", None),
        ("env.e = [ ui ];", "env.e"),
        ("env.E = ui;", "env.E"),
        ("env = { E = ui; };", "env.E"),
        ("env.E = f ui;", "env.E"),
        ('E_E = "${ui}/e";', "E_E"),
        ('preBuild = "${ui}/e";', None),
        ("meta.e = ui;", None),
    ],
)
def test_an_attribute_of_the_package_that_is_a_part_or_has_it_is_known(
    attributes: str, found: str | None
) -> None:
    text = f'{{ buildApp, f, lib }}:\nlet\n  ui = f {{ src = null; pname = "ui"; }};\nin\nbuildApp {{ {attributes} }}\n'
    shape = read(Tree(text, name="package.nix"))
    (use,) = direct_uses(shape, "ui")
    assert own_attribute(shape, use.node) == found


def test_a_use_of_what_a_part_is_called_takes_nothing_that_is_built() -> None:
    text = (
        f"{{ buildNpmPackage, f, src, version }}:\nlet {UI} in f {{ a = [ USES ]; "
        f"inherit (ui) USED; }}\n"
    )

    def only(uses: str, used: str) -> list[bool]:
        made = text.replace("USES", uses).replace("USED", used)
        return [
            only_names(use.node)
            for use in direct_uses(read(Tree(made, name="package.nix")), "ui")
        ]

    assert only("ui ui.out ui.version ui.meta", "pname version") == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert only("ui.meta.homepage ui.out.version (f.version or ui)", "version src") == [
        True,
        False,
        False,
        False,
    ]
