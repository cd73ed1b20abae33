import textwrap

import pytest

from tests.lift.texts import HEAD, lifted, package, rewritten
from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.bindings import Reachability, find
from toolkit.lift.final_attrs import final_attrs
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift
from toolkit.lift.shape import read
from toolkit.nix.tree import Tree


def test_stay_shows_the_binding_in_passthru_and_takes_it_from_the_final_attributes() -> None:
    before = """\
        buildApp {
          pname = "app";
          inherit src version;

          postInstall = ''
            cp -r ${ui}/dist $out
          '';

          meta = { };
        }
        """
    after = """\
        buildApp (finalAttrs: {
          pname = "app";
          inherit src version;

          postInstall = ''
            cp -r ${finalAttrs.passthru.ui}/dist $out
          '';

          passthru = { inherit ui; };

          meta = { };
        })
        """
    made = lifted(package(before))
    assert made.text == package(after)
    assert (made.methods, made.moved, made.parameter) == ({"ui": ("passthru", "ui")}, (), "finalAttrs")
    assert made.recursive is False
    assert made.states == {"ui": Reachability.HIDDEN}


def test_all_forms_of_a_use_go_through_the_final_attributes() -> None:
    before = """\
        buildApp (self: {
          inherit (ui) pname;
          env = { inherit "ui"; };
          a = [ ui.dist (f ui) ];
          b = "${ui}";
          c = { ui }: ui;
          d = rec { ui = 1; e = ui; };
          "${ui.name}" = let inherit ui; x = ui; in x;
          passthru = {
            inherit version;
          };
        })
        """
    after = """\
        buildApp (self: {
          inherit (self.passthru.ui) pname;
          env = { inherit (self.passthru) ui; };
          a = [ self.passthru.ui.dist (f self.passthru.ui) ];
          b = "${self.passthru.ui}";
          c = { ui }: ui;
          d = rec { ui = 1; e = ui; };
          "${self.passthru.ui.name}" = let inherit (self.passthru) ui; x = ui; in x;
          passthru = {
            inherit version ui;
          };
        })
        """
    assert rewritten(package(before)) == package(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("passthru = { };", "passthru = { inherit ui; };"),
        ("passthru = { tests = 1; };", "passthru = {\n    inherit ui;\n    tests = 1;\n  };"),
        (
            "passthru = {\n    # why\n    tests = 1;\n  };",
            "passthru = {\n    inherit ui;\n    # why\n    tests = 1;\n  };",
        ),
        (
            "passthru = {\n    tests = 1;\n\n    more = 2;\n  };",
            "passthru = {\n    inherit ui;\n\n    tests = 1;\n\n    more = 2;\n  };",
        ),
        ("passthru.tests = 1;", "passthru.ui = ui;\n  passthru.tests = 1;"),
        ("passthru = f 1;", "passthru = {\n    inherit ui;\n  }\n  // f 1;"),
        ("passthru = { a = 1; } // f 1;", "passthru = {\n    inherit ui;\n    a = 1;\n  } // f 1;"),
        (
            "passthru = f {\n    a = 1;\n  };",
            "passthru = {\n    inherit ui;\n  }\n  // f {\n    a = 1;\n  };",
        ),
        ("inherit (src) passthru;", "passthru = src.passthru // {\n    inherit ui;\n  };\n"),
    ],
)
def test_passthru_keeps_its_form(before: str, after: str) -> None:
    assert rewritten(package(f"buildApp {{\n  {before}\n  e = [ ui ];\n}}\n")) == package(
        f"buildApp (finalAttrs: {{\n  {after}\n  e = [ finalAttrs.passthru.ui ];\n}})\n"
    )


def test_a_computed_passthru_is_refused_with_its_place() -> None:
    with pytest.raises(RefusalError, match=r"^package.nix:10:3: passthru is computed"):
        lifted(package("buildApp {\n  passthru = if x then { } else { };\n  e = [ ui ];\n}\n"))


@pytest.mark.parametrize(
    ("shown", "route"),
    [
        ("passthru.frontend = ui;", "passthru.frontend"),
        ("passthru = { inherit ui; };", "passthru.ui"),
        ("inherit ui;", "ui"),
        ("frontend = ui;", "frontend"),
    ],
)
def test_an_attribute_that_is_there_becomes_the_method(shown: str, route: str) -> None:
    made = lifted(package(f"buildApp {{\n  {shown}\n  e = [ ui ];\n}}\n"))
    assert made.text == package(f"buildApp (finalAttrs: {{\n  {shown}\n  e = [ finalAttrs.{route} ];\n}})\n")
    assert made.states == {"ui": Reachability.SHOWN if "passthru" in route else Reachability.PARTIAL}


