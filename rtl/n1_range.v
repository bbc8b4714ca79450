// Stage 6: the range coder's loop. Of a range its upper 16 bits are kept: they are all that the next product sees.

module n1_range (
    input  wire [15:0] width,      // upper 16 of 32 bits, 256 at least
    input  wire [21:0] frequency,
    output wire  [1:0] shift,      // bytes that leave
    output reg  [15:0] next_range
);

  wire [37:0] product = width * frequency;
  wire [31:0] share   = product[37:6];

  assign shift = share[31:24] != 8'd0 ? 2'd0 : share[23:16] != 8'd0 ? 2'd1 : share[15:8] != 8'd0 ? 2'd2 : 2'd3;
  always @* begin
    case (shift)
      2'd0: next_range = share[31:16];
      2'd1: next_range = share[23:8];
      2'd2: next_range = share[15:0];
      default: next_range = {share[7:0], 8'd0};
    endcase
  end

endmodule
