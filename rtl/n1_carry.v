// Stage 9: resolves carries into bytes that have left the coder.
//
// The last byte that was not 0xFF is held back with the number of 0xFF bytes behind it, of each section. Nearly
// every entry takes one clock: behind no run those that do not end with two bytes of 0xFF, behind a run those of nothing but
// 0xFF, and those that do not end with 0xFF and make three bytes at most with the run. For the others one step is done in a
// clock; of a run that leaves, a clock takes three bytes. No carry ever reaches beyond a section's first byte. Bytes leave in
// the clock that does the step, and stay until `out_ready`.

module n1_carry #(
    parameter SECTIONS = 2
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        in_valid,
    output wire        in_taken,  // this clock takes the entry
    input  wire        in_section,
    input  wire        in_end,    // all that is held back leaves behind the entry
    input  wire        in_carry,
    input  wire  [1:0] in_count,
    input  wire [23:0] in_bytes,  // the first one on top
    input  wire        out_ready,
    output reg   [1:0] out_count, // bytes for which `out_ready` is asked, none at an end too
    output reg  [23:0] out_bytes, // the first one on top
    output wire        out_section,
    output wire        out_end    // the section's last byte is among them
);

  // What is held back, of each section: whether it is anything, the byte, the length of the run of 0xFF behind it.
  reg        holds [0:SECTIONS-1];
  reg  [7:0] held  [0:SECTIONS-1];
  reg [15:0] run   [0:SECTIONS-1];

  // How far a slow entry is.
  reg       carried;
  reg [1:0] at;

  wire        holding = holds[in_section];
  wire  [7:0] byte_held = held[in_section];
  wire [15:0] length = run[in_section];
  wire        has_run = length != 16'd0;

  wire [7:0] byte0 = in_bytes[23:16];
  wire [7:0] byte1 = in_bytes[15:8];
  wire [7:0] byte2 = in_bytes[7:0];
  wire       last_ff = (in_count == 2'd1 && byte0 == 8'hff) || (in_count == 2'd2 && byte1 == 8'hff) ||
                       (in_count == 2'd3 && byte2 == 8'hff);
  wire       two_ff = last_ff && ((in_count == 2'd2 && byte0 == 8'hff) || (in_count == 2'd3 && byte1 == 8'hff));
  wire [1:0] count = in_count - {1'b0, last_ff};
  wire       only_ff = last_ff && byte0 == 8'hff && (in_count != 2'd3 || byte1 == 8'hff);
  wire       fresh = at == 2'd0 && !carried && !in_end;
  wire       fast = at == 2'd0 && !in_end && !has_run && !two_ff;
  wire       behind_few = fresh && holding && !last_ff && ((length == 16'd1 && (in_count == 2'd1 || in_count == 2'd2)) ||
                                                            (length == 16'd2 && in_count == 2'd1));
  wire [7:0] here = at == 2'd0 ? byte0 : at == 2'd1 ? byte1 : byte2;
  wire [7:0] raised = byte_held + {7'd0, in_carry && !carried};
  wire [7:0] passed = in_carry ? 8'h00 : 8'hff;
  // Of a run so many bytes leave together, the one that is held before it among them.
  wire [1:0] some = length > 16'd2 ? 2'd3 : length[1:0];

  reg        done, next_holds, next_carried;
  reg  [1:0] next_at;
  reg  [7:0] next_held;
  reg [15:0] next_run;

  always @* begin
    out_count    = 2'd0;
    out_bytes    = {byte_held, 16'd0};
    done         = 1'b0;
    next_holds   = holding;
    next_held    = byte_held;
    next_run     = length;
    next_carried = carried;
    next_at      = at;
    if (fast) begin
      done       = 1'b1;
      next_holds = holding || count != 2'd0;
      next_run   = {15'd0, last_ff};
      out_count  = count == 2'd0 ? 2'd0 : holding ? count : count - 2'd1;
      out_bytes  = holding ? {raised, byte0, byte1} : {byte0, byte1, 8'd0};
      case (count)
        2'd0: next_held = raised;
        2'd1: next_held = byte0;
        2'd2: next_held = byte1;
        default: next_held = byte2;
      endcase
    end else if (behind_few) begin
      done      = 1'b1;
      next_run  = 16'd0;
      out_count = in_count + length[1:0];
      out_bytes = {raised, passed, length[0] ? byte0 : passed};
      next_held = in_count == 2'd1 ? byte0 : byte1;
    end else if (in_carry && !carried) begin
      // The run becomes zeros; its last byte may be carried into again, the others leave.
      next_carried = 1'b1;
      next_held    = has_run ? 8'h00 : raised;
      out_bytes    = {raised, 16'd0};
      if (has_run) begin
        out_count = some;
        next_run  = length - {14'd0, some};
      end
    end else if (has_run && carried && at == 2'd0) begin
      out_count = some;
      next_run  = length - {14'd0, some};
    end else if (fresh && only_ff) begin
      next_run = length + {14'd0, in_count};
      done     = 1'b1;
    end else if (at != in_count && here == 8'hff) begin
      next_run = length + 16'd1;
      next_at  = at + 2'd1;
      done     = next_at == in_count && !in_end;
    end else if ((at != in_count || in_end) && has_run) begin
      out_count  = holding ? some : 2'd0;
      out_bytes  = {byte_held, 16'hffff};
      next_holds = 1'b1;
      next_held  = 8'hff;
      next_run   = length - (holding ? {14'd0, some} : 16'd1);
    end else if (at != in_count) begin
      out_count  = {1'b0, holding};
      next_holds = 1'b1;
      next_held  = here;
      next_at    = at + 2'd1;
      done       = next_at == in_count && !in_end;
    end else begin
      out_count  = in_end ? 2'd1 : 2'd0;
      next_holds = !in_end && holding;
      done       = 1'b1;
    end
    if (!in_valid) out_count = 2'd0;
  end

  assign out_section = in_section;
  assign out_end     = in_valid && in_end && done;

  wire goes = in_valid && (out_ready || (out_count == 2'd0 && !out_end));
  assign in_taken = goes && done;

  integer i;
  always @(posedge clk) begin
    if (rst) begin
      carried <= 1'b0;
      at      <= 2'd0;
      for (i = 0; i < SECTIONS; i = i + 1) begin
        holds[i] <= 1'b0;
        run[i]   <= 16'd0;
      end
    end else if (goes) begin
      carried           <= next_carried && !done;
      at                <= done ? 2'd0 : next_at;
      holds[in_section] <= next_holds;
      held[in_section]  <= next_held;
      run[in_section]   <= next_run;
    end
  end

`ifdef FORMAL
  `include "formal/n1_carry.vh"
`endif

endmodule
