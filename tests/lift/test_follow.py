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


def hashed(text: str) -> tuple[str, ...]:
    """Return the attributes made by a hash that may have to change."""
    return tuple(followed(text).hashes.parts)


def test_hash_of_the_packages_own_source_is_fetched_and_of_no_part() -> None:
    own = app().replace(
        "src = fetchurl {\n", 'src = fetchurl {\n    hash = "sha256-1";\n'
    )
    assert own != app()
    assert followed(own, whole=True).hashes.parts == {}
    # The package's source takes the version with it, wherever it is written.
    assert followed(own, whole=True).hashes.fetched
    assert not followed(app(), whole=True).hashes.fetched
    let, _, rest = own.partition("  src = fetchurl")
    alone = let + rest.partition("  };\n\n")[2].replace(
        "inherit version src;", "inherit version;"
    )
    inline = alone.replace(
        "  inherit pname version src;",
        '  inherit pname version;\n  src = fetchurl { url = version; hash = ""; };',
    )
    assert lift_version(inline).hashes.fetched
    assert not lift_version(inline.replace("url = version;", "")).hashes.fetched


def test_hash_of_a_moved_download_is_its_output_hash() -> None:
    cache = app(
        '  cache = fetchYarnDeps {\n    inherit src;\n    hash = "";\n  };\n\n', "cache"
    )
    for text in (cache, cache.replace("hash =", "sha256 =")):
        assert followed(text).hashes.parts == {"outputHash": ("cache",)}


MORE = """    src = fetchurl { hash = version; };
    npmDepsHash = "";
    cargoHash = "";
    outputHash = "";
"""
PART = app().replace(
    "inherit version src;\n    cache", f"inherit version;\n{MORE}    cache"
)


def test_hashes_of_a_part_are_named_in_every_form() -> None:
    names = ("src", "npmDeps", "cargoDeps", "outputHash")
    assert followed(PART).hashes.parts == dict.fromkeys(names, ("ui",))
    null = PART.replace('npmDepsHash = "', 'npmDepsHash = null; # "')
    assert hashed(null) == ("src", "cargoDeps", "outputHash")
    inherited = PART.replace('npmDepsHash = ""', "inherit npmDepsHash")
    assert hashed(inherited) == names
    assert hashed(PART.replace("npmDepsHash", "env.npmDepsHash"))[1] == "npmDeps"
    locked = PART.replace(
        'outputHash = "";', "mitmCache = fetchurl { data = ./deps.json; };"
    )
    assert hashed(locked) == ("src", "npmDeps", "cargoDeps", "mitmCache")


def test_hashes_that_do_not_depend_on_the_package_are_not_named() -> None:
    # A part may take something of the package, and its own source from elsewhere.
    other = """src = fetchurl { hash = ""; };
    patches = [ "${src}/a.patch" ];
    npmDepsHash = "";
    cache"""
    assert hashed(app().replace("inherit version src;\n    cache", other)) == ()
    for patches in ("patches", "cargoPatches"):
        patched = PART.replace(
            'npmDepsHash = ""', f"{patches} = [ (fetchurl {{ hash = version; }}) ]"
        )
        assert hashed(patched) == ("src", "cargoDeps", "outputHash")
    empty = app().replace("    cache = null", "    hashed = [ ];\n    cache = null")
    assert hashed(empty) == ()


def test_hash_that_others_within_a_part_take_is_not_named() -> None:
    gem = 'gem = fetchurl { hash = ""; };\n    g = gem;'
    inner = PART.replace('outputHash = "";', gem)
    alone = inner.replace("g = gem;", "")
    assert hashed(alone) == ("src", "npmDeps", "cargoDeps", "gem")
    # An override of what others of a rec set are made with does not reach these.
    recursive = inner.replace("buildUi {", "buildUi rec {")
    for read in ("g = gem;", "g = { inherit gem; };"):
        text = recursive.replace("g = gem;", read)
        assert hashed(text) == ("npmDeps", "cargoDeps")
    for own in ("", "g = { gem }: gem;"):
        text = recursive.replace("g = gem;", own)
        assert hashed(text) == ("npmDeps", "cargoDeps", "gem")
    within = PART.replace(
        'outputHash = "";', 'a = let gem = fetchurl { hash = ""; }; in gem;'
    )
    assert hashed(within) == ("src", "npmDeps", "cargoDeps")


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
