// The state of all channels: two memories with one port each. Even channels are in one, odd ones in the other, so that
// one channel is read while its neighbour's third successor before it is written.

module n1_state #(
    parameter CHANNEL_BITS = 10
) (
    input  wire                    clk,
    input  wire                    read,
    input  wire [CHANNEL_BITS-1:0] from,
    output wire            [183:0] out, // in the next clock
    input  wire                    write, // never together with a read of the same bank
    input  wire [CHANNEL_BITS-1:0] to,
    input  wire            [183:0] in
);

  wire [183:0] even_out, odd_out;
  wire         write_even = write && !to[0];
  wire         write_odd  = write && to[0];

  n1_ram #(.WIDTH(184), .BITS(CHANNEL_BITS - 1)) even (
      .clk(clk), .enable(write_even || (read && !from[0])), .write(write_even),
      .address(write_even ? to[CHANNEL_BITS-1:1] : from[CHANNEL_BITS-1:1]), .in(in), .out(even_out)
  );
  n1_ram #(.WIDTH(184), .BITS(CHANNEL_BITS - 1)) odd (
      .clk(clk), .enable(write_odd || (read && from[0])), .write(write_odd),
      .address(write_odd ? to[CHANNEL_BITS-1:1] : from[CHANNEL_BITS-1:1]), .in(in), .out(odd_out)
  );

  reg was_odd;
  always @(posedge clk) if (read) was_odd <= from[0];
  assign out = was_odd ? odd_out : even_out;

endmodule
