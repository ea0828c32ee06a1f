// SPDX-License-Identifier: MIT
// What a session heard, per selector, and what it did not hear and why.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace anycapture {

/// A module that a selector matched and at which nothing it chose fired.
struct SilentModule {
  std::string path;
  std::string reason;  ///< what did fire there, or the one-line change that would hook it
};

struct SelectorReport {
  std::string selector;
  std::size_t modules = 0;  ///< modules matched
  std::size_t keys = 0;     ///< keys that fired
  std::size_t calls = 0;    ///< calls that are kept, or in the file of `write_to`
  std::uint64_t bytes = 0;  ///< of their tensors
  std::vector<SilentModule> silent;
  std::vector<std::string> notes;  ///< what is to be known of the values
};

struct ANYCAPTURE_API Report {
  std::vector<SelectorReport> selectors;  ///< those without `!`, in order
  std::size_t keys = 0;
  std::uint64_t bytes = 0;
  std::string last_site;           ///< key of the last site that fired; empty if none did
  bool left_by_exception = false;  ///< a hooked module's forward was left by an exception

  std::string text() const;
};

ANYCAPTURE_API std::ostream& operator<<(std::ostream& out, const Report& report);

}  // namespace anycapture
