// n1_fifo keeps what is pushed in order: one pushed entry, any, comes out behind as many as were before it, unchanged.

module fifo_proof (
    input wire       clk,
    input wire       push,
    input wire [3:0] in,
    input wire       pop
);

  reg rst = 1'b1;
  always @(posedge clk) rst <= 1'b0;

  wire [3:0] out;
  wire       empty;
  wire [2:0] count;
  n1_fifo #(.WIDTH(4), .BITS(2)) fifo (
      .clk(clk), .rst(rst), .push(push), .in(in), .pop(pop), .out(out), .empty(empty), .count(count)
  );

  // An entry that is chosen freely: how many are before it, and what it was.
  (* anyseq *) wire chosen_now;
  reg       chosen = 1'b0;
  reg [2:0] before = 3'd0;
  reg [3:0] value = 4'd0;
  wire pushes = push && !rst && count != 3'd4;
  wire pops   = pop && !rst && !empty;
  always @(posedge clk) begin
    if (!chosen && chosen_now && pushes) begin
      chosen <= 1'b1;
      value  <= in;
      before <= count - {2'd0, pops};
    end else if (chosen && pops) begin
      chosen <= before != 3'd0;
      before <= before - 3'd1;
    end
  end

  always @* begin
    if (!rst) begin
      assert (count <= 3'd4);
      assert (empty == (count == 3'd0));
      if (chosen) assert (before < count);
      if (chosen && before == 3'd0) assert (out == value);
    end
  end

endmodule
