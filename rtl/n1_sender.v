// Sends packets: the head, then each section behind its length. The checksum stands before the sections, so that all is
// read twice: for the checksum, then for the receiver. It begins when all collectors have a whole section.

module n1_sender #(
    parameter SECTIONS = 2,
    parameter BITS = 13,
    parameter [31:0] SEED = 32'd0 // checksum of tables and settings
) (
    input  wire                         clk,
    input  wire                         rst,
    // Sections, as n1_collector has them
    input  wire          [SECTIONS-1:0] waits,
    input  wire [SECTIONS*(BITS+2)-1:0] lengths,
    input  wire     [SECTIONS*BITS-1:0] froms,
    input  wire          [SECTIONS-1:0] keys,            // which of them restart
    output reg                          sent,            // one clock: the packet has left
    output reg                   [31:0] sequence_number, // of the packet
    output reg           [SECTIONS-1:0] read,
    output wire              [BITS-1:0] read_at,
    input  wire          [SECTIONS-1:0] read_taken,
    input  wire       [SECTIONS*32-1:0] words,
    // The packet
    output wire                         out_valid,
    input  wire                         out_ready,
    output wire                  [31:0] out_word,
    output wire                   [2:0] out_count,
    output wire                         out_last
);

  localparam [2:0] IDLE = 3'd0, KIND = 3'd1, NUMBER = 3'd2, CHECKSUM = 3'd3, LENGTH = 3'd4, WORDS = 3'd5;
  localparam [7:0] MODEL = 8'd2;

  reg            [2:0] state;
  reg                  sends;   // the second time
  reg                  section;
  reg           [31:0] crc;
  reg       [BITS-1:0] at;      // of the next word that is read
  reg       [BITS+1:0] left;    // bytes of the section that did not go on yet
  reg                  has_word;

  wire            last_section = SECTIONS == 1 || section;
  wire [BITS+1:0] length       = lengths[section*(BITS+2)+:BITS+2];
  wire     [31:0] word         = words[section*32+:32];

  // Seven bits a byte, the lowest first.
  wire [20:0] number = {{(17-BITS){1'b0}}, length, 1'b0, keys[section]};
  wire [23:0] varint = number[20:14] != 7'd0 ? {1'b0, number[20:14], 1'b1, number[13:7], 1'b1, number[6:0]} :
                       number[13:7] != 7'd0 ? {9'd0, number[13:7], 1'b1, number[6:0]} : {17'd0, number[6:0]};
  wire  [2:0] digits = number[20:14] != 7'd0 ? 3'd3 : number[13:7] != 7'd0 ? 3'd2 : 3'd1;

  wire [2:0] word_count = left[BITS+1:2] != {BITS{1'b0}} ? 3'd4 : {1'b0, left[1:0]};
  wire       word_ends  = left <= {{(BITS-1){1'b0}}, 3'd4};

  reg         has_item;
  reg   [2:0] item_count;
  reg  [31:0] item;
  always @* begin
    has_item   = 1'b1;
    item_count = 3'd4;
    item       = word;
    case (state)
      KIND: begin
        item_count = 3'd1;
        item       = {24'd0, MODEL};
      end
      NUMBER: item = sequence_number;
      CHECKSUM: item = ~crc;
      LENGTH: begin
        item_count = digits;
        item       = {8'd0, varint};
      end
      WORDS: begin
        has_item   = has_word;
        item_count = word_count;
      end
      default: has_item = 1'b0;
    endcase
  end

  wire item_last = state == WORDS && word_ends && last_section;
  wire gather_ready;
  wire goes = has_item && (!sends || gather_ready);

  n1_gather gather (
      .clk(clk), .rst(rst), .in_valid(has_item && sends), .in_ready(gather_ready), .in_count(item_count),
      .in_bytes(item), .in_last(item_last), .out_valid(out_valid), .out_ready(out_ready), .out_word(out_word),
      .out_count(out_count), .out_last(out_last)
  );

  wire [31:0] next_crc;
  n1_crc32 checksum (.crc(crc), .count(item_count), .bytes(item), .next(next_crc));

  // A word is read as soon as the one before goes on.
  wire more = !has_word || (goes && !word_ends);
  always @* begin
    read          = {SECTIONS{1'b0}};
    read[section] = state == WORDS && more;
  end
  assign read_at = at;

  always @(posedge clk) begin
    if (rst) begin
      state           <= IDLE;
      sent            <= 1'b0;
      sequence_number <= 32'd0;
    end else begin
      sent <= 1'b0;
      case (state)
        IDLE: begin
          sends   <= 1'b0;
          section <= 1'b0;
          crc     <= ~SEED;
          if (&waits && !sent) state <= KIND;
        end
        KIND: if (goes) state <= NUMBER;
        NUMBER: if (goes) state <= sends ? CHECKSUM : LENGTH;
        CHECKSUM: if (goes) state <= LENGTH;
        LENGTH: if (goes) begin
          state    <= WORDS;
          has_word <= 1'b0;
          at       <= froms[section*BITS+:BITS];
          left     <= length;
        end
        default: begin
          if (read_taken[section]) begin
            at       <= at + 1'b1;
            has_word <= 1'b1;
          end else if (goes) begin
            has_word <= 1'b0;
          end
          if (goes) left <= left - {{(BITS-1){1'b0}}, item_count};
          if (goes && word_ends) begin
            section  <= !last_section;
            state    <= !last_section ? LENGTH : sends ? IDLE : KIND;
            sends    <= sends || last_section;
            has_word <= 1'b0;
            if (last_section && sends) begin
              sent            <= 1'b1;
              sequence_number <= sequence_number + 32'd1;
            end
          end
        end
      endcase
      if (goes && !sends) crc <= next_crc;
    end
  end

endmodule
