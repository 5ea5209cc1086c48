"""Voice cards: data, no code and no model weights."""