def test_no_rec_is_left_beside_the_final_attributes() -> None:
    before = "buildApp rec {\n  inherit ui;\n  name = version;\n  e = ui + name;\n}\n"
    after = "buildApp (finalAttrs: {\n  inherit ui;\n  name = version;\n  e = finalAttrs.ui + finalAttrs.name;\n})\n"
    made = lifted(package(before))
    assert (made.text, made.recursive) == (package(after), True)
    before = "buildApp (self: rec {\n  inherit ui;\n  name = version;\n  e = [ ui { inherit name; } ];\n})\n"
    after = "buildApp (self: {\n  inherit ui;\n  name = version;\n  e = [ self.ui { inherit (self) name; } ];\n})\n"
    assert rewritten(package(before)) == package(after)
    before = "buildApp rec {\n  version = 2;\n  e = [ ui ];\n  f = version;\n}\n"
    text = rewritten(package(before), design=Design.MOVE)
    assert "buildApp (finalAttrs: {" in text
    assert "f = finalAttrs.version;" in text
    assert "inherit src version;" in text


def test_what_a_rec_set_inherits_from_the_let_is_taken_from_there() -> None:
    inherits = "inherit ui version system;\n  inherit (builtins) pname tag;\n  revision = version;"
    names = "ui + version + system + pname + tag + revision"
    text = package(f"with f;\nbuildApp rec {{\n  {inherits}\n  e = {names};\n}}\n")
    text = text.replace("let\n", 'let\n  version = "1";\n  tag = "2";\n', 1)
    uses = names.replace(" ", " finalAttrs.").replace("finalAttrs.+", "+").replace("finalAttrs.version", "version")
    assert rewritten(text) == text.replace("buildApp rec {", "buildApp (finalAttrs: {").replace(
        f"e = {names};\n}}\n", f"e = finalAttrs.{uses};\n}})\n"
    )


def test_a_lift_leaves_an_argument_that_a_rec_set_inherits_and_a_recipe_does_not() -> None:
    text = package("buildApp rec {\n  inherit version;\n  e = [ ui ];\n  src = f version;\n}\n")
    made = lifted(text)
    assert "  inherit version;\n  e = [ finalAttrs.passthru.ui ];\n  src = f version;\n" in made.text
    assert (made.recursive, made.dropped) == (True, True)
    assert "  src = f finalAttrs.version;\n" in final_attrs(text, name="package.nix")


@pytest.mark.parametrize(
    ("builder", "path"), [("buildPythonApplication", "passthru.dependencies"), ("buildApp", "dependencies")]
)
def test_what_pythons_builders_have_in_passthru_alone_is_taken_from_there(builder: str, path: str) -> None:
    attributes = "  dependencies = [ ui ];\n  e = dependencies;\n"
    text = f"{{ {builder}, buildUi }}:\nlet ui = buildUi {{ }}; in\n{builder} rec {{\n{attributes}}}\n"
    assert f"  e = finalAttrs.{path};\n" in rewritten(text)


@pytest.mark.parametrize("name", ["doCheck", "doInstallCheck"])
def test_an_attribute_that_the_builder_decides_on_too_is_refused_by_its_name(name: str) -> None:
    text = package(f"buildApp rec {{\n  {name} = true;\n  e = [ ui ];\n  f = {name};\n}}\n")
    with pytest.raises(RefusalError, match=rf"^package\.nix:12:7: '{name}' is used within 'rec', and final"):
        lifted(text)


@pytest.mark.parametrize(
    ("attribute", "after"),
    [
        ("repo = pname;", 'repo = "app";'),
        ('repo = "${pname}-ui";', 'repo = "app-ui";'),
        ("meta.mainProgram = pname;", 'meta.mainProgram = "app";'),
        ("meta = { mainProgram = pname; };", 'meta = { mainProgram = "app"; };'),
        ("name = pname;", "name = finalAttrs.pname;"),
        ("repo = f pname;", "repo = f finalAttrs.pname;"),
    ],
)
def test_a_repository_and_a_program_are_written_out_and_not_made_with_pname(attribute: str, after: str) -> None:
    text = rewritten(package(f'buildApp rec {{\n  pname = "app";\n  e = [ ui ];\n  {attribute}\n}}\n'))
    assert f"\n  {after}\n" in text


def test_move_puts_the_definition_into_passthru_and_leaves_no_empty_let() -> None:
    before = """\
        buildApp {
          e = [ ui ];

          meta = { };
        }
        """
    after = """\
        { buildApp, buildUi, f, src, version }:

        buildApp (finalAttrs: {
          e = [ finalAttrs.passthru.ui ];

          passthru.ui = buildUi {
            pname = "ui";
            inherit src version;
          };

          meta = { };
        })
        """
    assert rewritten(package(before), design=Design.MOVE) == textwrap.dedent(after)


def test_follow_takes_source_and_version_from_the_package_also_in_passthru() -> None:
    text = rewritten(
        package('buildApp {\n  inherit src version;\n  e = "${ui}";\n}\n'),
        design=Design.MOVE,
        follow=("src", "version"),
    )
    assert "    inherit (finalAttrs) src version;\n" in text
    assert text.count("inherit src version;") == 1
    body = "buildApp {\n  inherit src version;\n  e = [ ui ];\n  passthru = { inherit version ui; };\n}\n"
    after = rewritten(package(body), design=Design.MOVE, follow=("src", "version"))
    assert "  passthru = {\n    inherit (finalAttrs) version;\n" in after
    assert "inherit src version;\n  e" in after


