// SPDX-License-Identifier: MIT
#include "core/npy.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

#include "core/atomic_file.h"
#include "core/input_file.h"
#include "core/safetensors_header.h"

namespace anycapture {
namespace npy {
namespace {

using safetensors::byte_count;
using safetensors::Bytes;

std::uint64_t memory_of_machine() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Not set to zero: its pages cost nothing before they are read into.
std::shared_ptr<std::byte[]> allocate(std::uint64_t bytes, const std::string& what) {
  const std::uint64_t memory = memory_of_machine();
  if (bytes > memory) {
    throw FileError(
        fmt::format("{}: takes {} bytes, this machine has {} bytes of memory: leave it "
                    "out, or read it on a larger one",
                    what, bytes, memory));
  }
  try {
    return std::shared_ptr<std::byte[]>(new std::byte[bytes]);
  } catch (const std::bad_alloc&) {
    throw FileError(
        fmt::format("{}: takes {}, more memory than this process may have: see ulimit -v", what,
                    byte_count(bytes)));
  }
}

// From columns to rows: walks the result in order, and the elements by their strides.
template <std::size_t kSize>
void reorder(const std::byte* from, std::byte* to, const std::vector<std::int64_t>& shape) {
  const std::size_t rank = shape.size(), last = rank - 1;
  std::vector<std::size_t> stride(rank, kSize);
  for (std::size_t i = 1; i < rank; ++i) {
    stride[i] = stride[i - 1] * static_cast<std::size_t>(shape[i - 1]);
  }
  std::vector<std::int64_t> index(rank, 0);
  while (true) {
    const std::byte* at = from;
    for (std::int64_t i = 0; i < shape[last]; ++i, at += stride[last], to += kSize) {
      std::memcpy(to, at, kSize);
    }
    bool carry = true;
    for (std::size_t axis = last; carry && axis-- > 0;) {
      from += stride[axis];
      carry = ++index[axis] == shape[axis];
      if (!carry) break;
      from -= stride[axis] * static_cast<std::size_t>(shape[axis]);
      index[axis] = 0;
    }
    if (carry) return;
  }
}

std::shared_ptr<std::byte[]> by_rows(const std::byte* columns, const Header& header,
                                     const std::string& what) {
  std::shared_ptr<std::byte[]> rows = allocate(header.bytes, what);
  switch (bits(header.dtype) / 8) {
    case 1:
      reorder<1>(columns, rows.get(), header.shape);
      break;
    case 2:
      reorder<2>(columns, rows.get(), header.shape);
      break;
    case 4:
      reorder<4>(columns, rows.get(), header.shape);
      break;
    default:
      reorder<8>(columns, rows.get(), header.shape);
      break;
  }
  return rows;
}

class File {
 public:
  explicit File(const std::string& path) : file_(open_input(path, "a .npy file")) {
    struct stat about {};
    if (::fstat(::fileno(file_.get()), &about) == 0) {
      size_ = static_cast<std::uint64_t>(about.st_size);
    }
  }
  std::uint64_t size() const { return size_; }
  Read reading() const {
    return [file = file_.get()](void* buffer, std::size_t size) {
      return std::fread(buffer, 1, size, file);
    };
  }

 private:
  InputFile file_;
  std::uint64_t size_ = 0;
};

}  // namespace

Bytes read_elements(const Read& read, const Header& header, const std::string& what) {
  std::shared_ptr<std::byte[]> elements = allocate(header.bytes, what);
  const std::size_t got = header.bytes == 0 ? 0 : read(elements.get(), header.bytes);
  char behind = 0;
  if (got < header.bytes || read(&behind, 1) != 0) {
    throw FileError(
        fmt::format("{}: holds {} than the {} of its elements: it is damaged; write it "
                    "again",
                    what, got < header.bytes ? "less" : "more", byte_count(header.bytes)));
  }
  if (header.fortran_order && header.shape.size() > 1 && header.bytes > 0) {
    elements = by_rows(elements.get(), header, what);
  }
  return {elements.get(), header.bytes, elements};
}

Header inspect(const std::string& path) {
  const File file(path);
  return read_header(file.reading(), file.size(), path);
}

Array read(const std::string& path) {
  const File file(path);
  Header header = read_header(file.reading(), file.size(), path);
  Bytes bytes = read_elements(file.reading(), header, path);
  return {header.dtype, std::move(header.shape), std::move(bytes)};
}

Bytes checked_bytes(const safetensors::Source& source, const std::string& what) {
  const std::uint64_t wanted = safetensors::size_of(source.dtype, source.shape).bytes;
  Bytes bytes = source.bytes();
  if (bytes.size == wanted) return bytes;
  throw FileError(fmt::format(
      "{}: of shape [{}] takes {} as {}, but {} {} given: give contiguous data of that shape and "
      "dtype",
      what, fmt::join(source.shape, ", "), byte_count(wanted), name(source.dtype), bytes.size,
      bytes.size == 1 ? "was" : "were"));
}

void write(const std::string& path, const safetensors::Source& source) {
  const std::string what = fmt::format("{}: tensor {}", path, printable(source.key));
  const std::string start = header(source.dtype, source.shape, what);
  AtomicFile file(path, start.size() + safetensors::size_of(source.dtype, source.shape).bytes);
  file.write(start.data(), start.size());
  const Bytes bytes = checked_bytes(source, what);
  file.write(bytes.data, bytes.size);
  file.commit();
}

}  // namespace npy
}  // namespace anycapture
