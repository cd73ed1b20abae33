"""What is tried for a source, and the hashes of what follows.

`cases/lift/follow.diff` has what becomes of files.
"""

import pytest

from toolkit.lift.defaults import LiftChoice, ways
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift

APP = """\
{{ buildApp, buildUi, fetchYarnDeps, fetchurl, lib, runCommand }}:

let
  pname = "app";
  version = "1";

  src = fetchurl {{
    name = "v${{version}}";
  }};

{more}  ui = buildUi {{
    pname = "${{pname}}-ui";
    inherit version src;
    cache = {cache};
  }};
in
buildApp rec {{
  inherit pname version src;
  e = [ ui ];
  repo = pname;
  sourceRoot = "${{src.name}}/app";
}}
"""


def app(more: str = "", cache: str = "null") -> str:
    return APP.format(more=more, cache=cache)


def followed(text: str, *, whole: bool = False) -> Lifted:
    return lift(
        text,
        LiftWay(design=Design.MOVE, follow=("src", "version"), whole=whole),
        name="package.nix",
    )


def lift_version(text: str) -> Lifted:
    return lift(
        text, LiftWay(design=Design.MOVE, follow=("version",)), name="package.nix"
    )


def tried(text: str) -> list[tuple[Design, tuple[str, ...], bool]]:
    return [
        (way.design, way.follow, way.whole)
        for way in ways(text, LiftChoice(), name="package.nix")
    ]


def test_binding_used_before_the_package_is_not_tried_whole() -> None:
    text = app().replace("buildApp rec", "assert version != null;\nbuildApp rec")
    assert tried(text) == [
        (Design.MOVE, ("src", "version"), False),
        (Design.STAY, (), False),
    ]


def test_patches_and_hash_follow_with_their_source() -> None:
    patched = app().replace(
        "  src = fetchurl {", "  patches = [ ];\n\n  src = fetchurl {"
    )
    patched = patched.replace("inherit version src;", "inherit version src patches;")
    patched = patched.replace(
        "inherit pname version src;", "inherit pname version src patches;"
    )
    assert {follow for _, follow, _ in tried(patched)} == {
        ("src", "version", "patches"),
        ("src", "version"),
        (),
    }
    text = patched.replace(
        "  patches = [ ];\n", '  patches = [ ./a.patch ];\n  vendorHash = "sha256-1";\n'
    )
    text = text.replace("src patches;", "src patches vendorHash;")
    assert tried(text)[0] == (
        Design.MOVE,
        ("src", "version", "patches", "vendorHash"),
        True,
    )
    alone = text.replace(
        "inherit version src patches vendorHash;",
        "inherit version vendorHash;\n    src = null;",
    )
    assert [follow for _, follow, _ in tried(alone)] == [("version",), ()]


def test_a_source_that_stays_in_the_let_does_not_take_another_version() -> None:
    own = app().replace(
        "src = fetchurl {\n", 'src = fetchurl {\n    hash = "sha256-1";\n'
    )
    assert [followed(own, whole=whole).hashes.fetched for whole in (True, False)] == [
        True,
        False,
    ]


def test_downloads_name_a_hash_of_the_package_that_a_part_follows() -> None:
    text = app().replace("e = [", 'vendorHash = "";\n  e = [')
    assert followed(text).hashes.downloads == (("vendorHash",),)
    both = (
        app()
        .replace('version = "1";', 'version = "1";\n  vendorHash = "";')
        .replace("version src;", "version src vendorHash;")
    )
    made = lift(
        both,
        LiftWay(
            design=Design.MOVE, follow=("src", "version", "vendorHash"), whole=True
        ),
        name="package.nix",
    )
    assert (made.hashes.parts, made.hashes.downloads) == ({}, (("vendorHash",),))
    nested = app(cache='fetchYarnDeps { hash = ""; }').replace(
        "ui = buildUi {", "ui = let web = src + web; in buildUi {"
    )
    assert followed(
        nested.replace("inherit version src;\n    cache", "src = web;\n    cache")
    ).hashes.parts == {"cache": ("ui",)}


