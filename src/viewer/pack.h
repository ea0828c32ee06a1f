// SPDX-License-Identifier: MIT
// Rows of floats as the page holds them: few bytes, deflated, base64.
#pragma once

#include <cstddef>
#include <string>

namespace anycapture {
namespace viewer {

/// How values are stored. page/data.js reads it back.
enum class Form {
  steps,  ///< a byte each: 0 to 252 from the row's lower end to its upper; 253 NaN, 254 and 255 the
          ///< infinities. All upper ends come first, as float32, then all lower, then the bytes
  half,   ///< float16
  whole   ///< float32
};

const char* name_of(Form form);
/// Of a page, a guess before anything is packed: softmax of a trained model.
double bytes_per_value(Form form);

/// `half`, or `whole` where a value would become infinite.
Form half_or_whole(const float* values, std::size_t count);
/// `values`: shape (rows, columns).
std::string pack(const float* values, std::size_t rows, std::size_t columns, Form form);

std::string base64(const void* data, std::size_t size);

}  // namespace viewer
}  // namespace anycapture
