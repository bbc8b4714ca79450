"""What recordings are like: spectra, entropies, statistics of a data set."""
