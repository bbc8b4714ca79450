"""NWB files whose electrical series are coded anew: everything else is the same, and all of it is compared.

An NWB file is an HDF5 file. HDF5 does not give back the room of a dataset that is removed, so a new file is written:
groups, links and datasets one by one, references pointing at what has the same name there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

import n1codec.hdf5
from n1codec import files
from n1codec.codec import CodecError, FormatError

_BLOCK = 1 << 24
"""Bytes of a chunk at most."""
_RATE = 30_000
"""Frames a second of a series that says times instead of a rate."""


class Repacked(NamedTuple):
    """A dataset that was coded anew."""

    name: str
    shape: tuple[int, ...]
    samples: int
    """Bytes of its samples."""
    before: int
    """Bytes that it took in the old file."""
    after: int


def repack(
    path: str | Path, target: str | Path, spec: str = "n1_multi", advance: Callable[[int], object] = lambda size: None
) -> list[Repacked]:
    """Write a copy of an NWB file whose electrical series are coded with one of the filter's codecs, and verify it.

    Samples, attributes and links are compared before ``target``, which may be ``path``, gets its name.

    Args:
        advance: is told the bytes of samples that were written or compared since it was called before.

    Raises:
        FormatError: it is no HDF5 file, or has no electrical series.
        CodecError: the filter has no such codec; a series has samples that it does not take; there are things in the
            file that this cannot copy.
        OSError: a file cannot be read or written.
    """
    with _opened(path) as source:
        if not (chosen := list(electrical_series(source))):
            raise FormatError("there is no electrical series in it")
        if source.userblock_size:
            raise CodecError("it has a user block, which would be lost")
        with files.writing(target) as file:
            access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
            access.set_fileobj_driver(h5py.h5fd.fileobj_driver, file)
            begun = h5py.h5f.create(b"repacked", h5py.h5f.ACC_TRUNC, _properties(source), access)
            with h5py.File(begun) as copy:
                found = _Copy(source, copy, chosen, n1codec.hdf5.compression(spec), advance).all()
            access.set_fileobj_driver(h5py.h5fd.fileobj_driver, file)
            with h5py.File(h5py.h5f.open(b"repacked", h5py.h5f.ACC_RDONLY, access)) as copy:
                _compare(source, copy, chosen, advance)
    return found


def size_of_series(path: str | Path) -> int:
    """Return the bytes of the samples of all electrical series of a file.

    Raises:
        FormatError: it is no HDF5 file.
        OSError: it cannot be read.
    """
    with _opened(path) as file:
        return sum(file[name].nbytes for name in electrical_series(file))


def _opened(path: str | Path) -> h5py.File:
    files.view(path)  # where it cannot be read, that is said as of any other file
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise FormatError("it is no HDF5 file") from error


def _properties(source: h5py.File) -> Any:
    """Return what a file like this one is created with; in which order links come is the root group's property."""
    properties, root = source.id.get_create_plist(), source["/"].id.get_create_plist()
    properties.set_link_creation_order(root.get_link_creation_order())
    properties.set_attr_creation_order(root.get_attr_creation_order())
    return properties


def electrical_series(file: h5py.File) -> Iterator[str]:
    """Yield the paths of the samples of each electrical series of a file."""
    found: list[str] = []

    def look(name: str, item: Any) -> None:
        kind = item.attrs.get("neurodata_type") if isinstance(item, h5py.Group) else None
        if kind in ("ElectricalSeries", b"ElectricalSeries"):
            data = item.get("data", getlink=True)
            if isinstance(data, h5py.HardLink) and item["data"].size:
                found.append(f"/{name}/data")

    file.visititems(look)
    yield from found


