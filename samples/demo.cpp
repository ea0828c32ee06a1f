// SPDX-License-Identifier: MIT
// Where a trained vision transformer looks: in pictures that it was not trained on, or in your own.

#include <ATen/ATen.h>

#include <c10/util/Exception.h>

#include <anycapture/anycapture.h>
#include <anycapture/error.h>
#include <anycapture/image.h>
#include <anycapture/pictures.h>

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <limits>
#include <new>
#include <numeric>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "digits.h"
#include "vit.h"
#include "weights.h"

namespace {

namespace fs = std::filesystem;
using anycapture::printable;

constexpr int kUsageError = 2, kFileError = 3, kModelError = 4;

// The options do not fit each other, or the model.
struct UsageError : anycapture::Error {
  using Error::Error;
};

struct Settings {
  std::string image;
  std::string weights = SAMPLES_DATA "/digits_vit.safetensors";
  std::string out = "out";
  int scenes = 3;
  int seed = 7;
  int heads = 0;
  double crop = 0.9;
  std::vector<double> mean = {0.5}, std = {0.5};  // as timm's vit_* models
};

struct Picture {
  std::string name;         // what its files' names begin with
  std::string about;        // what is known of it beforehand
  anycapture::Image image;  // what the model sees
};

Picture picture_of(const digits::Scene& scene, int index) {
  anycapture::Image image{digits::kSceneSide, digits::kSceneSide, {}};
  for (const auto grey : scene.pixels) image.rgb.insert(image.rgb.end(), 3, grey);
  return {"scene" + std::to_string(index), "a " + std::to_string(scene.label), image};
}

std::vector<Picture> unseen_scenes(const Settings& settings) {
  const auto split = digits::load(SAMPLES_DATA "/digits.safetensors");
  digits::Scenes scenes(split.unseen, static_cast<std::uint64_t>(settings.seed));
  std::vector<Picture> pictures;
  for (int i = 0; i < settings.scenes; ++i) pictures.push_back(picture_of(scenes.next(), i));
  return pictures;
}

Picture own_picture(const Settings& settings, const ViTOptions& model) {
  const auto image = anycapture::read_image(settings.image);
  const auto name = fs::path(settings.image).stem().string();
  try {
    const auto size = static_cast<int>(model.image_size);
    return {name, name, anycapture::timm_preprocess(image, size, settings.crop)};
  } catch (const anycapture::Error&) {
    throw anycapture::FileError(
        settings.image + ": is " + std::to_string(image.width) + " x " +
        std::to_string(image.height) +
        " pixels, too long and thin to fit the model: crop it first, or give a larger --crop");
  }
}

// A model can be sound, and yet not one for this demo.
void check_model(const ViTOptions& model, const Settings& settings) {
  const auto side = std::to_string(model.image_size);
  const auto takes = settings.weights + ": this model takes ";
  const auto pictures = takes + "pictures of " + side + " x " + side + " pixels, ";
  if (model.channels != 1 && model.channels != 3) {
    throw anycapture::Error(takes + std::to_string(model.channels) + " channels, a picture has 3");
  }
  if (model.image_size > anycapture::kMaxImagePixels / model.image_size) {
    throw anycapture::Error(pictures + "more than " + std::to_string(anycapture::kMaxImagePixels) +
                            " pixels: use a smaller model");
  }
  if (settings.image.empty() && model.image_size != digits::kSceneSide) {
    const auto scene = std::to_string(digits::kSceneSide);
    throw UsageError(pictures + "the built-in scenes have " + scene + " x " + scene +
                     ": give a picture with --image");
  }
}

// The maps grow with the square of the tokens, and Linux lends more memory than there is.
void check_memory(const ViTOptions& model, const Settings& settings, std::size_t pictures) {
  const auto tokens = 1 + model.grid() * model.grid();
  const auto maps = static_cast<double>(model.depth * model.heads) * static_cast<double>(pictures);
  const auto side = static_cast<double>(tokens);
  const auto needed = 2 * maps * side * side * sizeof(float) / 1e9;  // captured, then stacked
  const auto there = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                     static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e9;
  if (needed <= there) return;
  std::ostringstream text;
  text.precision(1);
  text << std::fixed << settings.weights << ": the attention maps of " << tokens << " tokens take "
       << needed << " GB of memory, this machine has " << there
       << " GB: use a smaller model or fewer scenes";
  throw anycapture::Error(text.str());
}

at::Tensor per_channel(const char* option, const std::vector<double>& values,
                       std::int64_t channels) {
  const auto count = static_cast<std::int64_t>(values.size());
  if (count == 1 || count == channels) return at::tensor(values, at::kFloat).view({-1, 1, 1});
  std::ostringstream text;
  text << option;
  for (const auto& value : values) text << (&value == values.data() ? ' ' : ',') << value;
  text << " has " << count << " numbers, the model has "
       << (channels == 1 ? "1 channel: give 1 number" : "3 channels: give 1 number, or 3");
  throw UsageError(text.str());
}

// (1, channels, H, W), (pixel - mean) / std per channel.
at::Tensor input_of(const Picture& picture, const ViTOptions& model, const Settings& settings) {
  const auto& image = picture.image;
  const auto* rgb = image.rgb.data();
  auto pixels =
      at::from_blob(const_cast<std::uint8_t*>(rgb), {image.height, image.width, 3}, at::kByte)
          .to(at::kFloat)
          .div(255)
          .permute({2, 0, 1});
  if (model.channels == 1) pixels = pixels.mean(0, true);
  const auto mean = per_channel("--mean", settings.mean, pixels.size(0));
  return ((pixels - mean) / per_channel("--std", settings.std, pixels.size(0))).unsqueeze(0);
}

// What was captured of one picture, as the figures take it.
class Attention2D {
 public:
  // `maps`: (layers, heads, tokens, tokens)
  explicit Attention2D(const at::Tensor& maps)
      : maps_(maps.to(at::kFloat).contiguous()), means_(maps_.mean(1)) {}

