"""From the contents that a rewrite gives to a proven proposal on disk, whatever package it is about."""

from __future__ import annotations

from toolkit.propose.draft import Draft, make
from toolkit.propose.writing import Order, template, write

__all__ = ["Draft", "Order", "make", "template", "write"]
