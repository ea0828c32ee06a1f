// SPDX-License-Identifier: MIT
// Asserting on what an error says.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace support {

/// The text of the `Error` that `call` throws; a failure when it throws none.
template <class Error, class F>
std::string message_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace support
