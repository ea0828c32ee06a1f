// SPDX-License-Identifier: MIT
#include <anycapture/error.h>

namespace anycapture {

// Out of line, so that each class has one vtable and can be caught across shared libraries.
Error::~Error() = default;
SelectorError::~SelectorError() = default;
KeyError::~KeyError() = default;
StaleCaptureError::~StaleCaptureError() = default;
SilentSelectorError::~SilentSelectorError() = default;
NonFiniteError::~NonFiniteError() = default;
FileError::~FileError() = default;
InputError::~InputError() = default;

}  // namespace anycapture
