// SPDX-License-Identifier: MIT
// A program in the shape of ViT-S/16 at 224: plain, with all of its maps, and what instrumenting it
// takes.
#include <anycapture/anycapture.h>
#include <anycapture/program.h>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include "attention/fused_call.h"
#include "script/instrument.h"

namespace {

using torch::jit::Module;

Module linear(std::int64_t in, std::int64_t out) {
  Module made("Linear");
  made.register_parameter("weight", at::full({out, in}, 0.02), false);
  made.register_parameter("bias", at::zeros({out}), false);
  made.define("def forward(self, x):\n    return torch.linear(x, self.weight, self.bias)\n");
  return made;
}

Module layer_norm(std::int64_t width) {
  Module made("LayerNorm");
  made.register_parameter("weight", at::ones({width}), false);
  made.register_parameter("bias", at::zeros({width}), false);
  made.define(
      "def forward(self, x):\n    return torch.layer_norm(x, [384], self.weight, self.bias)\n");
  return made;
}

// Its own, or LibTorch's fused op.
Module attention(bool fused) {
  Module made("Attention");
  made.register_module("qkv", linear(384, 3 * 384));
  made.register_module("proj", linear(384, 384));
  if (fused) {
    made.define(R"(
def forward(self, x):
    b, n, c = x.size()
    parts = self.qkv.forward(x).reshape([b, n, 3, 6, 64]).permute([2, 0, 3, 1, 4])
    q, k, v = torch.unbind(parts)
    mixed = torch.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape([b, n, c])
    return self.proj.forward(mixed)
)");
    return made;
  }
  made.define(R"(
def forward(self, x):
    b, n, c = x.size()
    parts = self.qkv.forward(x).reshape([b, n, 3, 6, 64]).permute([2, 0, 3, 1, 4])
    q, k, v = torch.unbind(parts)
    scores = torch.matmul(q * 0.125, k.transpose(-2, -1))
    attn = torch.softmax(scores, -1)
    mixed = torch.matmul(attn, v).transpose(1, 2).reshape([b, n, c])
    return self.proj.forward(mixed)
)");
  return made;
}

Module block(bool fused) {
  Module made("Block");
  made.register_module("norm1", layer_norm(384));
  made.register_module("attn", attention(fused));
  made.register_module("norm2", layer_norm(384));
  made.register_module("fc1", linear(384, 1536));
  made.register_module("fc2", linear(1536, 384));
  made.define(R"(
def forward(self, x):
    y = x + self.attn.forward(self.norm1.forward(x))
    hidden = torch.gelu(self.fc1.forward(self.norm2.forward(y)))
    return y + self.fc2.forward(hidden)
)");
  return made;
}

Module vit(int depth, bool fused) {
  Module made("VisionTransformer");
  made.register_parameter("patch", at::full({384, 3, 16, 16}, 0.02), false);
  std::string source =
      "def forward(self, image):\n"
      "    x = torch.conv2d(image, self.patch, None, [16, 16]).flatten(2).transpose(1, 2)\n";
  for (int i = 0; i < depth; ++i) {
    const std::string name = "block" + std::to_string(i);
    made.register_module(name, block(fused));
    source += "    x = self." + name + ".forward(x)\n";
  }
  made.define(source + "    return x\n");
  made.eval();
  return made;
}

const anycapture::Program& program() {
  static const anycapture::Program made(vit(12, false));
  return made;
}

const anycapture::Program& fused_program() {
  static const anycapture::Program made(vit(12, true));
  return made;
}

// Each: one forward, or one map that is made.
void forward_plain() {
  benchmark::DoNotOptimize(program().forward({at::zeros({1, 3, 224, 224})}));
}

void forward_with_maps() {
  anycapture::Capturer cap(program(), "Attention:attn");
  forward_plain();
  if (cap.size() != 12) throw std::runtime_error("no 12 maps");
}

void fused_plain() {
  benchmark::DoNotOptimize(fused_program().forward({at::zeros({1, 3, 224, 224})}));
}

void fused_with_maps() {
  anycapture::Capturer cap(fused_program(), "Attention:attention");
  fused_plain();
  if (cap.size() != 12) throw std::runtime_error("no 12 maps");
}

const anycapture::attention::Operands& operands() {
  static const anycapture::attention::Operands made = [] {
    const at::Tensor parts = at::rand({1, 197, 3, 6, 64}).permute({2, 0, 3, 1, 4});
    anycapture::attention::Operands operands;
    operands.query = parts[0];
    operands.key = parts[1];
    operands.value = parts[2];
    operands.output = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
    operands.op = "scaled_dot_product_attention";
    return operands;
  }();
  return made;
}

void map_by_hand() {
  const anycapture::attention::Operands& all = operands();
  benchmark::DoNotOptimize((all.query * 0.125).matmul(all.key.transpose(-2, -1)).softmax(-1));
}

// The first time it is read, so that its sample is checked.
void map_recomputed() {
  const auto call = std::make_shared<anycapture::attention::FusedCall>(operands(), true, false);
  benchmark::DoNotOptimize(anycapture::AttentionMap(call).whole());
}

const std::map<std::string, void (*)()> kCases = {
    {"forward_plain", forward_plain}, {"forward_with_maps", forward_with_maps},
    {"fused_plain", fused_plain},     {"fused_with_maps", fused_with_maps},
    {"map_by_hand", map_by_hand},     {"map_recomputed", map_recomputed}};

void measure(benchmark::State& state, void (*once)()) {
  const at::NoGradGuard no_grad;
  for (auto _ : state) once();
}

void open_again(benchmark::State& state) {
  anycapture::CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  for (auto _ : state) anycapture::Capturer cap(program(), "Attention:attn", options);
}

// All locals, of 12 blocks and of four times as many.
void instrument(benchmark::State& state) {
  const Module module = vit(static_cast<int>(state.range(0)), false);
  const torch::jit::Method forward = module.get_method("forward");
  const auto none = [](const c10::ClassType*, anycapture::SiteKind, const std::string&) {
    return false;
  };
  const anycapture::script::Wants wants{
      [](const c10::ClassType*, anycapture::SiteKind kind, const std::string&) {
        return kind == anycapture::SiteKind::kLocal;
      },
      none, [](const c10::ClassType*) { return false; }};
  for (auto _ : state) {
    benchmark::DoNotOptimize(anycapture::script::Instrumented(forward.function(), wants, false));
  }
}

BENCHMARK(open_again)->Unit(benchmark::kMicrosecond);
BENCHMARK(instrument)->Arg(12)->Arg(48)->Unit(benchmark::kMillisecond);

}  // namespace

// --run CASE COUNT: so many times once LibTorch has prepared it, to count instructions. Else
// benchmarks.
int main(int count, char** arguments) {
  if (count == 4 && std::string(arguments[1]) == "--run") {
    const at::NoGradGuard no_grad;
    constexpr int kPrepared = 3;
    for (int i = 0; i < kPrepared + std::atoi(arguments[3]); ++i) kCases.at(arguments[2])();
    return 0;
  }
  for (const auto& one : kCases) {
    const bool is_map = one.first.rfind("map_", 0) == 0;
    benchmark::RegisterBenchmark(one.first.c_str(), measure, one.second)
        ->Unit(is_map ? benchmark::kMicrosecond : benchmark::kMillisecond)
        ->UseRealTime();
  }
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
