// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/inspect.h"
#include "cli/table.h"
#include "core/element.h"
#include "core/size_text.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {

std::string dtype_text(const CaptureFile& capture, const CaptureFile::Entry& entry) {
  const std::string stored(torch_name(entry.calls.front().second->dtype));
  const CaptureMetadata::Site* site = capture.site(entry.key);
  if (site == nullptr || site->dtype.empty() || site->dtype == stored) return stored;
  return fmt::format("{} (of {})", stored, visible(site->dtype));
}

std::string shape_text(const CaptureFile::Entry& entry) {
  const std::vector<std::int64_t>& shape = entry.calls.front().second->shape;
  const bool same = std::all_of(entry.calls.begin(), entry.calls.end(),
                                [&](const auto& call) { return call.second->shape == shape; });
  return fmt::format("[{}]{}", fmt::join(shape, ", "), same ? "" : " ...");
}

std::uint64_t bytes_of(const CaptureFile::Entry& entry) {
  std::uint64_t bytes = 0;
  for (const auto& [call, info] : entry.calls) bytes += info->bytes;
  return bytes;
}

std::string key_table(const CaptureFile& capture, const Entries& entries) {
  const bool called_again = std::any_of(entries.begin(), entries.end(),
                                        [](const auto* entry) { return entry->calls.size() > 1; });
  Table table({{"key", Table::Align::kLeft},
               {"type", Table::Align::kLeft},
               {"dtype", Table::Align::kLeft},
               {"shape", Table::Align::kLeft},
               {"calls", Table::Align::kRight},
               {"size", Table::Align::kRight}});
  for (const CaptureFile::Entry* entry : entries) {
    const CaptureMetadata::Site* site = capture.site(entry->key);
    table.add({visible(entry->key), site == nullptr ? "" : visible(site->type),
               dtype_text(capture, *entry), shape_text(*entry),
               called_again ? std::to_string(entry->calls.size()) : "",
               size_text(bytes_of(*entry))});
  }
  return entries.empty() ? "" : table.text();
}

}  // namespace cli
}  // namespace anycapture
