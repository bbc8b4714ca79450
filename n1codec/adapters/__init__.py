"""Our codecs in other people's libraries: thin layers, each imported by who uses it and by nothing else of the house.

``chunks``         the bytes of one chunk of an array that somebody else's format holds
``numcodecs``      codecs for numcodecs and Zarr 2
``zarr3``          a codec for Zarr 3
``installed``      which of these two is wanted
``originals``      groups of Zarr from which the files of a recording come back
``spikeinterface`` recordings for SpikeInterface
``dask``           recordings as arrays of Dask
``hdf5``           the filter plugin of HDF5
``repack``         NWB files that are coded anew with it

The public names are ``n1codec.zarr``, ``n1codec.spikeinterface`` and ``n1codec.hdf5``.
"""
