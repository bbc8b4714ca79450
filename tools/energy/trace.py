"""Record what the encoder gets and returns in each clock while the hardware codes recordings, by Verilator."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .netlist import HERE, Netlist, run, sources

CHANNELS, FRAMES = 1024, 20
SETTINGS = {"channels": CHANNELS, "frames": FRAMES, "period": 4882, "room": 1}
"""Of the packets, and in which of the clocks, one out of so many, a word of them is taken."""
QUIET = 32
"""Clocks before the first sample, as in trace.cpp."""

TOP = """module n1_trace (
    input wire clk, input wire rst, input wire in_valid, input wire [9:0] in_code, output wire in_ready,
    input wire room, output wire [{given}:0] given, output wire [{returned}:0] returned
);
  n1_packets #(.CHANNELS({channels}), .FRAMES({frames}), .PERIOD({period})) packets (
      .clk(clk), .rst(rst), .restart(1'b0), .in_valid(in_valid), .in_ready(in_ready), .in_code(in_code),
      .out_valid(), .out_ready(room), .out_word(), .out_count(), .out_last()
  );
  assign given = {{{ins}}};
  assign returned = {{{outs}}};
endmodule
"""


def record(
    netlist: Netlist, codes: np.ndarray, samples: int, folder: Path, settings: dict[str, int] = SETTINGS
) -> tuple[Path, dict[str, np.ndarray]]:
    """Return a file of the encoder's inputs, and its outputs by port, shape (clocks, bits), for the last ``samples``.

    ``codes`` are those of all channels in turn, more than 512. The encoder is reset in the first clocks of the file.
    """
    sources(folder)
    ports = [[f"packets.core.encoder.{name}" for name in side] for side in (netlist.inputs, netlist.outputs)]
    widths = [sum(map(len, side.values())) for side in (netlist.inputs, netlist.outputs)]
    text = TOP.format(
        **settings, given=widths[0] - 1, returned=widths[1] - 1,
        ins=", ".join(reversed(ports[0])), outs=", ".join(reversed(ports[1])),
    )  # fmt: skip
    (folder / "n1_trace.v").write_text(text)
    (folder / "trace.cpp").write_text((HERE / "trace.cpp").read_text())
    codes.astype("<u2").tofile(folder / "codes")
    defined = f"-O1 -DGIVEN={widths[0]} -DRETURNED={widths[1]} -DROOM={settings['room']}"
    run(
        folder, "verilator", "--cc", "--exe", "--build", "-O3", "-Wno-fatal", "-Wno-lint", "-Wno-style",
        "-CFLAGS", defined, "--top-module", "n1_trace", "-Mdir", ".",
        "n1_trace.v", *sorted(path.name for path in folder.glob("n1_*.v") if path.name != "n1_trace.v"), "trace.cpp",
    )  # fmt: skip
    run(folder, folder / "Vn1_trace", "codes", codes.size - samples, samples, "given", "seen")
    given = np.fromfile(folder / "given", np.uint8).reshape(-1, widths[0])
    split(given, netlist.inputs)["rst"][: QUIET // 4] = 1
    given.tofile(folder / "given")
    seen = np.fromfile(folder / "seen", np.uint8).reshape(-1, widths[1])
    return folder / "given", split(seen, netlist.outputs)


def split(bits: np.ndarray, ports: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Return views of the columns of each port."""
    ends = np.cumsum([len(nets) for nets in ports.values()])
    return dict(zip(ports, np.split(bits, ends[:-1], axis=1), strict=True))


VALID = {"state_write": ("state_to", "state_out"), "state_read": ("state_from",), "edges_read": ("edges_at",),
         "shape_read": ("shape_at_lower", "shape_at_upper")}  # fmt: skip
"""What an output says of others: where it is 0, they may be anything."""


def differences(seen: dict[str, np.ndarray], returned: dict[str, np.ndarray]) -> dict[str, int]:
    """Return by output in how many clocks after the reset the netlist differs from the Verilog, where that counts."""
    rules = {name: seen[valid][:, 0] for valid, names in VALID.items() for name in names}
    count = seen["out_count"] @ np.array([1, 2])
    rules["out_section"] = (count > 0) | seen["out_end"][:, 0]
    found = {}
    for name, expected in seen.items():
        wrong = returned[name] != expected
        if name == "out_bytes":
            wrong &= np.arange(24) // 8 >= (3 - count)[:, None]
        wrong = wrong.any(1) & np.asarray(rules.get(name, np.ones(len(expected))), bool)
        found[name] = int(wrong[QUIET // 2 :].sum())
    return {name: number for name, number in found.items() if number}
