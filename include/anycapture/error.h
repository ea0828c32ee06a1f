// SPDX-License-Identifier: MIT
// What AnyCapture throws. A user's own exception passes through a session unchanged.
#pragma once

#include <anycapture/api.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace anycapture {

/// Base of all errors: the text says what happened, with the value, then what to do.
class ANYCAPTURE_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~Error() override;
};

/// A selector is malformed, or its module part matches nothing.
class ANYCAPTURE_API SelectorError : public Error {
 public:
  using Error::Error;
  ~SelectorError() override;
};

/// A key was read that never fired, or that fired more than once where one call is asked for.
class ANYCAPTURE_API KeyError : public Error {
 public:
  using Error::Error;
  ~KeyError() override;
};

/// A captured tensor was changed in place after its capture.
class ANYCAPTURE_API StaleCaptureError : public Error {
 public:
  using Error::Error;
  ~StaleCaptureError() override;
};

/// A selector matched but nothing fired, and the session was told to throw.
class ANYCAPTURE_API SilentSelectorError : public Error {
 public:
  using Error::Error;
  ~SilentSelectorError() override;
};

/// A captured tensor holds a NaN or an infinity, and the session was told to throw.
class ANYCAPTURE_API NonFiniteError : public Error {
 public:
  using Error::Error;
  ~NonFiniteError() override;
};

/// What is given to a program does not fit its schema.
class ANYCAPTURE_API InputError : public Error {
 public:
  using Error::Error;
  ~InputError() override;
};

/// A file cannot be read, written or understood; the text starts with its path.
class ANYCAPTURE_API FileError : public Error {
 public:
  using Error::Error;
  ~FileError() override;
};

/// A text from a file or a user, for a message: quoted, cut after 100 characters, with control
/// characters and invalid UTF-8 as \xNN, so that a hostile file cannot write to the terminal.
ANYCAPTURE_API std::string printable(std::string_view text);

}  // namespace anycapture