class _Copy:
    """A file's groups, links and datasets, written to another."""

    def __init__(
        self,
        source: h5py.File,
        copy: h5py.File,
        chosen: list[str],
        how: dict[str, Any],
        advance: Callable[[int], object],
    ) -> None:
        self.source, self.copy, self.chosen, self.how, self.advance = source, copy, set(chosen), how, advance
        self.names: dict[int, str] = {}
        """The first path of each object, by its address."""
        self.found: list[Repacked] = []

    def all(self) -> list[Repacked]:
        self._enter("/", self.source["/"])
        for name in list(self.names.values()):
            self._attributes(name)
            if isinstance(item := self.source[name], h5py.Dataset) and _has_references(item.dtype) and item.size:
                self.copy[name][...] = _pointed(item[...], self.source, self.copy)
        return self.found

    def _enter(self, path: str, group: h5py.Group) -> None:
        self.names[_address(group)] = path
        for name in group:
            self._add(f"{path.rstrip('/')}/{name}", group.get(name, getlink=True))

    def _add(self, path: str, link: Any) -> None:
        if not isinstance(link, h5py.HardLink):
            self.copy[path] = link
            return
        item = self.source[path]
        if (known := self.names.get(_address(item))) is not None:
            self.copy[path] = self.copy[known]
        elif isinstance(item, h5py.Group):
            h5py.h5g.create(self.copy.id, path.encode(), gcpl=item.id.get_create_plist())
            self._enter(path, item)
        elif isinstance(item, h5py.Dataset):
            self.names[_address(item)] = path
            if path in self.chosen:
                self._code(path, item)
            elif _has_references(item.dtype):
                plist = item.id.get_create_plist()
                h5py.h5d.create(self.copy.id, path.encode(), item.id.get_type(), item.id.get_space(), dcpl=plist)
            else:
                flags = h5py.h5p.create(h5py.h5p.OBJECT_COPY)
                flags.set_copy_object(h5py.h5o.COPY_WITHOUT_ATTR_FLAG)
                h5py.h5o.copy(self.source.id, path.encode(), self.copy.id, path.encode(), flags)
        else:
            raise CodecError(f"{path} is neither a group nor a dataset")

    def _code(self, path: str, item: h5py.Dataset) -> None:
        try:
            kept = {"maxshape": item.maxshape, "fillvalue": item.fillvalue}
            kept["track_order"] = bool(item.id.get_create_plist().get_attr_creation_order())
            new = self.copy.create_dataset(path, item.shape, item.dtype, chunks=_chunk(item), **kept, **self.how)
        except ValueError as error:
            raise CodecError(f"{path}: the filter does not take {item.dtype}") from error
        for start in range(0, len(item), new.chunks[0]):
            block = item[start : start + new.chunks[0]]
            new[start : start + new.chunks[0]] = block
            self.advance(block.nbytes)
        sizes = item.id.get_storage_size(), new.id.get_storage_size()
        self.found.append(Repacked(path, item.shape, item.nbytes, *sizes))

    def _attributes(self, name: str) -> None:
        source, copy = self.source[name], self.copy[name]
        for key in source.attrs:
            old = source.attrs.get_id(key)
            new = h5py.h5a.create(copy.id, key.encode(), old.get_type(), old.get_space())
            if old.get_space().get_simple_extent_type() != h5py.h5s.NULL:
                new.write(_pointed(_value(old), self.source, self.copy), mtype=h5py.h5t.py_create(old.dtype))


