// SPDX-License-Identifier: MIT
// Everything that a program needs that captures. Model code needs only <anycapture/tag.h>.
#pragma once

#include <anycapture/attention.h>
#include <anycapture/capturer.h>
#include <anycapture/captures.h>
#include <anycapture/compare.h>
#include <anycapture/error.h>
#include <anycapture/hooks.h>
#include <anycapture/interpose.h>
#include <anycapture/options.h>
#include <anycapture/program.h>
#include <anycapture/report.h>
#include <anycapture/site.h>
#include <anycapture/tag.h>
#include <anycapture/tensors.h>
