// SPDX-License-Identifier: MIT
#include "cli/model_options.h"

namespace anycapture {
namespace cli {
namespace {

void add_model(Arguments& arguments, ModelOptions& options) {
  arguments
      .option("MODEL", options.model,
              "A TorchScript or torch.export archive; open only those that you trust")
      .required();
  arguments
      .option("--op-library", options.op_library,
              "A shared library with operators that the archive needs, loaded first")
      .shown_as("FILE");
}

void add_picture(Arguments& arguments, PictureOptions& picture) {
  arguments.option("--resize", picture.resize, "Side of a picture as the model sees it, in pixels")
      .positive()
      .shown_as("N");
  arguments
      .option("--crop", picture.crop, "timm's crop_pct: part of the picture's side that is seen")
      .between(0.01, 1)
      .shown_as("PART");
  arguments.list("--mean", picture.mean, "R,G,B", "Of the pixels, 0 to 1: one number, or R,G,B");
  arguments.list("--std", picture.std, "R,G,B", "Of the pixels: one number, or R,G,B");
}

}  // namespace

Arguments add_modules_command(CommandLine& program, ModulesOptions& options) {
  Arguments arguments = program.add_command("modules", "The modules of a model, and their sites");
  add_model(arguments, options);
  arguments.option("SELECTOR", options.selector,
                   "What this would capture, such as 'Attention:attn'");
  arguments.flag("--sites", options.sites, "Local variables, ops, inputs and outputs too");
  arguments.flag("--json", options.json, "All of it as JSON");
  return arguments;
}

Arguments add_run_command(CommandLine& program, RunOptions& options) {
  Arguments arguments =
      program.add_command("run", "Run a model, and save what its modules computed");
  arguments.footer(
      "An --input is a .safetensors or .npz file of tensors named 0, 1 ... or as the arguments, a "
      ".npy file, a picture, or a literal: --input '[[101,2023,102]]', --input 1=16000, --input "
      "mask=none. By position, or NAME=; inside of a dict or tuple NAME.PART=.");
  add_model(arguments, options);
  arguments.repeated("-i,--input", options.inputs, "[NAME=]VALUE",
                     "An argument of the model, in order or NAME=");
  arguments.repeated("--shape", options.shapes, "N,N,...",
                     "A random argument of this shape, such as 1,3,224,224");
  arguments.option("--seed", options.seed, "Of random arguments").shown_as("N");
  arguments.repeated("-c,--capture", options.selectors, "SELECTOR",
                     "What to keep, such as 'Attention:attn'; left out, attention if there is any, "
                     "else outputs of the root's children");
  arguments.option("-o,--out", options.out, "A .safetensors file, or a folder with --batch-dir")
      .required()
      .shown_as("FILE");
  arguments.option("--method", options.method, "In place of forward").shown_as("NAME");
  arguments
      .option("--batch-dir", options.batch_dir,
              "A forward for each file in this folder; goes on where it stopped")
      .shown_as("FOLDER");
  arguments.option("--device", options.device, "Such as cuda:0").shown_as("DEVICE");
  arguments.option("--threads", options.threads, "LibTorch's; left out, its own choice")
      .positive()
      .shown_as("N");
  arguments.flag("--train", options.train, "In training mode");
  arguments.flag("--grad", options.grad, "With autograd recording");
  add_picture(arguments, options.picture);
  return arguments;
}

}  // namespace cli
}  // namespace anycapture
