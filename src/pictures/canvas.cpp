// SPDX-License-Identifier: MIT
#include "pictures/canvas.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>

namespace anycapture {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kVectorPixelsPerUnit = 2;  // of pictures inside SVG and PDF

void choose(cairo_t* cairo, Font font) {
  cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         font.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, font.size);
  // Unhinted widths are the same in PNG, SVG and PDF, at every resolution.
  std::unique_ptr<cairo_font_options_t, void (*)(cairo_font_options_t*)> options(
      cairo_font_options_create(), cairo_font_options_destroy);
  cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(cairo, options.get());
}

double advance(cairo_t* cairo, const std::string& text) {
  cairo_text_extents_t extents;
  cairo_text_extents(cairo, text.c_str(), &extents);
  return extents.x_advance;
}

// Where text is measured.
class Scratch {
 public:
  explicit Scratch(Font font)
      : surface_(cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1), cairo_surface_destroy),
        cairo_(cairo_create(surface_.get()), cairo_destroy) {
    choose(cairo_.get(), font);
  }
  double width(const std::string& text) { return advance(cairo_.get(), text); }
  bool failed() const { return cairo_status(cairo_.get()) != CAIRO_STATUS_SUCCESS; }

 private:
  std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface_;
  std::unique_ptr<cairo_t, void (*)(cairo_t*)> cairo_;
};

// cairo stops drawing for good at text that is no UTF-8.
std::string as_utf8(std::string text) {
  Scratch scratch(kTextFont);
  scratch.width(text);
  if (!scratch.failed()) return text;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return text;
}

// Takes the longest start that is no wider than `width`, at least one character, off the word.
std::string take_start(std::string& word, Font font, double width) {
  std::size_t end = 0;
  for (std::size_t next = 1; next <= word.size(); ++next) {
    const unsigned lead = next < word.size() ? static_cast<unsigned char>(word[next]) : 0;
    if ((lead & 0xC0) == 0x80) continue;  // inside of a character
    if (end > 0 && text_width(word.substr(0, next), font) > width) break;
    end = next;
  }
  std::string start = word.substr(0, end);
  word.erase(0, end);
  return start;
}

}  // namespace

double text_width(const std::string& text, Font font) {
  return Scratch(font).width(as_utf8(text));
}

std::vector<std::string> wrap(const std::string& text, Font font, double width) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", start), text.size());
    std::string word = text.substr(start, end - start);
    while (text_width(word, font) > width && word.size() > 1) {
      lines.push_back(take_start(word, font, width));
    }
    if (lines.empty() || text_width(lines.back() + ' ' + word, font) > width) {
      lines.push_back(word);
    } else {
      lines.back() += ' ' + word;
    }
    start = end + 1;
  }
  return lines;
}

Canvas::Canvas(const std::string& path, double width, double height, int resolution,
               const std::string& title)
    : file_(path, width, height, resolution, as_utf8(title)),
      pixels_per_unit_(file_kind(path) == FileKind::png ? resolution : kVectorPixelsPerUnit) {
  fill({0, 0, width, height}, kWhite);
}

cairo_t* Canvas::use(Rgb color) {
  cairo_set_source_rgb(file_.cairo(), color.red, color.green, color.blue);
  return file_.cairo();
}

void Canvas::fill(const Rect& rect, Rgb color) {
  cairo_t* cairo = use(color);
  cairo_rectangle(cairo, rect.x, rect.y, rect.width, rect.height);
  cairo_fill(cairo);
}

void Canvas::outline(const Rect& rect, Rgb color, double line_width) {
  cairo_t* cairo = use(color);
  cairo_set_line_width(cairo, line_width);
  cairo_set_line_join(cairo, CAIRO_LINE_JOIN_MITER);
  cairo_rectangle(cairo, rect.x, rect.y, rect.width, rect.height);
  cairo_stroke(cairo);
}

void Canvas::line(Point from, Point to, Rgb color, double line_width) {
  cairo_t* cairo = use(color);
  cairo_set_line_width(cairo, line_width);
  cairo_move_to(cairo, from.x, from.y);
  cairo_line_to(cairo, to.x, to.y);
  cairo_stroke(cairo);
}

void Canvas::curve(const std::vector<Point>& points, Rgb color, double line_width) {
  if (points.empty()) return;
  cairo_t* cairo = use(color);
  cairo_save(cairo);
  cairo_set_line_width(cairo, line_width);
  cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
  if (points.size() == 1) {
    cairo_arc(cairo, points[0].x, points[0].y, 1.5 * line_width, 0, 2 * kPi);
    cairo_fill(cairo);
  } else {
    for (const Point& point : points) cairo_line_to(cairo, point.x, point.y);
    cairo_stroke(cairo);
  }
  cairo_restore(cairo);
}

void Canvas::text(Point at, const std::string& text, Font font, Align align, Rgb color) {
  cairo_t* cairo = use(color);
  const std::string shown = as_utf8(text);
  choose(cairo, font);
  const double share = align == Align::left ? 0.0 : align == Align::centre ? 0.5 : 1.0;
  cairo_move_to(cairo, at.x - share * advance(cairo, shown), at.y);
  cairo_show_text(cairo, shown.c_str());
  cairo_new_path(cairo);
}

void Canvas::upward_text(Point at, const std::string& text, Font font, Rgb color) {
  cairo_t* cairo = file_.cairo();
  cairo_save(cairo);
  cairo_translate(cairo, at.x, at.y);
  cairo_rotate(cairo, -kPi / 2);
  this->text({0, 0}, text, font, Align::centre, color);
  cairo_restore(cairo);
}

void Canvas::picture(const Rect& rect, const Image& pixels) {
  std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, pixels.width, pixels.height),
      cairo_surface_destroy);
  unsigned char* data = cairo_image_surface_get_data(surface.get());
  if (data == nullptr) return;  // the status comes up in save()
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int y = 0; y < pixels.height; ++y) {
    auto* row = reinterpret_cast<std::uint32_t*>(data + static_cast<std::ptrdiff_t>(y) * stride);
    for (int x = 0; x < pixels.width; ++x) {
      const std::uint8_t* rgb = pixels.pixel(x, y);
      row[x] = static_cast<std::uint32_t>(rgb[0] << 16 | rgb[1] << 8 | rgb[2]);
    }
  }
  cairo_surface_mark_dirty(surface.get());
  cairo_t* cairo = file_.cairo();
  cairo_save(cairo);
  cairo_translate(cairo, rect.x, rect.y);
  cairo_scale(cairo, rect.width / pixels.width, rect.height / pixels.height);
  cairo_set_source_surface(cairo, surface.get(), 0, 0);
  cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_NEAREST);
  cairo_rectangle(cairo, 0, 0, pixels.width, pixels.height);
  cairo_fill(cairo);
  cairo_restore(cairo);
}

int Canvas::raster_size(double length) const {
  return static_cast<int>(std::lround(length * pixels_per_unit_));
}

}  // namespace anycapture
