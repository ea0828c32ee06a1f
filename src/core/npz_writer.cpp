// SPDX-License-Identifier: MIT
#include "core/npz_writer.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "core/atomic_file.h"
#include "core/npy.h"
#include "core/npz_name.h"
#include "core/safetensors_header.h"
#include "core/utf8.h"

namespace anycapture {
namespace npz {
namespace {

using safetensors::Bytes;
using safetensors::Source;

constexpr std::uint16_t kNewYear1980 = 0x21;  // the first day that a zip file knows
constexpr int kLevel = 6;                     // zlib's default; libzip's own is 9

struct CloseZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Zip = std::unique_ptr<zip_t, CloseZip>;

// What went wrong in a callback: nothing may be thrown through libzip.
class Problem {
 public:
  template <class F>
  zip_int64_t guard(F&& call) {
    try {
      return call();
    } catch (...) {
      if (!thrown_) thrown_ = std::current_exception();  // what follows comes of it
      return -1;
    }
  }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  std::exception_ptr thrown_;
};

// libzip asks for an error's number behind each -1; what was thrown says it better.
zip_int64_t answer_error(void* data, zip_uint64_t size) {
  const int codes[2] = {ZIP_ER_WRITE, EIO};
  if (size < sizeof codes) return -1;
  std::memcpy(data, codes, sizeof codes);
  return sizeof codes;
}

// Where libzip writes to. It writes on and on, and goes back to each member's header, when it knows
// the checksum.
class Target {
 public:
  Target(AtomicFile& file, Problem& problem) : file_(file), problem_(problem) {
    buffer_.reserve(kBuffer);
  }

  static zip_int64_t call(void* self, void* data, zip_uint64_t size, zip_source_cmd_t command) {
    auto& target = *static_cast<Target*>(self);
    return target.problem_.guard([&] { return target.answer(data, size, command); });
  }

 private:
  zip_int64_t answer(void* data, zip_uint64_t size, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_BEGIN_WRITE,
            ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE, ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_COMMIT_WRITE,
            ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_REMOVE, -1);
      case ZIP_SOURCE_STAT:
        zip_stat_init(static_cast<zip_stat_t*>(data));
        return sizeof(zip_stat_t);
      case ZIP_SOURCE_WRITE:
        write(data, size);
        return static_cast<zip_int64_t>(size);
      case ZIP_SOURCE_SEEK_WRITE:
        return seek(data, size);
      case ZIP_SOURCE_TELL_WRITE:
        return static_cast<zip_int64_t>(position_);
      case ZIP_SOURCE_COMMIT_WRITE:
        flush();
        return 0;
      case ZIP_SOURCE_ERROR:
        return answer_error(data, size);
      default:
        return 0;
    }
  }

  // libzip writes 8 KiB at a time, which costs the kernel several times as much as 1 MiB does.
  void write(const void* data, std::uint64_t size) {
    if (position_ == end_) {
      if (buffer_.size() + size > kBuffer) flush();
      const char* bytes = static_cast<const char*>(data);
      buffer_.insert(buffer_.end(), bytes, bytes + size);
      end_ += size;
    } else {
      flush();
      file_.write_over(position_, data, size);
    }
    position_ += size;
  }

  void flush() {
    file_.write(buffer_.data(), buffer_.size());
    buffer_.clear();
  }

  zip_int64_t seek(void* data, zip_uint64_t size) {
    const zip_int64_t offset = zip_source_seek_compute_offset(position_, end_, data, size, nullptr);
    if (offset < 0) return -1;
    position_ = static_cast<std::uint64_t>(offset);
    return 0;
  }

  static constexpr std::size_t kBuffer = std::size_t{1} << 20;

  AtomicFile& file_;
  Problem& problem_;
  std::vector<char> buffer_;  // the end of what was written
  std::uint64_t position_ = 0;
  std::uint64_t end_ = 0;
};

// One .npy: its header, then the elements, which are asked for when its turn comes.
class Member {
 public:
  Member(const Source& source, const std::string& path, Problem& problem)
      : source_(source),
        what_(fmt::format("{}: tensor {}", path, printable(source.key))),
        header_(npy::header(source.dtype, source.shape, what_)),
        size_(header_.size() + safetensors::size_of(source.dtype, source.shape).bytes),
        problem_(problem) {}

  std::string name() const { return source_.key + ".npy"; }
  std::uint64_t size() const { return size_; }

  static zip_int64_t call(void* self, void* data, zip_uint64_t size, zip_source_cmd_t command) {
    auto& member = *static_cast<Member*>(self);
    return member.problem_.guard([&] { return member.answer(data, size, command); });
  }

