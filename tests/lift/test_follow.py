"""What follows the package: whole, with what is between, and without a source of its own beside the new version."""

import re

import pytest

from tests.lift.texts import lifted
from toolkit.errors import RefusalError
from toolkit.lift.defaults import LiftChoice, ways
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import Lifted, lift
from toolkit.nix import program

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
    made = lift(text, LiftWay(design=Design.MOVE, follow=("src", "version"), whole=whole), name="package.nix")
    program.parse_text(made.text.encode(), name="package.nix")
    return made


def lift_version(text: str) -> Lifted:
    return lift(text, LiftWay(design=Design.MOVE, follow=("version",)), name="package.nix")


def refused(fact: str, text: str, *, whole: bool = False) -> None:
    with pytest.raises(RefusalError, match=fact):
        followed(text, whole=whole)


def test_a_let_that_holds_only_the_packages_own_attributes_goes_with_the_part() -> None:
    made = followed(app(), whole=True)
    assert made.text == (
        "{ buildApp, buildUi, fetchYarnDeps, fetchurl, lib, runCommand }:\n"
        "\n"
        "buildApp (finalAttrs: {\n"
        '  pname = "app";\n'
        '  version = "1";\n'
        "\n"
        "  src = fetchurl {\n"
        '    name = "v${finalAttrs.version}";\n'
        "  };\n"
        "\n"
        "  e = [ finalAttrs.passthru.ui ];\n"
        '  repo = "app";\n'
        '  sourceRoot = "${finalAttrs.src.name}/app";\n'
        "  passthru.ui = buildUi {\n"
        '    pname = "${finalAttrs.pname}-ui";\n'
        "    inherit (finalAttrs) version src;\n"
        "    cache = null;\n"
        "  };\n"
        "})\n"
    )
    assert made.own == ("pname", "version", "src")


def test_a_name_that_a_part_gives_itself_is_no_name_of_the_package() -> None:
    part = app().replace('buildUi {\n    pname = "${pname}-ui";', 'buildUi rec {\n    pname = "ui";\n    repo = pname;')
    assert "    repo = pname;\n" in followed(part, whole=True).text


def test_what_else_a_let_holds_stays() -> None:
    made = followed(app("  rev = 1;\n\n", "rev"), whole=True)
    assert made.text.startswith(
        "{ buildApp, buildUi, fetchYarnDeps, fetchurl, lib, runCommand }:\n\nlet\n  rev = 1;\nin\n"
    )
    other = followed(app().replace("inherit pname version src", 'inherit version src;\n  pname = "other"'), whole=True)
    assert other.own == ("version", "src")
    assert 'let\n  pname = "app";\nin\n' in other.text


SOURCE_ALONE = '  src = fetchurl {\n    name = "v1";\n  };'


@pytest.mark.parametrize(
    ("own", "after"),
    [
        *(
            (
                f'inherit src;\n  pname = "app";\n{between}  version = "1";',
                f'  pname = "app";\n{between}  version = "1";\n\n{SOURCE_ALONE}\n',
            )
            for between in ("", "  # its version\n", "\n")
        ),
        *(
            (
                f'inherit src;\n  pname = "app";\n  {between}\n  version = "1";',
                f'  pname = "app";\n\n{SOURCE_ALONE}\n\n  {between}\n  version = "1";\n',
            )
            for between in ("inherit lib;", "inherit (lib) id;")
        ),
        ('inherit src; pname = "app"; version = "1";', f'{SOURCE_ALONE} pname = "app"; version = "1";\n'),
    ],
)
def test_a_source_goes_below_the_name_and_the_version_behind_it(own: str, after: str) -> None:
    text = app().replace('  version = "1";\n', "").replace('"v${version}"', '"v1"').replace("{pname}-ui", "{ui}-ui")
    text = text.replace("inherit version src", "inherit src").replace("inherit pname version src;", own)
    text = text.replace('"${ui}-ui"', '"ui"').replace('  pname = "app";\n', "", 1)
    made = followed(text, whole=True)
    assert f"(finalAttrs: {{\n{after}" in made.text


