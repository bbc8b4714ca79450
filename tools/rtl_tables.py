"""Write the tables of n1_implant as Verilog: rtl/n1_tables.v and rtl/n1_constants.vh.

python tools/rtl_tables.py            from native/src/n1_implant_tables.c
python tools/rtl_tables.py --check    write nothing, fail if they are not current
"""

from __future__ import annotations

import re
import struct
import sys
import zlib
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "native" / "src" / "n1_implant_tables.c"
RTL = ROOT / "rtl"
NOTE = "// Written by tools/rtl_tables.py from native/src/n1_implant_tables.c."
COUNTS = {"shape": 513, "edges": 1025, "recip": 32, "weights": 4, "mean": 1}
LAYOUT = "<513I1025H32B4hH"
MODULE = """module {name} (
    input  wire        clk,
    input  wire        enable,
{ports}
);

  reg [{top}:0] words [0:{last}];

  always @(posedge clk) begin
    if (enable) begin
{reads}
    end
  end

  initial begin
{words}
  end

endmodule
"""


def tables(source: str) -> dict[str, list[int]]:
    """Return the numbers of the C source by the names of their tables."""
    numbers = [int(number) for number in re.findall(r"-?\d+", source.split("= {", 1)[1])]
    found, at = {}, 0
    for name, count in COUNTS.items():
        found[name] = numbers[at : at + count]
        at += count
    if at != len(numbers):
        raise SystemExit(f"{SOURCE}: {len(numbers)} numbers, {at} are expected")
    return found


def rom(name: str, ports: int, width: int, words: list[int]) -> str:
    """Return a module of a table that is read in one clock, at one address or more."""
    bits = (len(words) - 1).bit_length()
    numbers = [""] if ports == 1 else [str(i) for i in range(ports)]
    declared = [f"    input  wire {f'[{bits - 1}:0]':>10} address{i}," for i in numbers]
    declared += [f"    output reg  {f'[{width - 1}:0]':>10} word{i}," for i in numbers]
    digits = -(-width // 4)
    return MODULE.format(
        name=name,
        ports="\n".join(declared).rstrip(","),
        top=width - 1,
        last=len(words) - 1,
        reads="\n".join(f"      word{i} <= words[address{i}];" for i in numbers),
        words="\n".join(f"    words[{i}] = {width}'h{word:0{digits}x};" for i, word in enumerate(words)),
    )


def files(t: dict[str, list[int]]) -> dict[str, str]:
    """Return the contents of the files by their names."""
    shape, edges = t["shape"], t["edges"]
    rises = [b - a for a, b in pairwise(shape)]
    if max(rises) >= 1 << 16 or max(t["recip"]) >= 1 << 7:
        raise SystemExit(f"{SOURCE}: a step of the shape needs more than 16 bits, or a reciprocal more than 7")
    recips = "\n".join(f"      5'd{i}: recip = 7'd{value};" for i, value in enumerate(t["recip"]))
    weights = sum((w & 0xFFFF) << 16 * i for i, w in enumerate(t["weights"]))
    memory = struct.pack(LAYOUT, *(value for name in COUNTS for value in t[name]))
    modules = [
        "// Edges of each code, 1/64 of a code: the upper one in the upper half, the lower one; a clock later.",
        rom("n1_edges_rom", 1, 32, [b << 16 | a for a, b in pairwise(edges)]),
        "// Shape of the residual: its distribution function (22 bits), its rise to the next cell (16 bits).",
        rom("n1_shape_rom", 2, 38, [a << 16 | rise for a, rise in zip(shape, rises, strict=False)]),
        "// 2^9 / 5 sigma for the mantissa of a scale, about.",
        "module n1_recip_rom (\n    input  wire [4:0] mantissa,\n    output reg  [6:0] recip\n);\n\n"
        f"  always @* begin\n    case (mantissa)\n{recips}\n    endcase\n  end\n\nendmodule\n",
    ]
    constants = [
        "// What channels begin with, and the checksum of the tables as they lie in memory.",
        f"`define N1_FIRST_WEIGHTS 64'h{weights:016x}",
        f"`define N1_FIRST_MEAN 16'd{t['mean'][0]}",
        f"`define N1_TABLES_CRC 32'h{zlib.crc32(memory):08x}",
    ]
    return {
        "n1_tables.v": "\n".join([NOTE, "", *modules]),
        "n1_constants.vh": "\n".join([NOTE, *constants, ""]),
    }


def main() -> None:
    check = sys.argv[1:] == ["--check"]
    for name, text in files(tables(SOURCE.read_text())).items():
        path = RTL / name
        if not check:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            raise SystemExit(f"{path} is not current: python tools/rtl_tables.py")


if __name__ == "__main__":
    main()
