// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <system_error>

#include "core/safetensors_header.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian, and so must be this machine"
#endif

namespace anycapture {
namespace safetensors {
namespace {

constexpr std::uint64_t kLengthBytes = 8;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

[[noreturn]] void throw_unreadable(const std::string& path, int error) {
  throw FileError(fmt::format("{}: cannot be read: {}; check the path and its permissions", path,
                              std::generic_category().message(error)));
}

}  // namespace

class Reader::File {
 public:
  explicit File(const std::string& path) {
    // Not to wait for a writer when the path is a pipe.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat about {};
    if (file.get() < 0 || ::fstat(file.get(), &about) != 0) throw_unreadable(path, errno);
    if (!S_ISREG(about.st_mode)) {
      throw FileError(path + ": is no regular file: give the path of a .safetensors file");
    }
    size_ = static_cast<std::uint64_t>(about.st_size);
    if (size_ < kLengthBytes) {
      throw FileError(
          fmt::format("{}: has {} bytes, a safetensors file has at least 8: it is empty, cut short "
                      "or of another "
                      "format",
                      path, size_));
    }
    void* start =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.get(), 0);
    if (start == MAP_FAILED) throw_unreadable(path, errno);
    start_ = static_cast<std::byte*>(start);
  }
  ~File() { ::munmap(start_, size_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::byte* start() const { return start_; }
  std::uint64_t size() const { return size_; }

 private:
  std::byte* start_ = nullptr;
  std::uint64_t size_ = 0;
};

Reader::Reader(const std::string& path) : file_(std::make_shared<const File>(path)) {
  std::uint64_t length = 0;
  std::memcpy(&length, file_->start(), kLengthBytes);
  const std::uint64_t behind = file_->size() - kLengthBytes;
  if (length > kMaxHeader) {
    throw FileError(
        fmt::format("{}: its header would be {} bytes long, the format allows {}: it is "
                    "no safetensors file, or damaged",
                    path, length, kMaxHeader));
  }
  if (length > behind) {
    throw FileError(
        fmt::format("{}: its header would be {} bytes long, but only {} follow: it was cut "
                    "short, or is no safetensors file",
                    path, length, behind));
  }
  const auto* text = reinterpret_cast<const char*>(file_->start() + kLengthBytes);
  Header header = parse_header({text, static_cast<std::size_t>(length)}, path);
  check_layout(header.tensors, behind - length, path);
  data_start_ = kLengthBytes + length;
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
  by_key_.resize(tensors_.size());
  std::iota(by_key_.begin(), by_key_.end(), std::size_t{0});
  std::sort(by_key_.begin(), by_key_.end(),
            [this](std::size_t a, std::size_t b) { return tensors_[a].key < tensors_[b].key; });
}

Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

const TensorInfo* Reader::find(std::string_view key) const {
  const auto found = std::lower_bound(
      by_key_.begin(), by_key_.end(), key,
      [this](std::size_t index, std::string_view wanted) { return tensors_[index].key < wanted; });
  return found != by_key_.end() && tensors_[*found].key == key ? &tensors_[*found] : nullptr;
}

const std::byte* Reader::data(const TensorInfo& tensor) const {
  return file_->start() + data_start_ + tensor.offset;
}

std::shared_ptr<const void> Reader::mapping() const {
  return file_;
}

}  // namespace safetensors
}  // namespace anycapture
