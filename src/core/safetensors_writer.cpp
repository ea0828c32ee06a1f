// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/atomic_file.h"
#include "core/safetensors_layout.h"

namespace anycapture {
namespace safetensors {
namespace {

std::vector<TensorInfo> all_described(const std::vector<Source>& sources, const std::string& path) {
  std::vector<TensorInfo> tensors;
  tensors.reserve(sources.size());
  for (const Source& source : sources) tensors.push_back(described(source, path));
  return tensors;
}

std::string kind_of(const TensorInfo& tensor) {
  return fmt::format("{} of shape [{}]", name(tensor.dtype), fmt::join(tensor.shape, ", "));
}

}  // namespace

void write(const std::string& path, const std::vector<Source>& sources, const Metadata& metadata) {
  const std::vector<TensorInfo> tensors = all_described(sources, path);
  const Layout layout = lay_out(tensors, metadata, path);
  AtomicFile file(path, layout.header.size() + layout.data_bytes);
  file.write(layout.header.data(), layout.header.size());
  for (const std::size_t i : layout.order) {
    const Bytes bytes = checked_bytes(sources[i], tensors[i].bytes, path);
    file.write(bytes.data, bytes.size);
  }
  file.commit();
}

// A data file. It becomes the finished one when room for the header was left before the data, and
// is moved into that otherwise.
class Writer::File {
 public:
  explicit File(const std::string& path) : path_(path), data_(path, 0) { data_.make_scratch(); }

  File(const std::string& path, std::vector<TensorInfo> expected, const Layout& layout)
      : path_(path),
        data_(path, layout.header.size() + layout.data_bytes),
        header_room_(layout.header.size()),
        tensors_(std::move(expected)),
        starts_(layout.offsets),
        missing_(tensors_.size()),
        came_(tensors_.size()) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      index_.emplace(tensors_[i].key, i);
      starts_[i] += header_room_;
    }
  }

  void add(const Source& source) {
    check_open();
    const TensorInfo tensor = described(source, path_);
    const std::uint64_t start = header_room_ == 0 ? end_ : start_of_expected(tensor);
    if (header_room_ == 0 && index_.count(tensor.key) > 0) throw_given_twice(tensor.key);
    const Bytes bytes = checked_bytes(source, tensor.bytes, path_);
    state_ = State::kBroken;
    data_.write_over(start, bytes.data, bytes.size);
    state_ = State::kOpen;
    if (header_room_ == 0) {
      index_.emplace(tensor.key, tensors_.size());
      tensors_.push_back(tensor);
      starts_.push_back(end_);
      end_ += tensor.bytes;
    } else {
      came_[index_.at(tensor.key)] = true;
      --missing_;
    }
  }

  void finish(const Metadata& metadata) {
    check_open();
    check_complete();
    const Layout layout = lay_out(tensors_, metadata, path_);
    state_ = State::kBroken;
    if (layout.header.size() == header_room_) {
      data_.write_over(0, layout.header.data(), layout.header.size());
      data_.commit();
    } else {
      AtomicFile file(path_, layout.header.size() + layout.data_bytes);
      file.write(layout.header.data(), layout.header.size());
      for (const std::size_t i : layout.order) file.move_from(data_, starts_[i], tensors_[i].bytes);
      file.commit();
    }
    state_ = State::kDone;
  }

 private:
  enum class State : char { kOpen, kBroken, kDone };

  void check_open() const {
    if (state_ == State::kOpen) return;
    throw FileError(path_ + (state_ == State::kDone
                                 ? ": is finished: nothing can be added to it any more"
                                 : ": could not be written before, so it cannot be finished: "
                                   "start again with a new Writer"));
  }

  [[noreturn]] void throw_given_twice(const std::string& key) const {
    throw FileError(fmt::format("{}: the key {} is there twice: give each tensor its own", path_,
                                printable(key)));
  }

  std::uint64_t start_of_expected(const TensorInfo& tensor) const {
    const auto found = index_.find(tensor.key);
    if (found == index_.end()) {
      throw FileError(fmt::format("{}: tensor {} is none of the {} expected: expect it too", path_,
                                  printable(tensor.key), tensors_.size()));
    }
    const TensorInfo& expected = tensors_[found->second];
    if (tensor.dtype != expected.dtype || tensor.shape != expected.shape) {
      throw FileError(fmt::format("{}: tensor {} is {}, expected was {}: give what is expected",
                                  path_, printable(tensor.key), kind_of(tensor),
                                  kind_of(expected)));
    }
    if (came_[found->second]) throw_given_twice(tensor.key);
    return starts_[found->second];
  }

  void check_complete() const {
    if (missing_ == 0) return;
    const auto first = std::find(came_.begin(), came_.end(), false) - came_.begin();
    throw FileError(fmt::format(
        "{}: {} of the {} tensors expected {} missing, {} first: the format has no holes, so add "
        "all before finish()",
        path_, missing_, tensors_.size(), missing_ == 1 ? "is" : "are",
        printable(tensors_[static_cast<std::size_t>(first)].key)));
  }

  std::string path_;
  AtomicFile data_;
  std::size_t header_room_ = 0;  // 0: none was left
  std::vector<TensorInfo> tensors_;
  std::vector<std::uint64_t> starts_;  // of the tensors, in the data file
  std::unordered_map<std::string, std::size_t> index_;
  std::uint64_t end_ = 0;    // of the data, where no room was left
  std::size_t missing_ = 0;  // of those expected
  std::vector<bool> came_;
  State state_ = State::kOpen;
};

Writer::Writer(const std::string& path) : file_(std::make_unique<File>(path)) {}

Writer::Writer(const std::string& path, const std::vector<Source>& expected,
               const Metadata& metadata) {
  std::vector<TensorInfo> tensors = all_described(expected, path);
  const Layout layout = lay_out(tensors, metadata, path);
  file_ = std::make_unique<File>(path, std::move(tensors), layout);
}

Writer::~Writer() = default;
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;

void Writer::add(const Source& source) {
  file_->add(source);
}

void Writer::finish(const Metadata& metadata) {
  file_->finish(metadata);
}

}  // namespace safetensors
}  // namespace anycapture