@pytest.mark.parametrize("first", ["ui", "tool"])
def test_what_moves_to_where_passthru_shows_a_part_stays_in_its_order(first: str) -> None:
    parts = {"ui": "  ui = buildUi { e = tool; };\n", "tool": '  tool = buildUi { pname = "t"; };\n'}
    order = [first, *parts.keys() - {first}]
    lets = "".join(parts[name] for name in order)
    shown = "passthru = {\n    inherit ui;\n  };\n"
    text = f"{{ buildApp, buildUi }}:\nlet\n{lets}in\nbuildApp {{\n  e = [ ui ];\n  {shown}}}\n"
    made = lift(text, LiftWay(bindings=("ui", "tool"), design=Design.MOVE), name="package.nix")
    assert sorted(order, key=lambda name: made.text.index(f" {name} = buildUi")) == order


def test_what_is_used_before_the_package_stays_in_the_let() -> None:
    text = app().replace("buildApp rec", "assert version != null;\nbuildApp rec")
    refused("what is followed has to stay in the let", text, whole=True)
    assert [(way.design, way.whole) for way in ways(text, LiftChoice(), name="package.nix")] == [
        (Design.MOVE, False),
        (Design.STAY, False),
    ]
    assert "let\n" in followed(text).text


@pytest.mark.parametrize("names", ["src version", "version src"])
@pytest.mark.parametrize("gap", ["\n", ""])
def test_what_leaves_the_let_stands_below_the_name(names: str, gap: str) -> None:
    text = app().replace('  pname = "app";\n', "").replace('pname = "${pname}-ui";', 'pname = "ui";')
    text = text.replace("inherit pname version src;\n  e", f'inherit {names};\n\n  pname = "app";\n{gap}  e')
    made = followed(text.replace("repo = pname", 'repo = "app"'), whole=True)
    assert (
        "buildApp (finalAttrs: {\n"
        '  pname = "app";\n'
        '  version = "1";\n'
        "\n"
        "  src = fetchurl {\n"
        '    name = "v${finalAttrs.version}";\n'
        "  };\n"
        "\n"
        "  e = [ finalAttrs.passthru.ui ];\n"
    ) in made.text
    beside = text.replace(f"inherit {names};\n\n", f"inherit {names} lib;\n")
    after = followed(beside.replace("repo = pname", 'repo = "app"'), whole=True).text
    assert 'inherit lib;\n  pname = "app";\n  version = "1";\n\n  src =' in after


def test_a_download_or_a_script_between_the_source_and_the_part_moves_along() -> None:
    cache = '  cache = fetchYarnDeps {\n    lock = "${src}/yarn.lock";\n  };\n\n'
    made = followed(app(cache, "cache"))
    assert made.moved == ("cache", "ui")
    assert 'lock = "${finalAttrs.src}/yarn.lock"' in made.text
    assert "inherit (finalAttrs.passthru) cache;" in made.text


def test_what_is_for_one_source_goes_with_it() -> None:
    text = app().replace(
        "  src = fetchurl {", '  vendorHash = "sha256-1";\n\n  patches = [ ./a.patch ];\n\n  src = fetchurl {'
    )
    text = text.replace("inherit version src;", "inherit version src patches vendorHash;")
    text = text.replace("inherit pname version src;", "inherit pname version src vendorHash patches;")
    (first, *_) = ways(text, LiftChoice(), name="package.nix")
    assert (first.follow, first.whole) == (("src", "version", "patches", "vendorHash"), True)
    made = lift(text, LiftWay(design=Design.MOVE, follow=first.follow, whole=True), name="package.nix")
    program.parse_text(made.text.encode(), name="package.nix")
    assert made.own == ("pname", "version", "vendorHash", "patches", "src")
    assert "inherit (finalAttrs) version src patches vendorHash;" in " ".join(made.text.split()).replace(" ;", ";")
    assert (made.text.count("[ ./a.patch ]"), "let" in made.text) == (1, False)
    alone = text.replace("inherit version src patches vendorHash;", "inherit version vendorHash;\n    src = null;")
    assert [way.follow for way in ways(alone, LiftChoice(), name="package.nix")] == [("version",), ()]


