// SPDX-License-Identifier: MIT
// Work on all cores.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace anycapture {

inline std::size_t cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

/// Calls `f(index, worker)` for every index below `count`, each once, in no order; workers count
/// from 0 to cores() - 1. What a call throws passes on, when the others have ended.
template <class F>
void parallel_for(std::size_t count, F f) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr thrown;
  std::mutex mutex;
  const auto work = [&](std::size_t worker) {
    try {
      for (std::size_t i = next++; i < count; i = next++) f(i, worker);
    } catch (...) {
      next = count;
      const std::lock_guard<std::mutex> lock(mutex);
      if (thrown == nullptr) thrown = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  for (std::size_t worker = 1; worker < std::min(cores(), count); ++worker) {
    helpers.emplace_back(work, worker);
  }
  work(0);
  for (std::thread& helper : helpers) helper.join();
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

}  // namespace anycapture