def test_follow_tells_parts_of_one_set_apart() -> None:
    before = """\
        { buildApp, buildUi, source }:

        let
          ui = buildUi {
            inherit (source) version hash;
            src = source.src + "/ui";
          };
        in
        buildApp {
          inherit (source) version src;
          e = [ ui ];
        }
        """
    text = rewritten(before, design=Design.MOVE, follow=("src", "version"))
    assert "inherit (source) hash;\n" in text
    assert "inherit (finalAttrs) version;\n" in text
    assert 'src = finalAttrs.src + "/ui";' in text


def test_what_follows_a_moved_definition_in_its_line_stays_there() -> None:
    before = "{ buildApp, buildUi }:\nlet\n  ui = buildUi { }; other = 1;\nin\nbuildApp { e = [ ui other ]; }\n"
    assert rewritten(before, design=Design.MOVE).startswith(
        "{ buildApp, buildUi }:\nlet\n  other = 1;\nin\nbuildApp (finalAttrs: { e = [ finalAttrs.passthru.ui other ];"
    )


def test_what_is_made_with_a_lifted_binding_moves_with_it() -> None:
    before = """\
        { buildApp, buildUi, lib }:

        let
          dep = buildUi { };

          # where to look
          path = lib.makeBinPath [ dep ];

          other = 1;
        in
        buildApp {
          inherit other;
          e = "${path}";
        }
        """
    after = """\
        { buildApp, buildUi, lib }:

        let
          dep = buildUi { };

          other = 1;
        in
        buildApp (finalAttrs: {
          inherit other;
          e = "${finalAttrs.passthru.path}";
          passthru = {
            inherit dep;

            # where to look
            path = lib.makeBinPath [ finalAttrs.passthru.dep ];
          };
        })
        """
    made = lifted(before)
    assert made.text == textwrap.dedent(after)
    assert made.moved == ("path",)
    assert made.methods == {"dep": ("passthru", "dep")}


def test_what_is_taken_out_of_a_lifted_binding_is_taken_out_of_the_attribute() -> None:
    before = """\
        { buildApp, buildUi }:

        let
          dep = buildUi { };
          inherit (dep.pkgs) version;
        in
        buildApp {
          inherit dep version;
          e = version;
        }
        """
    text = rewritten(before)
    assert "inherit (dep.pkgs)" not in text
    assert "e = finalAttrs.dep.pkgs.version;" in text
    assert "inherit (finalAttrs.dep.pkgs) version;" in text


def test_a_parameter_that_means_something_else_at_a_use_gets_another_name_unless_it_was_given() -> None:
    text = rewritten(package("buildApp {\n  e = buildUi (finalAttrs: { x = ui; });\n}\n"))
    assert "buildApp (finalPackage: {" in text
    assert "x = finalPackage.passthru.ui;" in text
    with pytest.raises(RefusalError, match=r"package.nix:10:34: 'finalAttrs' does not mean the package's"):
        lifted(package("buildApp (finalAttrs: {\n  e = buildUi (finalAttrs: { x = ui; });\n})\n"))


@pytest.mark.parametrize("outer", ["(finalAttrs: {", "rec {"])
def test_a_part_that_calls_its_own_attributes_so_gets_another_name_for_them(outer: str) -> None:
    part = "  web-ui = buildUi (finalAttrs: {\n    inherit version;\n    e = [ finalAttrs.version ];\n  });\n"
    body = f"buildApp {outer}\n  inherit version;\n  e = [ web-ui ];\n}}{')' if 'final' in outer else ''}\n"
    made = lifted(package(body, part), "web-ui", design=Design.MOVE, follow=("version",))
    assert made.renamed == {"uiAttrs"}
    text = made.text
    assert "buildApp (finalAttrs: {\n" in text
    assert "web-ui = buildUi (uiAttrs: {\n    inherit (finalAttrs) version;\n" in text
    assert "    e = [ uiAttrs.version ];\n" in text


@pytest.mark.parametrize("function", ["finalAttrs@{ ... }:", "{ finalAttrs, ... }:"])
def test_arguments_of_a_part_that_have_a_pattern_keep_their_names(function: str) -> None:
    tool = f'  tool = buildUi ({function} {{ pname = "tool"; src = ui; }});\n'
    text = lifted(package("buildApp { e = [ ui tool ]; }\n", tool), "ui", "tool", design=Design.MOVE).text
    assert f'tool = buildUi ({function} {{ pname = "tool"; src = finalPackage.passthru.ui; }});' in text


def test_a_name_of_the_passthru_or_of_its_let_means_the_same_there() -> None:
    body = "buildApp {\n  e = [ ui ];\n  passthru = rec { version = 3; };\n}\n"
    for text in (
        package(body),
        package(body).replace("  ui = buildUi {", "  a = f f;\n  ui = buildUi {\n    a = x: x;"),
    ):
        with pytest.raises(RefusalError, match="'version' means something different where 'ui' has to go"):
            lifted(text, design=Design.MOVE)
    layered = package(body.replace("[ ui ]", "[ path ]"), "  path = f version ui;\n")
    assert "        path = f version finalAttrs.passthru.ui;\n" in rewritten(layered, design=Design.LAYER)
    body = "buildApp {\n  e = [ ui ];\n  passthru = let ui = 1; in { a = ui; };\n}\n"
    with pytest.raises(RefusalError, match=r"^package.nix:11:29: 'ui' does not mean the same here as in the let$"):
        lifted(package(body))


