"""The study of multichannel recordings: what each method makes of one, and what predictors could make of it."""
