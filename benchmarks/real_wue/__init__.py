"""Real carbon and water, held against themselves."""
