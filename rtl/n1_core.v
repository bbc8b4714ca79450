// The encoder with its memories: codes in, bytes of the range coder out.
//
// A slot is taken in each clock with `in_valid` and `in_ready`, and a clock in which `out_ready` meets bytes or an end takes
// those; until then they stay. What a slot pushes out is there in the tenth clock, the one that takes the slot being the
// first, if no carry takes longer; a section's last byte always waits for its end.

module n1_core #(
    parameter CHANNEL_BITS = 10,
    parameter SECTIONS = 2
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire                    in_valid,
    output wire                    in_ready,
    input  wire              [9:0] in_code,
    input  wire [CHANNEL_BITS-1:0] in_channel,
    input  wire                    in_section,
    input  wire                    in_first,    // the channel restarts
    input  wire                    in_start,    // the section's coder begins with this code
    input  wire                    in_end,      // no code: the section ends
    input  wire                    out_ready,
    output wire              [1:0] out_count,
    output wire             [23:0] out_bytes,   // the first one on top
    output wire                    out_section,
    output wire                    out_end      // the section's last byte is among them
);

  wire                    state_read, state_write, edges_read, shape_read;
  wire [CHANNEL_BITS-1:0] state_from, state_to;
  wire            [183:0] state_in, state_out;
  wire              [9:0] edges_at;
  wire             [31:0] edges_word;
  wire              [8:0] shape_at_lower, shape_at_upper;
  wire             [37:0] shape_lower, shape_upper;

  n1_encoder #(.CHANNEL_BITS(CHANNEL_BITS), .SECTIONS(SECTIONS)) encoder (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_code(in_code), .in_channel(in_channel),
      .in_section(in_section), .in_first(in_first), .in_start(in_start), .in_end(in_end), .state_read(state_read),
      .state_from(state_from), .state_in(state_in), .state_write(state_write), .state_to(state_to),
      .state_out(state_out), .edges_read(edges_read), .edges_at(edges_at), .edges_word(edges_word),
      .shape_read(shape_read), .shape_at_lower(shape_at_lower), .shape_at_upper(shape_at_upper),
      .shape_lower(shape_lower), .shape_upper(shape_upper), .out_ready(out_ready), .out_count(out_count),
      .out_bytes(out_bytes), .out_section(out_section), .out_end(out_end)
  );

  n1_state #(.CHANNEL_BITS(CHANNEL_BITS)) state (
      .clk(clk), .read(state_read), .from(state_from), .out(state_in), .write(state_write), .to(state_to),
      .in(state_out)
  );
  n1_edges_rom edges (.clk(clk), .enable(edges_read), .address(edges_at), .word(edges_word));
  n1_shape_rom shape (
      .clk(clk), .enable(shape_read), .address0(shape_at_lower), .address1(shape_at_upper), .word0(shape_lower),
      .word1(shape_upper)
  );

endmodule