@pytest.mark.parametrize(
    ("bindings", "attributes", "fact"),
    [
        ("doc = buildUi { };", "e = [ doc ];", "'doc' means nothing as an attribute of the package, or something"),
        (
            "fonts = buildUi { };",
            'outputs = [ "out" "fonts" ]; e = [ fonts ];',
            "'fonts' means nothing as an attribute",
        ),
        ("ui = buildUi { };", "e = [ ui ]; passthru.ui = 1;", "the attribute 'passthru.ui' differs from"),
        (
            "src = buildUi { };",
            "srcs = [ ]; e = [ src ];",
            "'src' means nothing as an attribute of the package, or something",
        ),
        ("one = 1; two = one; ui = buildUi { }; mk = buildApp ui;", "", "the builder's call is itself made with"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_reason(bindings: str, attributes: str, fact: str) -> None:
    builder = "mk" if "mk" in bindings else "buildApp"
    with pytest.raises(RefusalError, match=fact):
        lifted(f"{{ buildApp, buildUi }}: let {bindings} in {builder} {{ {attributes} }}")


REACHED = "{ a }: let MORE ui = buildUi { }; in a (s: { passthru = { inherit ui; }; e = [ s.passthru.ui ]; })"
_ELSE = ":1:33: the file does not end in one builder's call"


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        ("{ a }: a { }", ":1:1: there is no 'let' around the package", None),
        ("let ui = buildUi { }; in a { e = [ ui ]; }", ":1:1: the file is not a function of its dependencies", None),
        (
            "{ a }: let ui = buildUi { }; in { x = a { e = [ ui ]; }; }",
            _ELSE,
            None,
        ),
        (
            "{ a }: let ui = buildUi { }; in if a then ui else a",
            _ELSE,
            None,
        ),
        ('{ a }: let ui = buildUi { }; in "${ui}"', _ELSE, None),
        (
            "{ a }: let ui = buildUi { }; in buildFHSEnv { e = [ ui ]; }",
            ":1:33: the file ends in an environment by 'buildFHSEnv', which has no final attributes",
            "let the file take the part as an argument; override { NAME = …; } then reaches it",
        ),
        *(
            (
                f"{{ a }}: let ui = buildUi {{ }}; in {call}",
                _ELSE,
                "let the file take the part as an argument; override { NAME = …; } then reaches it",
            )
            for call in ("a.b.override { e = [ ui ]; }", "a ({ e, ... }: { e = [ ui ]; })", "a [ ui ]")
        ),
        (
            "{ a }: let x = 1; in a { e = x; }",
            ": no let around the package binds a package with a source of its own",
            None,
        ),
        (REACHED.replace("MORE ", ""), ": an override reaches 'ui' already", "there is nothing to propose"),
        (
            REACHED.replace("MORE", "v = 1;")
            .replace("buildUi {", "buildUi { version = v;")
            .replace("e =", "version = v; e ="),
            ": an override reaches 'ui' already",
            "an override of version does not: let it take that from finalAttrs by hand",
        ),
        (
            REACHED.replace("MORE", "web = buildUi { };").replace("inherit ui;", "inherit ui web;"),
            ": an override reaches all packages of the lets already",
            "there is nothing to propose",
        ),
    ],
)
def test_a_file_of_another_shape_is_called_what_it_is(text: str, fact: str, hint: str | None) -> None:
    with pytest.raises(LayoutError) as caught:
        lifted(text)
    assert (caught.value.message, caught.value.hint) == (f"package.nix{fact}", hint)


@pytest.mark.parametrize(
    ("end", "hint"),
    [
        ("runCommand version { inherit ui; } ''x''", "let the file take the part as an argument"),
        ("buildFHSEnv { e = [ ui ]; }", "let the file take the part as an argument"),
        (
            "if f then buildApp { e = [ ui ]; } else buildApp { }",
            "make one builder's call of the branches, with 'if' within its attributes",
        ),
        ("f ui // { inherit ui; }", "put what '//' adds into passthru of the builder's call"),
    ],
)
def test_a_file_that_only_a_person_can_change_has_the_way_named(end: str, hint: str) -> None:
    text = package(f"{end}\n").replace("{ buildApp,", "{ buildApp, buildFHSEnv, runCommand,")
    assert [found.name for found in find(read(Tree(text, name="package.nix")))] == ["ui"]
    with pytest.raises(LayoutError) as caught:
        lifted(text)
    assert (caught.value.hint or "").startswith(hint)


def test_an_unknown_binding_has_the_known_ones_named() -> None:
    ui, web = package("buildApp { e = [ ui ]; }"), "  web = buildUi { };\n"
    texts = {ui: "ui", package("buildApp { e = [ ui web ]; }", web): "ui, web", ui.replace("[ ui ]", "f"): None}
    for text, known in texts.items():
        with pytest.raises(LayoutError, match="no let around the package binds 'u'") as caught:
            lifted(text, "u")
        assert caught.value.hint == (f"packages of the lets are {known}" if known else None)
    with pytest.raises(LayoutError, match=r"^package.nix:8:3: the package is not made with 'web'"):
        lifted(package("buildApp { e = [ ui ]; }", web), "web")


def test_strings_keep_their_text_when_their_lines_move() -> None:
    before = """\
        { buildApp, buildUi, f }:

        let
          ui = buildUi {
            a = ''
              one
                two
            '';
            b = "first
          second";
            c = ''begins
              here'';
            d = "of ${
              f 1
            } it";
          };
        in
        buildApp {
          e = [ ui ];
          passthru = {
            tests = f;
          };
        }
        """
    text = rewritten(before, design=Design.MOVE)
    assert "\n        one\n          two\n      '';\n" in text
    assert '"first\n  second"' in text
    assert "''begins\n      here''" in text
    assert '\n      d = "of ${\n        f 1\n      } it";\n' in text


def test_a_comment_between_a_builder_and_its_attributes_stays_there() -> None:
    text = package("buildApp # of ui\n{\n  e = [ ui ];\n}\n")
    assert "buildApp # of ui\n(finalAttrs: {\n  e = [ finalAttrs.passthru.ui ];\n" in rewritten(text)


def test_what_makes_a_builder_has_no_final_attributes() -> None:
    with pytest.raises(LayoutError, match=r"ends in a builder by 'lib\.extendMkDerivation', which has no final attr"):
        lifted(package("lib.extendMkDerivation { extendDrvArgs = finalAttrs: args: { e = ui; }; }\n"))


def test_a_definition_that_moves_to_a_method_keeps_its_lines_and_loses_no_comment() -> None:
    text = package("buildApp {\n  path = both;\n}\n", "  both =\n    f ui\n      1;\n")
    after = "  path =\n    f finalAttrs.passthru.ui\n      1;\n  passthru = { inherit ui; };\n})\n"
    assert rewritten(text).endswith(after)
    text = package("buildApp { e = 1; path = both; }\n", "  # --both=x;\n  both = f ui;\n")
    with pytest.raises(RefusalError, match=r"^package.nix:8:3: this comment would be lost: the code around it"):
        rewritten(text)


def test_a_passthru_that_is_computed_with_what_has_to_move_is_refused() -> None:
    body = "buildApp {\n  passthru = let a = f { inherit two; }; in a // { tests = a; };\n  e = [ two ];\n}\n"
    with pytest.raises(
        RefusalError, match=r"package.nix:\d+:\d+: 'two' has to move, and is used here, where there are no final"
    ):
        lifted(package(body, "  two = f ui;\n"), design=Design.MOVE)


def test_what_passthru_has_of_a_part_is_named() -> None:
    tests = lifted(package("buildApp {\n  passthru.tests.a = ui;\n  passthru.b = 1;\n  e = [ ui ];\n}\n"))
    assert tests.shown == (("passthru", "tests", "a"),)


def test_a_version_alone_is_not_followed_beside_a_twin_that_stays() -> None:
    twin = '  twin = buildUi { pname = "twin"; inherit version; };\n'
    body = "buildApp {\n  inherit version twin;\n  e = [ ui twin ];\n}\n"
    with pytest.raises(RefusalError, match="an override of version would not reach 'twin', which stays in the let"):
        rewritten(package(body, twin), "ui", design=Design.MOVE, follow=("version",))


def test_definitions_that_move_into_passthru_stay_in_their_order_behind_its_inherit_with_blank_lines() -> None:
    body = "buildApp {\n  passthru = {\n    inherit all;\n    tests = 1;\n  };\n  e = [ all ];\n}\n"
    after = rewritten(package(body, "  all =\n    f ui;\n"))
    assert "    inherit ui;\n\n    all =\n      f finalAttrs.passthru.ui;\n\n    tests = 1;\n" in after
    body = "buildApp {\n  e = [ path ];\n  passthru = { inherit ui; };\n}\n"
    text = rewritten(package(body, "  path = f ui;\n"))
    assert "  passthru = {\n    inherit ui;\n\n    path = f finalAttrs.passthru.ui;\n  };\n" in text
    body = 'buildApp {\n  pname = "app";\n  e = [ path ];\n  passthru = { inherit src; };\n}\n'
    for more in ('  path = f drv;\n  drv = buildUi { pname = "ui"; };\n', ""):
        path = "" if more else "  path = f drv;\n"
        text = package(body, more or f'  drv = buildUi {{ pname = "ui"; }};\n{path}')
        made = rewritten(text, "drv")
        shown = ["    ui = drv;", "    path = f finalAttrs.passthru.ui;"]
        lines = shown[::-1] if more else shown
        assert "\n".join(["    inherit src;", "", *lines, "  };"]) in made


def test_comments_above_what_moves_stay_above_it_whatever_they_say() -> None:
    body = "buildApp {\n  path = both;\n\n  # --ui=none\n  env.UI = ui;\n}\n"
    text = package(body, "  # --both=x;\n  both = f ui;\n")
    assert "  # --both=x;\n  path = f finalAttrs.passthru.ui;\n" in rewritten(text)
    layered = rewritten(text.replace("env.UI = ui", "UI = f ui"), design=Design.LAYER)
    assert "      # --ui=none\n      UI = f finalAttrs.passthru.ui;\n" in layered


def test_comments_in_a_path_among_inherited_names_and_beside_a_brace_stay() -> None:
    text = package("buildApp {\n  passthru # a\n  . # b\n  ui = ui;\n  e = [ ui ];\n}\n")
    assert lifted(text).methods == {"ui": ("passthru", "ui")}
    assert "ui = ui;\n  e = [ finalAttrs.passthru.ui ];" in rewritten(text)
    text = rewritten(package("buildApp {\n  env = {\n    inherit # mine\n      ui;\n  };\n}\n"))
    assert "  env = {\n    # mine\n    inherit (finalAttrs.passthru) ui;\n  };\n" in text
    body = "buildApp {\n  passthru = { inherit # mine\n    src; };\n  e = [ ui ];\n}\n"
    text = rewritten(package(body), design=Design.MOVE)
    assert "ui = buildUi {" in text
    assert "# mine" in text


@pytest.mark.parametrize("name", ["ui # here\n ", '${"ui"}'])
def test_a_definition_that_moves_into_a_written_out_passthru_gets_the_path_whatever_its_name_looks_like(
    name: str,
) -> None:
    text = (
        HEAD.replace("ui =", f"{name} =") + "buildApp {\n  passthru.tests = 1;\n  e = [ ui ];\n  passthru.a = 2;\n}\n"
    )
    assert f"passthru.{name.split(maxsplit=1)[0]}" in rewritten(text, design=Design.MOVE)


def test_a_binding_that_is_no_builders_call_gives_no_name() -> None:
    text = package("buildApp { e = [ drv ]; }\n", "  drv = f.override { src = f; };\n")
    with pytest.raises(RefusalError, match=r"^package.nix:8:3: 'drv' means nothing as an attribute of the package, or"):
        lifted(text, "drv")


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ('pname = "app-ui";', "ui"),
        ('pname = "ui";', "ui"),
        ('name = "ui-${version}";', "ui"),
        ('pname = "${f}-ui";', "ui"),
        ('pname = "uiX";', "uiX"),
    ],
)
@pytest.mark.parametrize("bound", ["drv", "ui'"])
@pytest.mark.parametrize("design", [Design.STAY, Design.MOVE])
def test_a_binding_whose_name_says_nothing_is_called_as_its_package(
    name: str, attribute: str, bound: str, design: Design
) -> None:
    binding = f"  {bound} = buildUi {{ {name} src = f; }};\n"
    text = rewritten(package(f'buildApp {{\n  pname = "app";\n  e = [ {bound} ];\n}}\n', binding), bound, design=design)
    assert f"e = [ finalAttrs.passthru.{attribute} ];" in text
    # The let has a ui of its own.
    shown = f"passthru.ui = {bound};" if attribute == "ui" else f"passthru = {{ inherit {attribute}; }};"
    assert f"  {shown if design is Design.STAY else f'passthru.{attribute} = buildUi {{ {name} '}" in text


