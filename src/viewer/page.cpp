// SPDX-License-Identifier: MIT
#include "viewer/page.h"

#include <anycapture/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/atomic_file.h"
#include "core/visible.h"
#include "viewer/page_parts.h"
#include "viewer/page_template.h"

namespace anycapture {
namespace viewer {
namespace {

std::string replaced(std::string_view text, const char* less, const char* greater,
                     const char* ampersand) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      result += less;
    } else if (c == '>') {
      result += greater;
    } else if (c == '&') {
      result += ampersand;
    } else {
      result += c;
    }
  }
  return result;
}

// Text between tags.
std::string escaped(std::string_view text) {
  return replaced(text, "&lt;", "&gt;", "&amp;");
}

// JSON inside of a script element: nothing in it can end that. All beyond ASCII is escaped already.
std::string inert(const std::string& json) {
  return replaced(json, "\\u003c", "\\u003e", "\\u0026");
}

std::string data_of(const PageParts& parts) {
  std::string text =
      "<script type=\"application/json\" id=\"page\">" + inert(page_json(parts)) + "</script>\n";
  std::size_t number = 0;
  const auto add = [&](const std::vector<std::string>& blocks) {
    for (const std::string& block : blocks) {
      text += fmt::format("<script type=\"application/octet-stream\" id=\"block{}\">", number++);
      text += block;
      text += "</script>\n";
    }
  };
  for (const Group& group : parts.groups) {
    for (const Layer& layer : group.layers) add(layer.blocks);
  }
  for (const OtherTensor& tensor : parts.others) add(tensor.blocks);
  return text;
}

std::string html(const PageParts& parts) {
  std::string title = parts.names[0];
  if (parts.names.size() > 1) title += " - " + parts.names[1];
  const std::string data = data_of(parts);
  std::string page;
  std::string_view rest = page_template();
  const auto put = [&](std::string_view mark, const std::string& text) {
    const std::size_t at = rest.find(mark);
    page += rest.substr(0, at);
    page += text;
    rest.remove_prefix(at + mark.size());
  };
  page.reserve(rest.size() + data.size() + title.size());
  put("<!--title-->", escaped(visible(title)));
  put("<!--data-->", data);
  page += rest;
  return page;
}

// One step further; nothing where there is none.
std::optional<Reduction> further(Reduction reduction, const PageParts& parts,
                                 const PageOptions& options) {
  std::size_t layers = 0, heads = 0;
  for (const Group& group : parts.groups) {
    layers = std::max(layers, group.layers.size());
    heads = std::max(heads, group.heads.size());
  }
  if (options.exact && !reduction.steps_only) {
    reduction.steps_only = true;
  } else if (!reduction.no_others && !parts.others.empty()) {
    reduction.no_others = true;
  } else if (!reduction.mean && heads > 1) {
    reduction.mean = true;
  } else if (reduction.stride < layers) {
    reduction.stride *= 2;
  } else {
    return std::nullopt;
  }
  return reduction;
}

// As much as fits: by a guess first, then by what packing gives.
PageParts fitted(const PageParts& parts, const PageOptions& options) {
  const double most = options.max_mb * 1e6;
  for (Reduction reduction;;) {
    PageParts some = parts;
    reduce(some, options, reduction);
    const std::optional<Reduction> next = further(reduction, parts, options);
    if (!next || page_bytes(some) <= most) {
      pack_parts(some, options);
      if (!next || page_bytes(some) <= most) return some;
    }
    reduction = *next;
  }
}

// Lest a page takes the place of a capture.
void check_ending(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".html" || ending == ".htm") return;
  throw Error(fmt::format("{}: {} is no ending of a page: give .html", path, printable(ending)));
}

std::vector<std::string> write(const std::string& path, const Capture& a, const Capture* b,
                               const PageOptions& options) {
  check_ending(path);
  PageParts parts;
  parts.names.push_back(a.name);
  if (b != nullptr) parts.names.push_back(b->name);
  parts.model = a.metadata.model;
  find_maps(parts, a, b, options);
  find_others(parts, a, b);
  if (parts.groups.empty() && parts.others.empty()) {
    throw Error(b == nullptr
                    ? fmt::format("{} holds no tensors: nothing to show", a.name)
                    : fmt::format("{} and {} have no key in common whose shapes are the same: "
                                  "nothing to compare",
                                  a.name, b->name));
  }
  lay_out(parts, a, options);
  const PageParts page = fitted(parts, options);
  write_whole_file(path, html(page));
  return page.notes;
}

}  // namespace

std::vector<std::string> write_page(const std::string& path, const Capture& capture,
                                    const PageOptions& options) {
  return write(path, capture, nullptr, options);
}

std::vector<std::string> write_comparison(const std::string& path, const Capture& a,
                                          const Capture& b, const PageOptions& options) {
  return write(path, a, &b, options);
}

}  // namespace viewer
}  // namespace anycapture

extern "C" void anycapture_write_page(const std::string& path,
                                      const anycapture::viewer::Capture& capture,
                                      const anycapture::viewer::PageOptions& options,
                                      std::vector<std::string>& notes) {
  notes = anycapture::viewer::write_page(path, capture, options);
}
