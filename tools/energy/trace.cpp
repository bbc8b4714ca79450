// Runs n1_trace, which trace.py writes: n1_packets, and what its encoder gets and returns in each clock, a byte a bit.
//
//     trace CODES WARM COUNT GIVEN RETURNED
//
// CODES are uint16. Of them WARM go by, the pipeline runs empty, and what COUNT further ones do is written down, and QUIET clocks
// before them.

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "Vn1_trace.h"
#include "verilated.h"

static const int IDLE = 4000, QUIET = 32;

template <typename Port> static void bits(std::ofstream &out, const Port &port, int count) {
  for (int i = 0; i < count; i++) out.put((char)(port[i / 32] >> i % 32 & 1));
}

int main(int count, char **arguments) {
  if (count != 6) return 2;
  std::ifstream in(arguments[1], std::ios::binary);
  const std::vector<uint8_t> codes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const size_t warm = std::stoul(arguments[2]), all = warm + std::stoul(arguments[3]);
  if (codes.size() < 2 * all) return 2;
  std::ofstream given(arguments[4], std::ios::binary), returned(arguments[5], std::ios::binary);
  auto top = std::make_unique<Vn1_trace>();
  size_t at = 0;
  int idle = 0;
  long waits = 0, clocks = 0;
  auto clock = [&] {
    top->clk = 1;
    top->eval();
    top->clk = 0;
    top->eval();
  };
  top->rst = 1;
  top->in_valid = 0;
  top->room = 1;
  for (int i = 0; i < 3; i++) clock();
  top->rst = 0;
  while (at < all) {
    if (at == warm && idle < IDLE) idle++;
    top->in_valid = at != warm || idle == IDLE;
    top->room = ++clocks % ROOM == 0;
    top->in_code = codes[2 * at] | codes[2 * at + 1] << 8;
    top->eval();
    if (at >= warm && idle >= IDLE - QUIET) {
      bits(given, top->given, GIVEN);
      bits(returned, top->returned, RETURNED);
    }
    if (top->in_valid && top->in_ready) {
      at++;
    } else {
      waits += top->in_valid;
    }
    clock();
  }
  std::printf("%ld\n", waits);
  return given.flush() && returned.flush() ? 0 : 1;
}
