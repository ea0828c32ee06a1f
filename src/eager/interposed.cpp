// SPDX-License-Identifier: MIT
#include "eager/interposed.h"

#include <anycapture/interpose.h>

#include <c10/util/Type.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <typeinfo>
#include <utility>

namespace anycapture {
namespace {

struct Interposed {
  std::mutex mutex;
  std::set<std::string> types;
  std::string problem;
};

Interposed& interposed_here() {
  static auto* interposed = new Interposed();  // told of before main, and asked until exit
  return *interposed;
}

bool started = false;
void (*waiting)() = nullptr;

[[gnu::constructor]] void begin() {
  started = true;
  if (waiting != nullptr) waiting();
}

}  // namespace

namespace eager {

void start_interposer(void (*start)()) {
  if (started) return start();
  waiting = start;
}

void set_interposed(std::set<std::string> types, std::string problem) {
  const std::lock_guard<std::mutex> lock(interposed_here().mutex);
  interposed_here().types = std::move(types);
  interposed_here().problem = std::move(problem);
}

bool is_of_type(const torch::nn::Module& module, const char* type) {
  const char* own = typeid(module).name();
  if (std::strcmp(own, type) == 0) return true;
  static constexpr char kHooked[] = "N10anycapture6detail6HookedI";  // then its first argument
  constexpr std::size_t length = sizeof kHooked - 1;
  return std::strncmp(own, kHooked, length) == 0 &&
         std::strncmp(own + length, type, std::strlen(type)) == 0;
}

bool is_interposed(const torch::nn::Module& module) {
  const std::lock_guard<std::mutex> lock(interposed_here().mutex);
  return interposed_here().types.count(typeid(module).name()) != 0;
}

}  // namespace eager

std::vector<std::string> interposed_types() {
  const std::lock_guard<std::mutex> lock(interposed_here().mutex);
  std::vector<std::string> types;
  for (const std::string& type : interposed_here().types) {
    types.push_back(c10::demangle(type.c_str()));
  }
  std::sort(types.begin(), types.end());
  return types;
}

std::string why_not_interposed() {
  const std::lock_guard<std::mutex> lock(interposed_here().mutex);
  return interposed_here().problem;
}

}  // namespace anycapture
