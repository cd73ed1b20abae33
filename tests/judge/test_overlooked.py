"""Changes that build the same, or differently, and do something else beside that."""

import re

import pytest

from tests.judge.test_specimen import (
    ALIASES,
    ALL,
    DOCKER,
    FETCH,
    FETCHED,
    LUA,
    LUAS,
    NATIVE,
    NOTES,
    SCRIPT,
    Edits,
    cache,
    case_of,
    change,
    judged,
    luas,
    of_cases,
    second,
    shared,
)
from tests.progress import Steps
from toolkit import specimen
from toolkit.judge import JudgeRequest, judge, versions
from toolkit.judge.differences import Difference, Kind, Weight

__all__ = ["cache", "shared"]

TEXT = (specimen.path() / NOTES).read_text()
HEAD = 'stdenv.mkDerivation {\n  pname = "notes-server";'


def final(text: str) -> str:
    """Return a text of the package with a function of the final attributes."""
    old = HEAD if HEAD in text else ""
    assert old
    changed = text.replace(old, old.replace("stdenv.mkDerivation {", "stdenv.mkDerivation (finalAttrs: {"))
    return f"{changed.rstrip()[:-1]}}})\n"


def step(first: Edits, then: Edits, *, systems: tuple[str, ...] = (NATIVE,)) -> tuple[Difference, ...]:
    """Return what a change does to a tree with another one."""
    return second(first, then, systems=systems).differences


def said(differences: tuple[Difference, ...], weight: Weight = Weight.REGRESSION) -> set[tuple[str, str]]:
    return {(each.attribute, each.what) for each in differences if each.weight is weight}


FIXED = f"""  inherit version;
  src = builtins.derivation {{
    name = "source";
    system = "x86_64-linux";
    builder = "/bin/sh";
    rev = "4.2.0";
    outputHashAlgo = "sha256";
    outputHash = "{"0" * 64}";
  }};
"""
SHOWN = final(TEXT.replace("passthru = {", "passthru = {\n    inherit web-ui;"))


REVERSED = (
    (
        SHOWN,
        "${web-ui}",
        "${finalAttrs.passthru.web-ui}",
        "overrideAttrs of passthru.web-ui no longer reaches the derivation",
    ),
    (
        final(TEXT.replace("  buildInputs", '  flags = [ "-V=4.2.0" ];\n  buildInputs')),
        '"-V=4.2.0"',
        '"-V=${finalAttrs.version}"',
        "overrideAttrs with a version no longer reaches flags",
    ),
    (
        final(TEXT.replace("  inherit src version;\n\n  buildInputs", f"{FIXED}\n  buildInputs")),
        'rev = "4.2.0"',
        "rev = finalAttrs.version",
        "overrideAttrs with a version no longer reaches src",
    ),
    (
        final(TEXT.replace("  buildInputs", '  sourceRoot = "source/web";\n  buildInputs')),
        '"source/web"',
        '"${finalAttrs.src.name}/web"',
        "overrideAttrs with another src no longer reaches sourceRoot",
    ),
    (
        final(TEXT.replace("  buildInputs", "  patches = [ ];\n  more = [ ];\n  buildInputs")),
        "more = [ ]",
        "more = finalAttrs.patches",
        "overrideAttrs with another patches no longer reaches more",
    ),
    (
        final(TEXT.replace("  buildInputs", '  extra = "no";\n  buildInputs')),
        'extra = "no"',
        'extra = finalAttrs.pages or "no"',
        "overrideAttrs with another pages no longer reaches extra",
    ),
)


def test_a_lift_that_is_reversed_is_a_regression_and_the_lift_is_none() -> None:
    assert all(old in text for text, old, *_ in REVERSED)
    lifts = [(text, text.replace(old, new)) for text, old, new, _ in REVERSED]
    judgement, _ = of_cases(*((lifted, text) for text, lifted in lifts))
    assert said(judgement.differences) == {(f"case-{number}", lost) for number, (*_, lost) in enumerate(REVERSED)}
    gained = of_cases(*lifts)[0].differences
    assert said(gained) == said(gained, Weight.CHANGE) == set()
    assert sorted(attribute for attribute, _ in said(gained, Weight.NOTE)) == [f"case-{n}" for n in range(len(lifts))]


