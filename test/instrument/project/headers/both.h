#pragma once
#include "block.h"  // a way to it that nobody named
