// CRC-32 as in zlib, of one to four bytes a clock: `crc` is what is continued, inverted before it is sent.

module n1_crc32 (
    input  wire [31:0] crc,
    input  wire  [2:0] count, // bytes, 1 to 4
    input  wire [31:0] bytes, // the first one is the lowest
    output wire [31:0] next
);

  function [31:0] after(input [31:0] from, input [7:0] value);
    integer i;
    begin
      after = from ^ {24'd0, value};
      for (i = 0; i < 8; i = i + 1) after = {1'b0, after[31:1]} ^ (after[0] ? 32'hedb88320 : 32'd0);
    end
  endfunction

  wire [31:0] after1 = after(crc, bytes[7:0]);
  wire [31:0] after2 = after(after1, bytes[15:8]);
  wire [31:0] after3 = after(after2, bytes[23:16]);
  wire [31:0] after4 = after(after3, bytes[31:24]);
  assign next = count == 3'd1 ? after1 : count == 3'd2 ? after2 : count == 3'd3 ? after3 : after4;

endmodule
