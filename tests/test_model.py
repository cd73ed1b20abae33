from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

from toolkit import model
from toolkit.model import Oid

MODULES = [f"toolkit.model.{module.name}" for module in pkgutil.iter_modules(model.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_every_value_is_found_where_all_are_imported_from(name: str) -> None:
    module = import_module(name)
    defined = {each: value for each, value in inspect.getmembers(module, inspect.isclass) if value.__module__ == name}
    assert defined
    assert {each: getattr(model, each) for each in defined} == defined


def test_only_what_is_asked_for_is_loaded() -> None:
    code = "import sys; from toolkit.model import Oid; print(*(each for each in sys.modules if 'model.' in each))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [Oid.__module__]


def test_other_names_are_refused_as_by_any_module() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Oidd'"):
        exec("from toolkit.model import Oidd")  # noqa: S102 - type checkers refuse it as well
