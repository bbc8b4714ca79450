"""What the encoder of n1_implant takes as energy, mapped onto the cells of a Liberty library."""
