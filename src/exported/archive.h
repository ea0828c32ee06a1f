// SPDX-License-Identifier: MIT
// The zip file that torch.export.save writes, from which weights are mapped.
//
// NAME/models/model.json, NAME/data/weights/model_weights_config.json, NAME/data/weights/weight_0
// ...: torch/csrc/export/pt2_archive_constants.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace anycapture {
namespace exported {

/// Bytes of a file, as long as anything holds them. Writing into them changes no file.
struct Bytes {
  void* data = nullptr;
  std::size_t size = 0;
  std::shared_ptr<const void> owner;
  bool mapped = false;  ///< not copied
};

/// Throws FileError that starts with the path.
class Archive {
 public:
  explicit Archive(const std::string& path);
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  const std::string& path() const { return path_; }
  bool has(const std::string& name) const { return members_.count(name) != 0; }
  /// The only name that starts and ends so, or the one with `model` between; empty if there is
  /// none.
  std::string find(const std::string& start, const std::string& end) const;
  std::string text(const std::string& name) const;
  nlohmann::json json(const std::string& name) const;
  /// Mapped where it is stored and lies on a multiple of `alignment`; else unpacked.
  Bytes bytes(const std::string& name, std::size_t alignment) const;

  [[noreturn]] void fail(const std::string& problem) const;

 private:
  struct Parts;
  struct Member {
    std::uint64_t index = 0;
    std::uint64_t size = 0;
    bool stored = false;
  };
  const Member& member(const std::string& name) const;
  void check_size(const std::string& name, const Member& member) const;
  void unpack(const Member& member, void* data) const;

  std::string path_;
  std::unique_ptr<Parts> parts_;
  std::map<std::string, Member> members_;  // by name below the top folder
};

}  // namespace exported
}  // namespace anycapture