def test_a_passthru_that_has_to_be_kept_is_noted() -> None:
    notes = said(
        step({NOTES: SHOWN}, {NOTES: SHOWN.replace("${web-ui}", "${finalAttrs.passthru.web-ui}")}), Weight.NOTE
    )
    ((_, what),) = notes
    assert what.endswith("a whole new passthru has to keep it")


TOOLCHAIN = """  toolchain = removeAttrs (
    lib.makeOverridable (
      { name ? "toolchain" }: final.stdenv.mkDerivation { inherit name; } // { inherit (final.stdenv) mkDerivation; }
    ) { }
  ) [ "overrideAttrs" ];
"""


PARTED = """{ stdenv, curl, pkgs }:
let
  part = stdenv.mkDerivation { name = "p"; inputs = [ curl ]; };
in
stdenv.mkDerivation { name = "x"; script = "${part}"; }
"""


@pytest.mark.parametrize(
    ("before", "old", "new", "name"),
    [
        (
            '{ toolchain, pkgs }: toolchain.mkDerivation { name = "x"; inherit toolchain; }\n',
            'toolchain.mkDerivation { name = "x"; inherit toolchain',
            'pkgs.toolchain.mkDerivation { name = "x"; inherit (pkgs) toolchain',
            "toolchain",
        ),
        (PARTED, "[ curl ]", "[ pkgs.curl ]", "curl"),
    ],
)
def test_what_is_taken_from_the_set_is_no_longer_reached(before: str, old: str, new: str, name: str) -> None:
    first: Edits = {ALL: ("  docker = final", f"{TOOLCHAIN}  docker = final"), SCRIPT: before}
    lost = f"override with {name} no longer reaches the derivation"
    assert said(step(first, {SCRIPT: before.replace(old, new)})) == {("notes-python", lost)}


@pytest.mark.parametrize("table", [ALL, ALIASES])
def test_what_no_longer_is_another_attribute_is_a_regression(table: str) -> None:
    at = "  docker = final.docker_29;\n" if table == ALL else "final: _: {\n"
    other = "  notes = final.notes-server;\n"
    first: Edits = {table: (at, f"{at}{other}")}
    copied = "  notes = final.callPackage ../by-name/no/notes-server/package.nix { };\n"
    what = "no longer is notes-server: an overlay of notes-server does not reach it"
    assert said(step(first, {table: (other, copied)})) == {("notes", what)}
    for still in ("  notes = final.pkgs.notes-server;\n", "  notes = (x: x) final.notes-server;\n"):
        judgement = second(first, {table: (other, still)})
        assert (judgement.differences, judgement.unknown) == ((), ())


def test_who_looks_for_a_new_name_in_passthru_is_compared() -> None:
    reads = (
        "notes-server ? web-ui",
        'builtins.hasAttr "web-ui" notes-server',
        'builtins.elem "web-ui" (builtins.attrNames notes-server)',
        "(p: p.web-ui or null != null) notes-server",
        "(p: p ? web-ui) (notes-server)",
        "notes-server.passthru ? web-ui",
    )
    first: Edits = {
        case_of(number): f'{{ stdenv, notes-server }}:\nstdenv.mkDerivation {{ name = "x"; has = {each}; }}\n'
        for number, each in enumerate(reads)
    }
    then: Edits = {NOTES: ("passthru = {", "passthru = {\n    inherit web-ui;")}
    found = step(first, then, systems=(NATIVE, "cross"))
    assert {(each.attribute, each.system) for each in found if each.kind is Kind.DERIVATION} >= {
        (f"case-{number}", NATIVE) for number in range(len(reads))
    }


