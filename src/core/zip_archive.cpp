// SPDX-License-Identifier: MIT
#include "core/zip_archive.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <sys/stat.h>
#include <zip.h>

#include "core/input_file.h"
#include "core/utf8.h"

namespace anycapture {
namespace {

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }

 private:
  zip_error_t error_;
};

[[noreturn]] void throw_unreadable(const std::string& path, zip_error_t* error) {
  switch (zip_error_code_zip(error)) {
    case ZIP_ER_NOZIP:
      throw FileError(path +
                      ": is no zip file, or was cut short: write it again, or fetch it again");
    case ZIP_ER_EXISTS:
      throw FileError(path +
                      ": two of its members have the same name: write it again, with a name "
                      "for each");
    case ZIP_ER_INCONS:
      throw FileError(path +
                      ": is a damaged zip file, whose members are not where or what its list "
                      "says, or has a name that libzip refuses, with a control character beside "
                      "others than ASCII: write it again, or fetch it again");
    case ZIP_ER_MEMORY:
      throw FileError(path +
                      ": its list of members takes more memory than this process may have: "
                      "it is damaged; write it again");
    default:
      throw FileError(fmt::format("{}: cannot be read as a zip file: {}; write it again", path,
                                  zip_error_strerror(error)));
  }
}

// In a name without a mark of UTF-8, libzip takes control characters for the pictures that code
// page 437 has in their place; Python writes and reads them as they are.
std::string name_of(zip_t* archive, std::uint64_t index, const char* decoded) {
  const char* raw = zip_get_name(archive, index, ZIP_FL_ENC_RAW);
  return raw != nullptr && is_ascii(raw) ? raw : decoded;
}

}  // namespace

ZipArchive::ZipArchive(const std::string& path, const char* wanted) : path_(path) {
  InputFile file = open_input(path, wanted);
  struct stat about {};
  if (::fstat(::fileno(file.get()), &about) == 0) {
    file_bytes_ = static_cast<std::uint64_t>(about.st_size);
  }
  ZipError error;
  zip_source_t* source = zip_source_filep_create(file.get(), 0, -1, error.get());
  if (source == nullptr) throw_unreadable(path, error.get());
  static_cast<void>(file.release());  // the source closes it
  archive_ = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, error.get());
  if (archive_ != nullptr) return;
  zip_source_free(source);
  throw_unreadable(path, error.get());
}

ZipArchive::~ZipArchive() {
  zip_discard(archive_);
}

std::uint64_t ZipArchive::members() const {
  return static_cast<std::uint64_t>(zip_get_num_entries(archive_, 0));
}

ZipMember ZipArchive::member(std::uint64_t index) const {
  zip_stat_t about;
  if (zip_stat_index(archive_, index, 0, &about) != 0) {
    throw_unreadable(path_, zip_get_error(archive_));
  }
  ZipMember member;
  member.name = name_of(archive_, index, about.name);
  member.bytes = about.size;
  member.packed = about.comp_size;
  member.encrypted = about.encryption_method != ZIP_EM_NONE;
  member.stored = about.comp_method == ZIP_CM_STORE;
  member.deflated = about.comp_method == ZIP_CM_DEFLATE;
  return member;
}

ZipArchive::Stream::Stream(const ZipArchive& archive, std::uint64_t index)
    : what_(fmt::format("{}: member {}", archive.path_, printable(archive.member(index).name))),
      file_(zip_fopen_index(archive.archive_, index, 0)) {
  if (file_ == nullptr) fail(zip_strerror(archive.archive_));
}

ZipArchive::Stream::~Stream() {
  if (file_ != nullptr) zip_fclose(file_);
}

void ZipArchive::Stream::fail(const char* problem) const {
  throw FileError(
      fmt::format("{}: cannot be unpacked: {}; the file is damaged: write it again, or "
                  "fetch it again",
                  what_, problem));
}

std::size_t ZipArchive::Stream::read(void* buffer, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {  // an error behind the first bytes is told by the next call
    const zip_int64_t got = zip_fread(file_, static_cast<char*>(buffer) + done, size - done);
    if (got < 0) fail(zip_file_strerror(file_));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace anycapture
