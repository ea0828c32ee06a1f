// SPDX-License-Identifier: MIT
#include "core/sniff.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "core/input_file.h"
#include "core/safetensors_header.h"
#include "core/utf8.h"
#include "core/zip_archive.h"

namespace anycapture {
namespace {

constexpr std::size_t kLooked = 4096;
constexpr std::string_view kSpaces = " \t\r\n";

struct Start {
  std::string bytes;
  std::uint64_t file_bytes = 0;
};

Start start_of(const std::string& path) {
  const InputFile file = open_input(path, "a file");
  Start start;
  struct stat about {};
  if (::fstat(::fileno(file.get()), &about) == 0) {
    start.file_bytes = static_cast<std::uint64_t>(about.st_size);
  }
  start.bytes.resize(kLooked);
  start.bytes.resize(std::fread(start.bytes.data(), 1, kLooked, file.get()));
  return start;
}

bool begins_with(std::string_view text, std::string_view wanted) {
  return text.substr(0, wanted.size()) == wanted;
}

bool ends_with(std::string_view text, std::string_view wanted) {
  return text.size() >= wanted.size() && text.substr(text.size() - wanted.size()) == wanted;
}

// The length of a header that fits the file, and an object behind it, or nothing but spaces as far
// as was looked.
bool is_safetensors(const Start& start) {
  std::uint64_t length = 0;
  if (start.bytes.size() <= sizeof length) return false;
  std::memcpy(&length, start.bytes.data(), sizeof length);
  if (length > safetensors::kMaxHeader || length > start.file_bytes - sizeof length) return false;
  const std::size_t first = start.bytes.find_first_not_of(kSpaces, sizeof length);
  return first == std::string::npos ? start.bytes.size() == kLooked : start.bytes[first] == '{';
}

// PyTorch puts all below one folder, whose name is the file's or "archive".
bool is_below_folder(std::string_view name, std::string_view below) {
  const std::size_t slash = name.find('/');
  return slash != std::string_view::npos && begins_with(name.substr(slash + 1), below);
}

FileKind kind_of_zip(const std::string& path) try {
  const ZipArchive archive(path, "a file");
  bool code = false, pickle = false, array = false;
  for (std::uint64_t i = 0; i < archive.members(); ++i) {
    const std::string name = archive.member(i).name;
    if (is_below_folder(name, "archive_format") || name == "serialized_exported_program.json") {
      return FileKind::kExported;
    }
    code = code || is_below_folder(name, "code/");
    pickle = pickle || is_below_folder(name, "data.pkl");
    array = array || ends_with(name, ".npy");
  }
  if (code) return FileKind::kTorchScript;
  if (pickle) return FileKind::kCheckpoint;
  return array || archive.members() == 0 ? FileKind::kNpz : FileKind::kZip;
} catch (const FileError&) {
  return FileKind::kDamagedZip;  // whoever reads it says how
}

// A character may be cut at the end of what was looked at.
bool is_text(const std::string& bytes) {
  const std::size_t invalid = find_invalid_utf8(bytes);
  const bool cut = bytes.size() == kLooked && invalid + 4 > kLooked;
  return (invalid == std::string::npos || cut) &&
         std::none_of(bytes.begin(), bytes.end(), [](char byte) {
           return static_cast<unsigned char>(byte) < 0x20 && kSpaces.find(byte) == kSpaces.npos &&
                  byte != '\f' && byte != '\x1B';
         });
}

// A protocol and its version, as every pickle since Python 2.3 begins. A safetensors header whose
// length begins so, and that was cut short, has zeros next.
bool is_pickle(std::string_view bytes) {
  const bool version = bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
  return version && bytes.substr(2, 6).find_first_not_of('\0') != std::string_view::npos;
}

FileKind kind_of_text(const std::string& bytes) {
  const std::size_t first = bytes.find_first_not_of(kSpaces);
  const bool json = first != std::string::npos && (bytes[first] == '{' || bytes[first] == '[');
  return json ? FileKind::kJson : FileKind::kText;
}

std::string advice_for(const std::string& path, FileKind kind) {
  const std::string capture =
      std::filesystem::path(path).replace_extension(".safetensors").string();
  switch (kind) {
    case FileKind::kEmpty:
      return "was its writing cut short?";
    case FileKind::kNpy:
    case FileKind::kNpz:
      return fmt::format("anycapture convert {} {} makes a capture of it", path, capture);
    case FileKind::kCheckpoint:
    case FileKind::kPickle:
      return fmt::format(
          "in Python, safetensors.torch.save_file(torch.load(\"{}\"), \"{}\") makes a file of it "
          "that can be read",
          path, capture);
    case FileKind::kTorchScript:
    case FileKind::kExported:
      return "it holds no captured tensors: give the path of a .safetensors file";
    case FileKind::kDamagedZip:
      return "write it again, or fetch it again";
    case FileKind::kGzip:
      return "unpack it with gzip -d";
    default:
      return "give the path of a .safetensors file";
  }
}

}  // namespace

FileKind sniff(const std::string& path) {
  const Start start = start_of(path);
  const std::string& bytes = start.bytes;
  if (bytes.empty()) return FileKind::kEmpty;
  // First of all: the length of a header may be any bytes, such as those of gzip or of a pickle.
  if (is_safetensors(start)) return FileKind::kSafetensors;
  if (begins_with(bytes, "\x93NUMPY")) return FileKind::kNpy;
  if (begins_with(bytes, "PK\3\4") || begins_with(bytes, "PK\5\6")) return kind_of_zip(path);
  if (begins_with(bytes, "\x89PNG\r\n\x1A\n")) return FileKind::kPng;
  if (begins_with(bytes, "\xFF\xD8\xFF")) return FileKind::kJpeg;
  if (begins_with(bytes, "\x89HDF\r\n\x1A\n")) return FileKind::kHdf5;
  if (begins_with(bytes, "\x1F\x8B")) return FileKind::kGzip;
  if (is_pickle(bytes)) return FileKind::kPickle;
  return is_text(bytes) ? kind_of_text(bytes) : FileKind::kUnknown;
}

std::string_view name(FileKind kind) {
  switch (kind) {
    case FileKind::kEmpty:
      return "an empty file";
    case FileKind::kSafetensors:
      return "a safetensors file";
    case FileKind::kNpy:
      return "a NumPy .npy file";
    case FileKind::kNpz:
      return "a NumPy .npz file";
    case FileKind::kCheckpoint:
      return "a PyTorch checkpoint";
    case FileKind::kTorchScript:
      return "a TorchScript model";
    case FileKind::kExported:
      return "a torch.export model";
    case FileKind::kZip:
      return "a zip file";
    case FileKind::kDamagedZip:
      return "a zip file that is damaged or was cut short";
    case FileKind::kPickle:
      return "a Python pickle or an old PyTorch checkpoint";
    case FileKind::kPng:
      return "a PNG picture";
    case FileKind::kJpeg:
      return "a JPEG picture";
    case FileKind::kHdf5:
      return "an HDF5 file";
    case FileKind::kGzip:
      return "a gzip file";
    case FileKind::kJson:
      return "a JSON file";
    case FileKind::kText:
      return "a text file";
    case FileKind::kUnknown:
      break;
  }
  return "a file of an unknown format";
}

std::string no_capture(const std::string& path, FileKind kind) {
  return fmt::format("{}: is {}: {}", path, name(kind), advice_for(path, kind));
}

}  // namespace anycapture
