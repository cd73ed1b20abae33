import pytest

from tests.parsing import assert_parses
from toolkit.errors import LayoutError
from toolkit.lift.final_attrs import final_package

NAME = "pkgs/by-name/ap/app/package.nix"


def package(attributes: str, tests: str, formals: str = "\n  b,\n  app,\n  t,\n", after: str = "") -> str:
    return f"{{{formals}}}:\n\nb {attributes}{{\n  passthru.tests.version = {tests};\n}}{after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (package("", "t { package = app; }"), ("t { package = finalAttrs.finalPackage; }", "\n  b,\n  t,\n")),
        (package("rec ", "t app"), ("t finalAttrs.finalPackage", "\n  b,\n  t,\n")),
        (package("", "t app", " b, app, t "), ("t finalAttrs.finalPackage", " b, t ")),
        (package("", "t app", " b, t, app "), ("t finalAttrs.finalPackage", " b, t ")),
        (package("", "t app", "\n  b,\n  t,\n  app\n"), ("t finalAttrs.finalPackage", "\n  b,\n  t\n")),
    ],
)
def test_a_test_takes_the_final_package_and_the_argument_goes(before: str, after: tuple[str, str]) -> None:
    made = final_package(before, name=NAME)
    assert_parses(made)
    tests, formals = after
    expected = package("(finalAttrs: ", tests, formals, ")")
    assert made.replace("\n  t\n\n}", "\n  t\n}") == expected


def test_the_name_of_the_final_attributes_and_an_argument_with_another_use_stay() -> None:
    made = final_package("{ b, app }:\nb (self: {\n  passthru.tests.x = app;\n  e = app;\n})\n", name=NAME)
    assert made == "{ b, app }:\nb (self: {\n  passthru.tests.x = self.finalPackage;\n  e = app;\n})\n"
    # What callPackage adds is not in the final package.
    made = final_package(
        "{ b, app }: b (self: { passthru.tests.x = app; passthru.tests.y = app.override { }; })", name=NAME
    )
    assert made.endswith("{ passthru.tests.x = self.finalPackage; passthru.tests.y = app.override { }; })")


def test_a_test_that_inherits_the_package_binds_it() -> None:
    tests = "passthru.tests.x = b {\n    inherit {}app;\n  };\n"
    for names, left in (("", ""), ("b ", "inherit b;\n    ")):
        made = final_package(f"{{ b, app }}:\nb (self: {{\n  {tests.replace('{}', names)}}})\n", name=NAME)
        assert (
            made == f"{{ b }}:\nb (self: {{\n  {tests.replace('inherit {}app', f'{left}app = self.finalPackage')}}})\n"
        )


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("{ b, other }: b { passthru.tests.x = other; }", "no test uses an argument 'app'$"),
        ("{ b, app }: b { passthru.updateScript = app; }", "no test uses an argument 'app'$"),
        ("{ b, app ? null }: b { passthru.tests.x = app; }", "no test uses an argument 'app'$"),
        ("{ b, app }: b { passthru.tests.x = app.override { }; }", "an argument 'app', but to override it$"),
        ("{ b, app }: b { passthru.tests.x = app.overridePythonAttrs { }; }", "'app', but to override it$"),
    ],
)
def test_what_is_no_use_of_the_package_by_its_name_is_refused(text: str, fact: str) -> None:
    with pytest.raises(LayoutError, match=fact):
        final_package(text, name=NAME)
