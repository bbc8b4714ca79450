// What n1_fifo promises, proven by induction: one entry, any, comes out behind as many as were before it, unchanged.

reg begun = 1'b0;
always @(posedge clk) begun <= 1'b1;
always @* if (!begun) assume (rst);

(* anyseq *) wire chosen_now;
reg              chosen = 1'b0;
reg     [BITS:0] before;
reg  [WIDTH-1:0] value;
always @(posedge clk) begin
  if (rst) begin
    chosen <= 1'b0;
  end else if (!chosen && chosen_now && pushes) begin
    chosen <= 1'b1;
    value  <= in;
    before <= count - {{BITS{1'b0}}, pops};
  end else if (chosen && pops) begin
    chosen <= before != 0;
    before <= before - 1'b1;
  end
end

wire [BITS-1:0] length = to - from;
wire [BITS-1:0] place  = from + before[BITS-1:0];
always @* begin
  if (begun) begin
    assert (count <= 1 << BITS);
    assert (length == count[BITS-1:0]);
    assert (empty == (count == 0));
    if (chosen) assert (before < count);
    if (chosen) assert (entries[place] == value);
    if (chosen && before == 0) assert (out == value);
  end
end
