from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests import specimens
from tests.docker.conftest import Steps
from toolkit.docker.inspect_path import WRAPPERS, inspect_path
from toolkit.errors import LayoutError, RefusalError

if TYPE_CHECKING:
    from pathlib import Path

TARGET = "pkgs/applications/virtualization/docker/default.nix"


def path_of(name: str) -> Path:
    return specimens.path(name) / TARGET


@pytest.mark.parametrize("layout", [name for name in specimens.LAYOUTS if name != "19.03"])
def test_only_the_security_wrapper_of_the_prefixed_name_is_hidden(layout: str) -> None:
    found = inspect_path(path_of(layout), progress=Steps())
    assert [(route.name, route.wrapper, route.privileged) for route in found.routes] == [
        ("as it is", "rootlesskit", False),
        ("wrapper-name", "docker-rootlesskit", True),
        ("rewrap", "rootlesskit", True),
        ("fixed", "rootlesskit", True),
    ]
    assert re.search(r"-rootlesskit-[^/]*/bin$", found.routes[0].found)
    assert {route.found for route in found.routes[1:]} == {WRAPPERS}


def test_rewrap_and_the_fix_give_the_same_order() -> None:
    routes = {route.name: route for route in inspect_path(path_of("29.6"), progress=Steps()).routes}
    before, rewrap, fixed = (routes[name].order for name in ("as it is", "rewrap", "fixed"))
    assert routes["wrapper-name"].order == before
    assert (rewrap.prefix[1:], rewrap.suffix) == (fixed.prefix[1:], fixed.suffix)
    assert rewrap.prefix[0] == before.prefix[0]
    assert sorted(rewrap.prefix + rewrap.suffix) == sorted(before.prefix)


def test_fixed_file_needs_no_route() -> None:
    found = inspect_path(path_of("states/fixed"), progress=Steps())
    assert [(route.name, route.privileged) for route in found.routes] == [("as it is", True), ("wrapper-name", True)]


@pytest.mark.parametrize(("name", "error"), [("states/no-wrapper", RefusalError), ("states/unknown", LayoutError)])
def test_file_without_such_a_wrapper_is_refused(name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        inspect_path(path_of(name), progress=Steps())
