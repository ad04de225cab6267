// Of the tests (packaging/cmake/precompiled.cmake).
#pragma once

#include "common.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
