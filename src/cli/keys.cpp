// SPDX-License-Identifier: MIT
#include "cli/keys.h"

#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/glob.h"

namespace anycapture {
namespace cli {
namespace {

using Entry = CaptureFile::Entry;

bool is_wild(char c) {
  return std::string_view("*?[]{}!").find(c) != std::string_view::npos;
}

// What a glob ends with, without wildcards and the dot before it: `attn:attn` of `*.attn:attn`.
std::string literal_end(const std::string& glob) {
  const auto wild = std::find_if(glob.rbegin(), glob.rend(), is_wild);
  std::string end(wild.base(), glob.end());
  end.erase(0, end.find_first_not_of('.'));
  return end;
}

// The keys that were meant, or globs over how keys end.
std::vector<std::string> meant(const std::string& glob, const std::vector<std::string>& keys) {
  std::vector<std::string> close = nearest(glob, keys, 3);
  if (!close.empty()) return close;
  std::vector<std::string> ends;
  for (const std::string& key : keys) ends.push_back(key.substr(key.rfind('.') + 1));
  close = nearest(literal_end(glob), ends, 3);
  for (std::string& end : close) end.insert(0, "*");
  return close;
}

[[noreturn]] void throw_unmatched(const std::string& glob, const std::vector<std::string>& keys,
                                  const std::string& path) {
  std::string close;
  for (const std::string& text : meant(glob, keys)) {
    close += (close.empty() ? "; nearest: " : ", ") + printable(text);
  }
  throw KeyError(fmt::format("{}: no key matches {} among its {}{}", path, printable(glob),
                             keys.size(), close));
}

}  // namespace

CaptureFile open_capture(const std::string& path) {
  return CaptureFile(path);
}

std::vector<bool> match_keys(const std::vector<std::string>& keys, const std::string& path,
                             const std::vector<std::string>& globs) {
  std::vector<bool> chosen(keys.size(), globs.empty());
  for (const std::string& text : globs) {
    const auto named = std::find(keys.begin(), keys.end(), text);
    bool matched = named != keys.end();
    if (matched) {
      chosen[static_cast<std::size_t>(named - keys.begin())] = true;
    } else {
      const Glob glob(text);
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (glob.matches(keys[i])) chosen[i] = matched = true;
      }
    }
    if (!matched) throw_unmatched(text, keys, path);
  }
  return chosen;
}

std::vector<const Entry*> choose_keys(const CaptureFile& capture, const std::string& path,
                                      const std::vector<std::string>& globs) {
  std::vector<std::string> keys;
  for (const Entry& entry : capture.entries()) keys.push_back(entry.key);
  const std::vector<bool> chosen = match_keys(keys, path, globs);
  std::vector<const Entry*> result;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (chosen[i]) result.push_back(&capture.entries()[i]);
  }
  return result;
}

std::vector<const safetensors::TensorInfo*> tensors_by_execution(
    const CaptureFile& capture, const std::vector<const Entry*>& entries) {
  std::vector<std::pair<std::uint64_t, const safetensors::TensorInfo*>> tensors;
  std::uint64_t last = 0;  // what the metadata does not know follows what stands before it
  for (const Entry* entry : entries) {
    const auto known = capture.metadata().calls.find(entry->key);
    for (const auto& [call, info] : entry->calls) {
      if (known != capture.metadata().calls.end() && call < known->second.size()) {
        last = known->second[call].sequence;
      }
      tensors.emplace_back(last, info);
    }
  }
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const safetensors::TensorInfo*> result;
  for (const auto& [sequence, info] : tensors) result.push_back(info);
  return result;
}

}  // namespace cli
}  // namespace anycapture
