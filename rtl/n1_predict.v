// Stage 2: the prediction, from the last sample and four differences.

module n1_predict (
    input  wire signed [15:0] last,
    input  wire        [31:0] r,
    input  wire        [63:0] weights,
    output wire signed [15:0] level
);

  // Of a weight the upper 8 bits are multiplied.
  wire signed [15:0] product0 = $signed(weights[15:8]) * $signed(r[7:0]);
  wire signed [15:0] product1 = $signed(weights[31:24]) * $signed(r[15:8]);
  wire signed [15:0] product2 = $signed(weights[47:40]) * $signed(r[23:16]);
  wire signed [15:0] product3 = $signed(weights[63:56]) * $signed(r[31:24]);

  function signed [17:0] extend(input [15:0] x);
    extend = {{2{x[15]}}, x};
  endfunction

  wire signed [17:0] sum  = extend(product0) + extend(product1) + extend(product2) + extend(product3) + 18'sd4;
  wire signed [17:0] wide = extend(last) + (sum >>> 3);
  assign level = wide[17:15] == 3'b000 || wide[17:15] == 3'b111 ? wide[15:0] : wide[17] ? 16'h8000 : 16'h7fff;

endmodule
