// Runs n1_packets on codes and compares what leaves with packets that the C library wrote.
//
//     packets CODES PACKETS STALL_IN STALL_OUT SEED          compares
//     packets CODES PACKETS STALL_IN STALL_OUT SEED write    writes PACKETS instead
//
// CODES are uint16, PACKETS all bytes one after the other; of 1000 clocks so many are without a code, or without room for
// what leaves. One line tells clocks, and for each 20480 codes in how many clocks one of them had to wait.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "Vn1_packets.h"
#include "verilated.h"

static std::vector<uint8_t> contents(const char *path) {
  std::ifstream in(path, std::ios::binary);
  return std::vector<uint8_t>((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

int main(int count, char **arguments) {
  if (count != 6 && count != 7) return 2;
  const bool writes = count == 7;
  const std::vector<uint8_t> codes = contents(arguments[1]), expected = contents(arguments[2]);
  std::ofstream written(writes ? arguments[2] : "/dev/null", std::ios::binary);
  const unsigned stall_in = std::stoi(arguments[3]), stall_out = std::stoi(arguments[4]);
  std::mt19937 random(std::stoi(arguments[5]));
  auto top = std::make_unique<Vn1_packets>();
  size_t at = 0, out = 0, packets = 0;
  uint64_t clocks = 0, quiet = 0;
  std::vector<unsigned> waits(codes.size() / 40960 + 1);
  auto clock = [&] {
    top->clk = 1;
    top->eval();
    top->clk = 0;
    top->eval();
  };
  top->rst = 1;
  top->restart = 0;
  top->in_valid = top->out_ready = 0;
  for (int i = 0; i < 3; i++) clock();
  top->rst = 0;
  while ((writes || out < expected.size()) && quiet < 1000000) {
    top->in_valid = at < codes.size() && random() % 1000 >= stall_in;
    top->in_code = at < codes.size() ? codes[at] | codes[at + 1] << 8 : 0;
    top->out_ready = random() % 1000 >= stall_out;
    top->eval();
    quiet++;
    if (top->out_valid && top->out_ready) {
      quiet = 0;
      for (unsigned i = 0; i < top->out_count; i++, out++) {
        const unsigned byte = top->out_word >> 8 * i & 255;
        written.put((char)byte);
        if (!writes && (out >= expected.size() || byte != expected[out])) {
          std::printf("byte %zu is %u, not %d: packet %zu, clock %llu\n", out, byte,
                      out < expected.size() ? expected[out] : -1, packets, (unsigned long long)clocks);
          return 1;
        }
      }
      packets += top->out_last;
    }
    if (top->in_valid && top->in_ready) {
      at += 2;
      quiet = 0;
    } else if (top->in_valid) {
      waits[at / 40960]++;
    }
    clock();
    clocks++;
  }
  std::printf("{\"bytes\": %zu, \"packets\": %zu, \"codes\": %zu, \"clocks\": %llu, \"waits\": [", out, packets, at / 2,
              (unsigned long long)clocks);
  for (size_t i = 0; i < waits.size(); i++) std::printf("%s%u", i ? ", " : "", waits[i]);
  std::printf("]}\n");
  return (writes || out == expected.size()) && at == codes.size() ? 0 : 1;
}
