// Puts slots into n1_core and writes down what leaves: a line for each clock with bytes, section, end, count, bytes.
//
//     vvp core_bench +slots=FILE +out=FILE +in=N +room=N
//
// Of 1000 clocks N are without a slot, or without room for what leaves.

module core_bench;

  reg clk = 1'b0, rst = 1'b1;
  reg [17:0] slot;
  reg valid = 1'b0, room = 1'b0, taken;
  wire ready, out_end, out_section;
  wire [1:0] out_count;
  wire [23:0] out_bytes;

  n1_core #(.CHANNEL_BITS(4), .SECTIONS(2)) core (
      .clk(clk), .rst(rst), .in_valid(valid), .in_ready(ready), .in_code(slot[9:0]), .in_channel(slot[13:10]),
      .in_section(slot[14]), .in_first(slot[15]), .in_start(slot[16]), .in_end(slot[17]), .out_ready(room),
      .out_count(out_count), .out_bytes(out_bytes), .out_section(out_section), .out_end(out_end)
  );

  reg [8*512-1:0] slots_name, out_name;
  integer slots, out, stall_in, stall_out, seed, quiet, has_slot;

  initial begin
    seed = 1;
    if (!$value$plusargs("slots=%s", slots_name) || !$value$plusargs("out=%s", out_name) ||
        !$value$plusargs("in=%d", stall_in) || !$value$plusargs("room=%d", stall_out)) $finish;
    slots = $fopen(slots_name, "r");
    out = $fopen(out_name, "w");
    has_slot = $fscanf(slots, "%h\n", slot);
    quiet = 0;
    repeat (3) begin
      #1 clk = 1'b1;
      #1 clk = 1'b0;
    end
    rst = 1'b0;
    while (quiet < 3000) begin
      valid = has_slot == 1 && $unsigned($random(seed)) % 1000 >= stall_in;
      room = $unsigned($random(seed)) % 1000 >= stall_out;
      #1 quiet = quiet + 1;
      if (room && (out_count != 2'd0 || out_end)) begin
        $fdisplay(out, "%0d %0d %0d %h", out_section, out_end, out_count, out_bytes);
        quiet = 0;
      end
      taken = valid && ready;
      clk = 1'b1;
      #1 clk = 1'b0;
      if (taken) begin
        has_slot = $fscanf(slots, "%h\n", slot);
        quiet = 0;
      end
    end
    $fclose(out);
    $finish;
  end

endmodule
