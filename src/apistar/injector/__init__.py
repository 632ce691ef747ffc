"""Signatures become plans when the application is built, and plans become arguments when a connection comes."""

from .component import Binding, BindingKind, Component, Lifetime, NotApplicable, Source
from .explain import explained
from .injector import Injector
from .plan import MISSING, Arguments, Plan, Resolution, Step, StepKind
from .program import Program
from .provider import Provider
from .signature import name_of, where

__all__ = [
    "MISSING",
    "Arguments",
    "Binding",
    "BindingKind",
    "Component",
    "Injector",
    "Lifetime",
    "NotApplicable",
    "Plan",
    "Program",
    "Provider",
    "Resolution",
    "Source",
    "Step",
    "StepKind",
    "explained",
    "name_of",
    "where",
]