def test_what_cannot_go_with_a_source_stays() -> None:
    text = app().replace("  src = fetchurl {", "  patches = [ ];\n\n  src = fetchurl {")
    text = text.replace("inherit version src;", "inherit version src patches;")
    text = text.replace("inherit pname version src;", "inherit pname version src patches;")
    follows = {way.follow for way in ways(text, LiftChoice(), name="package.nix")}
    assert follows == {("src", "version", "patches"), ("src", "version"), ()}


def test_a_function_does_not_become_an_attribute() -> None:
    text = app('  wrapped = name: "${ui}/${name}";\n\n').replace("e = [ ui ];", 'e = [ ui (wrapped "a") ];')
    refused(r"package.nix:11:3: 'wrapped' has to move, and is a function, which is no", text)


def test_hashes_of_what_moves_are_said_and_not_that_of_the_packages_own_source() -> None:
    own = app().replace("src = fetchurl {\n", 'src = fetchurl {\n    hash = "sha256-1";\n')
    assert own != app()
    assert followed(own, whole=True).hashed == {}
    # The package's source takes the version with it, wherever it is written.
    assert [followed(each, whole=True).fetched for each in (own, app())] == [True, False]
    let, _, rest = own.partition("  src = fetchurl")
    alone = let + rest.partition("  };\n\n")[2].replace("inherit version src;", "inherit version;")
    inline = alone.replace(
        "  inherit pname version src;", '  inherit pname version;\n  src = fetchurl { url = version; hash = ""; };'
    )
    fixed = inline.replace("url = version;", "")
    assert [lift_version(each).fetched for each in (inline, fixed)] == [True, False]
    cache = app('  cache = fetchYarnDeps {\n    inherit src;\n    hash = "";\n  };\n\n', "cache")
    assert followed(cache).hashed == followed(cache.replace("hash =", "sha256 =")).hashed == {"cache": ("cache",)}
    more = '    src = fetchurl { hash = version; };\n    npmDepsHash = "";\n    cargoHash = "";\n    outputHash = "";\n'
    part = app().replace("inherit version src;\n    cache", f"inherit version;\n{more}    cache")
    assert followed(part).hashed == dict.fromkeys(("src", "npmDeps", "cargoDeps", "outputHash"), ("ui",))
    assert (*followed(part.replace('npmDepsHash = "', 'npmDepsHash = null; # "')).hashed,) == (
        "src",
        "cargoDeps",
        "outputHash",
    )
    # A part may take something of the package, and its own source from elsewhere.
    other = 'src = fetchurl { hash = ""; };\n    patches = [ "${src}/a.patch" ];\n    npmDepsHash = "";\n    cache'
    assert followed(app().replace("inherit version src;\n    cache", other)).hashed == {}
    for patches in ("patches", "cargoPatches"):
        patched = part.replace('npmDepsHash = ""', f"{patches} = [ (fetchurl {{ hash = version; }}) ]")
        assert (*followed(patched).hashed,) == ("src", "cargoDeps", "outputHash")
    assert followed(app().replace("    cache = null", "    hashed = [ ];\n    cache = null")).hashed == {}
    locked = part.replace('outputHash = "";', "mitmCache = fetchurl { data = ./deps.json; };")
    assert (*followed(locked).hashed,) == ("src", "npmDeps", "cargoDeps", "mitmCache")
    # An override of what others of a rec set are made with does not reach these.
    inner = part.replace('outputHash = "";', 'gem = fetchurl { hash = ""; };\n    g = gem;')
    assert (*followed(inner.replace("g = gem;", "")).hashed,) == ("src", "npmDeps", "cargoDeps", "gem")
    recursive = inner.replace("buildUi {", "buildUi rec {")
    for read in ("g = gem;", "g = { inherit gem; };"):
        assert (*followed(recursive.replace("g = gem;", read)).hashed,) == ("npmDeps", "cargoDeps")
    for own in ("", "g = { gem }: gem;"):
        assert (*followed(recursive.replace("g = gem;", own)).hashed,) == ("npmDeps", "cargoDeps", "gem")
    assert [*followed(part.replace("npmDepsHash", "env.npmDepsHash")).hashed][1] == "npmDeps"
    within = part.replace('outputHash = "";', 'a = let gem = fetchurl { hash = ""; }; in gem;')
    assert (*followed(within).hashed,) == ("src", "npmDeps", "cargoDeps")


