# Strict warnings for our own targets; users get none of them.
add_library(anycapture_warnings INTERFACE)
target_compile_options(anycapture_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
