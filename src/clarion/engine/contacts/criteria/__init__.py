"""Criteria: queries for contacts, written as JSON, compiled to SQL."""

from clarion.engine.contacts.criteria.compiling import compile_criteria
from clarion.engine.contacts.criteria.model import Compiled
from clarion.engine.contacts.criteria.service import compile_for, with_criteria
from clarion.errors import InvalidCriteria

__all__ = ["Compiled", "InvalidCriteria", "compile_criteria", "compile_for", "with_criteria"]