def test_what_a_part_that_stays_still_takes_from_the_let_is_known() -> None:
    assert lift(app(), LiftWay(design=Design.STAY), name="package.nix").apart == {"ui": ("src", "version")}
    assert followed(app()).apart == {}
    named = app().replace("inherit version src;\n    cache = null", "cache = self.src")
    named = named.replace("in\nbuildApp rec {", "  self = buildApp rec {").removesuffix("}\n") + "};\nin\nself\n"
    assert lift(named, LiftWay(design=Design.STAY), name="package.nix").apart == {"ui": ("src",)}
    assert lift(named.replace("self.src", "self.meta"), LiftWay(design=Design.STAY), name="package.nix").apart == {}


def test_what_a_source_is_called_stays_where_an_overridden_one_need_not_have_it() -> None:
    text = (
        '{ buildApp, f }:\n\nlet\n  tree = f { pname = "t"; src = null; };\nin\nbuildApp {\n  inherit (tree) version;\n'
    )
    made = lift(f"{text}  src = tree;\n  e = [ tree.version tree.tag ];\n}}\n", name="package.nix")
    assert "inherit (tree) version;\n  src = tree;\n  e = [ tree.version finalAttrs.src.tag ];" in made.text


def test_a_part_that_would_be_of_two_versions_is_refused_unless_the_other_describes_it_alone() -> None:
    more = '  meta.changelog = "v${version}";\n\n  cache = fetchYarnDeps {\n    inherit src meta;\n  };\n\n'
    assert followed(app(more, "cache")).moved == ("cache", "ui")
    assert followed(app('  note = "of ${version}";\n\n', "null; meta.description = note")).moved == ("ui",)
    text = app('  flags = [ "-X ${version}" ];\n\n', "flags")
    refused(r"package.nix:11:3: 'ui' is made with 'flags', which takes src or version from", text)
    assert followed(app('  meta.changelog = "v${version}";\n\n', "null; meta = meta")).moved == ("ui",)


def test_a_part_with_a_source_of_its_own_does_not_follow_the_version_alone() -> None:
    own = 'src = fetchurl { name = "${VERSION}"; }'
    text = app().replace("inherit version src;\n    cache", f"inherit version;\n    {own};\n    cache")
    refused(
        r"package.nix:11:3: src or version of the package does not change the source of 'ui'",
        text.replace("${VERSION}", "1"),
    )
    assert followed(text.replace("VERSION", "version")).follows == {"ui": ("version",)}
    changed = text.replace("buildUi {", "lib.ui.overrideAttrs {")
    way = LiftWay(bindings=("ui",), design=Design.MOVE, follow=("version",))
    with pytest.raises(RefusalError, match="an override of version would not reach 'ui'"):
        lift(changed.replace("${VERSION}", "1"), way, name="package.nix")
    assert lift(changed.replace("VERSION", "version"), way, name="package.nix").follows == {"ui": ("version",)}
    made_with = app('  cache = fetchurl "${src}/addons";\n\n').replace(
        "version src;\n    cache", "version;\n    src = cache"
    )
    assert followed(made_with.replace("src = cache = null", "src = cache")).moved == ("cache", "ui")


