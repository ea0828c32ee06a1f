// SPDX-License-Identifier: MIT
// A cairo surface that ends up in a file.
#pragma once

#include <cairo.h>

#include <memory>
#include <string>

namespace anycapture {

enum class FileKind { png, svg, pdf };

/// By the path's ending, in any case. Throws FileError when it is another one.
FileKind file_kind(const std::string& path);

/// Collects what cairo draws and writes it to the file at the end.
class FigureFile {
 public:
  /// Sizes in units of length; PNG has `resolution` pixels per unit. Throws FileError.
  FigureFile(const std::string& path, double width, double height, int resolution,
             const std::string& title);
  FigureFile(const FigureFile&) = delete;
  FigureFile& operator=(const FigureFile&) = delete;

  cairo_t* cairo() { return cairo_.get(); }
  /// Throws FileError.
  void save();

 private:
  struct Destroy {
    void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
    void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  };

  void check(cairo_status_t status) const;

  std::string path_;
  FileKind kind_;
  std::string title_;
  std::string bytes_;
  std::unique_ptr<cairo_surface_t, Destroy> surface_;
  std::unique_ptr<cairo_t, Destroy> cairo_;
};

}  // namespace anycapture
