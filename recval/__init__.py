"""recval: what the data and the models of a recommender are worth, and how to make both better."""

__version__ = "0.1.0"
