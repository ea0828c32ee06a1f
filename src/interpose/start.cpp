// SPDX-License-Identifier: MIT
// Before main: is this the LibTorch that the functions were generated for, and do calls come here?
//
// Linked with -z initfirst, for what must be seen before any LibTorch runs a line.
#include <ATen/Version.h>
#include <c10/util/Type.h>
#include <torch/version.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <set>
#include <string>
#include <utility>

#include <dlfcn.h>
#include <unistd.h>

#include "eager/interposed.h"
#include "interpose/call.h"
#include "interpose/library.h"

#ifndef ANYCAPTURE_TORCH_VERSION
#define ANYCAPTURE_TORCH_VERSION TORCH_VERSION
#endif

namespace anycapture {
namespace interpose {
namespace {

std::atomic<bool> on{false};

// What LibTorch says of itself, in the list of its build settings.
std::string running_version() {
  static const std::string kSetting = "TORCH_VERSION=";
  const std::string settings = at::show_config();
  const std::size_t at = settings.find(kSetting);
  if (at == std::string::npos) return "another one";
  const std::size_t begin = at + kSetting.size();
  return settings.substr(begin, settings.find_first_of(", \n", begin) - begin);
}

// A definition behind ours; where ours is searched last, LibTorch's.
void* next_definition(const char* symbol) {
  if (void* found = dlsym(RTLD_NEXT, symbol)) return found;
  Dl_info libtorch{};
  if (dladdr(reinterpret_cast<void*>(&at::show_config), &libtorch) == 0) return nullptr;
  void* library = dlopen(libtorch.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  void* found = dlsym(library, symbol);
  dlclose(library);
  return found;
}

struct Found {
  const void* one = nullptr;      // of LibTorch's own definitions
  const char* missing = nullptr;  // the symbol of one that it does not have
};

Found find_next_definitions() {
  Found found;
  for (std::size_t i = 0; i < forward_count; ++i) {
    void* next = next_definition(forwards[i].symbol);
    forwards[i].next.store(next, std::memory_order_relaxed);
    if (next == nullptr) {
      found.missing = forwards[i].symbol;
    } else {
      found.one = next;
    }
  }
  return found;
}

// Why the functions cannot stand before LibTorch's; empty where they do.
std::string problem() {
  const Found found = find_next_definitions();
  const Library self = library_with(reinterpret_cast<const void*>(&problem));
  const std::string name = file_name(self.path);
  if (found.one == nullptr) return name + " finds no LibTorch in this program";
  const Library libtorch = library_with(found.one);
  if (libtorch.build_id.empty() || libtorch.build_id != ANYCAPTURE_TORCH_BUILD_ID) {
    const std::string running = running_version();
    if (running != ANYCAPTURE_TORCH_VERSION) {
      return name +
             " was generated for LibTorch " ANYCAPTURE_TORCH_VERSION ", this program runs with " +
             running + ", " + libtorch.path + ": build anycapture with that one";
    }
  }
  if (found.missing != nullptr) {
    return name + " was generated for another build of LibTorch " ANYCAPTURE_TORCH_VERSION ": " +
           libtorch.path + " has no " + c10::demangle(found.missing) +
           "; build anycapture with that one";
  }
  if (self.place > libtorch.place) {
    return name + " comes behind " + file_name(libtorch.path) +
           " where the loader searches: link the program itself with anycapture::interpose, or set "
           "LD_PRELOAD=" +
           self.path;
  }
  return "";
}

void start() noexcept {
  try {
    std::string why = problem();
    std::set<std::string> types;
    if (why.empty()) {
      for (std::size_t i = 0; i < forward_count; ++i) types.insert(forwards[i].type);
    } else {
      why = "interposition is off: " + why;
      std::fprintf(stderr, "anycapture: warning: %s\n", why.c_str());
    }
    on = why.empty();
    eager::set_interposed(std::move(types), std::move(why));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anycapture: warning: interposition is off: %s\n", error.what());
  }
}

// Two LibTorchs in one process write over each other: where this library brought one of its own
// into a program that has another, nothing can be passed through.
void end_where_there_are_two() {
  const std::vector<Library> all = libraries_named("libtorch_cpu.so");
  if (all.size() < 2) return;
  const bool first_is_ours = all[0].build_id == ANYCAPTURE_TORCH_BUILD_ID;
  std::fprintf(stderr,
               "anycapture: error: libanycapture_interpose.so was generated for "
               "LibTorch " ANYCAPTURE_TORCH_VERSION
               ", %s, and this program runs with another one, %s: build "
               "anycapture with that one\n",
               all[first_is_ours ? 0 : 1].path.c_str(), all[first_is_ours ? 1 : 0].path.c_str());
  _exit(1);
}

[[gnu::constructor]] void begin() noexcept {
  try {
    end_where_there_are_two();
    eager::start_interposer(start);  // when LibTorch has been started
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anycapture: warning: interposition is off: %s\n", error.what());
  }
}

}  // namespace

void* resolve(const char* symbol, std::atomic<void*>& next) {
  if (void* known = next.load(std::memory_order_relaxed)) return known;
  void* found = next_definition(symbol);
  if (found == nullptr) {
    std::fprintf(stderr,
                 "anycapture: error: the LibTorch of this program has no %s, which was called: "
                 "libanycapture_interpose.so was generated for LibTorch " ANYCAPTURE_TORCH_VERSION
                 ", build anycapture with the one that is used\n",
                 symbol);
    std::abort();
  }
  next.store(found, std::memory_order_relaxed);
  return found;
}

bool is_own_forward(const Forward& forward, const torch::nn::Module& module) {
  return on.load(std::memory_order_relaxed) && eager::is_of_type(module, forward.type);
}

}  // namespace interpose
}  // namespace anycapture