def _address(item: Any) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def _chunk(item: h5py.Dataset) -> tuple[int, ...]:
    """Return a chunk of a second of all channels, or of as much as fits."""
    clock = item.parent.get("starting_time")
    rate = int(clock.attrs.get("rate", _RATE)) if clock is not None else _RATE
    row = item.dtype.itemsize * int(np.prod(item.shape[1:]))
    return (max(1, min(len(item), rate, _BLOCK // row)), *item.shape[1:])


def _value(attribute: Any) -> np.ndarray:
    out = np.empty(attribute.shape, attribute.dtype)
    attribute.read(out, mtype=h5py.h5t.py_create(attribute.dtype))
    return out


def _has_references(dtype: np.dtype[Any]) -> bool:
    if dtype.names:
        return any(_has_references(dtype[name]) for name in dtype.names)
    return h5py.check_ref_dtype(dtype.base) is not None


def _pointed(x: np.ndarray, source: h5py.File, copy: h5py.File) -> np.ndarray:
    """Return an array whose references point at the objects of the same names in another file."""
    if not _has_references(x.dtype):
        return x
    out = x.copy()
    if x.dtype.names:
        for name in x.dtype.names:
            out[name] = _pointed(x[name], source, copy)
        return out
    for place in np.ndindex(x.shape):
        if x[place]:
            out[place] = _same_reference(x[place], source, copy)
    return out


def _same_reference(reference: Any, source: h5py.File, copy: h5py.File) -> Any:
    there = copy[h5py.h5r.get_name(reference, source.id)]
    if not isinstance(reference, h5py.RegionReference):
        return there.ref
    region = h5py.h5r.get_region(reference, source.id)
    return h5py.h5r.create(there.id, b".", h5py.h5r.DATASET_REGION, region)


# -- the same again? ---------------------------------------------------------------------------------------------------


def _compare(source: h5py.File, copy: h5py.File, chosen: list[str], advance: Callable[[int], object]) -> None:
    seen: dict[int, int] = {}
    _same_group("/", source, copy, set(chosen), seen, advance)


def _same_group(
    path: str, source: Any, copy: Any, chosen: set[str], seen: dict[int, int], advance: Callable[[int], object]
) -> None:
    _want(list(source[path]) == list(copy[path]), path)
    _same_attributes(path, source, copy)
    for name in source[path]:
        below = f"{path.rstrip('/')}/{name}"
        old, new = source[path].get(name, getlink=True), copy[path].get(name, getlink=True)
        _want(type(old) is type(new) and vars(old) == vars(new), below)
        if not isinstance(old, h5py.HardLink):
            continue
        a, b = source[below], copy[below]
        if (known := seen.get(_address(a))) is not None:
            _want(known == _address(b), below)
            continue
        seen[_address(a)] = _address(b)
        _want(type(a) is type(b), below)
        if isinstance(a, h5py.Group):
            _same_group(below, source, copy, chosen, seen, advance)
        else:
            _same_attributes(below, source, copy)
            _same_dataset(a, b, source, copy, advance if below in chosen else lambda size: None)


def _same_dataset(a: h5py.Dataset, b: h5py.Dataset, source: Any, copy: Any, advance: Callable[[int], object]) -> None:
    _want((a.shape, a.dtype, a.maxshape) == (b.shape, b.dtype, b.maxshape), a.name)
    if not a.shape:
        _want(a.shape is None or _plain(a[()], source) == _plain(b[()], copy), a.name)
        return
    step = b.chunks[0] if b.chunks else max(1, _BLOCK // max(1, a.nbytes // max(1, len(a))))
    for start in range(0, len(a), step):
        x, y = a[start : start + step], b[start : start + step]
        _want(_plain(x, source) == _plain(y, copy), a.name)
        advance(x.nbytes)


def _same_attributes(path: str, source: Any, copy: Any) -> None:
    old, new = source[path].attrs, copy[path].attrs
    _want(list(old) == list(new), path)
    for key in old:
        a, b = old.get_id(key), new.get_id(key)
        _want(a.get_type() == b.get_type() and a.get_space().shape == b.get_space().shape, f"{path}: {key}")
        if a.get_space().get_simple_extent_type() != h5py.h5s.NULL:
            _want(_plain(_value(a), source) == _plain(_value(b), copy), f"{path}: {key}")


def _plain(x: Any, file: h5py.File) -> Any:
    """Return values so that those of two files can be compared: bytes, or objects with names for references."""
    x = np.asarray(x)
    if x.dtype.names and x.dtype.hasobject:
        return [_plain(x[name], file) for name in x.dtype.names]
    if not x.dtype.hasobject:
        return x.tobytes()
    return [_named(value, file) for value in x.ravel().tolist()]


def _named(value: Any, file: h5py.File) -> Any:
    if isinstance(value, h5py.Reference) and not value:
        return None
    if isinstance(value, h5py.RegionReference):
        space = h5py.h5r.get_region(value, file.id)
        return h5py.h5r.get_name(value, file.id), space.get_select_bounds(), space.get_select_npoints()
    if isinstance(value, h5py.Reference):
        return h5py.h5r.get_name(value, file.id)
    return value.tolist() if isinstance(value, np.ndarray) else value


def _want(same: bool, where: str) -> None:
    if not same:
        raise CodecError(f"{where} came out otherwise (please report this; nothing was written)")
