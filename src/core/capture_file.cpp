// SPDX-License-Identifier: MIT
#include "core/capture_file.h"

#include <anycapture/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/key.h"

namespace anycapture {
namespace {

using Entry = CaptureFile::Entry;

std::vector<Entry> entries_in_order_of_the_model(const safetensors::Reader& file) {
  std::vector<Entry> entries;
  std::unordered_map<std::string, std::size_t> index;
  for (const safetensors::TensorInfo& info : file.tensors()) {
    const auto [key, call] = split_call(info.key);
    const auto [place, is_new] = index.emplace(key, entries.size());
    if (is_new) entries.push_back({key, 0, {}});
    entries[place->second].calls.emplace_back(call, &info);
  }
  const auto by_call = [](const auto& a, const auto& b) { return a.first < b.first; };
  for (Entry& entry : entries) std::sort(entry.calls.begin(), entry.calls.end(), by_call);
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return natural_less(a.key, b.key); });
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].order = i;
  return entries;
}

// Those that the metadata orders first, each once; then the others as they are.
void sort_by_execution(std::vector<Entry>& entries, const std::vector<std::string>& order) {
  std::unordered_map<std::string_view, std::size_t> rank;
  for (const std::string& key : order) rank.emplace(key, rank.size());
  const auto rank_of = [&](const Entry& entry) {
    const auto found = rank.find(entry.key);
    return found == rank.end() ? rank.size() : found->second;
  };
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const Entry& a, const Entry& b) { return rank_of(a) < rank_of(b); });
}

}  // namespace

CaptureFile::CaptureFile(const std::string& path) : file_(path) {
  const auto text = file_.metadata().find("anycapture");
  if (text != file_.metadata().end()) {
    try {
      metadata_ = CaptureMetadata::from_json(text->second);
    } catch (const Error& error) {
      throw FileError(fmt::format("{}: {}", path, error.what()));
    }
    has_metadata_ = true;
  }
  entries_ = entries_in_order_of_the_model(file_);
  sort_by_execution(entries_, metadata_.order);
}

const CaptureMetadata::Site* CaptureFile::site(const std::string& key) const {
  const auto found = metadata_.sites.find(key);
  return found == metadata_.sites.end() ? nullptr : &found->second;
}

}  // namespace anycapture
