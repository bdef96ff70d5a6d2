"""Training of the networks of an uplift model: batches of all arms, the loop, what stops it, members of an ensemble."""
