// SPDX-License-Identifier: MIT
#include "exported/archive.h"

#include <anycapture/error.h>

#include <caffe2/serialize/file_adapter.h>
#include <caffe2/serialize/inline_container.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/json_problem.h"
#include "core/zip_archive.h"

namespace anycapture {
namespace exported {
namespace {

// The whole file, private: a write stays in this process.
std::shared_ptr<void> map_file(const std::string& path, std::size_t size) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
  ::close(file);
  if (start == MAP_FAILED) return nullptr;
  return {start, [size](void* mapped) { ::munmap(mapped, size); }};
}

std::string in_lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

struct Archive::Parts {
  explicit Parts(const std::string& path)
      : zip(path, "a torch.export archive"),
        torch(std::make_unique<caffe2::serialize::FileAdapter>(path)),
        map(map_file(path, zip.file_bytes())) {}

  ZipArchive zip;                                // names, sizes and how they are packed
  caffe2::serialize::PyTorchStreamReader torch;  // where in the file they lie
  std::shared_ptr<void> map;
};

Archive::Archive(const std::string& path) : path_(path) {
  try {
    parts_ = std::make_unique<Parts>(path);
  } catch (const FileError&) {
    throw;
  } catch (const c10::Error& error) {
    fail(error.what_without_backtrace());
  } catch (const std::exception& error) {  // LibTorch's reader makes a number of a text
    fail(fmt::format("it is damaged: {}", error.what()));
  }
  // LibTorch's reader looks below the folder of the first, without regard to case.
  std::string folder;
  std::set<std::string> lower_names;
  for (std::uint64_t i = 0; i < parts_->zip.members(); ++i) {
    const ZipMember one = parts_->zip.member(i);
    if (i == 0) folder = one.name.substr(0, one.name.find('/') + 1);
    if (folder.empty() || one.name.compare(0, folder.size(), folder) != 0) continue;
    const std::string below = one.name.substr(folder.size());
    if (!lower_names.insert(in_lower_case(below)).second)
      fail(fmt::format("it holds {} twice", printable(below)));
    members_.emplace(below, Member{i, one.bytes, one.stored && !one.encrypted});
  }
}

Archive::~Archive() = default;

void Archive::fail(const std::string& problem) const {
  throw FileError(fmt::format("{}: {}", path_, problem));
}

std::string Archive::find(const std::string& start, const std::string& end) const {
  if (has(start + "model" + end)) return start + "model" + end;
  std::string found;
  for (auto it = members_.lower_bound(start); it != members_.end(); ++it) {
    const std::string& name = it->first;
    if (name.compare(0, start.size(), start) != 0) break;
    const bool ends = name.size() >= start.size() + end.size() &&
                      name.compare(name.size() - end.size(), end.size(), end) == 0;
    if (!ends) continue;
    if (!found.empty()) return "";
    found = name;
  }
  return found;
}

const Archive::Member& Archive::member(const std::string& name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) fail(fmt::format("there is no {} in it", name));
  return found->second;
}

void Archive::unpack(const Member& member, void* data) const {
  ZipArchive::Stream stream(parts_->zip, member.index);
  char* const bytes = static_cast<char*>(data);
  std::size_t done = 0;
  while (done < member.size) {
    const std::size_t count = stream.read(bytes + done, member.size - done);
    if (count == 0) fail("it is damaged: a record is shorter than it says");
    done += count;
  }
  char more = 0;
  if (stream.read(&more, 1) != 0) fail("it is damaged: a record is longer than it says");
}

void Archive::check_size(const std::string& name, const Member& member) const {
  constexpr std::uint64_t kMostPacked = 1032;  // times that deflate makes anything smaller
  if (member.size / kMostPacked > parts_->zip.file_bytes())
    fail(fmt::format("{} claims {} bytes, more than its file can hold", name, member.size));
}

std::string Archive::text(const std::string& name) const {
  const Member& one = member(name);
  check_size(name, one);
  constexpr std::uint64_t kMost = std::uint64_t{1} << 31;          // of a graph's text
  constexpr std::uint64_t kMostUnpacked = std::uint64_t{1} << 26;  // PyTorch packs none
  if (one.size > (one.stored ? kMost : kMostUnpacked))
    fail(fmt::format("{} has {} bytes, which no graph needs", name, one.size));
  std::string text(one.size, '\0');
  unpack(one, text.data());
  return text;
}

nlohmann::json Archive::json(const std::string& name) const {
  constexpr int kDeepest = 1000;  // graphs in graphs
  const std::string read = text(name);
  if (is_json_deeper(read, kDeepest))
    fail(fmt::format("{} is nested more than {} deep", name, kDeepest));
  nlohmann::json json = nlohmann::json::parse(read, nullptr, false);
  if (json.is_discarded()) fail(fmt::format("{} is no JSON", name));
  return json;
}

Bytes Archive::bytes(const std::string& name, std::size_t alignment) const {
  const Member& one = member(name);
  const std::size_t size = one.size;
  if (one.stored && parts_->map != nullptr) {
    const std::size_t offset = parts_->torch.getRecordOffset(name);
    const std::uint64_t end = parts_->zip.file_bytes();
    if (offset > end || size > end - offset) fail(fmt::format("{} reaches out of the file", name));
    if (offset % alignment == 0)
      return {static_cast<char*>(parts_->map.get()) + offset, size, parts_->map, true};
  }
  check_size(name, one);
  const std::shared_ptr<void> memory(std::aligned_alloc(64, (size + 64) / 64 * 64), std::free);
  if (memory == nullptr) fail(fmt::format("there is no memory for {} bytes of {}", size, name));
  unpack(one, memory.get());
  return {memory.get(), size, memory, false};
}

}  // namespace exported
}  // namespace anycapture
