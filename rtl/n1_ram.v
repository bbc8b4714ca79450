// A memory with one port, of 2^BITS words: here an ASIC has a macro, an FPGA its block RAM.

module n1_ram #(
    parameter WIDTH = 32,
    parameter BITS = 9
) (
    input  wire             clk,
    input  wire             enable,
    input  wire             write,
    input  wire  [BITS-1:0] address,
    input  wire [WIDTH-1:0] in,
    output reg  [WIDTH-1:0] out // in the clock after a read
);

  reg [WIDTH-1:0] words [0:(1 << BITS) - 1];

  always @(posedge clk) begin
    if (enable) begin
      if (write) words[address] <= in;
      else out <= words[address];
    end
  end

endmodule
