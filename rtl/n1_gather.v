// One to four bytes at a time become words of four; the last word of a packet may have fewer. A word is there in the clock
// after its last byte came, and stays until `out_ready`.

module n1_gather (
    input  wire        clk,
    input  wire        rst,
    input  wire        in_valid,
    output wire        in_ready,
    input  wire  [2:0] in_count, // 1 to 4
    input  wire [31:0] in_bytes, // the first one is the lowest; beyond the count they are 0
    input  wire        in_last,
    output wire        out_valid,
    input  wire        out_ready,
    output wire [31:0] out_word,
    output wire  [2:0] out_count,
    output wire        out_last
);

  reg [55:0] held;
  reg  [2:0] count; // 7 at most
  reg        last;  // what is held is the packet's end

  assign out_valid = count[2] || (last && count != 3'd0);
  assign out_word  = held[31:0];
  assign out_count = count[2] ? 3'd4 : count;
  assign out_last  = last && count <= 3'd4;

  wire        leaves = out_valid && out_ready;
  wire [55:0] rest   = leaves ? {32'd0, held[55:32]} : held;
  wire  [2:0] left   = leaves ? count - out_count : count;
  assign in_ready = !left[2] && !(last && !(leaves && out_last));

  wire        comes  = in_valid && in_ready;
  wire [55:0] joined = rest | ({24'd0, in_bytes} << {left[1:0], 3'b000});

  always @(posedge clk) begin
    if (rst) begin
      count <= 3'd0;
      held  <= 56'd0;
      last  <= 1'b0;
    end else begin
      held  <= comes ? joined : rest;
      count <= comes ? left + in_count : left;
      if (comes) last <= in_last;
      else if (leaves && out_last) last <= 1'b0;
    end
  end

endmodule
