"""Training of profiles for the codec n1: what it knows of a converter before it sees a recording."""
