// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/metadata.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "core/json_problem.h"
#include "core/utf8.h"

namespace anycapture {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& problem) {
  throw FileError("the metadata entry \"anycapture\": " + problem +
                  "; see the schema, or write the file again");
}

// A value that may come from anyone, for a message. Only strings are quoted.
std::string shown(const json& value) {
  if (value.is_string()) return printable(value.get_ref<const std::string&>());
  const std::string quoted = printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
  return quoted.substr(1, quoted.size() - 2);
}

[[noreturn]] void fail_type(const std::string& field, const json& value, const char* wanted) {
  fail(fmt::format("{} is {}, must be {}", field, shown(value), wanted));
}

std::string read_text(const json& value, const std::string& field) {
  if (!value.is_string()) fail_type(field, value, "a string");
  return value.get<std::string>();
}

std::uint64_t read_count(const json& value, const std::string& field) {
  if (!value.is_number_unsigned()) fail_type(field, value, "a whole number from 0");
  return value.get<std::uint64_t>();
}

int read_int(const json& value, const std::string& field) {
  const std::uint64_t number = read_count(value, field);
  if (number > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
    fail_type(field, value, "less than 2^31");
  }
  return static_cast<int>(number);
}

const json& array_of(const json& value, const std::string& field) {
  if (!value.is_array()) fail_type(field, value, "an array");
  return value;
}

const json& object_of(const json& value, const std::string& field) {
  if (!value.is_object()) fail_type(field, value, "an object");
  return value;
}

const json& member(const json& object, const char* name, const std::string& field) {
  const auto found = object.find(name);
  if (found == object.end()) fail(fmt::format("{} has no \"{}\"", field, name));
  return *found;
}

std::string text_member(const json& object, const char* name, const std::string& field) {
  return read_text(member(object, name, field), field + "." + name);
}

std::vector<std::string> read_texts(const json& value, const std::string& field) {
  std::vector<std::string> texts;
  for (const json& one : array_of(value, field)) texts.push_back(read_text(one, field));
  return texts;
}

std::vector<double> read_numbers(const json& value, const std::string& field) {
  std::vector<double> numbers;
  for (const json& one : array_of(value, field)) {
    if (!one.is_number()) fail_type(field, one, "numbers");
    numbers.push_back(one.get<double>());
  }
  return numbers;
}

CaptureMetadata::Call read_call(const json& value, const std::string& field) {
  object_of(value, field);
  return {read_count(member(value, "sequence", field), field + ".sequence"),
          read_count(member(value, "thread", field), field + ".thread"),
          text_member(value, "path", field)};
}

void read_calls(const json& value, CaptureMetadata& metadata) {
  for (const auto& [key, calls] : object_of(value, "calls").items()) {
    const std::string field = "calls of " + printable(key);
    std::vector<CaptureMetadata::Call>& list = metadata.calls[key];
    for (const json& call : array_of(calls, field)) list.push_back(read_call(call, field));
  }
}

void read_sites(const json& value, CaptureMetadata& metadata) {
  for (const auto& [key, site] : object_of(value, "sites").items()) {
    const std::string field = "site " + printable(key);
    object_of(site, field);
    metadata.sites[key] = {text_member(site, "path", field), text_member(site, "type", field),
                           text_member(site, "what", field), text_member(site, "dtype", field)};
  }
}

std::array<int, 2> read_grid(const json& value) {
  if (array_of(value, "grid").size() != 2) fail_type("grid", value, "[rows, columns]");
  return {read_int(value[0], "grid"), read_int(value[1], "grid")};
}

CaptureMetadata::Image read_image(const json& value) {
  object_of(value, "image");
  CaptureMetadata::Image image{text_member(value, "key", "image"), {}, {}};
  if (value.contains("mean")) image.mean = read_numbers(value["mean"], "image.mean");
  if (value.contains("std")) image.std = read_numbers(value["std"], "image.std");
  return image;
}

// True when the field is one of ours.
bool read_field(const std::string& name, const json& value, CaptureMetadata& metadata) {
  if (name == "order") {
    metadata.order = read_texts(value, name);
  } else if (name == "calls") {
    read_calls(value, metadata);
  } else if (name == "sites") {
    read_sites(value, metadata);
  } else if (name == "model") {
    metadata.model = read_text(value, name);
  } else if (name == "libtorch") {
    metadata.libtorch = read_text(value, name);
  } else if (name == "grid") {
    metadata.grid = read_grid(value);
  } else if (name == "prefix") {
    metadata.prefix = read_int(value, name);
  } else if (name == "tokens") {
    metadata.tokens = read_texts(value, name);
  } else if (name == "image") {
    metadata.image = read_image(value);
  } else {
    return name == "version";
  }
  return true;
}