  int layers() const { return static_cast<int>(maps_.size(0)); }
  std::vector<anycapture::MapView> heads(int layer) const {
    std::vector<anycapture::MapView> views;
    for (std::int64_t head = 0; head < maps_.size(1); ++head)
      views.push_back(view(maps_[layer][head]));
    return views;
  }
  anycapture::MapView mean(int layer) const { return view(means_[layer]); }

 private:
  static anycapture::MapView view(const at::Tensor& map) {
    return {map.data_ptr<float>(), static_cast<int>(map.size(0)), static_cast<int>(map.size(1))};
  }

  at::Tensor maps_, means_;
};

// Tokens of the patches that the row looks at most, the strongest first.
std::vector<int> strongest_patches(anycapture::RowView row, const anycapture::PatchGrid& grid,
                                   int count) {
  std::vector<int> tokens(static_cast<std::size_t>(row.size - grid.prefix));
  std::iota(tokens.begin(), tokens.end(), grid.prefix);
  std::stable_sort(tokens.begin(), tokens.end(),
                   [&](int a, int b) { return row.data[a] > row.data[b]; });
  tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(count)));
  return tokens;
}

void draw(const Picture& picture, const std::string& answer, const Attention2D& attention,
          const anycapture::PatchGrid& grid, const std::string& folder) {
  std::vector<std::string> files;
  const auto file = [&](const char* figure) {
    files.push_back((fs::path(folder) / (picture.name + "_" + figure + ".png")).string());
    return files.back();
  };
  const auto options = [&](const std::string& title) {
    anycapture::FigureOptions figure;
    figure.title = title;
    figure.subtitle = picture.about + ", answer: " + answer;
    return figure;
  };
  // The answer is read from the CLS token, so in the last layer the patches' own rows were never
  // trained: their maps are shown from the layer before.
  const int last = attention.layers() - 1, layer = std::max(0, last - 1);
  const auto layer_text = "layer " + std::to_string(layer);
  const auto looked_at = strongest_patches(attention.mean(last).row(0), grid, 6);

  anycapture::draw_head(file("head"), attention.heads(layer)[0],
                        options("Head 0 of " + layer_text + ": how much each token looks at each"));
  anycapture::draw_heads(file("heads"), attention.heads(layer),
                         options("All heads of " + layer_text));
  anycapture::draw_grid_to_grid(
      file("grid_to_grid"), picture.image, attention.mean(layer).row(looked_at[0]), looked_at[0],
      grid, options("Where one patch looks, " + layer_text + ", mean of heads"));
  anycapture::draw_highlight(file("highlight"), picture.image, looked_at, grid,
                             options("The patches that CLS looks at most in the last layer"));

  std::vector<anycapture::RowView> cls;
  for (int i = 0; i <= last; ++i) cls.push_back(attention.mean(i).row(0));
  anycapture::draw_layers_over_image(file("cls_layers"), picture.image, cls, grid,
                                     options("Where the CLS token looks, mean of heads"));
  for (const auto& path : files) std::cout << "  " << path << '\n';
}