def test_tests_that_are_no_longer_of_the_overridden_package_are_a_regression() -> None:
    tests = 'passthru = {\n    tests.run = stdenv.mkDerivation { name = "run"; notes = finalAttrs.finalPackage; };'
    before = final(TEXT.replace("passthru = {", tests).replace("  curl,\n", "  curl,\n  pkgs,\n", 1))
    after = before.replace("finalAttrs.finalPackage", "pkgs.notes-server")
    assert said(step({NOTES: before}, {NOTES: after})) == {
        ("notes-server", "overrideAttrs no longer reaches tests.run")
    }
    rebuilt = after.replace("echo notes", "echo others")
    assert ("notes-server", "overrideAttrs no longer reaches tests.run") in said(
        step({NOTES: before}, {NOTES: rebuilt})
    )


@pytest.mark.parametrize(
    ("path", "old", "new", "attribute"),
    [
        (ALIASES, 'it gets no more fixes";\n  docker_24', 'it is old";\n  docker_24', "docker_20_10"),
        (ALIASES, "is called 'docker'", "is 'docker' now", "docker-edge"),
        (NOTES, "stdenv.mkDerivation {\n  pname", 'lib.warn "old" stdenv.mkDerivation {\n  pname', "notes-server"),
    ],
)
def test_what_a_package_says_is_noted(path: str, old: str, new: str, attribute: str) -> None:
    found = judged({path: (old, new)}).differences
    assert (attribute, "what its file says by throw, warn or trace differs") in said(found, Weight.NOTE)


def test_a_line_of_what_a_package_says_is_noted() -> None:
    before = TEXT.replace(
        "stdenv.mkDerivation {\n  pname", "lib.warn ''\n  it is\n  old\n'' stdenv.mkDerivation {\n  pname"
    )
    found = step({NOTES: before}, {NOTES: before.replace("  old\n", "  gone\n")})
    assert [(each.before, each.after) for each in found] == [(("old",), ("gone",))]
    # The line after what is said is none of it.
    one = TEXT.replace("stdenv.mkDerivation {\n  pname", "lib.warn ''old''\n  stdenv.mkDerivation {\n  pname")
    assert step({NOTES: one}, {NOTES: one.replace("  stdenv.mk", "  stdenv . mk")}) == ()


HELD = 'passthru = {\n    jre = stdenv.mkDerivation { name = "jre-17"; };'


def test_a_rebuild_hides_nothing_else() -> None:
    before = TEXT.replace("passthru = {", HELD)
    after = before.replace("echo notes", "echo others").replace("jre-17", "jre-11").replace("mainProgram", "program")
    found = step({NOTES: before}, {NOTES: after})
    (jre,) = (each for each in found if each.what.startswith("jre"))
    assert (jre.weight, jre.kind, jre.before, jre.after) == (Weight.CHANGE, Kind.PASSTHRU, "jre-17", "jre-11")
    assert ("notes-server", "meta.mainProgram is gone") in said(found)
    # What a new version brings is no more than that.
    versioned = TEXT.replace("passthru = {", HELD.replace("jre-17", "jre-${version}"))
    found = step({NOTES: versioned}, {NOTES: versioned.replace("4.2.0", "4.3.0")})
    assert {each.kind for each in found if each.weight is not Weight.NOTE} == {Kind.DERIVATION}


def test_a_source_of_what_is_built_differently_keeps_what_it_has() -> None:
    before = FETCHED.replace("  };\n}", '  } // { rev = "1"; };\n}')
    after = before.replace(' // { rev = "1"; }', "").replace('version = "1"', 'version = "1"; extra = 1')
    assert ("notes-fetched", "the attribute src.rev is gone") in said(step({FETCH: before}, {FETCH: after}))


def test_a_new_fetch_with_the_hash_of_its_neighbour_is_a_regression() -> None:
    other = (
        FETCHED[FETCHED.index("  src = ") : FETCHED.rindex("}")].replace("src =", "patch =").replace("1.tar", "2.tar")
    )
    both = FETCHED.replace("  src =", other.replace("source", "patch") + "  src =")
    ((attribute, what),) = said(step({FETCH: FETCHED}, {FETCH: both}))
    assert attribute == "notes-fetched"
    assert what.startswith("patch is fetched differently (urls) and its hash is that of src")
    moved = FETCHED.replace("  src =", "  patch =")
    assert said(step({FETCH: FETCHED}, {FETCH: moved})) == set()


