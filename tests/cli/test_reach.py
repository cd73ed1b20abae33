"""`unlet reach` as a process, on the specimen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from toolkit import specimen

if TYPE_CHECKING:
    from tests.cli.conftest import Unlet

BEHIND = "# behind the overlay that '{}' writes"


@pytest.mark.parametrize("sealed", [(), ("--sealed",)])
@pytest.mark.parametrize(
    ("override", "instead"),
    [
        (
            'docker = prev.docker.overrideAttrs (old: { moby = old.moby.overrideAttrs { postPatch = "true"; }; });',
            BEHIND.format("unlet overlay docker --kind patched") + ", this override reaches as it is",
        ),
        (
            """notes-server = prev.notes-server.overrideAttrs {
              web-ui = prev.notes-server.overrideAttrs { pname = "notes-server-web-ui"; version = "1.0.0"; };
            };""",
            BEHIND.format("unlet overlay notes-server")
            + ":\nnotes-server = prev.notes-server.overrideAttrs "
            + "(old: { passthru = old.passthru // { web-ui = …; }; });",
        ),
        # Behind the overlay it still leaves the source.
        (
            """docker = prev.docker.overrideAttrs (old: {
              version = "99.0.0";
              moby = old.moby.overrideAttrs { postPatch = "true"; };
            });""",
            None,
        ),
    ],
)
def test_overlay_of_a_package_is_named_if_the_override_reaches_behind_it(
    unlet: Unlet, override: str, instead: str | None, sealed: tuple[str, ...]
) -> None:
    (unlet.cwd / "overlay.nix").write_text(f"final: prev: {{ {override} }}")
    done = unlet("reach", "overlay.nix", "--nixpkgs", specimen.path(), "--json", *sealed)
    (found,) = json.loads(done.stdout)["overrides"]
    assert (done.returncode, found["status"], found["instead"]) == (1, "in part", instead)


def test_places_are_named_as_from_here(unlet: Unlet) -> None:
    (unlet.cwd / "overlay.nix").write_text("final: prev: {\n  notes-server = prev.notes-server;\n}\n")
    done = unlet("reach", "overlay.nix", "--nixpkgs", specimen.path())
    assert done.stdout.splitlines()[0].split() == ["notes-server", "no", "effect", "overlay.nix:2"]
