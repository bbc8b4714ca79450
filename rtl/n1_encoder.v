// The encoder of n1_implant: one code of the converter per clock, of any channel whose state is not under way.
//
// Memories stand outside: the state of the channels (one read and one write per clock, never of the same bank, which is
// the channel's lowest bit), the edges of codes and the shape of the residual, all read within a clock. docs/silicon.md
// shows the stages: n1_scale to n1_low have no registers, those are here. What leaves are the bytes of the range coder, up
// to three a clock, of one or two sections. n1_core says when.

`include "n1_constants.vh"

module n1_encoder #(
    parameter CHANNEL_BITS = 10,
    parameter SECTIONS = 2
) (
    input  wire                    clk,
    input  wire                    rst,
    // Codes. A slot with `in_end` has no code: it ends the section.
    input  wire                    in_valid,
    output wire                    in_ready,
    input  wire              [9:0] in_code,
    input  wire [CHANNEL_BITS-1:0] in_channel,
    input  wire                    in_section,
    input  wire                    in_first, // the channel restarts
    input  wire                    in_start, // the section's coder begins with this code
    input  wire                    in_end,
    // State
    output wire                    state_read,
    output wire [CHANNEL_BITS-1:0] state_from,
    input  wire            [183:0] state_in, // in the clock after `state_read`
    output wire                    state_write,
    output wire [CHANNEL_BITS-1:0] state_to,
    output wire            [183:0] state_out,
    // Tables; words come in the clock after
    output wire                    edges_read,
    output wire              [9:0] edges_at,
    input  wire             [31:0] edges_word,
    output wire                    shape_read,
    output wire              [8:0] shape_at_lower,
    output wire              [8:0] shape_at_upper,
    input  wire             [37:0] shape_lower,
    input  wire             [37:0] shape_upper,
    // Bytes
    input  wire                    out_ready,
    output wire              [1:0] out_count,
    output wire             [23:0] out_bytes,
    output wire                    out_section,
    output wire                    out_end
);

  localparam FIFO_BITS = 4;
  localparam FIFO_ROOM = 8; // entries that may be under way when the last code is taken

  wire [FIFO_BITS:0] waiting;

  // -- stage 0: a code is taken, memories are addressed
  reg                    valid1, first1, start1, end1, section1;
  reg              [9:0] code1;
  reg [CHANNEL_BITS-1:0] channel1;
  reg                    valid2, first2, start2, end2, section2;
  reg [CHANNEL_BITS-1:0] channel2;
  reg                    valid3, first3, start3, end3, section3;
  reg [CHANNEL_BITS-1:0] channel3;

  wire has_room  = waiting <= (1 << FIFO_BITS) - FIFO_ROOM - 1;
  wire same_bank = state_write && channel3[0] == in_channel[0];
  wire under_way = (valid1 && !end1 && channel1 == in_channel) || (valid2 && !end2 && channel2 == in_channel) ||
                   (valid3 && !end3 && channel3 == in_channel);
  assign in_ready = has_room && (in_end || !(same_bank || under_way));

  wire taken = in_valid && in_ready;
  assign state_read = taken && !in_end;
  assign state_from = in_channel;
  assign edges_read = taken && !in_end;
  assign edges_at   = in_code;

  always @(posedge clk) begin
    valid1 <= taken && !rst;
    if (taken) begin
      {first1, start1, end1, section1} <= {in_first, in_start, in_end, in_section};
      code1    <= in_code;
      channel1 <= in_channel;
    end
  end

  // -- stage 1: scale and differences
  wire signed [15:0] level1, last1;
  wire        [31:0] r1;
  wire        [63:0] weights1;
  wire        [47:0] mean1, slow1;
  wire         [2:0] exponent1;
  wire         [6:0] recip1;
  wire         [7:0] step1;

  n1_scale scale (
      .first(first1), .edges(edges_word), .state(state_in), .level(level1), .last(last1), .r(r1), .weights(weights1),
      .mean(mean1), .exponent(exponent1), .recip(recip1), .next_step(step1), .next_slow(slow1)
  );

  reg         [9:0] code2;
  reg        [31:0] edges2, r2;
  reg signed [15:0] level2, last2;
  reg        [63:0] weights2;
  reg        [47:0] mean2, slow2;
  reg         [2:0] exponent2;
  reg         [6:0] recip2;
  reg         [7:0] step2;

  always @(posedge clk) begin
    valid2 <= valid1 && !rst;
    if (valid1) begin
      {first2, start2, end2, section2} <= {first1, start1, end1, section1};
    end
    if (valid1 && !end1) begin
      code2     <= code1;
      channel2  <= channel1;
      edges2    <= edges_word;
      level2    <= level1;
      last2     <= last1;
      r2        <= r1;
      weights2  <= weights1;
      mean2     <= mean1;
      slow2     <= slow1;
      exponent2 <= exponent1;
      recip2    <= recip1;
      step2     <= step1;
    end
  end

  // -- stage 2: prediction
  wire signed [15:0] prediction2;
  n1_predict predict (.last(last2), .r(r2), .weights(weights2), .level(prediction2));

  reg         [9:0] code3;
  reg        [31:0] edges3;
  reg signed [15:0] level3, prediction3;
  reg        [23:0] moves3;
  reg        [63:0] weights3;
  reg        [47:0] mean3, slow3;
  reg         [2:0] exponent3;
  reg         [6:0] recip3;
  reg         [7:0] step3;

  always @(posedge clk) begin
    valid3 <= valid2 && !rst;
    if (valid2) begin
      {first3, start3, end3, section3} <= {first2, start2, end2, section2};
    end
    if (valid2 && !end2) begin
      code3       <= code2;
      channel3    <= channel2;
      edges3      <= edges2;
      level3      <= level2;
      prediction3 <= prediction2;
      moves3      <= {r2[31:26], r2[23:18], r2[15:10], r2[7:2]};
      weights3    <= weights2;
      mean3       <= mean2;
      slow3       <= slow2;
      exponent3   <= exponent2;
      recip3      <= recip2;
      step3       <= step2;
    end
  end

  // -- stage 3: learning, the state is written; distances from the prediction
  wire [63:0] weights_out;
  wire [47:0] mean_out;
  n1_learn learn (
      .first(first3), .level(level3), .prediction(prediction3), .moves(moves3), .weights(weights3), .mean(mean3),
      .next_weights(weights_out), .next_mean(mean_out)
  );
  assign state_write = valid3 && !end3;
  assign state_to    = channel3;
  assign state_out   = {level3, step3, slow3, weights_out, mean_out};

  wire signed [12:0] lower3, upper3;
  n1_distance lower_distance (
      .edge_level(edges3[15:0]), .prediction(prediction3), .exponent(exponent3), .distance(lower3)
  );
  n1_distance upper_distance (
      .edge_level(edges3[31:16]), .prediction(prediction3), .exponent(exponent3), .distance(upper3)
  );

  reg               valid4, first4, start4, end4, section4;
  reg         [9:0] code4;
  reg signed [12:0] lower4, upper4;
  reg         [6:0] recip4;

  always @(posedge clk) begin
    valid4 <= valid3 && !rst;
    if (valid3) begin
      {first4, start4, end4, section4} <= {first3, start3, end3, section3};
    end
    if (valid3 && !end3) begin
      code4  <= code3;
      lower4 <= lower3;
      upper4 <= upper3;
      recip4 <= recip3;
    end
  end

  // -- stage 4: places in the shape, which is addressed
  wire [11:0] lower_place, upper_place;
  n1_place lower_of (.distance(lower4), .recip(recip4), .place(lower_place));
  n1_place upper_of (.distance(upper4), .recip(recip4), .place(upper_place));
  assign shape_read     = valid4 && !end4;
  assign shape_at_lower = lower_place[11:3];
  assign shape_at_upper = upper_place[11:3];

  reg       valid5, first5, start5, end5, section5;
  reg [9:0] code5;
  reg [2:0] lower5, upper5;

  always @(posedge clk) begin
    valid5 <= valid4 && !rst;
    if (valid4) begin
      {first5, start5, end5, section5} <= {first4, start4, end4, section4};
    end
    if (valid4 && !end4) begin
      code5  <= code4;
      lower5 <= lower_place[2:0];
      upper5 <= upper_place[2:0];
    end
  end

  // -- stage 5: frequencies
  wire [21:0] below5, frequency5;
  n1_interpolate interpolate (
      .first(first5), .code(code5), .lower(shape_lower), .lower_part(lower5), .upper(shape_upper), .upper_part(upper5),
      .below(below5), .frequency(frequency5)
  );

  reg        valid6, start6, end6, section6;
  reg [21:0] below6, frequency6;

  always @(posedge clk) begin
    valid6 <= valid5 && !rst;
    if (valid5) begin
      {start6, end6, section6} <= {start5, end5, section5};
    end
    if (valid5 && !end5) begin
      below6     <= below5;
      frequency6 <= frequency5;
    end
  end

  // -- stage 6: the range
  reg  [15:0] ranges [0:SECTIONS-1];
  wire [15:0] range6 = start6 ? 16'hffff : ranges[section6];
  wire [15:0] next_range;
  wire  [1:0] shift6;
  n1_range range_of (.width(range6), .frequency(frequency6), .shift(shift6), .next_range(next_range));

  reg        valid7, start7, end7, section7;
  reg [15:0] range7;
  reg [21:0] below7;
  reg  [1:0] shift7;

  always @(posedge clk) begin
    valid7 <= valid6 && !rst;
    if (valid6) begin
      {start7, end7, section7} <= {start6, end6, section6};
      shift7 <= end6 ? 2'd1 : shift6;
    end
    if (valid6 && !end6) begin
      ranges[section6] <= next_range;
      range7 <= range6;
      below7 <= below6;
    end
  end

  // -- stage 7: where the code's part of the range starts
  wire [37:0] product7 = range7 * below7;

  reg        valid8, start8, end8, section8;
  reg [31:0] offset8;
  reg  [1:0] shift8;

  always @(posedge clk) begin
    valid8 <= valid7 && !rst;
    if (valid7) begin
      {start8, end8, section8} <= {start7, end7, section7};
      shift8 <= shift7;
    end
    if (valid7 && !end7) offset8 <= product7[37:6];
  end

  // -- stage 8: bytes leave
  reg  [31:0] lows [0:SECTIONS-1];
  wire [31:0] low8 = start8 ? 32'd0 : lows[section8];
  wire [31:0] next_low;
  wire        carry8;
  wire  [1:0] count8;
  wire [23:0] bytes8;
  n1_low low_of (
      .is_end(end8), .lower(low8), .start(offset8), .shift(shift8), .carry(carry8), .count(count8), .bytes(bytes8),
      .next_low(next_low)
  );

  always @(posedge clk) if (valid8) lows[section8] <= next_low;

  // -- stage 9: queue and carries
  wire [28:0] entry;
  wire        empty, taken9;
  n1_fifo #(.WIDTH(29), .BITS(FIFO_BITS)) fifo (
      .clk(clk), .rst(rst), .push(valid8 && (end8 || carry8 || count8 != 2'd0)),
      .in({section8, end8, carry8, count8, bytes8}), .pop(taken9), .out(entry), .empty(empty), .count(waiting)
  );
  n1_carry #(.SECTIONS(SECTIONS)) carries (
      .clk(clk), .rst(rst), .in_valid(!empty), .in_taken(taken9), .in_section(entry[28]), .in_end(entry[27]),
      .in_carry(entry[26]), .in_count(entry[25:24]), .in_bytes(entry[23:0]), .out_ready(out_ready),
      .out_count(out_count), .out_bytes(out_bytes), .out_section(out_section), .out_end(out_end)
  );

endmodule