@pytest.mark.parametrize(
    ("more", "attributes", "known"),
    [
        ("", "", None),
        ("  b1 = x: x drv;\n", "", None),
        ("  b1 = let inherit drv; in drv;\n", "", "known"),
        ("  web = f;\n", "f = web;", "known"),
        ("", "f = web: web;", "known"),
        ("", "f = { web = 1; };", "known"),
        ("", "f = with version; web;", "known"),
        ("", "f = version.web;", "known"),
    ],
)
def test_a_binding_is_renamed_unless_its_new_name_is_known(more: str, attributes: str, known: str | None) -> None:
    binding = '  drv = buildUi { pname = "web"; };\n'
    text = package(f"buildApp {{\n  e = [ drv ];\n  {attributes}\n}}\n", binding + more)
    made = rewritten(text, "drv")
    assert ("passthru.web = drv;" in made) == (known is not None)
    assert ('  web = buildUi { pname = "web"; };\n' in made and "inherit web;" in made) == (known is None)
    assert ("drv" in made) == (known is not None)


def test_a_binding_right_behind_another_gets_its_own_name() -> None:
    text = package('buildApp {\n  pname = "app";\n  e = [ ui drv ];\n}\n')
    text = text.replace("  };\nin", '  };drv = buildUi { pname = "web"; };\nin')
    made = rewritten(text, "ui", "drv", design=Design.MOVE)
    assert '    web = buildUi { pname = "web"; };\n' in made
    assert "    ui = buildUi {\n" in made


