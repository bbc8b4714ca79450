// Stage 4: an edge of the code in the residual's distribution, from 0 to 4095 for -8 to 8 sigmas.

module n1_place (
    input  wire signed [12:0] distance,
    input  wire         [6:0] recip,
    output wire        [11:0] place
);

  wire signed [20:0] product = distance * $signed({1'b0, recip});
  wire        [14:0] z       = product[20:6];
  wire               fits    = z[14:11] == 4'h0 || z[14:11] == 4'hf;
  assign place = fits ? {~z[11], z[10:0]} : {12{~z[14]}};

endmodule