// "7 (98 %)", or "not finite" when the weights are not.
std::string answer_of(const at::Tensor& logits) {
  const auto best = logits.softmax(0).max(0);
  const auto percent = std::get<0>(best).item<double>() * 100;
  if (!std::isfinite(percent)) return "not finite";
  return std::to_string(std::get<1>(best).item<std::int64_t>()) + " (" +
         std::to_string(static_cast<int>(percent + 0.5)) + " %)";
}

anycapture::SaveOptions save_options(const ViTOptions& model, const Settings& settings,
                                     const at::Tensor& input) {
  anycapture::SaveOptions options;
  options.grid = {static_cast<int>(model.grid()), static_cast<int>(model.grid())};
  options.prefix = 1;
  options.image = input;
  options.image_mean = settings.mean;
  options.image_std = settings.std;
  options.model = fs::path(settings.weights).stem().string();
  return options;
}

// Before the model runs: is there a place for what it gives?
void make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && ::access(folder.c_str(), W_OK | X_OK) != 0) {
    error = {errno, std::generic_category()};
  }
  if (!error) return;
  throw anycapture::FileError(folder + ": cannot make this folder, or write into it: " +
                              error.message() + "; choose another folder with --out");
}

void demo(const Settings& settings) {
  const at::NoGradGuard no_grad;
  make_folder(settings.out);
  const auto sizes = vit_options(settings.weights, settings.heads);
  check_model(sizes, settings);
  const auto pictures = settings.image.empty() ? unseen_scenes(settings)
                                               : std::vector<Picture>{own_picture(settings, sizes)};
  check_memory(sizes, settings, pictures.size());
  std::vector<at::Tensor> inputs;
  for (const auto& picture : pictures) inputs.push_back(input_of(picture, sizes, settings));
  const auto input = at::cat(inputs);

  auto model = load_vit(settings.weights, settings.heads);
  anycapture::Capturer cap(model, "Attention");
  const auto logits = model->forward(input);
  cap.close();

  const auto saved = (fs::path(settings.out) / "maps.safetensors").string();
  const auto options = save_options(sizes, settings, input);
  cap.save(saved, options);
  std::cout << "Wrote\n  " << saved << '\n';
  const auto side = static_cast<int>(sizes.grid());
  const auto maps = cap.stack("*.attn:attn");  // (layers, pictures, heads, tokens, tokens)
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    draw(pictures[i], answer_of(logits[index]), Attention2D(maps.select(1, index)), {side, side, 1},
         settings.out);
    const auto page = (fs::path(settings.out) / (pictures[i].name + ".html")).string();
    cap.save_html(page, {options, index});
    std::cout << "  " << page << '\n';
  }
  std::cout << '\n' << cap.report() << '\n';
}