def test_a_binding_whose_name_has_another_meaning_is_called_as_its_package_in_full() -> None:
    binding = '  env = buildUi { pname = "app-env"; src = f; };\n'
    text = rewritten(package('buildApp {\n  pname = "app";\n  e = [ env ];\n}\n', binding), "env")
    assert "  app-env = buildUi {" in text
    assert "passthru = { inherit app-env; };" in text
    more = binding.replace("src = f", "src = ui")
    made = lifted(package('buildApp {\n  pname = "app";\n  e = [ env ];\n}\n', more), "ui")
    assert made.along == {"env": ("passthru", "app-env")}
    flag = package('buildApp {\n  pname = "app";\n  flag = env;\n}\n', more)
    assert "flag = finalAttrs.passthru.app-env;" in rewritten(flag, "ui", design=Design.LAYER)


def test_a_name_that_nobody_can_guess_is_asked_for() -> None:
    text = package('buildApp {\n  pname = "app";\n  e = [ drv ];\n}\n', "  drv = buildUi { pname = f; src = f; };\n")
    with pytest.raises(
        RefusalError, match=r"package.nix:8:3: 'drv' means nothing as an attribute of the package, or"
    ) as caught:
        lifted(text, "drv")
    assert caught.value.hint == "--as drv=NAME gives it another name"
    made = lift(text, LiftWay(bindings=("drv",), called={"drv": "ui"}), name="package.nix")
    assert made.methods == {"drv": ("passthru", "ui")}
    assert "passthru.ui = drv;\n" in made.text  # the let has a ui of its own


