"""`reach --fix --build`: Nix downloads what has a fake hash, and the file gets the real one."""

import base64
import hashlib
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.reach.conftest import NIXPKGS, SYSTEM
from toolkit.model import Silence, SourceRequest
from toolkit.reach import fixing
from toolkit.reach.effects import Outcome
from toolkit.reach.fixing import Fixes
from toolkit.reach.reaching import ReachRequest

DOWNLOADING = """final: prev: {
  crate = final.crateFrom { version = "1.0.0"; tag = "v1.0.0"; };
  crateFrom = { version, tag }: prev.mkDerivation rec {
    pname = "crate";
    inherit version;
    src = final.source { inherit tag; hash = "@old@"; };
    cargoDeps = final.rustPlatform.fetchCargoVendor {
      inherit src;
      name = "crate-vendor";
      hash = "@old@";
    };
  };
  source = arguments: derivation {
    name = "crate-${arguments.tag}";
    system = "builtin";
    builder = "builtin:fetchurl";
    url = "@address@/${arguments.tag}.tar.gz";
    executable = false;
    unpack = false;
    outputHash = arguments.hash;
    outputHashAlgo = "sha256";
  } // { override = new: final.source (arguments // new); };
  rustPlatform.fetchCargoVendor = arguments: derivation {
    inherit (arguments) name;
    system = "@system@";
    builder = "/bin/sh";
    args = [ "-c" "read -r line <$from; echo vendored $line >$out" ];
    from = arguments.src;
    outputHash = arguments.hash;
    outputHashAlgo = "sha256";
  };
}
"""
"""A package with a download, and another one that is made of it."""

BUMP = """final: prev: {
  crate = prev.crate.overrideAttrs {
    version = "1.1.0";
  };
}
"""
NEW = b"the source of 1.1.0\n"


def sri(content: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(content).digest())
    return f"sha256-{digest.decode()}"


MENDED = f"""final: prev: {{
  crate = prev.crate.overrideAttrs (old: rec {{
    version = "1.1.0";
    src = old.src.override {{ tag = "v${{version}}"; hash = "{sri(NEW)}"; }};
    cargoDeps = final.rustPlatform.fetchCargoVendor {{ inherit src; name = "crate-vendor"; \
hash = "{sri(b"vendored " + NEW)}"; }};
  }});
}}
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Return the address of a server that has the source of 1.1.0."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "v1.1.0.tar.gz").write_bytes(NEW)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


Build = Callable[[str, str], Fixes]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Return what mends a file on a set whose downloads come from an address."""
    settings = ["sandbox = false", "substituters =", "build-users-group ="]
    settings.append("download-attempts = 1")
    monkeypatch.setenv("NIX_CONFIG", "\n".join(settings))

    def run(text: str, address: str) -> Fixes:
        tree = tmp_path / "nixpkgs"
        shutil.copytree(NIXPKGS, tree)
        more = {"address": address, "system": SYSTEM, "old": sri(b"old")}
        overlay = DOWNLOADING
        for name, value in more.items():
            overlay = overlay.replace(f"@{name}@", value)
        (tree / "downloading.nix").write_text(overlay)
        (tree / "default.nix").write_text(
            "{ overlays ? [ ], ... }@given: import ./pkgs/top-level/all-packages.nix "
            "(given // { overlays = [ (import ./downloading.nix) ] ++ overlays; })"
        )
        (tmp_path / "overlay.nix").write_text(text)
        request = ReachRequest(
            paths=(tmp_path / "overlay.nix",),
            source=SourceRequest(nixpkgs=str(tree)),
            systems=(SYSTEM,),
        )
        return fixing.fixes(request, progress=Silence(), is_built=True)

    return run


def test_hashes_come_from_a_server_one_after_the_other(
    build: Build, served: str, tmp_path: Path
) -> None:
    fixes = build(BUMP, served)
    fixing.write(fixes)
    assert (tmp_path / "overlay.nix").read_text() == MENDED
    assert (fixes.unhashed, fixes.mended[0].hashes) == ((), 2)
    (row,) = fixes.after.overrides
    assert (row.status, row.file) == (Outcome.REACHES, f"{tmp_path}/overlay.nix")


def test_fake_hashes_of_the_users_are_filled_too(build: Build, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/v1.1.0.tar.gz").write_bytes(NEW)
    text = MENDED.replace(f'"{sri(NEW)}"', "final.lib.fakeHash")
    text = text.replace(f'"{sri(b"vendored " + NEW)}"', '""')
    fixes = build(text, f"file://{tmp_path}/served")
    assert [change.after for change in fixes.mended] == [MENDED]


def test_without_the_server_fake_hashes_stay_and_the_reason_is_given(
    build: Build, tmp_path: Path
) -> None:
    fixes = build(BUMP, "http://127.0.0.1:9")
    assert fixes.mended[0].after.count("final.lib.fakeHash") == len(fixes.unhashed)
    places = [fake.place for fake in fixes.unhashed]
    reasons = [fake.reason for fake in fixes.unhashed]
    assert places == [
        f"{tmp_path}/overlay.nix:5:58",
        f"{tmp_path}/overlay.nix:7:98",
    ]
    assert reasons[0].startswith("it cannot be fetched: unable to download 'http://")
    assert reasons[1] == "it is made from a download that has no hash"