def test_an_argument_that_no_longer_has_an_effect_is_a_regression() -> None:
    switches = "override with all switches {} gives something else"
    another = "override with another {} no longer reaches the derivation"
    cases = (
        ("withA ? false, withB ? false", "withA && withB", "false", switches.format("on")),
        ("withA ? true, withB ? true", "withA || withB", "true", switches.format("off")),
        ("plugins ? [ ]", "plugins", "[ ]", another.format("plugins")),
        ("plugin ? null", "plugin", "null", another.format("plugin")),
    )
    texts = [
        [f'{{ stdenv, {arguments} }}:\nstdenv.mkDerivation {{ name = "x"; it = {it}; }}\n' for it in (old, new)]
        for arguments, old, new, _ in cases
    ]
    judgement, _ = of_cases(*((old, new) for old, new in texts))
    assert said(judgement.differences) == {(f"case-{number}", what) for number, (*_, what) in enumerate(cases)}


def test_a_value_that_an_argument_refuses_is_no_override() -> None:
    text = '{ stdenv, flag ? null }:\nstdenv.mkDerivation { name = "x"; it = flag != null && flag; }\n'
    found = second({SCRIPT: text}, {SCRIPT: text.replace("it =", "at =")}, systems=(NATIVE,))
    assert [each.reason for each in found.not_covered if each.attribute == "notes-python"] == []


def test_an_override_that_is_the_default_now_is_nothing() -> None:
    check = TEXT.replace("  buildInputs", "  doCheck = true;\n  buildInputs")
    for values in (("true", "false"), ("false", "true")):
        texts = (check.replace("doCheck = true", f"doCheck = {value}") for value in values)
        found = step(*({NOTES: text} for text in texts))
        assert {each.kind for each in found if each.weight is not Weight.NOTE} == {Kind.DERIVATION}
    switch = '{ stdenv, withA ? true }:\nstdenv.mkDerivation { name = "x"; it = withA; }\n'
    assert said(step({SCRIPT: switch}, {SCRIPT: switch.replace("withA ? true", "withA ? false")})) == set()


def test_a_package_that_shows_another_one_says_nothing_of_its_own() -> None:
    table = "  shown = final.log-viewer // { passthru.notes = final.notes-server; notes = final.notes-server; };\n"
    found = step({ALL: ("  docker = final", f"{table}  docker = final")}, {NOTES: ("echo notes", "echo others")})
    assert {each.kind for each in found if each.weight is Weight.CHANGE} == {Kind.DERIVATION}


def test_who_maintains_what_regresses_is_known() -> None:
    judgement = judged({DOCKER: ('mainProgram = "docker";', "")})
    assert judgement.maintainers["docker"] == ("nobody",)


def test_of_versions_that_are_too_many_the_derivation_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_MOST", 1)
    found = step(luas(), {LUAS: LUA.replace('"new"', '"newer"')})
    assert {each.attribute for each in found if each.kind is Kind.DERIVATION} == {
        f"lua{name}Packages.one" for name in ("", 52, 53)
    }


def test_versions_that_are_not_compared_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_MOST_ATTRIBUTES", 1)
    unknown = second(luas(), {LUAS: LUA.replace('"new"', '"newer"')}).unknown
    assert [(gap.what, gap.reason) for gap in unknown] == [
        ("lua52Packages, lua53Packages", "too many versions of the package sets: --all")
    ]


def test_what_is_compared_is_counted_on_the_way() -> None:
    told = Steps()
    judge(change({NOTES: ("echo notes", "echo counted")}), JudgeRequest(systems=(NATIVE,)), progress=told)
    assert any(re.fullmatch(r"comparing \d+ attributes?, after", each) for each in told.steps)
    assert any(re.fullmatch(rf"comparing \d+ of \d+ on {NATIVE}, after", each) for each in told.steps)


def test_a_version_of_a_set_that_does_not_evaluate_before_either_is_not_unknown() -> None:
    verdict = second(luas(("", "53"), ("51", "{ }.gone")), {LUAS: LUA.replace('"new"', '"newer"')})
    assert {each.attribute for each in verdict.differences} >= {"luaPackages.one"}
    assert verdict.unknown == ()
