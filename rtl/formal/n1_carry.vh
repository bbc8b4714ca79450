// What n1_carry promises: the bytes of a section leave in order, each once, as they are after all carries. It is shown for
// one section and one place in it, any, against a reference that knows only that byte, and proven by induction: for sections of
// any length up to 60000 bytes.
//
// Assumed of whoever pushes: an entry stays until it is taken; between two carries of a section there is a byte that is not
// 0xFF, since a carry into what was carried into before would say that the coder's interval had grown.

reg begun = 1'b0;
always @(posedge clk) begun <= 1'b1;
always @* if (!begun) assume (rst);

(* anyconst *) wire        mine_is;
(* anyconst *) wire [15:0] place;
wire mine = in_valid && in_section == mine_is;

reg        stalled = 1'b0;
reg [28:0] before;
wire [28:0] entry = {in_section, in_end, in_carry, in_count, in_bytes};
always @(posedge clk) begin
  stalled <= in_valid && !in_taken && !rst;
  before  <= entry;
end

// The reference: bytes of entries that were taken, bytes that left; of the byte at the place its value, whether a carry can
// still reach it, and whether it had left when the entry came; whether a byte would stop a carry.
reg [15:0] came, left;
reg  [7:0] value;
reg        open, gone, stops;

wire       has      = place < came;
wire [7:0] now      = value + {7'd0, in_carry && open && mine};
wire [2:0] is_ff    = {byte0 == 8'hff, byte1 == 8'hff, byte2 == 8'hff};
wire       all_ff   = (in_count < 2'd1 || is_ff[2]) && (in_count < 2'd2 || is_ff[1]) && (in_count < 2'd3 || is_ff[0]);
wire [15:0] ahead   = place - came;
wire       inside   = !has && ahead < {14'd0, in_count};
wire [7:0] inner    = ahead == 16'd0 ? byte0 : ahead == 16'd1 ? byte1 : byte2;
wire       behind_ff = (in_count < 2'd2 || ahead >= 16'd1 || is_ff[1]) && (in_count < 2'd3 || ahead >= 16'd2 || is_ff[0]);
wire [15:0] leaves  = left + (goes ? {14'd0, out_count} : 16'd0);

always @(posedge clk) begin
  if (rst) begin
    came  <= 16'd0;
    left  <= 16'd0;
    open  <= 1'b0;
    gone  <= 1'b0;
    stops <= 1'b0;
  end else if (mine) begin
    left <= leaves;
    if (in_taken) begin
      came <= came + {14'd0, in_count};
      if (has) begin
        value <= now;
        open  <= open && !in_carry && all_ff;
      end else if (inside) begin
        value <= inner;
        open  <= behind_ff;
      end
      stops <= !all_ff || (stops && !in_carry);
      gone  <= (has || inside) && place < leaves;
      if (in_end) begin
        came  <= 16'd0;
        left  <= 16'd0;
        open  <= 1'b0;
        gone  <= 1'b0;
        stops <= 1'b0;
      end
    end
  end
end

always @* begin
  if (begun) begin
    if (stalled) assume (in_valid && entry == before);
    assume (came < 16'd60000);
    if (mine && in_carry) assume (stops);
    if (in_valid && in_end) assume (in_count == 2'd1);
  end
end

// What is promised.
wire [15:0] at_out = place - left;
wire  [7:0] out_here = at_out == 16'd0 ? out_bytes[23:16] : at_out == 16'd1 ? out_bytes[15:8] : out_bytes[7:0];
always @* begin
  if (begun && !rst && mine) begin
    if (place >= left && at_out < {14'd0, out_count} && has) assert (out_here == now);
    if (place >= left && at_out < {14'd0, out_count} && !has) assert (inside && out_here == inner);
    if (in_carry && open && has) assert (!gone);
    if (out_end && goes) assert (leaves == came + {14'd0, in_count});
  end
end

// What induction needs: how the registers go with the reference.
wire        halfway = stalled && mine;
wire [15:0] taken   = came + (halfway ? {14'd0, at} : 16'd0);
wire        zeros   = halfway && carried && at == 2'd0;
wire  [7:0] my_held = held[mine_is];
wire [15:0] my_run  = run[mine_is];
wire        my_holds = holds[mine_is];
wire  [7:0] known   = has ? (halfway && carried ? now : value) : inner;
wire        rest_ff = (in_count < 2'd1 || at > 2'd0 || is_ff[2]) && (in_count < 2'd2 || at > 2'd1 || is_ff[1]) &&
                      (in_count < 2'd3 || at > 2'd2 || is_ff[0]);
wire        is_here = place >= left && place < taken;
always @* begin
  if (begun) begin
    assert ({2'b00, left} + {2'b00, my_run} + {17'd0, my_holds} == {2'b00, taken});
    if (carried || at != 2'd0) assert (stalled && at <= in_count);
    if (carried) assert (in_carry);
    if (halfway && in_carry && at != 2'd0) assert (carried);
    if (is_here && my_holds && place == left) assert (my_held == known);
    if (is_here && !(my_holds && place == left)) assert (known == (zeros ? 8'h00 : 8'hff));
    if (has && is_here && stops && !(halfway && carried)) assert (open);
    if (zeros && my_run != 16'd0) assert (my_holds && my_held == 8'h00);
    if (stops || left != 16'd0 || (halfway && rest_ff && !all_ff)) assert (my_holds);
    if (stops && !halfway) assert (my_held != 8'hff);
    if (halfway && my_holds && my_held == 8'hff) assert (!rest_ff || in_end || (all_ff && (carried || !stops)));
    if (halfway && at == 2'd1 && byte0 != 8'hff) assert (my_run == 16'd0 && my_held == byte0);
    if (halfway && at == 2'd2 && byte1 != 8'hff) assert (my_run == 16'd0 && my_held == byte1);
    if (halfway && at == 2'd2 && byte1 == 8'hff && byte0 != 8'hff) begin
      assert ((my_run == 16'd1 && my_held == byte0) || (my_run == 16'd0 && my_held == 8'hff && !rest_ff));
    end
    if (gone) assert (has && place < left && !open);
    if (has && place < left && open) assert (halfway && (in_carry || !all_ff || in_end));
    if (has && place < left && open && in_carry && halfway) assert (carried);
  end
end
