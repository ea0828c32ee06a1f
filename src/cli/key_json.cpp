// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include "cli/inspect.h"
#include "core/element.h"

namespace anycapture {
namespace cli {

std::string key_json(const CaptureFile& capture, const std::string& path, const Entries& entries) {
  using Json = nlohmann::ordered_json;
  Json tensors = Json::array();
  for (const CaptureFile::Entry* entry : entries) {
    const CaptureMetadata::Site* site = capture.site(entry->key);
    for (const auto& [call, info] : entry->calls) {
      Json tensor{{"name", info->key},    {"key", entry->key},
                  {"call", call},         {"dtype", torch_name(info->dtype)},
                  {"shape", info->shape}, {"bytes", info->bytes}};
      if (site != nullptr) {
        tensor["site"] = {{"path", site->path},
                          {"type", site->type},
                          {"what", site->what},
                          {"dtype", site->dtype}};
      }
      tensors.push_back(std::move(tensor));
    }
  }
  Json metadata = Json::object();
  for (const auto& [name, text] : capture.file().metadata()) {
    if (name == "anycapture") {
      metadata[name] = Json::parse(text);
    } else {
      metadata[name] = text;
    }
  }
  const Json all{
      {"file", path}, {"tensors", std::move(tensors)}, {"metadata", std::move(metadata)}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cli
}  // namespace anycapture
