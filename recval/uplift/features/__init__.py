"""Features of customers: what their columns hold, how they become numbers and codes, how new rows differ."""

from recval.uplift.features.columns import codes_of, feature_frame, held, numbers_of
from recval.uplift.features.differences import Differences
from recval.uplift.features.encoder import Encoded, FeatureEncoder

__all__ = ["Differences", "Encoded", "FeatureEncoder", "codes_of", "feature_frame", "held", "numbers_of"]
