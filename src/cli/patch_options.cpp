// SPDX-License-Identifier: MIT
#include "cli/patch_options.h"

#include "cli/whole_numbers.h"

namespace anycapture {
namespace cli {

void add_patch_options(Arguments& arguments, PatchOptions& patches) {
  arguments.option("--image", patches.image, "Lay them over this JPEG or PNG").shown_as("FILE");
  arguments
      .option("--crop", patches.crop,
              "The middle of the picture alone: timm's crop_pct, such as 0.9")
      .between(0.01, 1)
      .shown_as("PART")
      .needs("--image");
  arguments
      .read(
          "--grid",
          [&patches](const std::string& text) {
            patches.grid = pair_of(text, 'x', 1);
            return patches.grid.has_value();
          },
          "ROWSxCOLUMNS, such as 14x14",
          "Patches of the picture; left out, what the file says, or a square")
      .shown_as("ROWSxCOLUMNS");
  arguments.option("--prefix", patches.prefix, "Tokens in front of the patches, such as CLS")
      .from_zero()
      .shown_as("N");
}

}  // namespace cli
}  // namespace anycapture
