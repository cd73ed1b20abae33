from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

from toolkit import model

MODULES = [f"toolkit.model.{module.name}" for module in pkgutil.iter_modules(model.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_every_value_is_found_where_all_are_imported_from(name: str) -> None:
    module = import_module(name)
    defined = {each: value for each, value in inspect.getmembers(module, inspect.isclass) if value.__module__ == name}
    assert defined
    assert {each: getattr(model, each) for each in defined} == defined
