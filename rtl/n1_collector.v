// Bytes of a section become words in a ring of memory, where they wait until the packet is sent.
//
// The ring holds the longest section that can be, so that a section always ends; what is ahead of it is sent meanwhile.

module n1_collector #(
    parameter BITS = 13 // 2^BITS words of 4 bytes
) (
    input  wire            clk,
    input  wire            rst,
    input  wire      [1:0] count, // bytes that come
    input  wire     [23:0] bytes, // the first one on top
    input  wire            is_end, // the section's last byte is among them
    output wire            ready,  // they are taken
    // The sender reads the words of the section that waits.
    output reg             waits,
    output reg  [BITS+1:0] length,      // of it, in bytes
    output reg  [BITS-1:0] from,        // its first word
    input  wire            sent,        // it is no longer needed
    input  wire            read,
    input  wire [BITS-1:0] read_at,
    output wire            read_taken,
    output wire     [31:0] word         // in the clock after, and until the next one; the first byte is the lowest
);

  reg     [23:0] part;
  reg      [1:0] parts;
  reg [BITS-1:0] to, begun;
  reg [BITS+1:0] size;

  wire [23:0] come   = {count > 2'd2 ? bytes[7:0] : 8'd0, count > 2'd1 ? bytes[15:8] : 8'd0,
                        count > 2'd0 ? bytes[23:16] : 8'd0};
  wire [55:0] joined = {32'd0, part} | ({32'd0, come} << {parts, 3'b000});
  wire  [2:0] total  = {1'b0, parts} + {1'b0, count};
  wire        write  = total[2] || (is_end && total != 3'd0);

  // One word stays free, so that a full ring is not an empty one.
  wire [BITS-1:0] free = (waits ? from : begun) - to - 1'b1;
  assign ready = free != {BITS{1'b0}} && !(is_end && waits);

  wire goes   = ready && (count != 2'd0 || is_end);
  wire writes = goes && write;
  assign read_taken = read && !writes;

  n1_ram #(.WIDTH(32), .BITS(BITS)) ring (
      .clk(clk), .enable(writes || read), .write(writes), .address(writes ? to : read_at), .in(joined[31:0]), .out(word)
  );

  always @(posedge clk) begin
    if (rst) begin
      parts <= 2'd0;
      to    <= {BITS{1'b0}};
      begun <= {BITS{1'b0}};
      size  <= {(BITS+2){1'b0}};
      waits <= 1'b0;
      part  <= 24'd0;
    end else begin
      if (sent) waits <= 1'b0;
      if (writes) to <= to + 1'b1;
      if (goes) begin
        part  <= is_end ? 24'd0 : total[2] ? joined[55:32] : joined[23:0];
        parts <= is_end ? 2'd0 : total[1:0];
        size  <= size + {{BITS{1'b0}}, count};
        if (is_end) begin
          waits  <= 1'b1;
          length <= size + {{BITS{1'b0}}, count};
          from   <= begun;
          begun  <= to + {{(BITS-1){1'b0}}, write};
          size   <= {(BITS+2){1'b0}};
        end
      end
    end
  end

endmodule
