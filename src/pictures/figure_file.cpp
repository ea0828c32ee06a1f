// SPDX-License-Identifier: MIT
#include "pictures/figure_file.h"

#include <anycapture/error.h>

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <map>
#include <new>
#include <string_view>

#include "core/atomic_file.h"

namespace anycapture {
namespace {

cairo_status_t collect(void* bytes, const unsigned char* data, unsigned size) try {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), size);
  return CAIRO_STATUS_SUCCESS;
} catch (const std::bad_alloc&) {
  return CAIRO_STATUS_NO_MEMORY;  // no exception may pass through cairo
}

std::string xml_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (static_cast<unsigned char>(c) >= ' ') {
      result += c;
    }
  }
  return result;
}

// Text is drawn as shapes; this keeps the title findable and readable aloud.
void add_title(std::string& svg, const std::string& title) {
  const std::size_t root = svg.find("<svg");
  const std::size_t end = root == std::string::npos ? root : svg.find('>', root);
  if (title.empty() || end == std::string::npos) return;
  svg.insert(end + 1, fmt::format("\n<title>{}</title>", xml_text(title)));
}

// cairo numbers what it defines from a counter of the process, so that the same figure would differ
// by what was drawn before it. Here ids count from 0, in the order in which they appear.
std::string with_own_ids(const std::string& svg) {
  struct Mark {
    std::string_view text;  // stands before an id
    char end;               // stands after it
    std::size_t at = 0;
  };
  Mark marks[] = {{" id=\"", '"'}, {"href=\"#", '"'}, {"url(#", ')'}};
  std::map<std::string, std::size_t> numbers;
  std::string result;
  std::size_t done = 0;
  for (;;) {
    for (Mark& mark : marks) {
      if (mark.at <= done) mark.at = svg.find(mark.text, done);
    }
    const Mark& next = *std::min_element(std::begin(marks), std::end(marks),
                                         [](const Mark& a, const Mark& b) { return a.at < b.at; });
    if (next.at == std::string::npos) return result.append(svg, done);
    const std::size_t start = next.at + next.text.size();
    const std::size_t stop = svg.find(next.end, start);
    if (stop == std::string::npos) return result.append(svg, done);
    const std::size_t number =
        numbers.emplace(svg.substr(start, stop - start), numbers.size()).first->second;
    result.append(svg, done, start - done).append(fmt::format("i{}", number));
    done = stop;
  }
}

cairo_surface_t* create(FileKind kind, double width, double height, int resolution,
                        std::string* bytes) {
  if (kind == FileKind::svg) {
    return cairo_svg_surface_create_for_stream(collect, bytes, width, height);
  }
  if (kind == FileKind::pdf) {
    return cairo_pdf_surface_create_for_stream(collect, bytes, width, height);
  }
  return cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                    static_cast<int>(std::ceil(width * resolution)),
                                    static_cast<int>(std::ceil(height * resolution)));
}

}  // namespace

FileKind file_kind(const std::string& path) {
  std::string ending = path.substr(path.size() < 4 ? 0 : path.size() - 4);
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (ending == ".png") return FileKind::png;
  if (ending == ".svg") return FileKind::svg;
  if (ending == ".pdf") return FileKind::pdf;
  throw FileError(
      fmt::format("{}: a figure is written as PNG, SVG or PDF; end its name with .png, .svg or "
                  ".pdf",
                  path));
}

FigureFile::FigureFile(const std::string& path, double width, double height, int resolution,
                       const std::string& title)
    : path_(path),
      kind_(file_kind(path)),
      title_(title),
      surface_(create(kind_, width, height, resolution, &bytes_)) {
  check(cairo_surface_status(surface_.get()));
  if (kind_ == FileKind::pdf) {
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_TITLE, title.c_str());
    // The current time would make every run's bytes differ.
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_CREATE_DATE,
                                   "2000-01-01T00:00:00Z");
  }
  cairo_.reset(cairo_create(surface_.get()));
  if (kind_ == FileKind::png) cairo_scale(cairo_.get(), resolution, resolution);
  check(cairo_status(cairo_.get()));
}

void FigureFile::save() {
  check(cairo_status(cairo_.get()));
  if (kind_ == FileKind::png) {
    cairo_surface_flush(surface_.get());
    check(cairo_surface_write_to_png_stream(surface_.get(), collect, &bytes_));
  } else {
    cairo_surface_finish(surface_.get());
  }
  check(cairo_surface_status(surface_.get()));
  if (kind_ == FileKind::svg) {
    bytes_ = with_own_ids(bytes_);
    add_title(bytes_, title_);
  }
  write_whole_file(path_, bytes_);
}

void FigureFile::check(cairo_status_t status) const {
  if (status == CAIRO_STATUS_SUCCESS) return;
  throw FileError(
      fmt::format("{}: the figure cannot be drawn: {}; lower the resolution or draw fewer tiles",
                  path_, cairo_status_to_string(status)));
}

}  // namespace anycapture
