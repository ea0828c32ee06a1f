// SPDX-License-Identifier: MIT
// A torch.export archive; or three lines of JSON, the model and the lists of its weights and of its
// constants, with bytes behind them that every weight is made of. It is read, and never run.
#include <anycapture/program.h>

#include <ATen/core/Tensor.h>
#include <zip.h>

#include <nlohmann/json.hpp>
#include <set>

#include "fuzz/fuzz.h"

namespace {

using Json = nlohmann::json;
using anycapture::Program;

constexpr const char* kModel = "m/models/model.json";
constexpr const char* kLists[][2] = {
    {"m/data/weights/", "model_weights_config.json"},
    {"m/data/constants/", "model_constants_config.json"},
};

class ZipFile {
 public:
  explicit ZipFile(const std::string& path)
      : archive_(zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr)) {
    fuzz::check(archive_ != nullptr, "an archive can be opened");
  }
  void add(const std::string& name, std::string_view bytes) {
    if (!names_.insert(name).second) return;
    zip_source_t* source = zip_source_buffer(archive_, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive_, name.c_str(), source, 0);
    if (index < 0) return zip_source_free(source);  // no name for a member
    zip_set_file_compression(archive_, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  void close() { fuzz::check(zip_close(archive_) == 0, "an archive can be written"); }

 private:
  zip_t* archive_;
  std::set<std::string> names_;
};

// The records that a list names, all of these bytes.
void add_records(ZipFile& zip, const std::string& folder, std::string_view list,
                 std::string_view bytes) {
  const Json json = Json::parse(list, nullptr, false);
  if (!json.is_object() || !json.contains("config") || !json["config"].is_object()) return;
  for (const auto& [name, entry] : json["config"].items()) {
    const bool named = entry.is_object() && entry.contains("path_name");
    if (named && entry["path_name"].is_string())
      zip.add(folder + entry["path_name"].get<std::string>(), bytes);
  }
}

std::string archive_of(std::string_view lines) {
  const auto [model, lists] = fuzz::halves(lines);
  const auto [weights, behind] = fuzz::halves(lists);
  const auto [constants, bytes] = fuzz::halves(behind);
  const std::string path = fuzz::file_to_write();
  ZipFile zip(path);
  zip.add(kModel, model);
  const std::string_view texts[] = {weights, constants};
  for (std::size_t i = 0; i < 2; ++i) {
    zip.add(std::string(kLists[i][0]) + kLists[i][1], texts[i]);
    add_records(zip, kLists[i][0], texts[i], bytes);
  }
  zip.close();
  return path;
}

void check_inside(const std::string& name, const at::Tensor& tensor) {
  if (tensor.numel() == 0) return;
  std::int64_t last = tensor.storage_offset();
  for (std::int64_t i = 0; i < tensor.dim(); ++i) {
    fuzz::check(tensor.stride(i) >= 0, "no stride goes back");
    last += (tensor.size(i) - 1) * tensor.stride(i);
  }
  const auto needed = (static_cast<std::uint64_t>(last) + 1) * tensor.element_size();
  fuzz::check(needed <= tensor.storage().nbytes(), name.c_str());
}

}  // namespace

void fuzz::exported(std::string_view bytes) {
  const std::string path = bytes.substr(0, 2) == "PK" ? file_of(bytes) : archive_of(bytes);
  reads(path, [&] {
    const Program program = Program::load(path);
    static_cast<void>(program.method("forward").schema());
    for (const auto& [name, tensor] : program.named_parameters()) check_inside(name, tensor);
    for (const anycapture::ModuleName& module : program.modules()) program.sites(module.path);
  });
}