 private:
  zip_int64_t answer(void* data, zip_uint64_t size, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              -1);
      case ZIP_SOURCE_STAT: {
        auto* about = static_cast<zip_stat_t*>(data);
        zip_stat_init(about);
        about->valid = ZIP_STAT_SIZE;
        about->size = size_;
        return sizeof *about;
      }
      case ZIP_SOURCE_OPEN:
        elements_ = npy::checked_bytes(source_, what_);
        position_ = 0;
        return 0;
      case ZIP_SOURCE_READ:
        return static_cast<zip_int64_t>(read(static_cast<char*>(data), size));
      case ZIP_SOURCE_CLOSE:
        elements_ = {};
        return 0;
      case ZIP_SOURCE_ERROR:
        return answer_error(data, size);
      default:
        return 0;
    }
  }

  // Of one part, header or elements; libzip asks until it has all.
  std::uint64_t read(char* buffer, std::uint64_t size) {
    const bool in_header = position_ < header_.size();
    const std::uint64_t at = in_header ? position_ : position_ - header_.size();
    const char* part = in_header ? header_.data() : static_cast<const char*>(elements_.data);
    const std::uint64_t count =
        std::min<std::uint64_t>(size, (in_header ? header_.size() : elements_.size) - at);
    if (count > 0) std::memcpy(buffer, part + at, count);
    position_ += count;
    return count;
  }

  const Source& source_;
  std::string what_;
  std::string header_;
  std::uint64_t size_;
  Problem& problem_;
  Bytes elements_;
  std::uint64_t position_ = 0;
};

void check_keys(const std::vector<Source>& sources, const std::string& path) {
  std::unordered_set<std::string_view> keys;
  for (const Source& source : sources) {
    check_name(source.key, "key", path);
    if (keys.insert(source.key).second) continue;
    throw FileError(fmt::format("{}: the key {} is there twice: give each tensor its own", path,
                                printable(source.key)));
  }
  for (const Source& source : sources) {
    const std::string_view key = source.key;
    const bool file_name = key.size() >= 4 && key.substr(key.size() - 4) == ".npy";
    if (!file_name || keys.count(key.substr(0, key.size() - 4)) == 0) continue;
    throw FileError(fmt::format(
        "{}: NumPy would take the key {} for the one without .npy, which is there too: rename one",
        path, printable(key)));
  }
}

// Of a file that is stored; one that is deflated is hardly ever longer.
std::uint64_t expected_size(const std::vector<Member>& members) {
  constexpr std::uint64_t kEnd = 22, kHeaders = 30 + 46;
  std::uint64_t size = kEnd;
  for (const Member& member : members) size += kHeaders + 2 * member.name().size() + member.size();
  return size;
}

class Writer {
 public:
  Writer(AtomicFile& file, const std::string& path, Problem& problem)
      : path_(path), problem_(problem), target_(file, problem) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_function_create(&Target::call, &target_, &error);
    if (source != nullptr) {
      archive_.reset(zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &error));
      if (archive_ == nullptr) zip_source_free(source);
    }
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (archive_ == nullptr) fail(text);
  }

  void add(Member& member, Packing packing) {
    zip_source_t* source = zip_source_function(archive_.get(), &Member::call, &member);
    if (source == nullptr) fail(zip_strerror(archive_.get()));
    const std::string name = member.name();
    // libzip refuses control characters in what is marked as UTF-8; ASCII needs no mark.
    const zip_flags_t encoding = is_ascii(name) ? ZIP_FL_ENC_GUESS : ZIP_FL_ENC_UTF_8;
    const zip_int64_t added = zip_file_add(archive_.get(), name.c_str(), source, encoding);
    if (added < 0) {
      zip_source_free(source);
      fail(zip_strerror(archive_.get()));
    }
    const auto index = static_cast<zip_uint64_t>(added);
    const bool stored = packing == Packing::kStored;
    if (zip_set_file_compression(archive_.get(), index, stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE,
                                 stored ? 0 : kLevel) != 0 ||
        zip_file_set_dostime(archive_.get(), index, 0, kNewYear1980, 0) != 0) {
      fail(zip_strerror(archive_.get()));
    }
  }

  // All the work is done here.
  void close() {
    if (zip_close(archive_.get()) != 0) {
      problem_.rethrow();
      fail(zip_strerror(archive_.get()));
    }
    static_cast<void>(archive_.release());  // zip_close() has freed it
  }

 private:
  [[noreturn]] void fail(const std::string& text) const {
    throw FileError(fmt::format("{}: cannot be written as a zip file: {}", path_, text));
  }

  std::string path_;
  Problem& problem_;
  Target target_;
  Zip archive_;
};

// libzip writes no file without members; numpy.savez does.
constexpr std::string_view kEmpty("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);

}  // namespace

void write(const std::string& path, const std::vector<Source>& sources, Packing packing) {
  check_keys(sources, path);
  Problem problem;
  std::vector<Member> members;
  members.reserve(sources.size());
  for (const Source& source : sources) members.emplace_back(source, path, problem);
  AtomicFile file(path, expected_size(members));
  if (members.empty()) {
    file.write(kEmpty.data(), kEmpty.size());
  } else {
    Writer writer(file, path, problem);
    for (Member& member : members) writer.add(member, packing);
    writer.close();
  }
  file.commit();
}

}  // namespace npz
}  // namespace anycapture
