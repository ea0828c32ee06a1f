// SPDX-License-Identifier: MIT
// Trains the ViT whose attention the demo shows: which digit is it, and where among the clutter?
// `train_digits` with its defaults makes samples/data/digits_vit.safetensors again.

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adamw.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <anycapture/error.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <string>
#include <utility>

#include "digits.h"
#include "vit.h"
#include "weights.h"

namespace {

struct Settings {
  std::string out = "digits_vit.safetensors";
  std::string data = SAMPLES_DATA "/digits.safetensors";
  int steps = 6000;
  int batch = 64;
  int threads = 2;
  std::uint64_t seed = 1;
  double learning_rate = 2e-3;
  double weight_decay = 0.05;
  double distortion = 0;
};

// Unseen digits in new scenes.
constexpr int kScenesToCount = 1000;
constexpr int kReport = 250;  // steps
constexpr std::uint64_t kCountSeed = 20;

VisionTransformer fresh_model(std::uint64_t seed) {
  torch::manual_seed(seed);
  ViTOptions options;
  options.image_size = digits::kSceneSide;
  options.patch_size = 8;
  options.channels = 1;
  options.width = 96;
  options.depth = 4;
  options.heads = 4;
  options.mlp_width = 4 * options.width;
  options.classes = 10;
  VisionTransformer model(options);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->named_parameters()) {
    if (parameter.value().dim() == 2) parameter.value().normal_(0, 0.02);
    if (parameter.key().find(".bias") != std::string::npos) parameter.value().zero_();
  }
  return model;
}

// One cycle: up for the first tenth, then down along a cosine.
double learning_rate_at(int step, const Settings& settings) {
  const double done = static_cast<double>(step) / settings.steps, warm = 0.1;
  if (done < warm) return settings.learning_rate * (0.04 + 0.96 * done / warm);
  return settings.learning_rate * 0.5 *
         (1 + std::cos(3.14159265358979 * (done - warm) / (1 - warm)));
}

double accuracy(VisionTransformer& model, const std::vector<digits::Digit>& unseen) {
  const torch::NoGradGuard no_grad;
  model->eval();
  digits::Scenes scenes(unseen, kCountSeed);
  std::int64_t right = 0;
  for (int counted = 0; counted < kScenesToCount; counted += 200) {
    const auto batch = scenes.next(200);
    const auto answer = model->forward(digits::images_of(batch)).argmax(1);
    right += answer.eq(digits::labels_of(batch)).sum().item<std::int64_t>();
  }
  model->train();
  return static_cast<double>(right) / kScenesToCount;
}

double train_step(VisionTransformer& model, torch::optim::AdamW& optimizer,
                  const std::vector<digits::Scene>& scenes) {
  const auto logits = model->forward(digits::images_of(scenes));
  const auto loss = torch::nn::functional::cross_entropy(logits, digits::labels_of(scenes));
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
  return loss.item<double>();
}

class Clock {
 public:
  int wall() const {
    const auto passed = std::chrono::steady_clock::now() - start_;
    return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(passed).count());
  }
  int cpu() const { return static_cast<int>((std::clock() - cpu_) / CLOCKS_PER_SEC); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::clock_t cpu_ = std::clock();
};

void save(VisionTransformer& model, const Settings& settings, int step, double right,
          const Clock& clock) {
  char percent[16];
  std::snprintf(percent, sizeof percent, "%.2f", 100 * right);
  save_weights(*model, settings.out,
               {{"heads", std::to_string(model->options.heads)},
                {"accuracy_percent", percent},
                {"scenes_counted", std::to_string(kScenesToCount)},
                {"steps", std::to_string(step)},
                {"scenes_a_step", std::to_string(settings.batch)},
                {"seed", std::to_string(settings.seed)},
                {"threads", std::to_string(settings.threads)},
                {"wall_seconds", std::to_string(clock.wall())},
                {"cpu_seconds", std::to_string(clock.cpu())},
                {"libtorch", TORCH_VERSION}});
}

void train(const Settings& settings) {
  at::set_num_threads(settings.threads);
  const Clock clock;
  const auto split = digits::load(settings.data);
  digits::Scenes scenes(split.train, settings.seed, settings.distortion);
  auto model = fresh_model(settings.seed);
  torch::optim::AdamW optimizer(
      model->parameters(),
      torch::optim::AdamWOptions(settings.learning_rate).weight_decay(settings.weight_decay));
  double loss = 0;
  for (int step = 1; step <= settings.steps; ++step) {
    auto& options = static_cast<torch::optim::AdamWOptions&>(optimizer.param_groups()[0].options());
    options.lr(learning_rate_at(step - 1, settings));
    loss += train_step(model, optimizer, scenes.next(settings.batch));
    if (step % kReport != 0 && step != settings.steps) continue;
    const double right = accuracy(model, split.unseen);
    std::printf("step %5d  loss %.4f  %.2f %% of unseen digits  %d s, %d s of CPU\n", step,
                loss / kReport, 100 * right, clock.wall(), clock.cpu());
    std::fflush(stdout);
    save(model, settings, step, right, clock);  // what stands so far outlives a power cut
    loss = 0;
  }
}

constexpr const char* kHelp =
    R"(usage: train_digits [--out FILE] [--steps N] [--seed N] [--threads N]

Trains a small ViT to find and read one digit among clutter and writes its weights.
  --out FILE    where they go (digits_vit.safetensors)
  --steps N     of 64 scenes each (6000)
  --seed N      of the first weights and of the scenes (1)
  --threads N   of LibTorch (2)
  --data FILE   the digits, as make_digits.py writes them
)";

constexpr int kUsageError = 2, kFileError = 3;

bool parse(int argc, char** argv, Settings& settings) {
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    const int number = std::atoi(value.c_str());
    if (option == "--out" && !value.empty())
      settings.out = value;
    else if (option == "--data" && !value.empty())
      settings.data = value;
    else if (option == "--steps" && number > 0)
      settings.steps = number;
    else if (option == "--seed" && number > 0)
      settings.seed = static_cast<std::uint64_t>(number);
    else if (option == "--threads" && number > 0)
      settings.threads = number;
    else
      return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--help") return std::fputs(kHelp, stdout), 0;
  Settings settings;
  if (!parse(argc, argv, settings)) return std::fputs(kHelp, stderr), kUsageError;
  try {
    train(settings);
  } catch (const anycapture::FileError& error) {
    std::fprintf(stderr, "train_digits: %s\n", error.what());
    return kFileError;
  }
}