def test_hashes_of_what_moves_are_said_and_not_that_of_the_packages_own_source() -> (
    None
):
    own = app().replace(
        "src = fetchurl {\n", 'src = fetchurl {\n    hash = "sha256-1";\n'
    )
    assert own != app()
    assert followed(own, whole=True).hashes.parts == {}
    # The package's source takes the version with it, wherever it is written.
    assert [followed(each, whole=True).hashes.fetched for each in (own, app())] == [
        True,
        False,
    ]
    let, _, rest = own.partition("  src = fetchurl")
    alone = let + rest.partition("  };\n\n")[2].replace(
        "inherit version src;", "inherit version;"
    )
    inline = alone.replace(
        "  inherit pname version src;",
        '  inherit pname version;\n  src = fetchurl { url = version; hash = ""; };',
    )
    fixed = inline.replace("url = version;", "")
    assert [lift_version(each).hashes.fetched for each in (inline, fixed)] == [
        True,
        False,
    ]
    cache = app(
        '  cache = fetchYarnDeps {\n    inherit src;\n    hash = "";\n  };\n\n', "cache"
    )
    assert (
        followed(cache).hashes.parts
        == followed(cache.replace("hash =", "sha256 =")).hashes.parts
        == {"outputHash": ("cache",)}
    )
    more = '    src = fetchurl { hash = version; };\n    npmDepsHash = "";\n    cargoHash = "";\n    outputHash = "";\n'
    part = app().replace(
        "inherit version src;\n    cache", f"inherit version;\n{more}    cache"
    )
    assert followed(part).hashes.parts == dict.fromkeys(
        ("src", "npmDeps", "cargoDeps", "outputHash"), ("ui",)
    )
    assert (
        *followed(
            part.replace('npmDepsHash = "', 'npmDepsHash = null; # "')
        ).hashes.parts,
    ) == (
        "src",
        "cargoDeps",
        "outputHash",
    )
    inherited = part.replace('npmDepsHash = ""', "inherit npmDepsHash")
    assert (*followed(inherited).hashes.parts,) == (
        "src",
        "npmDeps",
        "cargoDeps",
        "outputHash",
    )
    # A part may take something of the package, and its own source from elsewhere.
    other = 'src = fetchurl { hash = ""; };\n    patches = [ "${src}/a.patch" ];\n    npmDepsHash = "";\n    cache'
    assert (
        followed(app().replace("inherit version src;\n    cache", other)).hashes.parts
        == {}
    )
    for patches in ("patches", "cargoPatches"):
        patched = part.replace(
            'npmDepsHash = ""', f"{patches} = [ (fetchurl {{ hash = version; }}) ]"
        )
        assert (*followed(patched).hashes.parts,) == ("src", "cargoDeps", "outputHash")
    assert (
        followed(
            app().replace("    cache = null", "    hashed = [ ];\n    cache = null")
        ).hashes.parts
        == {}
    )
    locked = part.replace(
        'outputHash = "";', "mitmCache = fetchurl { data = ./deps.json; };"
    )
    assert (*followed(locked).hashes.parts,) == (
        "src",
        "npmDeps",
        "cargoDeps",
        "mitmCache",
    )
    # An override of what others of a rec set are made with does not reach these.
    inner = part.replace(
        'outputHash = "";', 'gem = fetchurl { hash = ""; };\n    g = gem;'
    )
    assert (*followed(inner.replace("g = gem;", "")).hashes.parts,) == (
        "src",
        "npmDeps",
        "cargoDeps",
        "gem",
    )
    recursive = inner.replace("buildUi {", "buildUi rec {")
    for read in ("g = gem;", "g = { inherit gem; };"):
        assert (*followed(recursive.replace("g = gem;", read)).hashes.parts,) == (
            "npmDeps",
            "cargoDeps",
        )
    for own in ("", "g = { gem }: gem;"):
        assert (*followed(recursive.replace("g = gem;", own)).hashes.parts,) == (
            "npmDeps",
            "cargoDeps",
            "gem",
        )
    assert [*followed(part.replace("npmDepsHash", "env.npmDepsHash")).hashes.parts][
        1
    ] == "npmDeps"
    within = part.replace(
        'outputHash = "";', 'a = let gem = fetchurl { hash = ""; }; in gem;'
    )
    assert (*followed(within).hashes.parts,) == ("src", "npmDeps", "cargoDeps")


@pytest.mark.parametrize(
    ("name", "updated"),
    [("offlineCache", ("ui",)), ("zigDeps", ("ui",)), ("deps", ()), ("src", ())],
)
def test_nix_update_gets_the_parts_whose_downloads_it_knows(
    name: str, updated: tuple[str, ...]
) -> None:
    text = (
        app()
        .replace("cache = null;", f'{name} = fetch {{ inherit version; hash = ""; }};')
        .replace(" src;\n    ", ";\n    ")
    )
    made = followed(
        text.replace("e = [", "passthru.updateScript = nix-update-script { };\n  e = [")
    )
    assert made.hashes.parts == {name: ("ui",)}
    assert made.hashes.updated == updated
    assert ("--subpackage" in made.text) is bool(updated)
