// Codes of up to 1024 channels, frame by frame, become the packets of docs/streaming.md, which n1codec.stream decodes.
//
// A code is taken in each clock with `in_valid` and `in_ready`, a word in each with `out_valid` and `out_ready`; until then
// the word stays. The reset is synchronous. The first word of a packet is there when all of the packet has been coded and
// read once for its checksum: about 0.3 clocks for each of its bytes behind its last code.

`include "n1_constants.vh"

module n1_packets #(
    parameter CHANNELS = 1024, // 4 to 1024, even
    parameter FRAMES = 20,     // of a packet, 128 at most
    parameter PERIOD = 4882    // packets from one restart of a channel to the next
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        restart,   // the packet behind the one whose codes come is a key to all channels
    input  wire        in_valid,
    output wire        in_ready,
    input  wire  [9:0] in_code,
    output wire        out_valid,
    input  wire        out_ready,
    output wire [31:0] out_word,  // the first byte is the lowest
    output wire  [2:0] out_count, // bytes of it, fewer than 4 in a packet's last word alone
    output wire        out_last   // of a packet
);

  localparam CHANNEL_BITS = $clog2(CHANNELS);
  localparam SECTIONS = (CHANNELS + 511) / 512;
  localparam WIDTH = 8 * (((CHANNELS + 7) / 8 + SECTIONS - 1) / SECTIONS);
  // A sample takes 3 bytes at most.
  localparam BITS = $clog2((3 * WIDTH * FRAMES + 3) / 4 + 3);

  // The checksum of packets goes on from that of the tables and of three numbers of 64 bits.
  function [31:0] seed(input [31:0] channels, input [31:0] frames, input [31:0] period);
    reg [191:0] settings;
    integer i;
    begin
      settings = {32'd0, period, 32'd0, frames, 32'd0, channels};
      seed = ~`N1_TABLES_CRC;
      for (i = 0; i < 192; i = i + 1) seed = {1'b0, seed[31:1]} ^ (seed[0] ^ settings[i] ? 32'hedb88320 : 32'd0);
      seed = ~seed;
    end
  endfunction
  localparam [31:0] SEED = seed(CHANNELS, FRAMES, PERIOD);

  wire                    slot_valid, slot_ready, slot_section, slot_first, slot_start, slot_end, keys_known;
  wire [CHANNEL_BITS-1:0] slot_channel;
  wire     [SECTIONS-1:0] slot_keys;

  n1_sequencer #(
      .CHANNELS(CHANNELS), .CHANNEL_BITS(CHANNEL_BITS), .SECTIONS(SECTIONS), .WIDTH(WIDTH), .FRAMES(FRAMES),
      .PERIOD(PERIOD)
  ) sequencer (
      .clk(clk), .rst(rst), .restart(restart), .in_valid(in_valid), .in_ready(in_ready), .out_valid(slot_valid),
      .out_ready(slot_ready), .out_channel(slot_channel), .out_section(slot_section), .out_first(slot_first),
      .out_start(slot_start), .out_end(slot_end), .keys_known(keys_known), .keys(slot_keys)
  );

  wire        byte_ready, byte_section, byte_end;
  wire  [1:0] byte_count;
  wire [23:0] bytes;

  n1_core #(.CHANNEL_BITS(CHANNEL_BITS), .SECTIONS(SECTIONS)) core (
      .clk(clk), .rst(rst), .in_valid(slot_valid), .in_ready(slot_ready), .in_code(in_code),
      .in_channel(slot_channel), .in_section(slot_section), .in_first(slot_first), .in_start(slot_start),
      .in_end(slot_end), .out_ready(byte_ready), .out_count(byte_count), .out_bytes(bytes),
      .out_section(byte_section), .out_end(byte_end)
  );

  wire          [SECTIONS-1:0] ready, waits, read, read_taken;
  wire [SECTIONS*(BITS+2)-1:0] lengths;
  wire     [SECTIONS*BITS-1:0] froms;
  wire       [SECTIONS*32-1:0] words;
  wire              [BITS-1:0] read_at;
  wire                         sent;
  assign byte_ready = ready[byte_section];

  genvar i;
  generate
    for (i = 0; i < SECTIONS; i = i + 1) begin : sections
      wire mine = byte_section == i;
      n1_collector #(.BITS(BITS)) collector (
          .clk(clk), .rst(rst), .count(mine ? byte_count : 2'd0), .bytes(bytes), .is_end(mine && byte_end),
          .ready(ready[i]), .waits(waits[i]), .length(lengths[i*(BITS+2)+:BITS+2]), .from(froms[i*BITS+:BITS]),
          .sent(sent), .read(read[i]), .read_at(read_at), .read_taken(read_taken[i]), .word(words[i*32+:32])
      );
    end
  endgenerate

`ifndef SYNTHESIS
  initial begin
    if (CHANNELS < 4 || CHANNELS > 1024 || CHANNELS % 2 != 0 || FRAMES < 1 || FRAMES > 128 || PERIOD < 1) begin
      $display("n1_packets: CHANNELS is even and 4 to 1024, FRAMES 1 to 128, PERIOD 1 or more");
      $finish;
    end
  end
`endif

  // Which sections restart is known long before the packet is sent; at most three packets are under way.
  reg  [SECTIONS-1:0] keys [0:3];
  reg           [1:0] begun;
  reg                 keys_come;
  wire         [31:0] sequence_number;
  always @(posedge clk) begin
    keys_come <= keys_known && !rst;
    if (keys_come) keys[begun] <= slot_keys;
    if (rst) begun <= 2'd0;
    else if (keys_come) begun <= begun + 2'd1;
  end

  n1_sender #(.SECTIONS(SECTIONS), .BITS(BITS), .SEED(SEED)) sender (
      .clk(clk), .rst(rst), .waits(waits), .lengths(lengths), .froms(froms), .keys(keys[sequence_number[1:0]]),
      .sent(sent), .sequence_number(sequence_number), .read(read), .read_at(read_at), .read_taken(read_taken),
      .words(words), .out_valid(out_valid), .out_ready(out_ready), .out_word(out_word), .out_count(out_count),
      .out_last(out_last)
  );

endmodule
