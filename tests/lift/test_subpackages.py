import pytest

from tests.lift.texts import rewritten
from tests.parsing import assert_parses
from toolkit.lift.passthru import with_subpackages

FORMS = [
    ("{ }", ["{", "  extraArgs = [", '    "--subpackage"', '    "ui"', "  ];", "}"]),
    (
        '{ attrPath = "app"; }',
        ["{", '  attrPath = "app";', "  extraArgs = [", '    "--subpackage"', '    "ui"', "  ];", "}"],
    ),
    (
        '{ extraArgs = [ "--version=branch" ]; }',
        ["{", "  extraArgs = [", '    "--version=branch"', '    "--subpackage"', '    "ui"', "  ];", "}"],
    ),
    (
        '{\n      extraArgs = [\n        "--flake" # here\n        "x"\n      ];\n    }',
        ["{", "  extraArgs = [", '    "--flake" # here', '    "x"', '    "--subpackage"', '    "ui"', "  ];", "}"],
    ),
    (
        "{\n      # none yet\n      extraArgs = [ ];\n    }",
        ["{", "  # none yet", "  extraArgs = [", '    "--subpackage"', '    "ui"', "  ];", "}"],
    ),
]


def package(script: str) -> str:
    return f"{{ b, nix-update-script }}:\n\nb {{\n  passthru = {{\n    updateScript = {script};\n  }};\n}}\n"


@pytest.mark.parametrize(("script", "lines"), FORMS)
def test_a_part_is_named_in_each_form_of_the_script(script: str, lines: list[str]) -> None:
    made, added = with_subpackages(package(f"nix-update-script {script}"), ["ui"], name="package.nix")
    assert_parses(made)
    assert (made, added) == (package("nix-update-script " + "\n    ".join(lines)), ("ui",))
    assert with_subpackages(made, ["ui"], name="package.nix") == (made, ())


@pytest.mark.parametrize(
    "script",
    [
        "./update.sh",
        "gitUpdater { }",
        "nix-update-script args",
        "nix-update-script { extraArgs = b; }",
        "nix-update-script { inherit (b) extraArgs; }",
        'nix-update-script { extraArgs = [ "--subpackage=ui" ]; }',
    ],
)
def test_another_script_stays(script: str) -> None:
    text = package(script)
    assert with_subpackages(text, ["ui"], name="package.nix") == (text, ())


def test_a_lift_names_the_parts_with_hashes_that_share_the_source() -> None:
    text = """\
        { build, buildNpm, fetch, nix-update-script, src, version }:

        let
          ui = buildNpm { pname = "ui"; inherit src version; npmDepsHash = "sha256-a"; };
          theme = buildNpm { pname = "theme"; inherit src version; };
          font = buildNpm { pname = "font"; src = fetch { hash = "a"; }; npmDepsHash = "sha256-a"; };
        in
        build {
          inherit src version;
          e = ui + theme + font;
          passthru.updateScript = nix-update-script { };
        }
        """
    made = rewritten(text)
    assert made.count('"--subpackage"') == 1
    assert '"--subpackage"\n        "ui"\n' in made
