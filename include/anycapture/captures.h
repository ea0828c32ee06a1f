// SPDX-License-Identifier: MIT
// Reading what was captured: the cache of an open session, a value taken from it, a file.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>
#include <anycapture/options.h>
#include <anycapture/site.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace anycapture {

class AttentionMap;

namespace capture {
class Store;
}

/// What a capture file says beside its tensors, for viewers.
struct SaveOptions {
  /// Keys to write, as a glob over whole keys.
  std::string keys = "*";
  /// Rows and columns of the patch grid that the tokens lie on.
  std::optional<std::array<int, 2>> grid;
  /// Number of tokens in front of the grid's (a CLS token is 1).
  std::optional<int> prefix;
  /// The tokens' texts, one a token.
  std::vector<std::string> tokens;
  /// The picture as the model got it, (3, H, W) or (1, H, W); written under the key `:input.0`
  /// unless that was captured.
  at::Tensor image;
  /// What the picture was normalised with, per channel: pixel = image * std + mean, in 0..1.
  std::vector<double> image_mean;
  std::vector<double> image_std;
  /// Name of the model.
  std::string model;
};

/// What a page shows of a capture, beside what its file would say. Lists are 0-based; empty: all.
struct HtmlOptions : SaveOptions {
  std::optional<std::int64_t> batch;  ///< which item of the batch; left out, the first
  std::vector<int> layers;            ///< of the attention maps, these alone
  std::vector<int> heads;
  double max_mb = 40;  ///< 10^6 bytes that the page may have; what is more is reduced, and said
  bool exact = false;  ///< half precision, in place of 252 steps a row
};

/// The readers. Keys are `path:what`; a path under which the same module is registered a second
/// time reads the same. Kept tensors are shared, not copied.
///
/// Every reader of tensors throws `StaleCaptureError` when a tensor was changed in place after its
/// capture, unless told `Stale::allow`.
class ANYCAPTURE_API CaptureReader {
 public:
  using Entry = std::pair<std::string, std::vector<Call>>;
  class Iterator;

  /// The tensor of a key that fired once. Throws `KeyError` with the count when it fired 0 or 2+
  /// times, and with the nearest keys when there is none of that name.
  at::Tensor operator[](std::string_view key) const { return at(key); }
  at::Tensor at(std::string_view key, Stale stale = Stale::raise) const;

  /// All calls of a key that are kept, in order. Throws `KeyError` when it never fired.
  std::vector<Call> calls(std::string_view key, Stale stale = Stale::raise) const;

  /// The last call's tensor. Throws `KeyError` when the key never fired.
  at::Tensor last(std::string_view key, Stale stale = Stale::raise) const;

  /// The weights of a key that fired once, of a fused op without making them all; `at` makes them.
  /// Defined in <anycapture/attention.h>. Throws `KeyError` as at().
  AttentionMap attention(std::string_view key, Stale stale = Stale::raise) const;
  /// The same of all calls that are kept, in order. Throws `KeyError` when the key never fired.
  std::vector<AttentionMap> attentions(std::string_view key, Stale stale = Stale::raise) const;

  /// One tensor (L, ...) over the keys that match, in the order of the model's modules. Throws
  /// `KeyError` when none matches or one fired 2+ times, `Error` when shapes differ,
  /// `SelectorError` when the glob is malformed.
  at::Tensor stack(std::string_view glob) const;

  /// The keys that fired, in the order of their first capture. Throws `SelectorError` when the glob
  /// is malformed.
  std::vector<std::string> keys(std::string_view glob = "*") const;
  bool contains(std::string_view key) const;
  std::size_t size() const;  ///< number of keys
  bool empty() const { return size() == 0; }

  /// Range-for gives (key, calls) in the order of first capture.
  Iterator begin() const;
  Iterator end() const;

  /// Writes a safetensors file. Nothing is written when a tensor is stale: one error lists them
  /// all; nor when there is nothing to write (`KeyError`), or an option is out of its range
  /// (`Error`). Throws `FileError` when the file cannot be written; an older file is then left as
  /// it was.
  void save(const std::string& path, const SaveOptions& options = {}) const;

  /// Writes one HTML file, in which attention maps and other tensors can be looked at without a
  /// network: what `anycapture view` makes of the file that save() writes. Gives what there is to
  /// know about the page, a sentence each, which it says too, with options as the command names
  /// them. Throws as save() does, and `Error` where libanycapture_viewer, which is loaded for it,
  /// is missing.
  std::vector<std::string> save_html(const std::string& path,
                                     const HtmlOptions& options = {}) const;

 protected:
  CaptureReader();
  explicit CaptureReader(std::shared_ptr<capture::Store> store);
  ~CaptureReader();
  CaptureReader(const CaptureReader&);  // also moves: what is moved from stays readable
  CaptureReader& operator=(const CaptureReader&);

  std::shared_ptr<capture::Store> store_;
};

class ANYCAPTURE_API CaptureReader::Iterator {
 public:
  using value_type = Entry;
  using reference = Entry;
  using pointer = void;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;

  Iterator(const CaptureReader* reader, std::size_t index) : reader_(reader), index_(index) {}
  Entry operator*() const;
  Iterator& operator++() { return ++index_, *this; }
  bool operator==(const Iterator& other) const { return index_ == other.index_; }
  bool operator!=(const Iterator& other) const { return index_ != other.index_; }

 private:
  const CaptureReader* reader_;
  std::size_t index_;
};

/// What a session captured, as a value that outlives it; copies share their tensors.
class ANYCAPTURE_API Captures : public CaptureReader {
 public:
  Captures();
  /// Reads a capture file, or any safetensors file. Tensors are on the CPU; they share the mapped
  /// file until they are written to. Throws `FileError`.
  static Captures load(const std::string& path);

  /// Another view of a cache, for the library itself.
  static Captures of(std::shared_ptr<capture::Store> store);

 private:
  explicit Captures(std::shared_ptr<capture::Store> store);
};

}  // namespace anycapture