// CLI11's own checks would say "Value 2 not in range 0.010000 to 1.000000".
CLI::Validator whole_number(int least, int most) {
  const auto range = "from " + std::to_string(least) + " to " + std::to_string(most);
  const auto problem = [=](const std::string& text) -> std::string {
    const auto* end = text.data() + text.size();
    int value = 0;
    const auto read = std::from_chars(text.data(), end, value);
    const bool whole = read.ec == std::errc() && read.ptr == end;
    if (whole && value >= least && value <= most) return "";
    return (whole ? text : printable(text)) + " is no whole number " + range;
  };
  return {problem, range};
}

CLI::Validator number(double least, double most, const std::string& form = "") {
  std::ostringstream range;
  range << "between " << least << " and " << most;
  const auto problem = [=, range = range.str()](const std::string& text) -> std::string {
    char* end = nullptr;
    const auto value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0') return printable(text) + " is no number" + form;
    return value >= least && value <= most ? "" : text + " is not " + range;
  };
  return {problem, range.str()};
}

void add_file_options(CLI::App& app, Settings& settings) {
  const CLI::Validator path(
      [](const std::string& text) { return text.empty() ? "is empty: give a path" : ""; }, "");
  app.add_option("--image", settings.image, "Your own picture, JPEG or PNG, instead of the scenes")
      ->check(path);
  app.add_option("--weights", settings.weights,
                 "Weights of a ViT under timm's names, as safetensors; all sizes follow from them")
      ->check(path)
      ->capture_default_str();
  app.add_option("--out", settings.out, "Folder for the figures and maps.safetensors")
      ->check(path)
      ->capture_default_str();
}

void add_options(CLI::App& app, Settings& settings) {
  const std::string one_or_three = ": write one number, or R,G,B";
  add_file_options(app, settings);
  app.add_option("--heads", settings.heads,
                 "Heads of the model; else the file's metadata `heads`, else width / 64")
      ->check(whole_number(1, 10000));
  app.add_option("--crop", settings.crop,
                 "timm's crop_pct: part of the picture's side that is seen")
      ->check(number(0.01, 1))
      ->capture_default_str();
  app.add_option("--mean", settings.mean, "Of the pixels, 0 to 1: one number, or R,G,B")
      ->delimiter(',')
      ->check(number(0, 1, one_or_three))
      ->capture_default_str();
  app.add_option("--std", settings.std, "Of the pixels, 0.001 to 1: one number, or R,G,B")
      ->delimiter(',')
      ->check(number(0.001, 1, one_or_three))
      ->capture_default_str();
  app.add_option("--scenes", settings.scenes, "How many unseen scenes")
      ->check(whole_number(1, 100))
      ->excludes("--image")
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "Of the scenes")
      ->check(whole_number(0, std::numeric_limits<int>::max()))
      ->excludes("--image");
}

int fail(int code, const std::string& text) {
  std::cerr << "demo: " << text << '\n';
  return code;
}

int run(const Settings& settings) {
  const auto no_memory = settings.weights +
                         ": memory ran out for this model and its attention maps: use a smaller "
                         "model or fewer scenes";
  try {
    demo(settings);
    return 0;
  } catch (const UsageError& error) {
    return fail(kUsageError, error.what());
  } catch (const anycapture::FileError& error) {
    return fail(kFileError, error.what());
  } catch (const anycapture::Error& error) {
    return fail(kModelError, error.what());
  } catch (const std::bad_alloc&) {
    return fail(kModelError, no_memory);
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    if (text.find("allocate memory") != std::string::npos) return fail(kModelError, no_memory);
    return fail(kModelError, settings.weights + ": LibTorch cannot run this model: " +
                                 text.substr(0, text.find('\n')));
  } catch (const std::exception& error) {
    return fail(kModelError, settings.weights + ": " + error.what());
  }
}

int parse_and_run(int argc, char** argv) {
  Settings settings;
  CLI::App app("Shows where a vision transformer looks.", "demo");
  add_options(app, settings);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  return run(settings);
}

}  // namespace

int main(int argc, char** argv) {
  const int status = parse_and_run(argc, argv);
  if (status == 0 && !std::cout.flush()) {
    return fail(kFileError, "standard output: cannot be written: is the disk full?");
  }
  return status;
}
