// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <system_error>

#include "core/input_file.h"
#include "core/safetensors_header.h"
#include "core/sniff.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian, and so must be this machine"
#endif

namespace anycapture {
namespace safetensors {
namespace {

constexpr std::uint64_t kLengthBytes = 8;

// For a file that breaks the format where others begin: says what it is, if it is known.
void check_kind(const std::string& path) {
  const FileKind kind = sniff(path);
  if (kind == FileKind::kSafetensors || kind == FileKind::kUnknown || kind == FileKind::kEmpty) {
    return;
  }
  throw FileError(no_capture(path, kind));
}

bool begins_an_object(std::string_view json) {
  const std::size_t first = json.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && json[first] == '{';
}

}  // namespace

class Reader::File {
 public:
  explicit File(const std::string& path) {
    const InputFile file = open_input(path, "a .safetensors file");
    struct stat about {};
    const int descriptor = ::fileno(file.get());
    if (::fstat(descriptor, &about) == 0) size_ = static_cast<std::uint64_t>(about.st_size);
    if (size_ < kLengthBytes) {
      check_kind(path);
      throw FileError(fmt::format(
          "{}: has {}, a safetensors file has at least 8: it is empty, cut short or of another "
          "format",
          path, byte_count(size_)));
    }
    void* start =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
    if (start == MAP_FAILED) throw_unmappable(path, errno);
    start_ = static_cast<std::byte*>(start);
  }
  ~File() { ::munmap(start_, size_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::byte* start() const { return start_; }
  std::uint64_t size() const { return size_; }

 private:
  [[noreturn]] void throw_unmappable(const std::string& path, int error) const {
    const std::string advice =
        error == ENOMEM
            ? fmt::format("the file has {} bytes, more than this process may map: see ulimit -v",
                          size_)
            : "copy it to another file system";
    throw FileError(fmt::format("{}: cannot be mapped: {}; {}", path,
                                std::generic_category().message(error), advice));
  }

  std::byte* start_ = nullptr;
  std::uint64_t size_ = 0;
};

Reader::Reader(const std::string& path) : file_(std::make_shared<const File>(path)) {
  std::uint64_t length = 0;
  std::memcpy(&length, file_->start(), kLengthBytes);
  const std::uint64_t behind = file_->size() - kLengthBytes;
  if (length > std::min(behind, kMaxHeader)) check_kind(path);
  if (length > kMaxHeader) {
    throw FileError(
        fmt::format("{}: its header would be {} bytes long, the format allows {}: it is "
                    "no safetensors file, or damaged",
                    path, length, kMaxHeader));
  }
  if (length > behind) {
    throw FileError(
        fmt::format("{}: its header would be {} long, but only {} follow{}: it was cut "
                    "short, or is no safetensors file",
                    path, byte_count(length), behind, behind == 1 ? "s" : ""));
  }
  const std::string_view text(reinterpret_cast<const char*>(file_->start() + kLengthBytes),
                              static_cast<std::size_t>(length));
  if (!begins_an_object(text)) check_kind(path);
  Header header = parse_header(text, path);
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
