// SPDX-License-Identifier: MIT
// What the targets share: bytes as a file that has a path, and checks that end the process.
#pragma once

#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace fuzz {

/// One for each reader. Takes any bytes; a defect ends the process.
using Target = void (*)(std::string_view bytes);

void capture(std::string_view bytes);   ///< a .safetensors file, its metadata, its values
void metadata(std::string_view bytes);  ///< the JSON text of the metadata entry
void npy(std::string_view bytes);       ///< a .npy file
void npz(std::string_view bytes);       ///< a .npz file
void sniff(std::string_view bytes);     ///< a file of any format
void picture(std::string_view bytes);   ///< a PNG or JPEG file, or the EXIF marker of one
void selector(std::string_view bytes);  ///< selectors or a glob, a newline, a path or key
void rename(std::string_view bytes);    ///< `OLD=NEW` of --map, a newline, a key
void exported(std::string_view bytes);  ///< a .pt2 file, or what it holds

/// The path of a file in memory that holds these bytes, until the next call.
std::string file_of(std::string_view bytes);

/// The path of a file to write, the same each time.
std::string file_to_write();

/// Ends the process unless `holds`.
void check(bool holds, const char* what);

/// Ends the process unless the message is one that a user can be shown: a line of UTF-8 without
/// control characters, of bounded length, with `start` in front.
void check_message(std::string_view message, std::string_view start);

/// Whether `read` got to its end. Ends the process when it throws anything but a FileError that
/// starts with the path.
bool reads(const std::string& path, const std::function<void()>& read);

/// Ends the process when one of the bytes cannot be read.
void touch(const void* data, std::size_t size);

/// Before and behind the newline.
std::pair<std::string_view, std::string_view> halves(std::string_view bytes);

/// Ends the process unless both are there and hold the same.
void check_same(const anycapture::safetensors::Bytes& a, const anycapture::safetensors::Bytes& b);

}  // namespace fuzz
