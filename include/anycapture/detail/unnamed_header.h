// SPDX-License-Identifier: MIT
// What `anycapture instrument` adds to the copy of a source calls this; nobody writes it.
#pragma once

#include <anycapture/api.h>

namespace anycapture {
namespace detail {

/// Tells reports that methods of a class have their bodies in a header which HEADERS does not name,
/// so that they are compiled as they stand.
ANYCAPTURE_API bool note_unnamed_header(const char* type, const char* header);

}  // namespace detail
}  // namespace anycapture
