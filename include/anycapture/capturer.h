// SPDX-License-Identifier: MIT
// A session: from construction to close(), what its selectors choose is kept.
#pragma once

#include <anycapture/api.h>
#include <anycapture/captures.h>
#include <anycapture/model.h>
#include <anycapture/options.h>
#include <anycapture/report.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace anycapture {

namespace capture {
class Session;
}

/// One selector or several; later ones with `!` take away.
struct Selectors {
  std::vector<std::string> texts;

  Selectors(const char* text) : texts{text} {}
  Selectors(std::string text) : texts{std::move(text)} {}
  Selectors(std::vector<std::string> list) : texts(std::move(list)) {}
  Selectors(std::initializer_list<std::string> list) : texts(list) {}
};

/// Listens to a model on the thread that made it, until close() or destruction, also when the
/// model's forward throws. Sessions nest, and close in any order.
///
/// Keeps no module alive: a model in a `shared_ptr` may go first; one that is not must outlive the
/// session. A closed session stays readable. A clone or a replica of the model is another model.
class [[nodiscard]] ANYCAPTURE_API Capturer : public CaptureReader {
 public:
  /// `model`: a module holder, a `shared_ptr` to a module, or a `torch::nn::Module&`.
  ///
  /// Throws `SelectorError` when a selector is malformed, when its module part matches nothing
  /// (with the nearest paths and the types there are), or when it asks only for inputs, outputs or
  /// ops of modules that cannot be hooked; nothing is hooked then.
  template <class Model>
  Capturer(Model&& model, const Selectors& selectors, CaptureOptions options = {})
      : Capturer(of(detail::world_of(model), selectors, std::move(options))) {}

  Capturer(Capturer&& other) noexcept;
  Capturer& operator=(Capturer&& other) noexcept;  ///< closes what it held first
  Capturer(const Capturer&) = delete;
  Capturer& operator=(const Capturer&) = delete;
  ~Capturer();

  /// Stops listening, and finishes the file of `write_to`; a second call does nothing. Throws
  /// `FileError` when that file cannot be written. Unless an exception is passing, throws
  /// `SilentSelectorError` when `on_silent == raise` and a selector's sites never fired; and what
  /// an op met (`NonFiniteError`, what a transform threw), if nothing fired behind it to throw it.
  void close();
  /// The same, with what the file of `write_to` shall say beside its tensors. Throws `Error`, and
  /// goes on listening, when the session has no such file, when `keys` is not `*`, or when an
  /// option is out of its range.
  void close(const SaveOptions& options);
  bool is_open() const noexcept;

  void pause() noexcept;  ///< nothing is kept until resume()
  void resume() noexcept;

  /// Forgets what was captured; listening goes on.
  void clear();
  /// Hands over what was captured; listening goes on with an empty cache.
  Captures take();

  /// What the constructors come down to.
  static Capturer of(std::shared_ptr<capture::World> world, const Selectors& selectors,
                     CaptureOptions options);

  /// Per selector: modules matched, keys fired, bytes, and what stayed silent with the reason if
  /// known.
  Report report() const;

 private:
  explicit Capturer(std::shared_ptr<capture::Session> session);
  void close_session(const SaveOptions& options);
  void finish() noexcept;
  void say_failure();

  std::shared_ptr<capture::Session> session_;
};

namespace detail {
ANYCAPTURE_API std::vector<SiteInfo> sites(std::shared_ptr<capture::World> world,
                                           const std::function<void()>& run,
                                           const Selectors* selectors);
}

/// Calls `run` once, which runs the model, and lists every site that fired, in order: all but ops.
template <class Model>
std::vector<SiteInfo> sites(Model&& model, const std::function<void()>& run) {
  return detail::sites(detail::world_of(model), run, nullptr);
}
/// The same for the sites that selectors choose: `*:@*` lists the ops that ran.
template <class Model>
std::vector<SiteInfo> sites(Model&& model, const std::function<void()>& run,
                            const Selectors& selectors) {
  return detail::sites(detail::world_of(model), run, &selectors);
}

}  // namespace anycapture