@pytest.mark.parametrize(
    ("part", "follows"),
    [
        ('rec { inherit version; src = fetchurl "${version}"; }', True),
        ('(own: { inherit version; src = fetchurl "${own.version}"; })', True),
        ("{ inherit version; inherit (sources) src; }", True),
        ('rec { inherit version; tag = version; rev = "1"; src = fetchurl "${tag}${rev}"; }', True),
        ("(own: { inherit version; src = fetchurl { a = own.src; b = own.version; }; })", True),
        ('rec { inherit version; tag = "1"; src = fetchurl tag; }', False),
        ('(own: { inherit version; src = fetchurl { a = own.src; b = "1"; }; })', False),
        ("{ inherit version srcs; }", False),
        ('(own: { inherit version; tag = "1"; src = fetchurl own.tag; })', False),
        ("{ inherit version; inherit (fixed) src; }", False),
    ],
)
def test_a_source_follows_by_way_of_other_attributes(part: str, *, follows: bool) -> None:
    more = "  sources.src = fetchurl version;\n\n  fixed.src = lib;\n\n  srcs = [ lib ];\n\n"
    text = app(more).replace('{\n    pname = "${pname}-ui";\n    inherit version src;\n    cache = null;\n  }', part)
    assert part in text
    if follows and "sources" not in part:
        assert followed(text).follows == {"ui": ("version",)}
    else:
        refused("'sources' has to move" if follows else "change the source of 'ui'", text)


def test_a_source_is_made_with_a_version_that_the_part_inherits_from_where_the_package_does() -> None:
    text = app().replace('  version = "1";', '  self.version = "1";').replace('"v${version}"', '"v1"')
    text = text.replace("inherit pname version src;", "inherit pname src;\n  inherit (self) version;")
    part = "(own: { inherit (self) version; src = fetchurl own.version; })"
    text = text.replace('{\n    pname = "${pname}-ui";\n    inherit version src;\n    cache = null;\n  }', part)
    assert followed(text).follows == {"ui": ("version",)}
    refused("does not change the source of 'ui'", text.replace("own.version", "own.pname"))
    refused("does not change the source of 'ui'", text.replace(part, "{ inherit (self) version src; }"))
    apart = text.replace("pname src;\n  inherit (self) version;", "pname;\n  inherit (self) version src;")
    refused(
        "does not change the source of 'ui'", apart.replace(part, "{ inherit (self) version; inherit (self.ui) src; }")
    )


def test_a_source_that_only_the_parts_have_comes_to_be_in_passthru() -> None:
    text = app().replace("inherit pname version src;\n  e", "inherit pname version;\n  e")
    made = followed(text)
    assert made.moved == ("src", "ui")
    assert '  passthru = {\n    src = fetchurl {\n      name = "v${finalAttrs.version}";\n' in made.text
    assert "inherit (finalAttrs.passthru) src;" in made.text
    assert 'sourceRoot = "${finalAttrs.passthru.src.name}/app"' in made.text
    refused(
        "'ui' is made with 'src', which takes version from the let", text.replace("  e = [", "  src = null;\n  e = [")
    )


def test_a_list_that_becomes_too_long_for_its_line_is_broken_as_nixfmt_breaks_it() -> None:
    rest = "++ lib.optionals stdenv.hostPlatform.isDarwin [ cctools cctools cctools ];"
    text = (
        app().replace("e = [ ui ];", f"e = [ ui f ] {rest}").replace("{ buildApp,", "{ cctools, f, stdenv, buildApp,")
    )
    made = followed(text, whole=True)
    assert f"  e = [\n    finalAttrs.passthru.ui\n    f\n  ]\n  {rest}\n" in made.text


