"""Budgeted targeting: whom to treat, with which treatment, and what that earns.

`target` chooses for the highest expected profit within a budget, from predicted uplift; `roi_curve` shows what each
budget is expected to earn, and `measured_roi_curve` what it did earn on held-out customers of an experiment; `gainers`
tells who the customers of highest uplift are.
"""

from recval.uplift.targeting.budget import Budget
from recval.uplift.targeting.choosing import Targeting, target
from recval.uplift.targeting.gainers import gainers
from recval.uplift.targeting.roi import measured_roi_curve, roi_curve

__all__ = ["Budget", "Targeting", "gainers", "measured_roi_curve", "roi_curve", "target"]
