// Stage 5: the frequencies below the code, and its own, out of 2^22.

module n1_interpolate (
    input  wire        first,     // all codes are equally likely
    input  wire  [9:0] code,
    input  wire [37:0] lower,     // cell of the code's lower edge: distribution function, its rise to the next cell
    input  wire  [2:0] lower_part,
    input  wire [37:0] upper,     // the same of its upper edge
    input  wire  [2:0] upper_part,
    output wire [21:0] below,
    output wire [21:0] frequency
);

  wire [18:0] lower_rise = lower[15:0] * lower_part;
  wire [18:0] upper_rise = upper[15:0] * upper_part;

  // The outermost codes reach to infinity: 2^22 is 0 here.
  wire [21:0] low  = code == 10'd0 ? 22'd0 : lower[37:16] + {6'd0, lower_rise[18:3]} + {12'd0, code};
  wire [21:0] high = code == 10'd1023 ? 22'd0 : upper[37:16] + {6'd0, upper_rise[18:3]} + {12'd0, code} + 22'd1;

  assign below     = first ? {code, 12'd0} : low;
  assign frequency = first ? 22'h001000 : high - low;

endmodule
