// Stage 1: what the prediction is made of, the scale of its error, and the state's part that only the sample decides.
//
// docs/implant.md names the quantities. Levels are signed, in 1/64 of a code.

`include "n1_constants.vh"

module n1_scale (
    input  wire               first,     // the channel restarts: its past does not count
    input  wire        [31:0] edges,     // upper edge, lower edge of the code
    input  wire       [183:0] state,     // as it was read
    output wire signed [15:0] level,     // of the sample
    output wire signed [15:0] last,      // of the channel's sample before
    output wire        [31:0] r,         // four differences, signed, 1/4 of a code
    output wire        [63:0] weights,   // four, signed
    output wire        [47:0] mean,      // three, of the absolute error
    output wire         [2:0] exponent,  // of the scale, less 6
    output wire         [6:0] recip,     // of its mantissa
    output wire         [7:0] next_step, // of the state that is written
    output wire        [47:0] next_slow
);

  function signed [7:0] difference(input signed [15:0] x, input signed [15:0] y);
    reg [16:0] d;
    begin
      d = {x[15], x} - {y[15], y};
      if (d[16:11] == 6'b000000 || d[16:11] == 6'b111111) difference = d[11:4];
      else difference = d[16] ? -8'sd128 : 8'sd127;
    end
  endfunction

  // x moved towards `level` by 2^-shift of the distance, rounded.
  function signed [15:0] follow(input signed [15:0] x, input signed [15:0] to, input [3:0] shift);
    reg signed [17:0] d;
    begin
      d = {{2{to[15]}}, to} - {{2{x[15]}}, x} + (18'sd1 <<< (shift - 4'd1));
      d = d >>> shift;
      follow = x + d[15:0];
    end
  endfunction

  wire signed [15:0] slow2, slow1, slow0;
  wire signed [7:0]  step;
  wire [63:0] kept_weights;
  wire [47:0] kept_mean;
  assign {last, step, slow2, slow1, slow0, kept_weights, kept_mean} = state;

  wire [16:0] middle = {1'b0, edges[31:16]} + {1'b0, edges[15:0]};
  assign level = {~middle[16], middle[15:1]};

  assign r = {difference(slow2, slow1), difference(slow1, slow0), difference(slow0, last), step};

  assign weights   = first ? `N1_FIRST_WEIGHTS : kept_weights;
  assign mean      = first ? {3{`N1_FIRST_MEAN}} : kept_mean;
  assign next_step = first ? 8'd0 : difference(level, last);
  assign next_slow = first ? {3{level}} : {follow(slow2, level, 4'd9), follow(slow1, level, 4'd6),
                                           follow(slow0, level, 4'd3)};

  // The scale: 5/8, 2/8 and 1/8 of the means over 1024, 128 and 8 samples, from 64 to 16383.
  wire [18:0] sum = {1'b0, kept_mean[15:0], 2'b00} + {3'b000, kept_mean[15:0]} + {2'b00, kept_mean[31:16], 1'b0} +
                    {3'b000, kept_mean[47:32]};
  wire        over = sum[18:17] != 2'b00;
  wire [13:0] v     = over ? 14'h3fff : sum[16:9] == 8'd0 ? 14'd64 : sum[16:3];

  reg [2:0] top;
  reg [4:0] mantissa;
  always @* begin
    casez (v[13:7])
      7'b1??????: begin top = 3'd7; mantissa = v[12:8]; end
      7'b01?????: begin top = 3'd6; mantissa = v[11:7]; end
      7'b001????: begin top = 3'd5; mantissa = v[10:6]; end
      7'b0001???: begin top = 3'd4; mantissa = v[9:5]; end
      7'b00001??: begin top = 3'd3; mantissa = v[8:4]; end
      7'b000001?: begin top = 3'd2; mantissa = v[7:3]; end
      7'b0000001: begin top = 3'd1; mantissa = v[6:2]; end
      default:    begin top = 3'd0; mantissa = v[5:1]; end
    endcase
  end
  assign exponent = top;
  n1_recip_rom recips (.mantissa(mantissa), .recip(recip));

endmodule