def test_a_source_of_its_own_that_takes_nothing_from_the_package_needs_no_other_hash() -> None:
    own = '    src = fetchurl { hash = "1"; };\n'
    part = app().replace("inherit version src;\n    cache", f"version = src.version;\n{own}    cache")
    made = lift(part, LiftWay(design=Design.MOVE, follow=("src",)), name="package.nix")
    assert (made.follows, made.hashed) == ({"ui": ("src",)}, {})


def test_a_part_takes_nothing_that_the_version_is_made_of() -> None:
    text = app('  build = "2";\n\n').replace('version = "1"', 'version = "1.${build}"')
    assert followed(text, whole=True).moved == ("pname", "version", "src", "ui")
    taken = text.replace("cache = null", "cache = build")
    refused(r"package.nix:1\d:13: version is made of 'build', which an override of that", taken)


@pytest.mark.parametrize("use", ["src.tag", "src.gitRepoUrl"])
def test_what_only_some_sources_have_is_taken_from_the_let_as_before(use: str) -> None:
    text = app().replace("e = [ ui ];", f'e = [ ui ];\n  flags = "${{{use}}}";').replace("buildApp rec {", "buildApp {")
    text = text.replace("  repo = pname;\n", "").replace('  sourceRoot = "${src.name}/app";\n', "")
    refused("what is followed has to stay in the let", text, whole=True)
    made = followed(text)
    assert made.moved == ("ui",)
    assert f'flags = "${{{use}}}";' in made.text
    for each in ("src.name", "src.rev"):
        named = followed(text.replace(use, each), whole=True)
        assert f'flags = "${{finalAttrs.{each}}}";' in named.text


def test_a_source_of_another_name_goes_where_the_package_has_it() -> None:
    text = app().replace("  src = fetchurl", "  sources = fetchurl").replace("buildApp rec {", "buildApp {")
    text = text.replace("inherit version src;\n    cache", "inherit version;\n    src = sources;\n    cache")
    text = text.replace("  inherit pname version src;\n", "  inherit pname version;\n  src = sources;\n")
    text = text.replace("  repo = pname;\n", "").replace('  sourceRoot = "${src.name}/app";\n', "")
    made = followed(text, whole=True)
    assert made.own == ("pname", "version", "sources")
    assert '  src = fetchurl {\n    name = "v${finalAttrs.version}";\n  };\n' in made.text
    assert "sources" not in made.text


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (
            "    inherit version;\n\n    src = sources;\n\n    a = 1;\n",
            "    inherit (finalAttrs) version src;\n\n    a = 1;\n",
        ),
        ("    inherit version;\n\n    src = sources;\n", "    inherit (finalAttrs) version src;\n"),
        (
            "    inherit version;\n    src = sources;\n    a = 1;\n",
            "    inherit (finalAttrs) version src;\n    a = 1;\n",
        ),
        (
            "    inherit version;\n    # Why.\n    src = sources;\n",
            "    inherit (finalAttrs) version;\n    # Why.\n    inherit (finalAttrs) src;\n",
        ),
        (
            "    a = {\n      inherit version;\n    };\n    src = sources;\n",
            "    a = {\n      inherit (finalAttrs) version;\n    };\n    inherit (finalAttrs) src;\n",
        ),
    ],
)
def test_what_a_set_inherits_from_one_place_is_in_one_statement(part: str, written: str) -> None:
    text = app().replace("  src = fetchurl", "  sources = fetchurl").replace("buildApp rec {", "buildApp {")
    ui = '{\n    pname = "${pname}-ui";\n    inherit version src;\n    cache = null;\n  }'
    assert ui in text
    text = text.replace(ui, f'{{\n    pname = "${{pname}}-ui";\n{part}  }}')
    text = text.replace("  inherit pname version src;\n", "  inherit pname version;\n  src = sources;\n")
    text = text.replace("  repo = pname;\n", "").replace('  sourceRoot = "${src.name}/app";\n', "")
    assert (
        f'  passthru.ui = buildUi {{\n    pname = "${{finalAttrs.pname}}-ui";\n{written}  }};\n'
        in followed(text, whole=True).text
    )


