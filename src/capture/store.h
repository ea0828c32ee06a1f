// SPDX-License-Identifier: MIT
// The cache behind a session, a taken value and a loaded file.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <anycapture/captures.h>
#include <anycapture/metadata.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "capture/lazy_tensor.h"

namespace anycapture {
namespace capture {

struct StoredCall {
  at::Tensor value;  ///< not defined once it is in the file that the session writes
  const void* storage =
      nullptr;                ///< identity of the storage at capture; null for a copy of our own
  std::uint32_t version = 0;  ///< of the tensor at capture
  std::uint32_t thread = 0;
  std::uint64_t sequence = 0;
  std::shared_ptr<const LazyTensor> lazy;  ///< makes the value when it is read; else null
  std::string path;                        ///< that the call went by, where it is not the site's

  bool is_stale() const;
  at::ScalarType dtype() const;
  std::uint64_t bytes() const;  ///< 0 once it is in a file
};

struct StoredSite {
  Site site;
  std::size_t order = 0;      ///< of its module in the model
  int selector = -1;          ///< that chose it
  std::size_t fired = 0;      ///< since the last clear, kept or not
  std::string dtype;          ///< as computed, where the file holds another or the only one
  std::uint64_t written = 0;  ///< bytes that are in the file that the session writes
  c10::SmallVector<StoredCall, 1> calls;
};

class Store {
 public:
  /// The site under a key, made when there is none.
  StoredSite& site(Site site, std::size_t order, int selector);
  /// Null when the key never fired; aliases of module paths are accepted.
  const StoredSite* find(std::string_view key) const;
  /// Throws `KeyError` with the nearest keys.
  const StoredSite& require(std::string_view key) const;
  /// Appends a call and drops all but the newest `keep_last` (0: none).
  void append(StoredSite& site, StoredCall&& call, std::size_t keep_last);
  void clear();
  /// Throws `Error` when it is in a file, or cannot be made.
  at::Tensor value_of(const StoredSite& site, const StoredCall& call) const;
  /// The same. Throws `StaleCaptureError` unless told to give what was changed since.
  at::Tensor read(const StoredSite& site, const StoredCall& call, Stale stale) const;
  /// Why nothing is here, and what to do: the end of a message.
  std::string why_empty() const;

  const std::vector<StoredSite*>& fired() const { return fired_; }  ///< in order of first capture
  const std::deque<StoredSite>& sites() const { return sites_; }
  /// The sites whose keys match a glob, in order of first capture.
  std::vector<const StoredSite*> matching(std::string_view glob) const;

  std::map<std::string, std::string, std::less<>> aliases;  ///< further path -> path in keys
  CaptureMetadata metadata;                                 ///< of the file it was loaded from
  const char* emptied_by = nullptr;                         ///< the call that left it empty
  std::string written_to;  ///< path of the file that the session writes; empty if it writes none

 private:
  std::deque<StoredSite> sites_;  // addresses stay
  std::unordered_map<std::string, StoredSite*> by_key_;
  std::vector<StoredSite*> fired_;
};

}  // namespace capture
}  // namespace anycapture
