// SPDX-License-Identifier: MIT
// Writing 1 GiB as safetensors against plain write() and fsync() of the same bytes, one after the
// other on the same disk. ANYCAPTURE_BENCH_DIR: the folder to write to, else the current one.
// ANYCAPTURE_BENCH_ROUNDS: how often, else 5. Prints the ratio of the best times: at most 1.15.
#include <anycapture/safetensors.h>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace st = anycapture::safetensors;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kTensors = 64;
constexpr std::size_t kTensorBytes = std::size_t{1} << 24;

std::string folder() {
  const char* named = std::getenv("ANYCAPTURE_BENCH_DIR");
  return named != nullptr ? named : ".";
}

// Bytes that no disk can compress.
const std::vector<std::string>& tensors() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made(kTensors, std::string(kTensorBytes, '\0'));
    std::uint64_t state = 1;
    for (std::string& tensor : made) {
      for (std::size_t i = 0; i < tensor.size(); i += sizeof state) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        tensor.replace(i, sizeof state, reinterpret_cast<const char*>(&state), sizeof state);
      }
    }
    return made;
  }();
  return all;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double plain_seconds() {
  const std::string path = folder() + "/anycapture-bench-plain.bin";
  const auto start = Clock::now();
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0) throw std::runtime_error("cannot create " + path);
  for (const std::string& tensor : tensors()) {
    for (std::size_t done = 0; done < tensor.size();) {
      const ssize_t count = ::write(file, tensor.data() + done, tensor.size() - done);
      if (count <= 0) throw std::runtime_error("cannot write " + path);
      done += static_cast<std::size_t>(count);
    }
  }
  if (::fsync(file) != 0) throw std::runtime_error("cannot sync " + path);
  ::close(file);
  const double seconds = seconds_since(start);
  std::filesystem::remove(path);
  return seconds;
}

std::vector<st::Source> sources() {
  std::vector<st::Source> all;
  for (std::size_t i = 0; i < kTensors; ++i) {
    all.push_back({"blocks." + std::to_string(i) + ".attn:attn",
                   st::Dtype::kF32,
                   {static_cast<std::int64_t>(kTensorBytes / 4)},
                   [i] {
                     return st::Bytes{tensors()[i].data(), kTensorBytes, nullptr};
                   }});
  }
  return all;
}

template <class Write>
double safetensors_seconds(Write write) {
  const std::string path = folder() + "/anycapture-bench.safetensors";
  const auto start = Clock::now();
  write(path, sources());
  const double seconds = seconds_since(start);
  std::filesystem::remove(path);
  return seconds;
}

double whole_seconds() {
  return safetensors_seconds(
      [](const std::string& path, const std::vector<st::Source>& all) { st::write(path, all); });
}

// As they come, in another order than the file's.
double streamed_seconds(bool known) {
  return safetensors_seconds([&](const std::string& path, const std::vector<st::Source>& all) {
    st::Writer writer = known ? st::Writer(path, all) : st::Writer(path);
    for (const st::Source& source : all) writer.add(source);
    writer.finish();
  });
}

int rounds() {
  const char* named = std::getenv("ANYCAPTURE_BENCH_ROUNDS");
  return named != nullptr ? std::atoi(named) : 5;
}

void write_gibibyte(benchmark::State& state) {
  tensors();
  double plain = 1e9, ours = 1e9;
  for (auto _ : state) {
    for (int i = 0; i < rounds(); ++i) {
      plain = std::min(plain, plain_seconds());
      ours = std::min(ours, whole_seconds());
    }
  }
  state.counters["plain_s"] = plain;
  state.counters["ours_s"] = ours;
  state.counters["ratio"] = ours / plain;
  std::printf("1 GiB: plain %.3f s, safetensors %.3f s, ratio %.3f (at most 1.15)\n", plain, ours,
              ours / plain);
}
BENCHMARK(write_gibibyte)->Iterations(1)->Unit(benchmark::kSecond);

void stream_gibibyte(benchmark::State& state) {
  tensors();
  double whole = 1e9, unknown = 1e9, known = 1e9;
  for (auto _ : state) {
    for (int i = 0; i < rounds(); ++i) {
      whole = std::min(whole, whole_seconds());
      unknown = std::min(unknown, streamed_seconds(false));
      known = std::min(known, streamed_seconds(true));
    }
  }
  std::printf(
      "1 GiB: write() %.3f s, Writer %.3f s (%.2f x), Writer of known tensors %.3f s (%.2f x)\n",
      whole, unknown, unknown / whole, known, known / whole);
}
BENCHMARK(stream_gibibyte)->Iterations(1)->Unit(benchmark::kSecond);

void open_file(benchmark::State& state) {
  const std::string path = folder() + "/anycapture-bench-open.safetensors";
  std::vector<st::Source> sources;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    sources.push_back({"blocks." + std::to_string(i) + ".attn:attn", st::Dtype::kU8, {1}, [] {
                         return st::Bytes{"x", 1, nullptr};
                       }});
  }
  st::write(path, std::move(sources));
  for (auto _ : state) {
    const st::Reader reader(path);
    benchmark::DoNotOptimize(reader.tensors().data());
  }
  std::filesystem::remove(path);
}
BENCHMARK(open_file)->Arg(100)->Arg(10000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
