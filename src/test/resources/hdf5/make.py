"""Makes the HDF5 files of Hdf5CasesTest, and notes in cases.csv what h5py reads of them.

    python3 make.py          with h5py on HDF5 1.10 to 1.14, and hdf5plugin
    python3 make.py newest   with h5py on HDF5 2, for the file that only this writes

A line of cases.csv: file; dataset; then the CRC-32 of the numbers, each as 8 bytes big endian; or
"refused" and words that the refusal must have.
"""

import ctypes
import glob
import os
import shutil
import sys
import zlib

import h5py
import numpy as np

SHAPE = (4, 6, 10)
N = 240
NOISE = np.random.default_rng(1).integers(0, 256, SHAPE).astype("u1")
FEW = np.arange(N).reshape(SHAPE) % 3
cases = []


def note(file, name, words=None):
    """Asks h5py, unless the example is known to refuse the dataset."""
    if words is not None:
        cases.append(f"{file};{name};refused;{words}")
        return
    with h5py.File(file, "r") as h:
        d = h[name]
        kind = d.id.get_type()
        if kind.get_class() == h5py.h5t.ENUM:
            kind = kind.get_super()
        unsigned = kind.get_sign() == 0
        numbers = np.zeros(d.shape, "u8" if unsigned else "i8")
        if d.id.get_type().get_class() == h5py.h5t.ENUM:
            numbers[...] = d[...]
        else:
            memory = h5py.h5t.NATIVE_UINT64 if unsigned else h5py.h5t.NATIVE_INT64
            d.id.read(h5py.h5s.ALL, h5py.h5s.ALL, numbers, memory)
    crc = zlib.crc32(numbers.astype(numbers.dtype.newbyteorder(">")).tobytes())
    cases.append(f"{file};{name};{crc:08x};")


def put(file, h, name, data, words=None, **how):
    h.create_dataset(name, data=data, **how)
    later.append((file, name, words))


