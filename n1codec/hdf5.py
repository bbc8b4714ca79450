"""HDF5 and NWB: importing this module lets h5py read and write datasets that our codecs compress (docs/hdf5.md).

::

    import h5py
    import n1codec.hdf5

    with h5py.File("recording.h5", "w") as file:
        file.create_dataset("data", data=samples, chunks=(30000, 384), **n1codec.hdf5.compression())
"""

from n1codec.adapters.hdf5 import FILTER_ID, compression, plugin_folder, register

__all__ = ["FILTER_ID", "compression", "plugin_folder", "register"]

register()
