// SPDX-License-Identifier: MIT
#include "core/npz_reader.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "core/npy.h"
#include "core/npz_name.h"
#include "core/safetensors_header.h"
#include "core/zip_archive.h"

namespace anycapture {
namespace npz {
namespace {

constexpr std::string_view kEnding = ".npy";
constexpr std::uint64_t kDeflatesTo = 1032;  // at best, so many bytes to one

bool is_named_array(std::string_view name) {
  return name.size() >= kEnding.size() && name.substr(name.size() - kEnding.size()) == kEnding;
}

std::string key_of(const std::string& name) {
  return is_named_array(name) ? name.substr(0, name.size() - kEnding.size()) : name;
}

// What a member says of itself, before any of it is unpacked.
void check_member(const ZipMember& member, std::uint64_t file_bytes, const std::string& what) {
  if (member.encrypted) {
    throw FileError(what + ": is encrypted: write it again without a password");
  }
  if (!member.stored && !member.deflated) {
    throw FileError(what +
                    ": is compressed in a way that NumPy has not, which has stored and "
                    "deflated: write it again with numpy.savez");
  }
  const bool possible =
      member.stored ? member.bytes == member.packed : member.bytes / kDeflatesTo <= member.packed;
  if (member.packed <= file_bytes && possible) return;
  throw FileError(fmt::format(
      "{}: cannot unpack to {} from {} in a file of {}: the file is damaged; write it again", what,
      safetensors::byte_count(member.bytes), safetensors::byte_count(member.packed),
      safetensors::byte_count(file_bytes)));
}

std::string described(const std::string& path, const std::string& key) {
  return fmt::format("{}: array {}", path, printable(key));
}

npy::Read reading(ZipArchive::Stream& stream) {
  return [&stream](void* buffer, std::size_t size) { return stream.read(buffer, size); };
}

bool begins_as_array(const ZipArchive& archive, std::uint64_t index) {
  char first[6] = {};
  ZipArchive::Stream stream(archive, index);
  return stream.read(first, sizeof first) == sizeof first &&
         std::string_view(first, sizeof first) == "\x93NUMPY";
}

}  // namespace

Reader::Reader(const std::string& path)
    : archive_(std::make_unique<ZipArchive>(path, "a .npz file")) {
  std::uint64_t packed = 0;
  for (std::uint64_t i = 0; i < archive_->members(); ++i) packed += add_member(i);
  if (packed > archive_->file_bytes()) {
    throw FileError(fmt::format(
        "{}: its members take {} in a file of {}, so they overlap: it is damaged; write it again",
        path, safetensors::byte_count(packed), safetensors::byte_count(archive_->file_bytes())));
  }
  std::unordered_set<std::string_view> keys;
  for (const TensorInfo& tensor : tensors_) {
    if (keys.insert(tensor.key).second) continue;
    throw FileError(
        fmt::format("{}: the array {} is there twice: write it again, with a name for "
                    "each",
                    path, printable(tensor.key)));
  }
}

Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

std::uint64_t Reader::add_member(std::uint64_t index) {
  const ZipMember member = archive_->member(index);
  const std::string key = key_of(member.name);
  check_name(key, "member", archive_->path());
  const std::string what = described(archive_->path(), key);
  check_member(member, archive_->file_bytes(), what);
  if (!is_named_array(member.name) && !begins_as_array(*archive_, index)) {
    others_.push_back(member.name);
    return member.packed;
  }
  ZipArchive::Stream stream(*archive_, index);
  npy::Header header = npy::read_header(reading(stream), member.bytes, what);
  tensors_.push_back({key, header.dtype, std::move(header.shape), header.bytes, index});
  return member.packed;
}

safetensors::Bytes Reader::read(const TensorInfo& tensor) const {
  const std::string what = described(archive_->path(), tensor.key);
  ZipArchive::Stream stream(*archive_, tensor.member);
  const npy::Header header =
      npy::read_header(reading(stream), archive_->member(tensor.member).bytes, what);
  return npy::read_elements(reading(stream), header, what);
}

}  // namespace npz
}  // namespace anycapture
