"""The training loop, its settings and its callbacks."""

from recval.training.callback import Callback
from recval.training.loop import Loop, Progress, check_optimised, check_weighable
from recval.training.sampling import TripletSampler
from recval.training.settings import Training

__all__ = ["Callback", "Loop", "Progress", "Training", "TripletSampler", "check_optimised", "check_weighable"]
