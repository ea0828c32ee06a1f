// SPDX-License-Identifier: MIT
// What a file is, by what it holds: for messages about files of another format.
#pragma once

#include <anycapture/api.h>

#include <string>
#include <string_view>

namespace anycapture {

enum class FileKind {
  kEmpty,
  kSafetensors,
  kNpy,
  kNpz,
  kCheckpoint,   ///< torch.save, a zip file since PyTorch 1.6
  kTorchScript,  ///< torch.jit.save
  kExported,     ///< torch.export.save
  kZip,          ///< any other
  kDamagedZip,   ///< cut short, for example
  kPickle,       ///< torch.save before PyTorch 1.6, or Python's pickle
  kPng,
  kJpeg,
  kHdf5,
  kGzip,
  kJson,
  kText,
  kUnknown,
};

/// Looks at a file's first bytes, and at the names in a zip file. Throws FileError that starts with
/// the path when it cannot be read.
ANYCAPTURE_API FileKind sniff(const std::string& path);

/// With its article: `a NumPy .npz file`.
ANYCAPTURE_API std::string_view name(FileKind kind);

/// For a command that takes a capture and was given something else: `x.npz: is a NumPy .npz file:
/// anycapture convert x.npz x.safetensors makes a capture of it`.
ANYCAPTURE_API std::string no_capture(const std::string& path, FileKind kind);

}  // namespace anycapture