SOURCE = """\
  source = {
    version = "1";
    hash = "2";
    uiHash = "3";
  };

"""


def sourced(cache: str) -> str:
    """Return a package whose source and version are taken from a set, as something of its part is."""
    text = app().replace('  version = "1";\n', SOURCE + "  inherit (source) hash version;\n")
    text = text.replace('name = "v${version}"', 'inherit hash; name = "v${source.version}"')
    return text.replace("cache = null", f"cache = {cache}")


@pytest.mark.parametrize("cache", ["source.uiHash", "source.${stdenv.system}", "source.version"])
def test_a_part_takes_other_attributes_of_the_set_that_has_the_version(cache: str) -> None:
    text = sourced(cache).replace("{ buildApp,", "{ stdenv, buildApp,").replace("hash version;", "hash uiHash version;")
    if cache == "source.version":
        refused("is made of 'source', which an override of that does not reach here", text)
        text = text.replace("hash uiHash version;", "hash uiHash;")
        text = text.replace("inherit pname version src;", "inherit pname src;\n  inherit (source) version;")
        text = text.replace("inherit version src;", "inherit src;\n    inherit (source) version;")
        assert "cache = finalAttrs.version;" in followed(text).text
    else:
        assert followed(text).follows == {"ui": ("src", "version")}
        assert f"cache = {cache};" in followed(text).text


@pytest.mark.parametrize(
    ("made", "follows"),
    [
        ('{ x86_64-linux = "amd64"; }.${stdenv.hostPlatform.system}', True),
        ('{ x86_64-linux = "sha256-1"; }.${stdenv.hostPlatform.system}', False),
        ('{ x86_64-linux = "amd64"; }.${lib.system}', False),
        ('"https://example.org/${stdenv.hostPlatform.system}.zip"', False),
    ],
)
def test_a_part_may_take_what_a_platform_is_called_in_the_source(made: str, *, follows: bool) -> None:
    text = app(f"  arch = {made};\n\n", "arch").replace('"v${version}"', '"v${version}-${arch}"')
    text = text.replace("{ buildApp,", "{ stdenv, buildApp,")
    if follows:
        assert followed(text).follows == {"ui": ("src", "version")}
    else:
        refused("src is made of 'arch', which an override of that does not reach here", text)


def test_a_version_that_is_read_from_a_file_stays_in_the_let() -> None:
    text = app().replace('  version = "1";', "  inherit (lib.importJSON ./version.json) version;")
    text = text.replace("inherit version src;\n", "inherit src;\n").replace("buildApp rec", "buildApp")
    text = text.replace("  repo = pname;\n", "").replace('  sourceRoot = "${src.name}/app";\n', "")
    made = lift(text, LiftWay(design=Design.MOVE, follow=("src",), whole=True), name="package.nix")
    assert made.own == ("pname", "src")
    assert "inherit (lib.importJSON ./version.json) version;\nin\n" in made.text


@pytest.mark.parametrize("cache", ["source.hash", "source", "lib.id source"])
def test_a_part_takes_nothing_of_a_set_that_the_source_takes(cache: str) -> None:
    text = sourced(cache).replace("inherit hash;", "inherit (source) hash;")
    refused("src is made of 'source', which an override of that does not reach here", text)


