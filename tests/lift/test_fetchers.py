import pytest

from tests.parsing import assert_parses
from toolkit.errors import LayoutError
from toolkit.lift.fetchers import renewed

SRI = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
"""The SHA-256 of nothing."""


def package(fetcher: str, *lines: str) -> str:
    inner = "".join(f"    {line}\n" for line in lines)
    return f"{{ p, version, {fetcher.rpartition('.')[2]} }}:\n\np {{\n  src = {fetcher} {{\n{inner}  }};\n}}\n"


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ('rev = "refs/tags/v${version}";', 'tag = "v${version}";'),
        ('rev = "refs/tags/${version}"; # it', "tag = version; # it"),
        ('rev = "refs/tags/${p.version}";', "tag = p.version;"),
        ('rev = "refs/tags/${p "-"}";', 'tag = "${p "-"}";'),
        ('rev = "refs/tags/1.0";', 'tag = "1.0";'),
        (f'sha256 = "{SRI}";', f'hash = "{SRI}";'),
        ('sha256 = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";', f'hash = "{SRI}";'),
        ('sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";', f'hash = "{SRI}";'),
    ],
)
def test_a_tag_and_a_hash_get_their_names_and_keep_their_values(line: str, after: str) -> None:
    made = renewed(package("fetchFromGitHub", 'owner = "o";', line), name="package.nix")
    assert_parses(made)
    assert made == package("fetchFromGitHub", 'owner = "o";', after)


@pytest.mark.parametrize(
    ("fetcher", "lines"),
    [
        ("fetchFromGitHub", ['rev = "v1";']),
        ("fetchFromGitHub", ["rev = version;"]),
        ("fetchFromGitHub", ['rev = "refs/tags/1";', 'tag = "1";']),
        ("fetchFromBitbucket", ['rev = "refs/tags/1";']),
        ("fetchurl", ['sha256 = "";']),
        ("fetchurl", ["sha256 = p.fakeSha256;"]),
        ("fetchurl", [f'sha256 = "{SRI}";', f'hash = "{SRI}";']),
        ("fetchsvn", [f'sha256 = "{SRI}";']),
        ("p", [f'sha256 = "{SRI}";']),
    ],
)
def test_what_is_not_the_same_by_another_name_stays(fetcher: str, lines: list[str]) -> None:
    with pytest.raises(LayoutError, match=r"^package.nix: no fetcher has a tag as its rev, or a sha256$"):
        renewed(package(fetcher, *lines), name="package.nix")