def low(h, name, kind, data, setup=lambda plist: None, max_shape=None, shape=SHAPE):
    """A dataset of any type and properties, written by the low-level functions if at all."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    setup(plist)
    space = h5py.h5s.create_simple(shape, max_shape)
    d = h5py.h5d.create(h.id, name.encode(), kind, space, plist)
    if data is not None:
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(data))
    return d


def integer(kind, size=None, order=None, precision=None, offset=None):
    kind = kind.copy()
    if size:
        kind.set_size(size)
    if order is not None:
        kind.set_order(order)
    if precision:
        kind.set_precision(precision)
        kind.set_offset(offset)
    return kind


def library():
    with open("/proc/self/maps") as maps:
        return ctypes.CDLL(next(l.split()[-1] for l in maps if "libhdf5_serial.so" in l))


def types(file):
    with h5py.File(file, "w") as h:
        put(file, h, "raw", NOISE)
        for kind in ["i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4"]:
            info = np.iinfo(kind)
            put(file, h, kind.replace("<", "le_").replace(">", "be_"),
                np.linspace(info.min, info.max, N).astype(kind).reshape(SHAPE))
        for kind in ["<i8", ">i8"]:
            put(file, h, kind.replace("<", "le_").replace(">", "be_"),
                ((np.arange(N) - 120) << 50).astype(kind).reshape(SHAPE))
        put(file, h, "be_u8", (np.arange(N, dtype="u8") << np.uint64(56)).astype(">u8").reshape(SHAPE))
        put(file, h, "bool", FEW == 1)
        for base in ["<i1", ">u2", "<u8"]:
            kind = h5py.enum_dtype({"air": 0, "cell": 1, "wall": 2}, basetype=base)
            put(file, h, "enum_" + base[1:], FEW.astype(base), dtype=kind)
        le, be = h5py.h5t.ORDER_LE, h5py.h5t.ORDER_BE
        for name, kind in {
            "u3": integer(h5py.h5t.STD_U32LE, 3),
            "be_i3": integer(h5py.h5t.STD_I32LE, 3, be),
            "i5": integer(h5py.h5t.STD_I64LE, 5),
            "be_u7": integer(h5py.h5t.STD_U64LE, 7, be),
            "bits_5_of_u2": integer(h5py.h5t.STD_U16LE, precision=5, offset=3),
            "bits_12_of_be_i4": integer(h5py.h5t.STD_I32BE, precision=12, offset=9),
        }.items():
            data = (np.arange(N, dtype="i8").reshape(SHAPE) - 100) * 7
            low(h, name, kind, data)
            later.append((file, name, None))
        low(h, "in_raw_4_bits", integer(h5py.h5t.STD_U8LE, precision=4, offset=0), NOISE)
        later.append((file, "in_raw_4_bits", None))
        h["named"] = np.dtype("<u2")
        d = h.create_dataset("committed", SHAPE, dtype=h["named"])
        d[...] = FEW
        later.append((file, "committed", None))
        later.append((file, "named", "named type"))
        put(file, h, "float", FEW.astype("f4"), "float32")
        put(file, h, "double", FEW.astype("f8"), "float64")
        put(file, h, "half", FEW.astype("f2"), "float16")
        put(file, h, "complex", FEW.astype("c8"), "compound")
        put(file, h, "text", np.full(SHAPE, b"a"), "text")
        put(file, h, "texts", np.full(SHAPE, "a", object), "variable length",
            dtype=h5py.string_dtype())
        put(file, h, "opaque", np.zeros(SHAPE, "V3"), "opaque")
        low(h, "bits", h5py.h5t.STD_B8LE, None)
        later.append((file, "bits", "bit field"))
        low(h, "array", h5py.h5t.array_create(h5py.h5t.STD_U8LE, (10,)), None, shape=(4, 6))
        later.append((file, "array", "array"))
        low(h, "i16", integer(h5py.h5t.STD_I64LE, 16), None)
        later.append((file, "i16", "int128"))
        h.create_dataset("scalar", data=3)
        later.append((file, "scalar", "single value"))
        h.create_dataset("null", data=h5py.Empty("u1"))
        later.append((file, "null", "empty"))
        put(file, h, "flat", np.zeros(N, "u1"), "[240]")
        put(file, h, "image", np.zeros((6, 10), "u1"), "[6, 10]")
        put(file, h, "movie", np.zeros((1,) + SHAPE, "u1"), "[1, 4, 6, 10]")
        put(file, h, "none", np.zeros((0, 6, 10), "u1"), "[0, 6, 10]")
        low(h, "vast", h5py.h5t.STD_U8LE, None, lambda p: p.set_chunk((9, 9, 9)),
            shape=(1 << 40, 1 << 40, 1 << 40))
        later.append((file, "vast", "[1099511627776, 1099511627776, 1099511627776]"))


def layouts(file, **how):
    """Where the elements lie, and what those are that were never written."""
    with h5py.File(file, "w", **how) as h:
        put(file, h, "raw", NOISE)
        put(file, h, "contiguous", FEW.astype(">i4"))
        low(h, "compact", h5py.h5t.STD_U16LE, FEW.astype("u2"),
            lambda p: p.set_layout(h5py.h5d.COMPACT))
        low(h, "compact_never", h5py.h5t.STD_U16LE, None,
            lambda p: (p.set_layout(h5py.h5d.COMPACT), p.set_fill_value(np.array(9, "u2"))))
        for chunks in [(4, 6, 10), (1, 6, 10), (3, 4, 7), (1, 1, 1)]:
            put(file, h, "chunks_%d_%d_%d" % chunks, FEW.astype("<u2"), chunks=chunks)
        limits = {"grows_zx": (None, 6, None)}
        if how:  # an index for each; before, all had a tree
            limits.update(room=(7, 9, 15), grows_z=(None, 6, 10), grows_y=(4, None, 10),
                          grows_x=(4, 8, None))
        for name, limit in limits.items():
            put(file, h, name, FEW.astype("<u2"), chunks=(2, 4, 3), maxshape=limit)
            d = h.create_dataset(name + "_holes", SHAPE, "<i4", chunks=(2, 4, 3),
                                 maxshape=limit, fillvalue=-5)
            d[1, 2, 3] = 1
            d[3, 5, 9] = 2
            later.append((file, name + "_holes", None))
            d = h.create_dataset(name + "_resized", SHAPE, "<i4", chunks=(2, 4, 3),
                                 maxshape=limit, fillvalue=-5, compression="gzip")
            d[...] = FEW
            d.resize([e if l is None or l > e else e - 2 for e, l in zip(SHAPE, limit)])
            d.resize([e + 2 if l is None else e - 1 for e, l in zip(SHAPE, limit)])
            later.append((file, name + "_resized", None))
        early = h5py.h5d.ALLOC_TIME_EARLY
        low(h, "early", h5py.h5t.STD_U16LE, FEW.astype("u2"),
            lambda p: (p.set_chunk((2, 4, 3)), p.set_alloc_time(early)))
        low(h, "early_room", h5py.h5t.STD_U16LE, FEW.astype("u2"),
            lambda p: (p.set_chunk((2, 4, 3)), p.set_alloc_time(early)), (7, 9, 15))
        low(h, "early_fill", h5py.h5t.STD_U16BE, None,
            lambda p: (p.set_chunk((2, 4, 3)), p.set_alloc_time(early),
                       p.set_fill_value(np.array(515, ">u2"))))
        fill = lambda p: p.set_fill_value(np.array(-515, "<i2"))
        chunk = lambda p: p.set_chunk((2, 4, 3))
        never = lambda p: p.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        low(h, "never_contiguous", h5py.h5t.STD_I16BE, None)
        low(h, "never_contiguous_fill", h5py.h5t.STD_I16BE, None, fill)
        low(h, "never_chunked", h5py.h5t.STD_I16BE, None, chunk)
        low(h, "never_chunked_fill", h5py.h5t.STD_I16BE, None, lambda p: (chunk(p), fill(p)))
        for name in ["compact", "compact_never", "early", "early_room", "early_fill",
                     "never_contiguous", "never_contiguous_fill", "never_chunked",
                     "never_chunked_fill"]:
            later.append((file, name, None))
        low(h, "no_fill_contiguous", h5py.h5t.STD_I16BE, None, lambda p: (fill(p), never(p)))
        low(h, "no_fill_chunked", h5py.h5t.STD_I16BE, None,
            lambda p: (chunk(p), fill(p), never(p)))
        lib = library()
        undefined = lambda p: lib.H5Pset_fill_value(
            ctypes.c_int64(p.id), ctypes.c_int64(h5py.h5t.STD_I16BE.id), None)
        low(h, "undefined_contiguous", h5py.h5t.STD_I16BE, None, undefined)
        low(h, "undefined_chunked", h5py.h5t.STD_I16BE, None, lambda p: (chunk(p), undefined(p)))
        for name in ["no_fill_contiguous", "no_fill_chunked", "undefined_contiguous",
                     "undefined_chunked"]:
            later.append((file, name, "never written|no fill value"))
        if how:
            low(h, "plain_edges", h5py.h5t.STD_U16LE, FEW.astype("u2"),
                lambda p: (p.set_chunk((3, 4, 7)), p.set_shuffle(), p.set_deflate(4),
                           lib.H5Pset_chunk_opts(ctypes.c_int64(p.id), 2)))
            later.append((file, "plain_edges", None))
        view = h5py.VirtualLayout(SHAPE, "u2")
        view[...] = h5py.VirtualSource(file, "contiguous", SHAPE)
        if how:
            h.create_virtual_dataset("virtual", view)
            later.append((file, "virtual", "virtual|h5repack -l CONTI"))
        h.create_dataset("external", SHAPE, "u1", external=[("gone.bin", 0, h5py.h5f.UNLIMITED)])
        later.append((file, "external", "external files|h5repack -l CONTI"))


def filters(file):
    import hdf5plugin

    with h5py.File(file, "w") as h:
        put(file, h, "raw", NOISE)
        how = {"chunks": (3, 4, 7)}
        few = FEW.astype(">u4")
        put(file, h, "deflate", few, compression="gzip", **how)
        put(file, h, "deflate_noise", NOISE, compression="gzip", **how)  # skipped: it would grow
        put(file, h, "shuffle", few, shuffle=True, **how)
        put(file, h, "all", few, compression="gzip", shuffle=True, fletcher32=True, **how)
        put(file, h, "lzf", few, compression="lzf", shuffle=True, **how)
        put(file, h, "lzf_noise", NOISE, compression="lzf", **how)
        put(file, h, "fletcher32", NOISE, fletcher32=True, **how)
        put(file, h, "fletcher32_odd", NOISE, fletcher32=True, chunks=(1, 3, 5))
        low(h, "fletcher32_then_deflate", h5py.h5t.STD_U8LE, NOISE // 16,
            lambda p: (p.set_chunk((3, 4, 7)), p.set_fletcher32(), p.set_deflate(9)))
        low(h, "skipped_by_hand", h5py.h5t.STD_U16LE, None,
            lambda p: (p.set_chunk(SHAPE), p.set_shuffle(), p.set_deflate(9)))
        for mask, name in [(3, "skipped_by_hand")]:
            h[name].id.write_direct_chunk((0, 0, 0), FEW.astype("<u2").tobytes(), mask)
        put(file, h, "lz4", few, compression=32004, compression_opts=(0,), **how)
        put(file, h, "lz4_noise", NOISE, compression=32004, compression_opts=(0,), **how)
        for name in ["fletcher32_then_deflate", "skipped_by_hand"]:
            later.append((file, name, None))
        put(file, h, "szip", few, "szip (filter 4)|h5repack -f NONE", compression="szip", **how)
        put(file, h, "scale_offset", few, "scale-offset (filter 6)|h5repack", scaleoffset=0, **how)
        low(h, "nbit", integer(h5py.h5t.STD_U8LE, precision=4, offset=0), FEW.astype("u1"),
            lambda p: (p.set_chunk((3, 4, 7)), p.set_filter(h5py.h5z.FILTER_NBIT)))
        later.append((file, "nbit", "nbit (filter 5)|h5repack -f NONE"))
        for name, plugin in {
            "bitshuffle (filter 32008)": hdf5plugin.Bitshuffle(),
            "Blosc (filter 32001)": hdf5plugin.Blosc(),
            "bzip2 (filter 307)": hdf5plugin.BZip2(),
        }.items():
            put(file, h, name.split()[0].lower(), few, name + "|h5repack -f NONE", **plugin, **how)
        low(h, "unneeded", h5py.h5t.STD_U16LE, None,
            lambda p: (p.set_chunk((3, 4, 7)), p.set_scaleoffset(h5py.h5z.SO_INT, 0)))
        later.append((file, "unneeded", None))
        put(file, h, "spoilt", NOISE, "checksum does not fit|another copy", chunks=SHAPE,
            fletcher32=True)
        put(file, h, "cut", np.zeros(SHAPE, "u1"), "cannot be decoded|another copy", chunks=SHAPE,
            compression="gzip")
        spoilt = [h[name].id.get_chunk_info(0).byte_offset for name in ("spoilt", "cut")]
    with open(file, "r+b") as f:
        f.seek(spoilt[0] + 100)
        byte = f.read(1)[0]
        f.seek(spoilt[0] + 100)
        f.write(bytes([byte ^ 4]))
        f.seek(spoilt[1] + 2)
        f.write(b"\xff\xff\xff")


def links(file, target, **how):
    with h5py.File(target, "w", **how) as h:
        h["raw"] = NOISE
        h["deep/labels"] = FEW.astype("u1")
        h["back"] = h5py.ExternalLink(file, "/volumes/raw")
    with h5py.File(file, "w", **how) as h:
        put(file, h, "volumes/raw", NOISE)
        put(file, h, "raw", FEW.astype("u1"))  # what a relative link must not lead to
        v = h["volumes"]
        v["relative"] = h5py.SoftLink("raw")
        v["absolute"] = h5py.SoftLink("/volumes/raw")
        v["dotted"] = h5py.SoftLink("./raw")
        v["chained"] = h5py.SoftLink("relative")
        h["vol"] = h5py.SoftLink("/volumes")
        h["há"] = h5py.SoftLink("/vol/größe")
        v["größe"] = NOISE
        v["itself"] = v
        for i in range(20):
            h["hop%d" % i] = h5py.SoftLink("/hop%d" % (i - 1) if i else "/raw")
        h["out"] = h5py.ExternalLink(target, "/deep/labels")
        h["out_and_back"] = h5py.ExternalLink(target, "back")
        h["group_out"] = h5py.ExternalLink(target, "/deep")
        for name in ["volumes/relative", "volumes/absolute", "volumes/dotted", "volumes/chained",
                     "vol/raw", "./vol//./relative", "há", "volumes/größe",
                     "volumes/itself/itself/raw", "hop15", "out", "out_and_back",
                     "group_out/labels"]:
            later.append((file, name, None))
        h["dead"] = h5py.SoftLink("/nowhere")
        h["dead_chain"] = h5py.SoftLink("/dead")
        h["circle"] = h5py.SoftLink("/circle2")
        h["circle2"] = h5py.SoftLink("/circle")
        h["file_gone"] = h5py.ExternalLink("missing.h5", "/raw")
        h["object_gone"] = h5py.ExternalLink(target, "/nothing")
        h["no_hdf5"] = h5py.ExternalLink("make.py", "/raw")
        later.extend([
            (file, "dead", "soft link to /nowhere"),
            (file, "dead_chain", "soft link to /dead, then a soft link to /nowhere"),
            (file, "circle", "circle"),
            (file, "hop16", "no more than 16 links"),
            (file, "file_gone", "external link to /raw in missing.h5|no file missing.h5"),
            (file, "object_gone", "external link to /nothing in " + target),
            (file, "no_hdf5", "make.py|no HDF5 signature"),
            (file, "volumes", "is a group"),
            (file, "absent", "no dataset absent|/volumes/raw"),
            (file, "raw/x", "no dataset raw/x"),
        ])
        for i in range(40):  # links in a heap of their own, beyond what a header holds
            h["many/link%d" % i] = h5py.SoftLink("/volumes/raw")
        later.append((file, "many/link37", None))


def others():
    with h5py.File("userblock.h5", "w", userblock_size=1024) as h:
        put("userblock.h5", h, "raw", NOISE)
        put("userblock.h5", h, "labels", FEW.astype("<u2"), chunks=(3, 4, 7), compression="gzip")
    plist = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    plist.set_sizes(4, 4)
    h = h5py.File(h5py.h5f.create(b"short_addresses.h5", h5py.h5f.ACC_TRUNC, plist))
    put("short_addresses.h5", h, "raw", NOISE)
    put("short_addresses.h5", h, "labels", FEW.astype("<u2"), chunks=(3, 4, 7), compression="gzip")
    d = h.create_dataset("grows", SHAPE, "<u2", chunks=(3, 4, 7), maxshape=(None, 6, 10))
    d[0] = 1
    later.append(("short_addresses.h5", "grows", None))
    h.close()
    h = h5py.File("open.h5.tmp", "w", libver="latest")
    h["raw"] = NOISE
    h["labels"] = FEW
    h.flush()
    shutil.copy("open.h5.tmp", "open.h5")
    h.close()
    os.remove("open.h5.tmp")
    later.append(("open.h5", "labels", "open for writing|h5clear -s open.h5"))


def far(file):
    """Chunks so many that the arrays which name them have pages, most of which do not exist."""
    with h5py.File(file, "w", libver="latest") as h:
        h["raw"] = NOISE
        d = h.create_dataset("fixed", (13, 17, 19), "u1", chunks=(1, 1, 1), fillvalue=7)
        d[6, 1:3] = 1
        d = h.create_dataset("grows", (400, 20, 20), "u1", chunks=(1, 1, 1),
                             maxshape=(None, 20, 20), fillvalue=7)
        d[389, 1, 2:7] = 2
        d[2, 3, 4:9] = 3
        for name in ["fixed", "grows"]:
            later.append((file, name, None))


later = []
os.chdir(os.path.dirname(os.path.abspath(__file__)))
if sys.argv[1:] == ["newest"]:
    with h5py.File("newest.h5", "w", libver="latest") as h:
        put("newest.h5", h, "raw", NOISE)
        for name, limit in {"fixed": None, "grows": (None, 6, 10), "tree": (None, None, 10)}.items():
            d = h.create_dataset(name, SHAPE, "<u2", chunks=(2, 4, 3), maxshape=limit,
                                 compression="gzip", fillvalue=7)
            d[:3, 2:] = FEW[:3, 2:]
            later.append(("newest.h5", name, None))
    kept = [l for l in open("cases.csv").read().splitlines() if not l.startswith("newest.h5")]
else:
    for old in glob.glob("*.h5"):
        if old != "newest.h5":
            os.remove(old)
    types("types.h5")
    layouts("layouts.h5")
    layouts("layouts_latest.h5", libver="latest")
    filters("filters.h5")
    far("far.h5")
    links("links.h5", "linked.h5")
    links("links_latest.h5", "linked_latest.h5", libver="latest")
    others()
    kept = [l for l in open("cases.csv").read().splitlines() if l.startswith("newest.h5")] \
        if os.path.exists("cases.csv") else []
for entry in later:
    note(*entry)
with open("cases.csv", "w") as out:
    out.write("\n".join(kept + cases) + "\n")
