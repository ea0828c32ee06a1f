// SPDX-License-Identifier: MIT
// A session whose tensors go to a file as they fire, and are not kept.
#include <anycapture/error.h>

#include <cstdio>
#include <utility>

#include "capture/dtype.h"
#include "capture/file_form.h"
#include "capture/keep.h"
#include "capture/listening.h"
#include "capture/save_options.h"
#include "capture/session.h"

namespace anycapture {
namespace capture {

void Session::open_file() {
  if (options_.write_to.empty()) return;
  file_ = std::make_unique<safetensors::Writer>(options_.write_to);
  store_->written_to = options_.write_to;
}

// False when the session was closed meanwhile.
bool Session::write(StoredSite& site, const at::Tensor& value) {
  const at::Tensor kept =
      converts_ ? keep_converted(site.site, value, options_, false).value : value;
  const std::lock_guard<std::mutex> lock(file_mutex_);
  if (file_ == nullptr) return false;
  file_->add(source_of(file_key(site, site.fired), kept));
  if (site.fired == 0) site.dtype = dtype_name(kept.scalar_type());
  site.written += static_cast<std::uint64_t>(kept.numel()) * kept.element_size();
  return true;
}

void Session::finish_file(const SaveOptions& options) {
  const Deaf deaf;
  const std::lock_guard<std::mutex> lock(file_mutex_);
  const auto file = std::move(file_);
  if (file == nullptr) return;
  if (store_->fired().empty()) {
    if (options_.on_silent == OnSilent::ignore) return;
    std::fprintf(stderr, "anycapture: warning: nothing was captured, so %s was not written\n",
                 options_.write_to.c_str());
    return;
  }
  CaptureMetadata metadata = metadata_of(*store_, store_->matching("*"));
  if (const auto image = describe(options, *store_, metadata)) file->add(*image);
  file->finish(metadata_for_file(metadata, options_.write_to));
}

}  // namespace capture
}  // namespace anycapture
