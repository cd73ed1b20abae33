"""The values that the modules hand to one another. No I/O, no formatting for people.

They are imported from here, or called `model.NAME` where one is seldom needed. The module in which a value is defined
is loaded when the value is asked for: to define a dataclass takes a third of a millisecond, and `inspect` needs three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.model.changes import Commit, Patch, Proposal
    from toolkit.model.choices import Demotion, Extra, OverlayKind, Strategy
    from toolkit.model.inspections import Component, Inspection, Release
    from toolkit.model.pins import Oid, Pin
    from toolkit.model.proofs import Progress, Proof, Status
    from toolkit.model.reports import Column, OverlayReport, Report
    from toolkit.model.requests import CheckRequest, Depth, OverlayRequest, ProposeRequest, SourceRequest, Tier
    from toolkit.model.routes import PathInspection, PathOrder, Route
    from toolkit.model.sources import Source
else:
    from importlib import import_module

    _MODULES = {
        "changes": "Commit Patch Proposal",
        "choices": "Demotion Extra OverlayKind Strategy",
        "inspections": "Component Inspection Release",
        "pins": "Oid Pin",
        "proofs": "Progress Proof Status",
        "reports": "Column OverlayReport Report",
        "requests": "CheckRequest Depth OverlayRequest ProposeRequest SourceRequest Tier",
        "routes": "PathInspection PathOrder Route",
        "sources": "Source",
    }
    _HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "CheckRequest",
    "Column",
    "Commit",
    "Component",
    "Demotion",
    "Depth",
    "Extra",
    "Inspection",
    "Oid",
    "OverlayKind",
    "OverlayReport",
    "OverlayRequest",
    "Patch",
    "PathInspection",
    "PathOrder",
    "Pin",
    "Progress",
    "Proof",
    "Proposal",
    "ProposeRequest",
    "Release",
    "Report",
    "Route",
    "Source",
    "SourceRequest",
    "Status",
    "Strategy",
    "Tier",
]
