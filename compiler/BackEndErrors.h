// SPDX-License-Identifier: Apache-2.0
//
// What back ends and the runtime throw, in the words of the door.
#ifndef FALLOFF_COMPILER_BACKENDERRORS_H
#define FALLOFF_COMPILER_BACKENDERRORS_H

#include "compiler/Compiler.h"
#include "runtime/cuda/Driver.h"
#include "runtime/cuda/Nvrtc.h"
#include <new>

namespace falloff {

/// Runs `body`, turning what the back end throws into Error; want of memory stays what it is.
template <typename Body>
auto translated(Body body) {
  try {
    return body();
  } catch (const Error &) {
    throw;
  } catch (const std::bad_alloc &) {
    throw;
  } catch (const cuda::OutOfMemory &error) {
    throw DeviceError(error.what(), /*isOutOfMemory=*/true);
  } catch (const cuda::DriverError &error) {
    throw DeviceError(error.what());
  } catch (const cuda::NvrtcError &error) {
    throw DeviceError(error.what());
  } catch (const std::exception &error) {
    throw Error(error.what());
  }
}

} // namespace falloff

#endif
