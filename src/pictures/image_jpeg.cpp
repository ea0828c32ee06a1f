// SPDX-License-Identifier: MIT
#include <cstddef>  // jpeglib.h needs size_t and FILE
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

#include <csetjmp>
#include <cstring>

#include "pictures/exif.h"
#include "pictures/image_decode.h"

namespace anycapture {
namespace {

// Each scan of a progressive JPEG takes a few bytes, and as long as the whole picture. Encoders
// make about ten.
constexpr int kMostScans = 100;

// libjpeg leaves by longjmp, which skips destructors. So each function here that calls it holds
// plain data only, and answers false when it was left that way; `message` then says why.
class JpegFile {
 public:
  explicit JpegFile(std::FILE* file) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr info) { self(info)->leave(); };
    errors_.emit_message = [](j_common_ptr info, int level) { self(info)->heed(level); };
    info_.client_data = this;
    progress_.progress_monitor = [](j_common_ptr info) { self(info)->count_scans(); };
    ready_ = create(file);
  }
  JpegFile(const JpegFile&) = delete;
  JpegFile& operator=(const JpegFile&) = delete;
  ~JpegFile() { jpeg_destroy_decompress(&info_); }

  bool read_header() {
    if (!ready_ || setjmp(jump_) != 0) return false;
    jpeg_read_header(&info_, TRUE);
    const bool cmyk = info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
    info_.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    return true;
  }

  bool start() {
    if (setjmp(jump_) != 0) return false;
    jpeg_start_decompress(&info_);
    return true;
  }

  bool read_row(std::uint8_t* row) {
    if (setjmp(jump_) != 0) return false;
    jpeg_read_scanlines(&info_, &row, 1);
    return true;
  }

  bool finish() {
    if (setjmp(jump_) != 0) return false;
    jpeg_finish_decompress(&info_);
    return true;
  }

  const jpeg_decompress_struct& info() const { return info_; }
  const char* message() const { return message_; }
  bool cut_short() const { return cut_short_; }

 private:
  static JpegFile* self(j_common_ptr info) { return static_cast<JpegFile*>(info->client_data); }

  bool create(std::FILE* file) {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_stdio_src(&info_, file);
    jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);  // EXIF
    return true;
  }

  [[noreturn]] void leave() {
    errors_.format_message(reinterpret_cast<j_common_ptr>(&info_), message_);
    const int code = errors_.msg_code;
    cut_short_ = code == JWRN_JPEG_EOF || code == JERR_INPUT_EOF || code == JERR_INPUT_EMPTY;
    std::longjmp(jump_, 1);
  }

  void count_scans() {
    if (info_.input_scan_number <= kMostScans) return;
    std::strcpy(message_, "it has more than 100 scans");
    std::longjmp(jump_, 1);
  }

  // Warnings have level -1. After these, libjpeg would go on with grey or garbage.
  void heed(int level) {
    if (level >= 0) return;
    switch (errors_.msg_code) {
      case JWRN_JPEG_EOF:
      case JWRN_HIT_MARKER:
      case JWRN_HUFF_BAD_CODE:
      case JWRN_ARITH_BAD_CODE:
      case JWRN_MUST_RESYNC:
      case JWRN_NOT_SEQUENTIAL:
      case JWRN_BOGUS_PROGRESSION:
        leave();
    }
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  char message_[JMSG_LENGTH_MAX] = {};
  bool cut_short_ = false;
  bool ready_ = false;
};

[[noreturn]] void fail(const JpegFile& file, const std::string& path) {
  if (file.cut_short()) throw_cut_short(path, file.message());
  throw_damaged(path, file.message());
}

int orientation_of(const jpeg_decompress_struct& info) {
  for (auto* marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const int orientation = exif_orientation(marker->data, marker->data_length);
    if (orientation != 1) return orientation;
  }
  return 1;
}

// Programs by Adobe, and most others after them, write the inks inverted: 255 is no ink.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, int width, bool inverted) {
  for (int x = 0; x < width; ++x, cmyk += 4) {
    const int paper = inverted ? cmyk[3] : 255 - cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int value = inverted ? cmyk[c] : 255 - cmyk[c];
      *rgb++ = static_cast<std::uint8_t>((value * paper + 127) / 255);
    }
  }
}

}  // namespace

Image decode_jpeg(std::FILE* file, const std::string& path) {
  JpegFile jpeg(file);
  if (!jpeg.read_header()) fail(jpeg, path);
  const jpeg_decompress_struct& info = jpeg.info();
  check_image_size(path, info.image_width, info.image_height);
  if (!jpeg.start()) fail(jpeg, path);

  Image image{static_cast<int>(info.output_width), static_cast<int>(info.output_height), {}};
  const std::size_t stride = 3 * static_cast<std::size_t>(image.width);
  image.rgb.resize(stride * static_cast<std::size_t>(image.height));
  const bool cmyk = info.out_color_space == JCS_CMYK;
  std::vector<std::uint8_t> inks(cmyk ? 4 * static_cast<std::size_t>(image.width) : 0);
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* row = image.rgb.data() + stride * static_cast<std::size_t>(y);
    if (!jpeg.read_row(cmyk ? inks.data() : row)) fail(jpeg, path);
    if (cmyk) cmyk_to_rgb(inks.data(), row, image.width, info.saw_Adobe_marker == TRUE);
  }
  const int orientation = orientation_of(info);
  if (!jpeg.finish()) fail(jpeg, path);
  return turn_upright(std::move(image), orientation);
}

}  // namespace anycapture
