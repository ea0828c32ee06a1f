// SPDX-License-Identifier: MIT
#include "cli/model_options.h"

#include <CLI/CLI.hpp>

namespace anycapture {
namespace cli {
namespace {

void add_model(CLI::App& app, ModelOptions& options) {
  app.add_option("MODEL", options.model, "A TorchScript archive; open only those that you trust")
      ->required();
  app.add_option("--op-library", options.op_library,
                 "A shared library with operators that the archive needs, loaded first")
      ->option_text("FILE");
}

void add_picture(CLI::App& app, PictureOptions& picture) {
  app.add_option("--resize", picture.resize, "Side of a picture as the model sees it, in pixels")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  app.add_option("--crop", picture.crop, "timm's crop_pct: part of the picture's side that is seen")
      ->check(CLI::Range(0.01, 1.0))
      ->option_text("PART");
  app.add_option("--mean", picture.mean, "Of the pixels, 0 to 1: one number, or R,G,B")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("R,G,B");
  app.add_option("--std", picture.std, "Of the pixels: one number, or R,G,B")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("R,G,B");
}

}  // namespace

CLI::App* add_modules_command(CLI::App& program, ModulesOptions& options) {
  CLI::App* app = program.add_subcommand("modules", "The modules of a model, and their sites");
  add_model(*app, options);
  app->add_option("SELECTOR", options.selector,
                  "What this would capture, such as 'Attention:attn'");
  app->add_flag("--sites", options.sites, "Local variables, ops, inputs and outputs too");
  app->add_flag("--json", options.json, "All of it as JSON");
  return app;
}

CLI::App* add_run_command(CLI::App& program, RunOptions& options) {
  CLI::App* app = program.add_subcommand("run", "Run a model, and save what its modules computed");
  app->footer(
      "An --input is a .safetensors or .npz file of tensors named 0, 1 ... or as the arguments, a "
      ".npy file, a picture, or a literal: --input '[[101,2023,102]]', --input 1=16000, --input "
      "mask=none. By position, or NAME=.");
  add_model(*app, options);
  app->add_option("-i,--input", options.inputs, "An argument of the model, in order or NAME=")
      ->allow_extra_args(false)
      ->option_text("[NAME=]VALUE");
  app->add_option("--shape", options.shapes, "A random argument of this shape, such as 1,3,224,224")
      ->allow_extra_args(false)
      ->option_text("N,N,...");
  app->add_option("--seed", options.seed, "Of random arguments")->option_text("N");
  app->add_option(
         "-c,--capture", options.selectors,
         "What to keep, such as 'Attention:attn'; left out, outputs of the root's children")
      ->allow_extra_args(false)
      ->option_text("SELECTOR");
  app->add_option("-o,--out", options.out, "A .safetensors file, or a folder with --batch-dir")
      ->required()
      ->option_text("FILE");
  app->add_option("--method", options.method, "In place of forward")->option_text("NAME");
  app->add_option("--batch-dir", options.batch_dir,
                  "A forward for each file in this folder; goes on where it stopped")
      ->option_text("FOLDER");
  app->add_option("--device", options.device, "Such as cuda:0")->option_text("DEVICE");
  app->add_option("--threads", options.threads, "LibTorch's; left out, its own choice")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  app->add_flag("--train", options.train, "In training mode");
  app->add_flag("--grad", options.grad, "With autograd recording");
  add_picture(*app, options.picture);
  return app;
}

}  // namespace cli
}  // namespace anycapture
