// SPDX-License-Identifier: MIT
// Changes the JSON of a torch.export archive as a tree: few changes of its bytes would leave it
// one.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "core/zip_archive.h"
#include "fuzz/fuzz.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

using Json = nlohmann::json;

// The three lines that exported_fuzz.cpp takes, of an archive.
std::string lines_of(std::string_view archive) {
  const anycapture::ZipArchive zip(fuzz::file_of(archive), "an archive");
  std::string texts[3], weight;
  for (std::uint64_t i = 0; i < zip.members(); ++i) {
    const anycapture::ZipMember member = zip.member(i);
    const auto has = [&member](const char* part) {
      return member.name.find(part) != std::string::npos;
    };
    std::string* text = has("/models/")                ? &texts[0]
                        : has("weights_config.json")   ? &texts[1]
                        : has("constants_config.json") ? &texts[2]
                        : has("/weight_")              ? &weight
                                                       : nullptr;
    if (text == nullptr || member.bytes < text->size()) continue;
    text->resize(member.bytes);
    anycapture::ZipArchive::Stream(zip, i).read(text->data(), text->size());
  }
  std::string lines;
  for (const std::string& text : texts) {
    const Json json = Json::parse(text, nullptr, false);
    lines += (json.is_discarded() ? "{}" : json.dump()) + "\n";
  }
  return lines + weight;
}

class Mutation {
 public:
  Mutation(Json json, unsigned seed) : json_(std::move(json)), random_(seed) {}

  Json run() {
    for (std::size_t left = 1 + below(4); left > 0; --left) {
      collect();
      change(*values_[below(values_.size())]);
    }
    return std::move(json_);
  }

 private:
  std::size_t below(std::size_t end) { return random_() % end; }

  void collect() {
    values_.assign(1, &json_);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      Json& value = *values_[i];
      if (!value.is_structured()) continue;
      for (Json& child : value) values_.push_back(&child);
    }
  }

  void change(Json& value) {
    switch (below(6)) {
      case 0:
        return remove_from(value);
      case 1:
        value = Json(*values_[below(values_.size())]);
        return;
      case 2:
        return rename_in(value);
      case 3:
        value = Json::array({value});
        return;
      default:
        change_alone(value);
    }
  }

  void remove_from(Json& value) {
    if (value.empty() || !value.is_structured()) return change_alone(value);
    value.erase(std::next(value.begin(), static_cast<std::ptrdiff_t>(below(value.size()))));
  }

  // A member gets the name that another member has, here or elsewhere.
  void rename_in(Json& value) {
    const Json& other = *values_[below(values_.size())];
    if (!value.is_object() || value.empty() || !other.is_object() || other.empty())
      return change_alone(value);
    const auto any = [this](auto& of) {
      return std::next(of.begin(), static_cast<std::ptrdiff_t>(below(of.size())));
    };
    const std::string name = any(other).key();
    const auto old = any(value);
    Json content = std::move(old.value());
    value.erase(old);
    value[name] = std::move(content);
  }

  void change_alone(Json& value) {
    constexpr std::int64_t kNumbers[] = {
        0, 1, -1, 2, 7, 13, 64, 1 << 16, INT32_MAX, std::int64_t{1} << 40, INT64_MAX, INT64_MIN};
    if (value.is_string()) {
      const Json& other = *values_[below(values_.size())];
      value = other.is_string() && below(2) == 0 ? Json(other) : Json(mutated(value));
    } else if (value.is_boolean()) {
      value = !value.get<bool>();
    } else if (value.is_number_integer() && below(2) == 0) {
      value = static_cast<std::int64_t>(value.get<std::uint64_t>() + (below(2) == 0 ? 1 : ~0ULL));
    } else {
      value = kNumbers[below(std::size(kNumbers))];
    }
  }

  std::string mutated(const std::string& text) {
    std::string bytes = text;
    bytes.resize(text.size() + 16);
    bytes.resize(
        LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), text.size(), bytes.size()));
    return bytes;
  }

  Json json_;
  std::minstd_rand random_;
  std::vector<Json*> values_;
};

// Of the lines, the model three times in four.
std::string with_one_changed(std::string_view lines, unsigned seed) {
  const std::size_t chosen = seed % 8 < 6 ? 0 : seed % 8 - 5;
  std::string made;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto [line, rest] = fuzz::halves(lines);
    const Json json = i == chosen ? Json::parse(line, nullptr, false) : Json();
    if (i == chosen && !json.is_discarded())
      made += Mutation(json, seed).run().dump(-1, ' ', false, Json::error_handler_t::replace);
    else
      made += line;
    made += '\n';
    lines = rest;
  }
  return made.append(lines);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  const std::string_view given(reinterpret_cast<const char*>(data), size);
  if (seed % 16 == 0) return LLVMFuzzerMutate(data, size, most);
  std::string lines(given);
  if (given.substr(0, 2) == "PK") {
    try {
      lines = lines_of(given);
    } catch (const anycapture::Error&) {
      return LLVMFuzzerMutate(data, size, most);
    }
  }
  const std::string made = with_one_changed(lines, seed / 16);
  if (made.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::copy(made.begin(), made.end(), data);
  return made.size();
}
