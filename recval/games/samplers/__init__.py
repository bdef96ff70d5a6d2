"""Samplers: which coalitions a round of Monte Carlo evaluates, and the unbiased estimate that follows."""

from recval.games.samplers.permutation import Permutation

__all__ = ["Permutation"]
