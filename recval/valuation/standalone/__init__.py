"""Valuators that stand alone: they need no part in a training, or run trainings of their own."""

from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing

__all__ = ["StandaloneValuator", "Valued", "Valuing"]
