// Codes of all channels, frame by frame, become slots of the encoder: each code with its channel, and one more slot at the
// end of each section of a packet. A section restarts with the first packet, once in a period, and where that is asked for.
// A code passes in the clock that takes it; one clock before each packet, and one at the end of each section, none is taken.

module n1_sequencer #(
    parameter CHANNELS = 1024,
    parameter CHANNEL_BITS = 10,
    parameter SECTIONS = 2,
    parameter WIDTH = 512, // channels of a section
    parameter FRAMES = 20,
    parameter PERIOD = 4882 // packets
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire                    restart, // the packet behind the one whose codes come is a key to all channels
    input  wire                    in_valid,
    output wire                    in_ready,
    output wire                    out_valid,
    input  wire                    out_ready,
    output wire [CHANNEL_BITS-1:0] out_channel,
    output wire                    out_section,
    output wire                    out_first,
    output wire                    out_start,
    output wire                    out_end,
    output wire                    keys_known, // the clock before a packet's first code, at the earliest
    output reg      [SECTIONS-1:0] keys
);

  localparam [31:0] LAST_32 = CHANNELS - 1, SECOND_32 = WIDTH, LAST_FRAME_32 = FRAMES - 1;
  localparam [CHANNEL_BITS-1:0] LAST = LAST_32[CHANNEL_BITS-1:0], SECOND = SECOND_32[CHANNEL_BITS-1:0];
  localparam [7:0] LAST_FRAME = LAST_FRAME_32[7:0];
  localparam [31:0] LAST_PHASE = PERIOD - 1, SECOND_PHASE = PERIOD / 2;

  reg [CHANNEL_BITS-1:0] channel;
  reg              [7:0] frame;
  reg             [31:0] phase;
  reg                    due;    // all sections restart
  reg                    fresh;  // this packet's keys are not known yet
  reg                    ending; // a section's last code was taken, its end was not
  reg                    ending_section;

  wire section    = SECTIONS == 2 && channel >= SECOND;
  wire last_code  = channel == LAST || (SECTIONS == 2 && channel == SECOND - 1'b1);
  wire first_code = channel == {CHANNEL_BITS{1'b0}} || (SECTIONS == 2 && channel == SECOND);

  assign out_valid   = !fresh && (ending || in_valid);
  assign in_ready    = !fresh && !ending && out_ready;
  assign out_channel = channel;
  assign out_section = ending ? ending_section : section;
  assign out_first   = frame == 8'd0 && keys[section];
  assign out_start   = !ending && frame == 8'd0 && first_code;
  assign out_end     = ending;
  assign keys_known  = fresh;

  wire [SECTIONS-1:0] phases;
  assign phases[0] = phase == 32'd0;
  generate
    if (SECTIONS == 2) assign phases[1] = phase == SECOND_PHASE;
  endgenerate

  // Known one clock late, they are written down by whoever packs.
  wire [SECTIONS-1:0] next_keys = due ? {SECTIONS{1'b1}} : phases;
  always @(posedge clk) if (fresh) keys <= next_keys;

  always @(posedge clk) begin
    if (rst) begin
      channel <= {CHANNEL_BITS{1'b0}};
      frame   <= 8'd0;
      phase   <= 32'd0;
      due     <= 1'b1;
      fresh   <= 1'b1;
      ending  <= 1'b0;
    end else begin
      fresh <= 1'b0;
      if (fresh) due <= 1'b0;
      if (restart) due <= 1'b1;
      if (out_valid && out_ready) begin
        if (ending) begin
          ending <= 1'b0;
          if (channel == {CHANNEL_BITS{1'b0}}) begin
            fresh <= 1'b1;
            phase <= phase == LAST_PHASE ? 32'd0 : phase + 32'd1;
          end
        end else begin
          ending         <= last_code && frame == LAST_FRAME;
          ending_section <= section;
          channel        <= channel == LAST ? {CHANNEL_BITS{1'b0}} : channel + 1'b1;
          if (channel == LAST) frame <= frame == LAST_FRAME ? 8'd0 : frame + 8'd1;
        end
      end
    end
  end

endmodule
