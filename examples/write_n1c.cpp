// Write ten seconds of four channels to a .n1c file and read a stretch of them; docs/c.md says how to build it.
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "n1c.h"

static std::int64_t checked(std::int64_t result) {
  if (result < 0) throw std::runtime_error(n1c_error(result));
  return result;
}

using Writer = std::unique_ptr<n1c_writer, decltype(&n1c_abandon)>;
using File = std::unique_ptr<n1c_file, decltype(&n1c_close)>;

static void write(const std::string &path, std::int64_t channels, double rate, int seconds) {
  const n1c_layout layout = {channels, rate, N1C_INT16, N1C_CODEC_N1_MULTI, "[{\"gains\": 2.34}]"};
  n1c_writer *begun = nullptr;
  checked(n1c_create(path.c_str(), &layout, &begun));
  Writer writer(begun, n1c_abandon);  // an exception removes what was written
  const auto frames = static_cast<std::int64_t>(rate) / 10;
  std::vector<std::int16_t> block(static_cast<std::size_t>(frames * channels));
  for (std::int64_t t = 0; t < 10 * seconds * frames; t += frames) {
    for (std::int64_t i = 0; i < frames * channels; i++) {
      const double phase = static_cast<double>(t + i / channels) / rate;
      block[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(std::lround(100 * std::sin(60 * phase) + i % channels));
    }
    checked(n1c_write(writer.get(), block.data(), frames));
  }
  std::cout << checked(n1c_finish(writer.release())) << " bytes\n";
}

static void read(const std::string &path) {
  n1c_file *opened = nullptr;
  checked(n1c_open(path.c_str(), &opened));
  const File file(opened, n1c_close);
  n1c_stream_info info{};
  checked(n1c_info(file.get(), 0, &info));
  std::vector<std::int16_t> samples(static_cast<std::size_t>(info.channels));
  checked(n1c_read(file.get(), 0, info.frames / 2, 1, samples.data(), info.channels * info.sample_bytes));
  std::cout << info.frames << " frames at " << info.rate << " Hz; the one in the middle:";
  for (const std::int16_t sample : samples) std::cout << ' ' << sample;
  std::cout << '\n';
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::cerr << "usage: write_n1c FILE.n1c\n";
    return 2;
  }
  try {
    write(argv[1], 4, 30000, 10);
    read(argv[1]);
  } catch (const std::exception &error) {
    std::cerr << "write_n1c: " << argv[1] << ": " << error.what() << '\n';
    return 1;
  }
}
