// SPDX-License-Identifier: MIT
// Visibility of the public symbols: everything else in the shared libraries is hidden.
#pragma once

#if defined(_WIN32)
#define ANYCAPTURE_API
#else
#define ANYCAPTURE_API [[gnu::visibility("default")]]
#endif
