// SPDX-License-Identifier: MIT
#include <anycapture/error.h>

#include <fmt/format.h>
#include <png.h>
#include <sys/stat.h>

#include <csetjmp>
#include <cstring>

#include "core/atomic_file.h"
#include "pictures/image_check.h"
#include "pictures/image_decode.h"
#include "pictures/image_encode.h"

namespace anycapture {
namespace {

// libpng leaves by longjmp, which skips destructors. So each function here that calls it holds
// plain data only, and answers false when it was left that way; `message` then says why.
class PngFile {
 public:
  explicit PngFile(std::FILE* file) : file_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &PngFile::leave, &PngFile::ignore);
    if (png_ == nullptr) return;
    png_set_chunk_cache_max(png_, 1);  // no texts, which unpack to 8 MB each, a thousand of them
    info_ = png_create_info_struct(png_);
  }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;
  ~PngFile() { png_destroy_read_struct(&png_, &info_, nullptr); }

  bool read_header() {
    if (info_ == nullptr || setjmp(jump_) != 0) return false;
    png_set_read_fn(png_, this, &PngFile::read);
    png_read_info(png_, info_);
    return true;
  }

  // Whatever the file holds, rows come as 8-bit RGBA.
  bool start() {
    if (setjmp(jump_) != 0) return false;
    png_set_expand(png_);
    png_set_strip_16(png_);  // the upper byte, as Pillow does
    png_set_gray_to_rgb(png_);
    png_set_add_alpha(png_, 0xFF, PNG_FILLER_AFTER);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool read_rows(png_bytepp rows) {
    if (setjmp(jump_) != 0) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  std::uint32_t width() const { return png_get_image_width(png_, info_); }
  std::uint32_t height() const { return png_get_image_height(png_, info_); }
  std::uint64_t bits_per_pixel() const {
    return std::uint64_t{png_get_bit_depth(png_, info_)} * png_get_channels(png_, info_);
  }
  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  const char* message() const { return message_; }
  bool cut_short() const { return cut_short_; }

 private:
  [[noreturn]] static void leave(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngFile*>(png_get_error_ptr(png));
    std::strncpy(self->message_, message, sizeof self->message_ - 1);
    std::longjmp(self->jump_, 1);
  }
  static void ignore(png_structp, png_const_charp) {}

  static void read(png_structp png, png_bytep data, std::size_t size) {
    auto* self = static_cast<PngFile*>(png_get_io_ptr(png));
    if (std::fread(data, 1, size, self->file_) == size) return;
    self->cut_short_ = true;
    png_error(png, "end of file");
  }

  std::FILE* file_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_{};
  char message_[128] = "out of memory";
  bool cut_short_ = false;
};

[[noreturn]] void fail(const PngFile& file, const std::string& path) {
  if (file.cut_short()) throw_cut_short(path, file.message());
  throw_damaged(path, file.message());
}

// Before memory is taken for what a file of a few bytes says it holds.
void check_file_size(const PngFile& png, std::FILE* file, const std::string& path) {
  constexpr std::uint64_t kDeflatesTo = 1032;  // at best, so many bytes to one
  struct stat about {};
  if (::fstat(::fileno(file), &about) != 0) return;
  const std::uint64_t bits = png.bits_per_pixel() * png.width() * png.height();
  const auto file_bytes = static_cast<std::uint64_t>(about.st_size);
  if (bits / 8 / kDeflatesTo <= file_bytes) return;
  throw_cut_short(path, fmt::format("{} bytes cannot hold {} x {} pixels", file_bytes, png.width(),
                                    png.height()));
}

Image over_white(const std::vector<std::uint8_t>& rgba, int width, int height) {
  Image image{width, height, {}};
  image.rgb.reserve(rgba.size() / 4 * 3);
  for (std::size_t i = 0; i < rgba.size(); i += 4) {
    const int alpha = rgba[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int value = (rgba[i + c] * alpha + 255 * (255 - alpha) + 127) / 255;
      image.rgb.push_back(static_cast<std::uint8_t>(value));
    }
  }
  return image;
}

}  // namespace

Image decode_png(std::FILE* file, const std::string& path) {
  PngFile png(file);
  if (!png.read_header()) fail(png, path);
  check_image_size(path, png.width(), png.height());
  check_file_size(png, file, path);
  if (!png.start()) fail(png, path);

  const std::size_t stride = png.row_bytes();
  std::vector<std::uint8_t> rgba(stride * png.height());
  std::vector<png_bytep> rows(png.height());
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = rgba.data() + stride * y;
  if (!png.read_rows(rows.data())) fail(png, path);
  return over_white(rgba, static_cast<int>(png.width()), static_cast<int>(png.height()));
}

std::string png_bytes(const Image& image) {
  check_image(image);
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&header, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr) ==
      0) {
    throw Error(fmt::format("a picture cannot be made a PNG: {}", header.message));
  }
  bytes.resize(size);
  return bytes;
}

void write_png(const std::string& path, const Image& image) {
  write_whole_file(path, png_bytes(image));
}

}  // namespace anycapture