def test_the_attributes_that_come_to_follow_the_package_are_named_but_patches() -> None:
    meta = '  meta = {\n    homepage = "${version}${pname}";\n    donation.page = version;\n  };\n'
    text = app().replace("  repo = pname;\n", f"  url = src;\n  env.TAG = version;\n{meta}")
    text = text.replace("  inherit pname version src;\n", '  pname = "app";\n  version = "1";\n  inherit src;\n')
    made = followed(text)
    assert (made.unfolded, made.places) == (
        ("src", "version"),
        ("url", "env", "meta.homepage", "meta.donation", "sourceRoot"),
    )
    shown = followed(text.replace("  meta = {", "  passthru = {\n    a = 1;\n    of = version;\n  };\n  meta = {"))
    assert shown.places == ("url", "env", "passthru.of", "meta.homepage", "meta.donation", "sourceRoot")
    text = app().replace("  inherit pname version src;\n", '  pname = "app";\n  version = "1";\n  inherit src;\n')
    text = text.replace("  repo = pname;\n", "  patches = [ version ];\n")
    assert followed(text).places == ("sourceRoot",)
    alone = followed(re.sub(r"  sourceRoot = .*\n", "", text))
    assert "patches = [ finalAttrs.version ];" in alone.text
    assert (alone.recursive, alone.places, alone.unfolded) == (True, (), ())


def test_what_stands_like_a_part_and_stays_is_named_if_the_part_is_made_with_it() -> None:
    more = "  tool = buildUi { src = 1; };\n\n  other = buildUi { src = 2; };\n\n"
    text = app(more, cache="tool").replace(
        "  e = [ ui ];\n", "  e = [ ui tool other ];\n  passthru = { inherit ui tool other; };\n"
    )
    assert lift(text, LiftWay(bindings=("ui",), design=Design.STAY), name="package.nix").left == ("tool",)
    assert lift(text, LiftWay(bindings=("ui", "tool"), design=Design.STAY), name="package.nix").left == ()


def test_what_leaves_the_let_goes_where_a_binding_without_an_inherit_takes_it() -> None:
    bindings = '  version = version;\n  src = src;\n  e = [ ui ];\n  pname = "app";\n'
    text = (
        app().replace("  inherit pname version src;\n  e = [ ui ];\n", bindings).replace('  pname = "app";\n  v', "  v")
    )
    text = text.replace('pname = "${pname}-ui"', 'pname = "ui"').replace("  repo = pname;\n", "")
    text = text.replace("buildApp rec {", "buildApp {").replace('  sourceRoot = "${src.name}/app";\n', "")
    made = followed(text, whole=True).text
    names = [line.split(" =")[0].strip() for line in made.splitlines() if line.startswith("  ") and line[2] != " "]
    assert names == ["version", "src", "};", "e", "pname", "passthru.ui", "};"]


@pytest.mark.parametrize(
    ("own", "part", "follows"),
    [
        ('version = "1.2";', 'version = "1.2";', "src, version"),
        ("inherit version;", 'version = "1.2";', "src, version"),
        ('version = "1.3";', 'version = "1.2";', "src"),
        ('version = "1.2${f}";', 'version = "1.2${f}";', "src"),
        ("inherit (f) version;", 'version = "1.2";', "src"),
        ("inherit (set) version;", 'version = "1.2";', "src"),
        ('version = "1.2";', 'name = "1.2";', "src"),
    ],
)
def test_a_version_that_is_written_out_twice_is_taken_from_the_package(own: str, part: str, follows: str) -> None:
    text = f"""\
{{ buildApp, buildUi, f }}:
let
  version = "1.2";
  set.version = "1.2";
  src = f version;
  ui = buildUi {{
    {part}
    inherit src;
  }};
in
buildApp {{
  inherit src;
  {own}
  e = [ ui ];
}}
"""
    made = lifted(text, design=Design.MOVE, follow=("src",))
    assert ("    inherit (finalAttrs) version src;\n" in made.text) == (follows == "src, version")
    assert made.follows == {"ui": tuple(follows.split(", "))}
    assert "ui" not in lifted(text.replace("inherit src;\n  };", "src = f;\n  };"), "ui", design=Design.MOVE).follows
