"""The search for parameters of a model and settings of its training that do best on the validation part.

    tuned = tune(read(find("configs", "tune-bpr-ml100k"), Search), "search/bpr", local_executor(2))
    tuned.best, tuned.parameters, tuned.training

Use it before models are compared, with a like number of trials for each: a comparison of defaults says more about the
defaults than about the models. Do not report what it finds: the best of many validation figures is too good by chance.
Train with the winner on other seeds, and report the test part.

A folder holds one JSON file for each finished trial, and nothing else is needed to continue. Trials are asked for in
generations of `parallel`, from a sampler that is seeded by the generation and has seen the earlier ones only, so that
neither the number of workers nor an interruption changes what is tried.
"""

from recval.recipes.search.schema import Search
from recval.recipes.search.tuning import Tuned, check, tune

__all__ = ["Search", "Tuned", "check", "tune"]
