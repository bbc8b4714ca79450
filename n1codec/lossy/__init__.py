"""How near to a recording what comes back of it is, and what could be."""
