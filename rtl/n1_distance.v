// Stage 3, second half: how far an edge of the code lies from the prediction, in 2^-10 of the power of two in the scale.

module n1_distance (
    input  wire        [15:0] edge_level, // from 0 on
    input  wire signed [15:0] prediction,
    input  wire         [2:0] exponent,   // less 6
    output wire signed [12:0] distance
);

  // The prediction counts from the middle of the range on, 32768.
  wire        [15:0] base = {~prediction[15], prediction[14:0]};
  wire signed [16:0] wide = {1'b0, edge_level} - {1'b0, base};

  // Upwards by 4 - exponent, downwards by exponent - 4; what does not fit lies far outside of the shape.
  reg signed [20:0] scaled;
  always @* begin
    case (exponent)
      3'd0: scaled = {wide, 4'd0};
      3'd1: scaled = {wide[16], wide, 3'd0};
      3'd2: scaled = {{2{wide[16]}}, wide, 2'd0};
      3'd3: scaled = {{3{wide[16]}}, wide, 1'd0};
      3'd4: scaled = {{4{wide[16]}}, wide};
      3'd5: scaled = {{5{wide[16]}}, wide[16:1]};
      3'd6: scaled = {{6{wide[16]}}, wide[16:2]};
      default: scaled = {{7{wide[16]}}, wide[16:3]};
    endcase
  end
  wire fits = scaled[20:12] == 9'h000 || scaled[20:12] == 9'h1ff;
  assign distance = fits ? scaled[12:0] : scaled[20] ? 13'h1000 : 13'h0fff;

endmodule
