// SPDX-License-Identifier: MIT
// torch.export archives of test/data/exported, as they are and changed.
#pragma once

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/zip_archive.h"
#include "support/data.h"
#include "support/temp_dir.h"
#include "support/zip_bytes.h"

namespace support {

inline std::string exported(const std::string& name) {
  return data("exported/") + name;
}

/// The members of an archive, to be written anew: one behind the other, aligned to nothing.
class ChangedArchive {
 public:
  explicit ChangedArchive(const std::string& name) {
    const anycapture::ZipArchive zip(exported(name + ".pt2"), "an archive");
    for (std::uint64_t i = 0; i < zip.members(); ++i) {
      const anycapture::ZipMember member = zip.member(i);
      anycapture::npz::ZipEntry entry;
      entry.name = member.name;
      entry.data.resize(member.bytes);
      anycapture::ZipArchive::Stream stream(zip, i);
      std::size_t done = 0;
      while (done < entry.data.size())
        done += stream.read(entry.data.data() + done, entry.data.size() - done);
      entries_.push_back(std::move(entry));
    }
  }

  std::string& member(const std::string& end) {
    for (auto& entry : entries_) {
      const bool ends = entry.name.size() >= end.size() &&
                        entry.name.compare(entry.name.size() - end.size(), end.size(), end) == 0;
      if (ends) return entry.data;
    }
    throw std::runtime_error("no member " + end);
  }
  void change(const std::string& end, const std::function<void(nlohmann::json&)>& act) {
    nlohmann::json json = nlohmann::json::parse(member(end));
    act(json);
    member(end) = json.dump();
  }
  void rename(const std::string& part, const std::string& by) {
    for (auto& entry : entries_) {
      const std::size_t at = entry.name.find(part);
      if (at != std::string::npos) entry.name.replace(at, part.size(), by);
    }
  }
  std::string write() const {
    const std::string path = folder_.file("changed.pt2");
    std::ofstream(path, std::ios::binary) << anycapture::npz::zip_of(entries_);
    return path;
  }

 private:
  TempDir folder_;
  std::vector<anycapture::npz::ZipEntry> entries_;
};

}  // namespace support
