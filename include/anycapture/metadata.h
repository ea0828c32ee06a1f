// SPDX-License-Identifier: MIT
// What a capture file says about its tensors: the metadata entry `anycapture`, a JSON object.
#pragma once

#include <anycapture/api.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace anycapture {

/// Schema: test/data/format/anycapture.schema.json. Only `version` must be there.
struct ANYCAPTURE_API CaptureMetadata {
  /// The version that this library writes; it reads this one and refuses later ones.
  static constexpr int kVersion = 1;

  struct Call {
    std::uint64_t sequence = 0;  ///< position among all firings of the session
    std::uint64_t thread = 0;    ///< small number, from 0 in order of first use
    std::string path;            ///< the module path that this call went by
  };
  struct Site {
    std::string path;   ///< module path, not percent-encoded
    std::string type;   ///< `Attention`
    std::string what;   ///< `attn`, `output.0`
    std::string dtype;  ///< as computed: `float32`, `complex128`; the file's may differ
  };
  struct Image {
    std::string key;           ///< the tensor that holds the picture
    std::vector<double> mean;  ///< per channel: pixel = value * std + mean, in 0..1
    std::vector<double> std;
  };

  std::vector<std::string> order;  ///< keys by first execution
  std::map<std::string, std::vector<Call>> calls;
  std::map<std::string, Site> sites;
  std::string model;     ///< name of the model; empty if not known
  std::string libtorch;  ///< version that computed the tensors; empty if not known
  std::optional<std::array<int, 2>> grid;  ///< rows and columns of the patch grid
  std::optional<int> prefix;               ///< number of tokens in front of the grid's
  std::vector<std::string> tokens;         ///< the tokens' texts
  std::optional<Image> image;
  std::string unknown;  ///< fields of other writers, a JSON object; empty if there are none

  /// The entry's text, keys sorted. Throws `FileError` when `unknown` is no JSON object, or a text
  /// is no UTF-8.
  std::string to_json() const;
  /// Throws `FileError` with the field, its value and what it must be.
  static CaptureMetadata from_json(std::string_view text);
};

}  // namespace anycapture
