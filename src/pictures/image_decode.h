// SPDX-License-Identifier: MIT
// What read_image() is made of.
#pragma once

#include <anycapture/image.h>

#include <cstdint>
#include <cstdio>
#include <string>

namespace anycapture {

/// From the file's start. Throw FileError, which starts with `path`.
Image decode_jpeg(std::FILE* file, const std::string& path);
Image decode_png(std::FILE* file, const std::string& path);

/// Throws FileError when a header claims more pixels than kMaxImagePixels, or none.
void check_image_size(const std::string& path, std::uint64_t width, std::uint64_t height);

/// `detail` is the decoding library's own text.
[[noreturn]] void throw_cut_short(const std::string& path, const std::string& detail);
[[noreturn]] void throw_damaged(const std::string& path, const std::string& detail);

}  // namespace anycapture
