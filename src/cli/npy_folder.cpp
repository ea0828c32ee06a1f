// SPDX-License-Identifier: MIT
#include "cli/npy_folder.h"

#include <anycapture/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "core/leftover.h"
#include "core/npy.h"

namespace anycapture {
namespace cli {
namespace {

namespace fs = std::filesystem;

std::string file_name(const std::string& key) {
  std::string name;
  for (char c : key) {
    const bool told = c != '/' && c != '%' && static_cast<unsigned char>(c) >= 0x20;
    name += told ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return name + ".npy";
}

// Goes with what is in it, unless it was put in its place.
class NewFolder {
 public:
  explicit NewFolder(fs::path target)
      : target_(std::move(target)), path_(fmt::format("{}.{}.tmp", target_.string(), ::getpid())) {
    std::error_code error;
    if (fs::exists(target_, error) && !fs::is_empty(target_, error)) {
      throw FileError(fmt::format("{}: is not empty: name a new folder", target_.string()));
    }
    leftover_.set(path_.string());  // first: a signal may come in between
    if (!fs::create_directory(path_, error)) fail("create it", error);
  }
  ~NewFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const fs::path& path() const { return path_; }
  void commit() {
    std::error_code error;
    fs::rename(path_, target_, error);
    if (error) fail("put the finished folder in its place", error);
    leftover_.clear();
  }

 private:
  [[noreturn]] void fail(const char* step, const std::error_code& error) const {
    throw FileError(
        fmt::format("{}: cannot {}: {}; check that its parent is there and may be "
                    "written",
                    target_.string(), step, error.message()));
  }

  fs::path target_;
  fs::path path_;
  Leftover leftover_;
};

}  // namespace

void write_npy_folder(const std::string& folder, const std::vector<safetensors::Source>& sources) {
  fs::path target = folder;
  if (!target.has_filename()) target = target.parent_path();  // `maps/`
  NewFolder created(target);
  for (const safetensors::Source& source : sources) {
    npy::write((created.path() / file_name(source.key)).string(), source);
  }
  created.commit();
}

}  // namespace cli
}  // namespace anycapture
