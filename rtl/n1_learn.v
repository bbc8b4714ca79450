// Stage 3, first half: what the channel learns from its error. The first sample of a channel teaches nothing.

module n1_learn (
    input  wire               first,
    input  wire signed [15:0] level,      // of the sample
    input  wire signed [15:0] prediction,
    input  wire        [23:0] moves,      // of the weights, four, signed
    input  wire        [63:0] weights,
    input  wire        [47:0] mean,
    output wire        [63:0] next_weights,
    output wire        [47:0] next_mean
);

  wire signed [16:0] error    = level - prediction;
  wire               negative = error[16];
  wire               positive = !negative && error != 17'sd0;
  wire        [16:0] distance = negative ? -error : error;
  wire        [15:0] size     = {distance[16:13] != 4'd0 ? 13'h1fff : distance[12:0], 3'b000};

  function [15:0] learned(input signed [15:0] weight, input signed [5:0] move, input up, input down);
    reg signed [16:0] w;
    begin
      w = {weight[15], weight};
      if (up) w = w + {{11{move[5]}}, move};
      if (down) w = w - {{11{move[5]}}, move};
      learned = w < -17'sd32767 ? 16'h8001 : w > 17'sd32767 ? 16'h7fff : w[15:0];
    end
  endfunction

  function [15:0] follow(input [15:0] x, input [15:0] to, input [3:0] shift);
    reg signed [18:0] d;
    begin
      d = $signed({3'b000, to}) - $signed({3'b000, x}) + (19'sd1 <<< (shift - 4'd1));
      d = d >>> shift;
      follow = x + d[15:0];
    end
  endfunction

  wire learns = !first;
  assign next_weights = {learned(weights[63:48], moves[23:18], positive && learns, negative && learns),
                         learned(weights[47:32], moves[17:12], positive && learns, negative && learns),
                         learned(weights[31:16], moves[11:6], positive && learns, negative && learns),
                         learned(weights[15:0], moves[5:0], positive && learns, negative && learns)};
  assign next_mean    = first ? mean : {follow(mean[47:32], size, 4'd3), follow(mean[31:16], size, 4'd7),
                                        follow(mean[15:0], size, 4'd10)};

endmodule
