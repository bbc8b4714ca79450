"""Search for the pipelines that compress recordings best."""