void check_version(const json& object) {
  const auto version = object.find("version");
  if (version == object.end()) fail("has no \"version\"");
  const int number = read_int(*version, "version");
  if (number < 1) fail_type("version", *version, "1 or more");
  if (number > CaptureMetadata::kVersion) {
    throw FileError(
        fmt::format("the metadata entry \"anycapture\" has version {}, but this AnyCapture "
                    "reads up to {}: use a newer AnyCapture",
                    number, CaptureMetadata::kVersion));
  }
}

json parse_object(std::string_view text, const char* what) {
  // The parser takes a NUL for the end, and would not see what follows.
  if (text.find('\0') != std::string_view::npos) fail(fmt::format("{} holds a NUL byte", what));
  constexpr int kDeepest = 64;
  if (is_json_deeper(text, kDeepest))
    fail(fmt::format("{} is nested more than {} deep", what, kDeepest));
  try {
    json object = json::parse(text);
    if (!object.is_object()) fail_type(what, object, "a JSON object");
    return object;
  } catch (const json::parse_error& error) {
    fail(fmt::format("{} is no JSON, at its byte {}: {}", what, error.byte,
                     json_problem(error.what())));
  } catch (const json::out_of_range&) {
    fail(fmt::format("{} holds a number that is too large", what));
  }
}

json calls_json(const CaptureMetadata& metadata) {
  json calls = json::object();
  for (const auto& [key, list] : metadata.calls) {
    json& array = calls[key] = json::array();
    for (const CaptureMetadata::Call& call : list) {
      array.push_back({{"sequence", call.sequence}, {"thread", call.thread}, {"path", call.path}});
    }
  }
  return calls;
}

json sites_json(const CaptureMetadata& metadata) {
  json sites = json::object();
  for (const auto& [key, site] : metadata.sites) {
    sites[key] = {
        {"path", site.path}, {"type", site.type}, {"what", site.what}, {"dtype", site.dtype}};
  }
  return sites;
}

// The first string or key that is no UTF-8.
const std::string* find_no_utf8(const json& value) {
  const auto invalid = [](const std::string& text) {
    return find_invalid_utf8(text) != std::string_view::npos;
  };
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return invalid(text) ? &text : nullptr;
  }
  if (!value.is_structured()) return nullptr;
  for (auto one = value.begin(); one != value.end(); ++one) {
    if (value.is_object() && invalid(one.key())) return &one.key();
    if (const std::string* found = find_no_utf8(*one)) return found;
  }
  return nullptr;
}

}  // namespace

std::string CaptureMetadata::to_json() const {
  json object = unknown.empty() ? json::object() : parse_object(unknown, "what is unknown");
  object["version"] = kVersion;
  if (!order.empty()) object["order"] = order;
  if (!calls.empty()) object["calls"] = calls_json(*this);
  if (!sites.empty()) object["sites"] = sites_json(*this);
  if (!model.empty()) object["model"] = model;
  if (!libtorch.empty()) object["libtorch"] = libtorch;
  if (grid) object["grid"] = *grid;
  if (prefix) object["prefix"] = *prefix;
  if (!tokens.empty()) object["tokens"] = tokens;
  if (image) object["image"] = {{"key", image->key}, {"mean", image->mean}, {"std", image->std}};
  if (const std::string* text = find_no_utf8(object)) {
    throw FileError(fmt::format(
        "the metadata entry \"anycapture\": the text {} is no UTF-8, which JSON asks for: write it "
        "in UTF-8",
        printable(*text)));
  }
  return object.dump();
}

CaptureMetadata CaptureMetadata::from_json(std::string_view text) {
  const json object = parse_object(text, "it");
  check_version(object);
  CaptureMetadata metadata;
  json unknown = json::object();
  for (const auto& [name, value] : object.items()) {
    if (!read_field(name, value, metadata)) unknown[name] = value;
  }
  if (!unknown.empty()) metadata.unknown = unknown.dump();
  return metadata;
}

}  // namespace anycapture