@pytest.mark.parametrize("called", [{}, {"drv": "ui"}])
def test_two_bindings_do_not_become_one_attribute(called: dict[str, str]) -> None:
    text = package("buildApp {\n  e = [ drv ui ];\n}\n", '  drv = buildUi { pname = "ui"; src = f; };\n')
    with pytest.raises(RefusalError) as caught:
        lift(text, LiftWay(called=called), name="package.nix")
    assert caught.value.message == "package.nix:8:3: 'ui' and 'drv' would both be the attribute 'passthru.ui'"
    assert caught.value.hint == "--as drv=NAME gives it another name"
    made = lift(text, LiftWay(called={"drv": "web"}), name="package.nix")
    assert made.methods == {"ui": ("passthru", "ui"), "drv": ("passthru", "web")}


def test_a_package_whose_source_is_a_part_takes_that_from_its_attributes() -> None:
    more = "  other = f { inherit version; base = ui; };\n"
    text = package("buildApp {\n  page = ui;\n  src = ui;\n  inherit version;\n  e = [ other ];\n}\n", more)
    sourced = text.replace("inherit src version;", "src = f version;\n    inherit version;")
    made = lifted(sourced, follow=("src", "version"), design=Design.MOVE)
    assert "src = finalAttrs.page;" in made.text
    assert "inherit (finalAttrs) version; base = finalAttrs.page;" in made.text


@pytest.mark.parametrize(
    "around",
    [
        "if f then {call} else null",
        "if f then null else if version then ui else {call}",
        "{call} // {{ inherit version; }}",
        "{call} // f {{ }}",
        "if f then ({call}) // {{ }} else f.overrideAttrs {{ }}",
    ],
)
def test_the_one_call_of_a_choice_is_lifted(around: str) -> None:
    made = rewritten(package(around.format(call="buildApp { e = [ ui ]; }") + "\n"))
    assert "e = [ finalAttrs.passthru.ui ];" in made
    assert made.count("finalAttrs:") == 1
    along = rewritten(package(around.format(call="buildApp { inherit ui; e = [ b1 ]; }") + "\n", "  b1 = f ui;\n"))
    assert "b1 = f finalAttrs.ui;" in along


def test_of_two_calls_none_is_lifted_nor_is_the_package_itself() -> None:
    two = package("if f then buildApp { e = [ ui ]; } else buildApp { }\n")
    with pytest.raises(LayoutError, match="does not end in one builder's call") as caught:
        lifted(two)
    assert caught.value.hint == "make one builder's call of the branches, with 'if' within its attributes"
    with pytest.raises(RefusalError, match="'ui' has to move, and is used here, where there are no final"):
        rewritten(package("if f then buildApp { e = [ ui ]; } else ui\n"), design=Design.MOVE)


@pytest.mark.parametrize(
    ("text", "more", "fact"),
    [
        ("assert ui.version != null;\n", "", "9:8: an assert reads 'ui' here, which no override reaches"),
        ("assert b1 != null;\n", "  b1 = ui.version;\n", "8:8: an assert reads 'ui' here, which no override reaches"),
        ("let\n  ui = f;\nin\n", "  b1 = [ ui ];\n", "4:3: the file uses this 'ui' too, .* the one at 11:3 alone"),
    ],
)
def test_what_an_override_would_leave_as_it_is_is_refused(text: str, more: str, fact: str) -> None:
    with pytest.raises(RefusalError, match=f"^package.nix:{fact}"):
        rewritten(package(f"{text}buildApp {{ e = [ ui ]; }}\n", more), "ui")


def test_a_comment_that_a_blank_line_parts_from_a_definition_stays() -> None:
    before = HEAD.replace("  ui =", "  # parts\n\n  # the interface\n  ui =").replace("in\n", "  other = 1;\nin\n")
    made = rewritten(before + "buildApp {\n  e = [ ui other ];\n}\n", design=Design.MOVE)
    assert made.index("# parts") < made.index("other = 1") < made.index("in\nbuildApp")
    assert "  # the interface\n  passthru.ui = buildUi {" in made


