"""The study of what values mean: do they find noise, do they pick what to train on, do they move what they aim at.

    study(read(find("configs", "my-study"), Study), "studies/mine", local_executor(2))

A study is a family of ordinary runs, one for each noise setting and backbone, and tables over all of them: noise
detection, removal and addition curves, target metrics, stability, cost. Use it before a claim about values is made; for
a single question on a single backbone, a recipe is enough. What it cannot say: values that find injected noise need not
find natural noise, and a value is a statement about one backbone on one data set.

Every run lies in a folder of its own, with its own report. A study that was interrupted is continued by running it
again.
"""

from recval.recipes.study.running import check, study
from recval.recipes.study.schema import Study

__all__ = ["Study", "check", "study"]
