"""Uplift studies: which network, head or loss helps, on customers whose truth is known and on real ones.

    folder = study(read(find("configs", "uplift-study-semi-synthetic"), UpliftStudy), "studies/synthetic")
    folder.table()

A study is a table of methods by customers, each cell fitted and tested again on several repeats, and differences from
a reference that are paired over them. Use it before saying that one method is better than another. For one model of
one's own customers a recipe is enough. What it cannot say: methods whose settings were chosen by looking at its tables
are flattered by them.

A study that was interrupted is continued by running it again.
"""

from recval.recipes.uplift.study.folder import UpliftStudyFolder
from recval.recipes.uplift.study.running import check, study
from recval.recipes.uplift.study.schema import UpliftStudy

__all__ = ["UpliftStudy", "UpliftStudyFolder", "check", "study"]
