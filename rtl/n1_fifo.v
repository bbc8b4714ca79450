// A queue in registers, first in, first out: what is pushed is at `out` in the next clock, if nothing is before it. Whoever
// pushes into a full one loses what was pushed: `count` tells in time.

module n1_fifo #(
    parameter WIDTH = 8,
    parameter BITS = 4 // 2^BITS entries
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             push,
    input  wire [WIDTH-1:0] in,
    input  wire             pop,
    output wire [WIDTH-1:0] out,
    output wire             empty,
    output reg     [BITS:0] count
);

  reg [WIDTH-1:0] entries [0:(1 << BITS) - 1];
  reg  [BITS-1:0] from, to;

  assign out   = entries[from];
  assign empty = count == 0;

  wire pushes = push && !count[BITS];
  wire pops   = pop && !empty;

  always @(posedge clk) begin
    if (pushes) entries[to] <= in;
    if (rst) begin
      from  <= 0;
      to    <= 0;
      count <= 0;
    end else begin
      if (pushes) to <= to + 1'b1;
      if (pops) from <= from + 1'b1;
      if (pushes && !pops) count <= count + 1'b1;
      if (pops && !pushes) count <= count - 1'b1;
    end
  end

`ifdef FORMAL
  `include "formal/n1_fifo.vh"
`endif

endmodule
