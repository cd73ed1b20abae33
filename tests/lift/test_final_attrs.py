import textwrap

import pytest

from tests.parsing import assert_parses
from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.final_attrs import final_attrs


def rewritten(body: str, builder: str = "buildApp") -> str:
    text = f"{{ {builder}, fetch, lib }}:\n\n{textwrap.dedent(body)}"
    made = final_attrs(text, name="package.nix")
    assert_parses(made)
    return made.partition("\n\n")[2]


def test_rec_becomes_final_attrs_by_scope_and_nothing_else_changes() -> None:
    before = """\
        buildApp rec {
          pname = "app";
          version = "1";

          src = fetch {
            inherit pname version;
            repo = pname; # the same
            tag = "v${version}";
          };

          nested = rec {
            version = 2;
            e = version;
          };
          f = version: version;
          passthru = { inherit src; };
          meta = with lib; { changelog = "${src.url}/${version}"; };
        }
        """
    after = """\
        buildApp (finalAttrs: {
          pname = "app";
          version = "1";

          src = fetch {
            inherit (finalAttrs) pname version;
            repo = "app"; # the same
            tag = "v${finalAttrs.version}";
          };

          nested = rec {
            version = 2;
            e = version;
          };
          f = version: version;
          passthru = { inherit (finalAttrs) src; };
          meta = with lib; { changelog = "${finalAttrs.src.url}/${finalAttrs.version}"; };
        })
        """
    assert rewritten(before) == textwrap.dedent(after)


def test_a_let_around_the_package_stays() -> None:
    body = "let\n  version = 2;\nin\nbuildApp rec {\n  name = lib version;\n  src = name;\n}\n"
    assert (
        rewritten(body) == body.replace("rec {", "(finalAttrs: {").replace("= name", "= finalAttrs.name")[:-1] + ")\n"
    )


@pytest.mark.parametrize(
    ("body", "error", "fact"),
    [
        ("buildApp { a = 1; }", LayoutError, "package.nix:3:10: the package's attributes are no 'rec' set"),
        ('buildApp rec { a = 1; e = a; src = "1"; }', LayoutError, "src takes nothing from the package's attributes"),
        ("{ a = rec { }; }", LayoutError, "package.nix:3:1: the file does not end in one builder's call"),
        ("runCommand rec { a = 1; }", LayoutError, "ends in a script or a file by 'runCommand', which has no final"),
        ("buildApp rec { doCheck = true; e = doCheck; }", RefusalError, "package.nix:3:36: 'doCheck' is used within"),
        (
            "buildPythonPackage rec { nativeCheckInputs = [ ]; e = nativeCheckInputs; }",
            RefusalError,
            "package.nix:3:55: 'nativeCheckInputs' is used within 'rec', and buildPythonPackage drops it",
        ),
        (
            "buildPythonApplication rec { checkInputs = [ ]; e = checkInputs; }",
            RefusalError,
            "package.nix:3:53: 'checkInputs' is used within 'rec', and buildPythonApplication drops it",
        ),
        (
            "buildApp rec { pname = lib.a; src = fetch { repo = pname; }; }",
            RefusalError,
            "package.nix:3:52: 'repo' is made with 'pname', which is computed; nixpkgs wants it written out",
        ),
        (
            "buildApp rec { a = 1; src = fetch (finalAttrs: { c = a; }); }",
            None,
            "buildApp (finalPackage: { a = 1; src = fetch (finalAttrs: { c = finalPackage.a; }); })",
        ),
    ],
)
def test_what_cannot_be_right_is_refused(body: str, error: type[Exception] | None, fact: str) -> None:
    if error is None:
        assert rewritten(body) == fact
        return
    with pytest.raises(error) as caught:
        rewritten(body, body.split(maxsplit=1)[0].strip("{") or "buildApp")
    assert fact in str(caught.value)
    if "within 'rec'" in fact:
        name = fact.split("'")[1]
        assert isinstance(caught.value, RefusalError)
        assert caught.value.hint == f"write its value there, or bind '{name}' in a let around the package"


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("src = fetch { repo = version; };", "src = fetch { repo = finalAttrs.version; };"),
        ("src = fetch { repo = ''${pname}''; };", "src = fetch { repo = ''${finalAttrs.pname}''; };"),
        ('src = fetch { owner = "${pname}"; };', 'src = fetch { owner = "app"; };'),
        ("meta.mainProgram = lib.a pname;", "meta.mainProgram = lib.a finalAttrs.pname;"),
        ("inherit (lib pname) x;", "inherit (lib finalAttrs.pname) x;"),
        ("src = fetch { inherit pname; };", "src = fetch { inherit (finalAttrs) pname; };"),
        ("doc = ''$out/share/doc/${pname}/a'';", "doc = ''$out/share/doc/app/a'';"),
        ("bin = ''$out/bin/${pname}'';", "bin = ''$out/bin/${finalAttrs.pname}'';"),
    ],
)
def test_only_pname_is_written_out_and_only_where_nixpkgs_wants_it(line: str, after: str) -> None:
    own = 'inherit (lib) y;\n  # it\n  version = "1";\n  srcs = version;\n  pname = "app";'
    made = rewritten(f"buildApp rec {{\n  {own}\n  {line}\n}}\n")
    assert f"\n  {after}\n" in made


def test_a_program_by_a_computed_name_is_taken_from_the_final_attributes_and_a_repository_refused() -> None:
    with pytest.raises(RefusalError, match=r"^package\.nix:4:38: 'repo' is made with 'pname', which is computed"):
        rewritten("with lib;\nbuildApp rec { inherit pname; repo = pname; }")
    made = rewritten(
        'buildApp rec {\n  pname = "a-${lib}";\n  version = "1";\n  src = version;\n  meta.mainProgram = pname;\n}\n'
    )
    assert "meta.mainProgram = finalAttrs.pname;" in made


def test_a_package_that_has_no_rec_has_nothing_to_propose() -> None:
    with pytest.raises(LayoutError) as caught:
        rewritten("buildApp { a = 1; }")
    assert caught.value.hint == "nothing to propose"