@pytest.mark.parametrize(
    ("more", "attributes", "parameter"),
    [
        ("", "e = [ ui ];", "finalAttrs"),
        ("", "e = [ ui finalAttrs ];", "finalPackage"),
        ("", "e = [ ui (finalAttrs: finalAttrs) ];", "finalAttrs"),
        ("  g = f finalAttrs;\n", "e = [ ui g ];", "finalAttrs"),
        ("  ui = buildUi { src = finalAttrs; };\n", "e = [ ui ];", "finalPackage"),
        ("  ui = buildUi (finalAttrs: { src = finalAttrs.x; });\n", "e = [ ui ];", "finalAttrs"),
    ],
)
def test_the_parameter_is_a_name_that_takes_no_other(more: str, attributes: str, parameter: str) -> None:
    head = "{ buildApp, buildUi, f, src, version, finalAttrs }:\nlet\n"
    ui = "" if "ui =" in more else "  ui = buildUi { inherit src version; };\n"
    made = lifted(f"{head}{ui}{more}in\nbuildApp {{ {attributes} }}\n", "ui", design=Design.MOVE)
    assert made.parameter == parameter
    assert f"{parameter}.passthru.ui" in made.text


def test_a_let_on_one_line_gets_more_and_an_empty_one_goes_whole() -> None:
    text = package("buildApp {\n  e = let inherit ui src; in [ ui src ];\n}\n")
    after = "  e = let\n    inherit src;\n    inherit (finalAttrs.passthru) ui;\n  in [ ui src ];\n"
    assert after in rewritten(text)
    text = rewritten(HEAD.replace("  };\nin", "  }; # it\nin") + "buildApp { e = [ ui ]; }\n", design=Design.MOVE)
    assert "let" not in text
    assert "    }; # it\n  };" in text


PART = """\
{ buildApp, buildUi, version }:
let
  ui = buildUi %s;
in
buildApp (finalAttrs: { inherit version; e = [ ui ]; })
"""


@pytest.mark.parametrize(
    ("part", "after"),
    [
        ("(finalAttrs: { a = finalAttrs; b = version; })", "(uiAttrs: { a = uiAttrs; b = finalAttrs.version; })"),
        ("(other: { a = other; b = version; })", "(other: { a = other; b = finalAttrs.version; })"),
        ("(finalAttrs: { b = version; })", "{ b = finalAttrs.version; }"),
        ("(finalAttrs: let a = version; in { b = a; })", "(uiAttrs: let a = finalAttrs.version; in { b = a; })"),
    ],
)
def test_the_final_attributes_of_a_part_are_renamed_if_they_hide_the_packages(part: str, after: str) -> None:
    made = rewritten(PART % part, "ui", design=Design.MOVE, follow=("version",))
    assert f"ui = buildUi {after};" in made


def test_a_parameter_of_a_part_with_the_name_of_the_final_attributes_is_not_renamed() -> None:
    with pytest.raises(RefusalError, match=r"^package.nix:3:43: 'finalAttrs' does not mean the package's final"):
        lifted(PART % "({ finalAttrs }: { inherit version; })", "ui", design=Design.MOVE, follow=("version",))


@pytest.mark.parametrize("space", ["", " ", "   ", "\n  "])
def test_one_space_stands_before_the_function_of_the_final_attributes(space: str) -> None:
    made = rewritten(package(f"buildApp{space}{{ e = [ ui ]; }}\n"))
    assert f"buildApp{space if space.strip(' ') else ' '}(finalAttrs: {{" in made


def test_an_argument_on_a_line_of_its_own_gets_the_final_attributes_on_another() -> None:
    made = rewritten(package("buildApp (\n  {\n    e = [ ui ];\n  }\n  // f\n)\n"))
    changed = "  finalAttrs:\n  {\n    e = [ finalAttrs.passthru.ui ];\n    passthru = { inherit ui; };\n  }\n"
    assert made.endswith(f"buildApp (\n{changed}  // f\n)\n")


def test_what_moves_along_is_told_apart_by_what_passthru_exposed_before() -> None:
    body = "buildApp {\n  inherit flags;\n  e = [ web path ];\n  passthru = { inherit web; };\n}\n"
    made = lifted(package(body, "  web = f ui;\n  path = f ui;\n  flags = f ui;\n"), "ui")
    assert made.along == {"web": ("passthru", "web"), "path": ("passthru", "path"), "flags": ("flags",)}
    assert made.through == ("web",)


@pytest.mark.parametrize(
    ("attributes", "more", "used"),
    [
        ('install = "${ui}"; build = [ ui ];', "", ("build", "install")),
        ('install = "${ui}"; passthru = { inherit ui; tests.ui = ui; }; meta.ui = ui;', "", ("install",)),
        ('install = "${ui}"; passthru = f { inherit ui; };', "", ("install",)),
        ('install = "${ui}"; env.UI = ui;', "", ()),
        ('install = "${ui} ${other}";', '  other = "${ui}";\n', ()),
    ],
)
def test_the_attributes_that_use_a_binding_are_named_if_nothing_else_does(
    attributes: str, more: str, used: tuple[str, ...]
) -> None:
    assert lifted(package(f"buildApp {{ {attributes} }}\n", more), "ui").used == {"ui": used}
