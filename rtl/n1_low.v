// Stage 8: the coder's lower end moves up, and its upper bytes leave.

module n1_low (
    input  wire        is_end,   // of the section: the one byte leaves that leads into the range whatever follows
    input  wire [31:0] lower,
    input  wire [31:0] start,
    input  wire  [1:0] shift,
    output wire        carry,    // into what has left
    output wire  [1:0] count,    // bytes that leave
    output wire [23:0] bytes,    // the first one on top
    output reg  [31:0] next_low
);

  wire [32:0] sum = {1'b0, lower} + {1'b0, is_end ? 32'h00ffffff : start};

  assign carry = sum[32];
  assign count = is_end ? 2'd1 : shift;
  assign bytes = sum[31:8];
  always @* begin
    case (shift)
      2'd0: next_low = sum[31:0];
      2'd1: next_low = {sum[23:0], 8'd0};
      2'd2: next_low = {sum[15:0], 16'd0};
      default: next_low = {sum[7:0], 24'd0};
    endcase
  end

endmodule
