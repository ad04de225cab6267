// Of mlctl (packaging/cmake/precompiled.cmake).
#pragma once

#include "common.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
